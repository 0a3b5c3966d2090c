# SPDX-License-Identifier: Apache-2.0
"""How full the claim is, and what an error of it means, in place of SQLite's or the system's own words.

The last of it is left for what makes room: a delete needs pages of the log of a file, and what it has changed must fit
into the file at last. So while little is free, no file of an app's state grows.
"""

import errno
import os
import sqlite3
import sys

FULL = "the claim is full: choose a tier with a larger claim"
READ_ONLY = "the claim is read-only: the platform has to look at its volume"
LEFT_BYTES = 8 * 1024 * 1024
"""What is left free on the claim for what makes room."""
LEFT_SHARE = 8
"""Of a small claim this part is left free."""
ROOM_BYTES = 256 * 1024
"""With less than this, what SQLite calls an I/O error is a full disk: it cannot map the index of its log."""


def spare(path: str) -> int:
    """The bytes that are free on the claim beside what is left free, or less than 0; `path` is on it."""
    try:
        disk = os.statvfs(path)
    except OSError:
        return sys.maxsize  # what is written next will say so
    left = min(LEFT_BYTES, disk.f_blocks * disk.f_frsize // LEFT_SHARE)
    return disk.f_bavail * disk.f_frsize - left


def expect_writable(path: str) -> None:
    """Raises OSError (EROFS) where nothing can be written; `path` is on the claim.

    SQLite opens files there without a word, and an app would start whose every write fails.
    """
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def known_cause(error: Exception, directory: str) -> str | None:
    """FULL or READ_ONLY, if that is behind this sqlite3.Error or OSError; `directory` is on the claim."""
    try:
        disk = os.statvfs(directory)
    except OSError:
        return None
    if disk.f_flag & os.ST_RDONLY:
        return READ_ONLY
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    number = error.errno if isinstance(error, OSError) else None
    told = code == sqlite3.SQLITE_FULL or number in (errno.ENOSPC, errno.EDQUOT)
    no_room = disk.f_bavail * disk.f_frsize < ROOM_BYTES
    return FULL if told or (no_room and code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)) else None
