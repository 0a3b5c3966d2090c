# SPDX-License-Identifier: Apache-2.0
"""What a user of the platform gets: apps as pods on the local node, through the installed chart."""
