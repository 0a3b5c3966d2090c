# SPDX-License-Identifier: Apache-2.0
"""The disks below the node's volumes directory: a sparse file each, formatted and mounted beside it."""

import asyncio
import os
import shutil
from pathlib import Path

# Any pod's fsGroup gets the directory from the kubelet; until then it belongs to the group of the runtime image.
GROUP = 65532
MODE = 0o2770
# ext4 needs room for itself; below this it would be all overhead.
SMALLEST = 8 * 2**20


class DiskError(Exception):
    """A disk could not be made or removed; says which command failed and how."""


async def create(volumes: Path, name: str, size: int) -> Path:
    """Make and mount a disk of `size` bytes; returns the mount point. What an interrupted call left is completed."""
    directory = volumes / name
    mount_point, disk = directory / "mount", directory / "disk"
    if mount_point.is_mount():
        return mount_point
    mount_point.mkdir(parents=True, exist_ok=True)
    with disk.open("wb") as file:
        file.truncate(max(size, SMALLEST))
    # The file is new, so there is nothing to zero or discard; few inodes leave more room to the claim.
    options = "lazy_itable_init=1,lazy_journal_init=1,nodiscard"
    await _run("mkfs.ext4", "-q", "-F", "-b", "4096", "-i", "16384", "-m", "0", "-E", options, str(disk))
    await _run("mount", "-o", "loop,nodev,nosuid", str(disk), str(mount_point))
    (mount_point / "lost+found").rmdir()
    os.chown(mount_point, 0, GROUP)
    mount_point.chmod(MODE)
    return mount_point


async def remove(volumes: Path, name: str) -> None:
    """Unmount and delete a disk; no-op when there is none."""
    directory = volumes / name
    if (directory / "mount").is_mount():
        await _run("umount", str(directory / "mount"))
    shutil.rmtree(directory, ignore_errors=True)


async def _run(*command: str) -> None:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stderr=pipe)
    _, errors = await process.communicate()
    if process.returncode:
        raise DiskError(f"{' '.join(command)}: {errors.decode().strip()}")
