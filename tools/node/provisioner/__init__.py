# SPDX-License-Identifier: Apache-2.0
"""The node's storage provisioner: each claim gets an ext4 of the size it asked for, in a file, on a loop device.

A claim of our classes -> `volumes.claim_needs` (pure) -> `disks` makes and mounts the disk -> a `local`
PersistentVolume that names the claim. The claim's size holds the file system too, so a full one answers ENOSPC.
"""
