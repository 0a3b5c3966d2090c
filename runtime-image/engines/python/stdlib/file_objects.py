# SPDX-License-Identifier: Apache-2.0
"""`open` and `io.FileIO` on the files of `tree`: Python's own buffers and text wrappers around raw files of ours."""

import errno
import io
import os
from collections.abc import Callable
from typing import Any

from stdlib import tree
from stdlib.tree import Entry

_FLAGS = {
    "r": os.O_RDONLY,
    "w": os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
    "x": os.O_WRONLY | os.O_CREAT | os.O_EXCL,
    "a": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
}
_ACCESS = os.O_RDONLY | os.O_WRONLY | os.O_RDWR
_FIRST_NUMBER = 3


class Opened:
    """An open file: its entry, the position, and what may be done with it."""

    def __init__(self, path: str, flags: int) -> None:
        """Raises OSError as `os.open` does."""
        access = flags & _ACCESS
        self.writable = access in (os.O_WRONLY, os.O_RDWR)
        self.readable = access != os.O_WRONLY
        self.append = bool(flags & os.O_APPEND)
        self.null = path == tree.NULL
        self.at = 0
        self.number = -1
        self.entry = self._entry(path, flags)
        if self.entry.content is None and (self.writable or not flags & os.O_DIRECTORY):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if self.writable and not self.null:
            self.entry.resize(0 if flags & os.O_TRUNC else self.size())

    def _entry(self, path: str, flags: int) -> Entry:
        if flags & os.O_CREAT:
            found = tree.lookup(path)
            if found is None:
                return tree.files().add(path, bytearray())
            if flags & os.O_EXCL:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        return tree.find(path)

    def size(self) -> int:
        """In bytes."""
        return len(self.entry.content or b"")

    def read(self, size: int) -> bytes:
        """At most `size` bytes from the position on."""
        if not self.readable:
            raise OSError(errno.EBADF, "the file is not open for reading")
        piece = bytes((self.entry.content or b"")[self.at : self.at + size])
        self.at += len(piece)
        return piece

    def write(self, data: Any) -> int:
        """Write all of it at the position, or at the end; returns the number of bytes."""
        if not self.writable:
            raise OSError(errno.EBADF, "the file is not open for writing")
        piece = memoryview(data).cast("B")
        if self.null:
            return len(piece)
        if self.append:
            self.at = self.size()
        end = self.at + len(piece)
        self.entry.resize(max(end, self.size()))[self.at : end] = piece
        self.at = end
        return len(piece)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """The new position."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self.at, os.SEEK_END: self.size()}[whence]
        if start + offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self.at = start + offset
        return self.at

    def truncate(self, size: int) -> None:
        """Cut the file, or fill it up with zeros."""
        if not self.writable:
            raise OSError(errno.EBADF, "the file is not open for writing")
        if not self.null:
            self.entry.resize(size)

    def fileno(self) -> int:
        """A number by which functions of `os` find it."""
        if self.number < 0:
            opened = tree.files().opened
            self.number = next(number for number in range(_FIRST_NUMBER, 2**31) if number not in opened)
            opened[self.number] = self
        return self.number

    def close(self) -> None:
        """The number can be used again."""
        tree.files().opened.pop(self.number, None)


def opened(number: int) -> Opened:
    """The file with that number. Raises OSError."""
    found = tree.files().opened.get(number)
    if not isinstance(found, Opened):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return found


class FileIO(io.RawIOBase):
    """As `io.FileIO`."""

    def __init__(
        self,
        file: Any,
        mode: str = "r",
        closefd: bool = True,
        opener: Callable[[Any, int], int] | None = None,
    ) -> None:
        """Raises OSError, and ValueError for a mode that is none."""
        letters = mode.replace("b", "")
        if letters.replace("+", "", 1) not in _FLAGS:
            raise ValueError(f"invalid mode: {mode!r}")
        flags = _FLAGS[letters[0] if letters[0] != "+" else letters[1]]
        if "+" in letters:
            flags = flags & ~_ACCESS | os.O_RDWR
        self.name = file
        self.mode = {"r": "rb", "r+": "rb+", "w+": "rb+", "a+": "ab+", "x+": "xb+"}.get(letters, f"{letters}b")
        self.closefd = closefd
        if opener is not None:
            file = opener(file, flags)
        self._opened = opened(file) if isinstance(file, int) else Opened(tree.absolute(file), flags)
        if self._opened.append:
            self._opened.seek(0, os.SEEK_END)

    def readable(self) -> bool:
        """Whether it is open for reading."""
        return self._open().readable

    def writable(self) -> bool:
        """Whether it is open for writing."""
        return self._open().writable

    def seekable(self) -> bool:
        """Always."""
        return self._open() is not None

    def readinto(self, buffer: Any, /) -> int:
        """Fill `buffer`; returns the number of bytes."""
        target = memoryview(buffer).cast("B")
        piece = self._open().read(len(target))
        target[: len(piece)] = piece
        return len(piece)

    def readall(self) -> bytes:
        """All from the position on."""
        return self._open().read(self._opened.size())

    def write(self, data: Any, /) -> int:
        """Write all of it."""
        return self._open().write(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """The new position."""
        return self._open().seek(offset, whence)

    def tell(self) -> int:
        """The position."""
        return self._open().at

    def truncate(self, size: int | None = None, /) -> int:
        """Cut it at `size`, or at the position."""
        size = self._open().at if size is None else size
        self._opened.truncate(size)
        return size

    def fileno(self) -> int:
        """A number by which functions of `os` find it."""
        return self._open().fileno()

    def close(self) -> None:
        """Close it; closing twice does no harm."""
        if not self.closed and self.closefd and hasattr(self, "_opened"):
            self._opened.close()
        super().close()

    def _open(self) -> Opened:
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        return self._opened


def open_file(
    file: Any,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
    opener: Callable[[Any, int], int] | None = None,
) -> Any:
    """As the built-in `open`, on the files of the app and of /tmp."""
    if not isinstance(file, int):
        file = os.fspath(file)
    kinds = set(mode)
    binary = "b" in kinds
    if kinds - set("rwxab+t") or len(mode) > len(kinds) or len(kinds & set("rwxa")) != 1 or {"b", "t"} <= kinds:
        raise ValueError(f"invalid mode: {mode!r}")
    if binary and (encoding is not None or errors is not None or newline is not None):
        raise ValueError("binary mode doesn't take an encoding, errors or newline argument")
    if not binary and buffering == 0:
        raise ValueError("can't have unbuffered text I/O")
    raw = FileIO(file, mode.replace("b", "").replace("t", ""), closefd, opener)
    if buffering == 0:
        return raw
    size = buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE
    if "+" in kinds:
        buffer: Any = io.BufferedRandom(raw, size)
    elif "r" in kinds:
        buffer = io.BufferedReader(raw, size)
    else:
        buffer = io.BufferedWriter(raw, size)
    if binary:
        return buffer
    text = io.TextIOWrapper(buffer, encoding or "utf-8", errors, newline, line_buffering=buffering == 1)
    text.mode = mode  # type: ignore[misc]
    return text
