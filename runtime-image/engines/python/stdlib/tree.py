# SPDX-License-Identifier: Apache-2.0
"""The files that an app sees, without any file system: its own, which cannot be written, and those of /tmp.

Paths here are absolute and normal. What is in /tmp belongs to the action that wrote it and is gone with it.
"""

import base64
import errno
import os
import posixpath
import stat
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from genapps.actions import current

APP = "/app"
TMP = "/tmp"  # noqa: S108  it is no directory of any machine
NULL = "/dev/null"
TMP_BYTES = 4 * 1024 * 1024
TMP_FILES = 256
_READ_ONLY = "the files of the app cannot be written; write to /tmp, or keep data with state.put"
_FULL_BYTES = f"{TMP} holds at most {TMP_BYTES // 2**20} MiB in a request"
_FULL_FILES = f"{TMP} holds at most {TMP_FILES} files and folders in a request"
_MODES = {True: stat.S_IFDIR | 0o755, False: stat.S_IFREG | 0o644}


class Entry:
    """A file, or a folder where `content` is None."""

    __slots__ = ("content", "modified", "number", "owner")

    def __init__(self, content: bytearray | bytes | None, owner: "Files | None" = None) -> None:
        """`owner` counts the bytes; files without one cannot be written."""
        self.content = content
        self.owner = owner
        self.number = next(_NUMBERS)
        self.modified = time.time()

    def resize(self, size: int) -> bytearray:
        """The content at its new size. Raises OSError where it cannot be written, and when /tmp is full."""
        content = self.content
        if not isinstance(content, bytearray):
            raise OSError(errno.EROFS, _READ_ONLY)
        if self.owner is not None:
            self.owner.grow(size - len(content))
        if size < len(content):
            del content[size:]
        else:
            content.extend(bytes(size - len(content)))
        self.modified = time.time()
        return content

    def stat(self) -> os.stat_result:
        """As `os.stat` returns it."""
        folder = self.content is None
        mode = _MODES[folder] if self.owner is not None else _MODES[folder] & ~0o222
        size = 0 if self.content is None else len(self.content)
        times = (int(self.modified),) * 3 + (self.modified,) * 3 + (int(self.modified * 1e9),) * 3
        return os.stat_result((mode, self.number, 1, 1, 0, 0, size, *times))


class Files:
    """What one action has in /tmp, the folder it works in, and what it has opened by number."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {TMP: Entry(None, self)}
        self.used = 0
        self.folder = APP
        self.opened: dict[int, Any] = {}

    def grow(self, size: int) -> None:
        """Count `size` more bytes. Raises OSError beyond TMP_BYTES."""
        if size > 0 and self.used + size > TMP_BYTES:
            raise OSError(errno.ENOSPC, _FULL_BYTES)
        self.used += size

    def add(self, path: str, content: bytearray | None) -> Entry:
        """A new file or folder. Raises OSError outside of /tmp, without its folder, and beyond TMP_FILES."""
        if not path.startswith(f"{TMP}/"):
            raise OSError(errno.EROFS, _READ_ONLY, path)
        folder(posixpath.dirname(path))
        if len(self.entries) > TMP_FILES:
            raise OSError(errno.ENOSPC, _FULL_FILES, path)
        entry = self.entries[path] = Entry(content, self)
        return entry

    def remove(self, path: str) -> None:
        """Take a file or folder out. What has it open can go on, and its bytes count until the action ends."""
        entry = self.entries.get(path)
        if entry is None or path == TMP:
            find(path)
            raise OSError(errno.EROFS, _READ_ONLY, path)
        del self.entries[path]
        if entry.content is not None:
            self.used -= len(entry.content)
            entry.owner = Files()  # a file that is open lives on, with the same limit


class _AppFiles:
    """The files of the app by path; the same for all actions of an instance."""

    def __init__(self) -> None:
        self.raw: dict[str, Any] = {}
        self.folders: set[str] = set()
        self.entries: dict[str, Entry] = {}

    def find(self, path: str) -> Entry | None:
        """A file is decoded when it is first asked for."""
        if (entry := self.entries.get(path)) is None and (raw := self.raw.get(path)) is not None:
            if isinstance(raw, str):
                entry = Entry(raw.encode())
            else:
                entry = Entry(base64.b64decode(raw["base64"]) if "base64" in raw else raw["text"].encode())
            self.entries[path] = entry
        return entry


_NUMBERS: Iterator[int] = iter(range(2, 2**60))
_APP_FILES: Final = _AppFiles()
_FOLDERS: Final = {path: Entry(None) for path in ("/", APP, "/dev")}
_NULL: Final = Entry(b"")


def mount(files: Mapping[str, Any]) -> None:
    """Show the files of the app: by path their text, or `{"text": ...}` or `{"base64": ...}`."""
    _APP_FILES.entries.clear()
    _APP_FILES.raw = {f"{APP}/{name}": content for name, content in files.items()}
    _APP_FILES.folders.clear()
    for path in _APP_FILES.raw:
        above = posixpath.dirname(path)
        while above != APP and above not in _APP_FILES.folders:
            _APP_FILES.folders.add(above)
            above = posixpath.dirname(above)


def files() -> Files:
    """What the running action has."""
    action = current.action
    if action.files is None:
        action.files = Files()
    held: Files = action.files
    return held


def absolute(path: Any) -> str:
    """Where a path of the app leads to."""
    text = os.fsdecode(path)
    if not text:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    if "\0" in text:
        raise ValueError("embedded null character in path")
    normal = posixpath.normpath(posixpath.join(files().folder, text))
    return normal[1:] if normal.startswith("//") else normal


def lookup(path: str) -> Entry | None:
    """What is at a path, or None."""
    if path.startswith(TMP):
        return files().entries.get(path)
    if path == NULL:
        return _NULL
    if (entry := _FOLDERS.get(path) or _APP_FILES.find(path)) is not None:
        return entry
    if path in _APP_FILES.folders:
        return _FOLDERS.setdefault(path, Entry(None))
    return None


def find(path: str) -> Entry:
    """What is at a path. Raises FileNotFoundError, and NotADirectoryError below a file."""
    if (entry := lookup(path)) is not None:
        return entry
    above = lookup(posixpath.dirname(path))
    code = errno.ENOTDIR if above is not None and above.content is not None else errno.ENOENT
    raise OSError(code, os.strerror(code), path)


def folder(path: str) -> Entry:
    """The folder at a path. Raises OSError."""
    entry = find(path)
    if entry.content is not None:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
    return entry


def names(path: str) -> list[str]:
    """What is in a folder."""
    folder(path)
    above = "/" if path == "/" else f"{path}/"
    known = [*_FOLDERS, *_APP_FILES.raw, *files().entries, NULL]
    parts = (one[len(above) :].split("/", 1)[0] for one in known if one.startswith(above))
    return sorted({part for part in parts if part})
