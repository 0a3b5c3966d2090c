# SPDX-License-Identifier: Apache-2.0
"""A directory of the volume, held open: names are looked up in it, and symbolic links are never followed.

A write is durable once `flush` of the directory that contains it has returned.
"""

import errno
import os
import shutil
import stat

COPY_STEP_BYTES = 1024 * 1024
_REBUILT = "-shm"
"""Ending of the file that SQLite makes anew from the write-ahead log beside it."""
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL


class ForeignFileError(OSError):
    """There is something else than the expected file or directory."""


class SafeDir:
    """An open directory. Every method raises OSError where the file system does."""

    def __init__(self, path: str, *, within: int | None = None) -> None:
        """Open `path`. With `within`, the descriptor of a directory, `path` is a name in it and may not be a link."""
        flags = os.O_RDONLY | os.O_DIRECTORY | (0 if within is None else os.O_NOFOLLOW)
        self._fd = os.open(path, flags, dir_fd=within)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._fd)

    def enter(self, name: str) -> "SafeDir":
        """The directory of that name; the caller closes it."""
        return SafeDir(name, within=self._fd)

    def enter_or_make(self, name: str) -> "SafeDir":
        """The same, which is made if need be, durably."""
        if name not in self.names():
            self.make(name)
            self.flush()
        return self.enter(name)

    def make(self, name: str) -> None:
        """Make a directory."""
        os.mkdir(name, 0o700, dir_fd=self._fd)

    def names(self) -> list[str]:
        """The names of all entries."""
        return os.listdir(self._fd)  # noqa: PTH208

    def sizes(self) -> dict[str, int]:
        """Name and size in bytes of each file that matters; raises ForeignFileError for anything but files."""
        found = {}
        for name in sorted(self.names()):
            status = os.stat(name, dir_fd=self._fd, follow_symlinks=False)
            if not stat.S_ISREG(status.st_mode):
                raise ForeignFileError(0, f"{name!r} is no file")
            if not name.endswith(_REBUILT):
                found[name] = status.st_size
        return found

    def free(self) -> int:
        """Bytes that are free on its file system."""
        status = os.statvfs(self._fd)
        return status.f_bavail * status.f_frsize

    def expect_room(self, size: int) -> None:
        """Raises OSError (ENOSPC), as a copy of `size` bytes would after a while."""
        if size > self.free():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def read(self, name: str, limit: int) -> bytes | None:
        """A file's content, or None when there is none.

        Raises ForeignFileError when it is no file or has more than `limit` bytes.
        """
        try:
            fd = self._file(name, os.O_RDONLY)
        except FileNotFoundError:
            return None
        with open(fd, "rb") as file:  # noqa: PTH123
            content = file.read(limit + 1)
        if len(content) > limit:
            raise ForeignFileError(0, f"{name!r} has more than {limit} bytes")
        return content

    def write(self, name: str, content: bytes) -> None:
        """Make a file with that content, and flush it."""
        with open(self._file(name, _NEW), "wb") as file:  # noqa: PTH123
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def append(self, name: str) -> int:
        """A descriptor of the file, which is made if need be, to write at its end; the caller closes it."""
        return self._file(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def copy(self, name: str, target: "SafeDir") -> None:
        """Copy the file of that name into another directory, and flush it."""
        with (
            open(self._file(name, os.O_RDONLY), "rb") as source,  # noqa: PTH123
            open(target._file(name, _NEW), "wb") as copy,  # noqa: PTH123, SLF001
        ):
            shutil.copyfileobj(source, copy, COPY_STEP_BYTES)
            copy.flush()
            os.fsync(copy.fileno())

    def overwrite(self, name: str) -> int:
        """Put zeros in place of a file's content, and flush them; returns its size in bytes."""
        fd = self._file(name, os.O_WRONLY)
        try:
            size = left = os.fstat(fd).st_size
            while left:
                left -= os.write(fd, bytes(min(left, COPY_STEP_BYTES)))
            os.fdatasync(fd)
        finally:
            os.close(fd)
        return size

    def rename(self, name: str, other: str) -> None:
        """Rename a file; it replaces the file that has the other name, in one step."""
        os.replace(name, other, src_dir_fd=self._fd, dst_dir_fd=self._fd)

    def remove(self, name: str) -> None:
        """Remove a file, a directory with its content, or a link (and not its target)."""
        status = os.stat(name, dir_fd=self._fd, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            shutil.rmtree(name, dir_fd=self._fd)
        else:
            os.unlink(name, dir_fd=self._fd)

    def flush(self) -> None:
        """Make the names in it durable."""
        os.fsync(self._fd)

    def _file(self, name: str, flags: int) -> int:
        # O_NONBLOCK: a pipe of that name must not stop the start.
        fd = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600, dir_fd=self._fd)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise ForeignFileError(0, f"{name!r} is no file")
        return fd
