# SPDX-License-Identifier: Apache-2.0
"""A file of records that is only appended to: each record is whole or not there, whenever the process is killed.

A record is its length and a checksum, four bytes each, and its bytes. A file that ends in the middle of a record was
torn by a kill: the record was nobody's yet. A record that is wrong with a good one behind it is damage.
"""

import os
import zlib
from collections.abc import Iterator, Sequence

from genapps_runtime.state.errors import StateUnavailableError
from genapps_runtime.state.safe_dir import SafeDir

HEAD_BYTES = 8
NEW_ENDING = ".new"


def read_records(folder: SafeDir, name: str, most_bytes: int) -> list[bytes]:
    """The whole records of the file, which may be open elsewhere. Raises OSError."""
    return list(_records(folder.read(name, most_bytes) or b""))


class JournalFile:
    """The file `name` in a directory. It is made with the first record. All methods raise OSError."""

    def __init__(self, folder: SafeDir, name: str, most_bytes: int) -> None:
        """Open it and find its records. Raises StateUnavailableError when it is damaged, or has over `most_bytes`."""
        self._folder = folder
        self._name = name
        self._fd: int | None = None
        self._torn = False
        """Whether something may be behind the last whole record."""
        content = folder.read(name, most_bytes) or b""
        self.records = list(_records(content))
        """Those that were there when it was opened."""
        self.size = sum(HEAD_BYTES + len(record) for record in self.records)
        if self.size < len(content):
            if any(True for _ in _records(_behind(content, self.size))):
                raise StateUnavailableError(f"the journal {name} is damaged at byte {self.size}")
            self._open()
            self._cut()
        self._remove_new()

    def append(self, records: Sequence[bytes]) -> None:
        """Store these records durably. When that fails, the file is as it was."""
        if self._fd is None:
            self._open()
        assert self._fd is not None  # noqa: S101  just opened
        whole = b"".join(_framed(record) for record in records)
        try:
            if self._torn:
                self._cut()
            self._torn = True
            left = memoryview(whole)
            while left:
                left = left[os.write(self._fd, left) :]
            os.fdatasync(self._fd)
        except OSError:
            self._cut()
            raise
        self.size += len(whole)
        self._torn = False

    def replace(self, records: Sequence[bytes]) -> None:
        """Store these records in place of all others, in one step."""
        whole = b"".join(_framed(record) for record in records)
        self._remove_new()
        self._folder.write(self._name + NEW_ENDING, whole)
        self._folder.rename(self._name + NEW_ENDING, self._name)
        self.close()  # also when the flush fails: what is appended later belongs into the file that is there now
        self.size, self._torn = len(whole), False
        self._folder.flush()

    def close(self) -> None:
        """Close it; a further record opens it again."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _open(self) -> None:
        self._fd = self._folder.append(self._name)
        self._folder.flush()

    def _remove_new(self) -> None:
        """What a kill has left of `replace`."""
        if self._name + NEW_ENDING in self._folder.names():
            self._folder.remove(self._name + NEW_ENDING)

    def _cut(self) -> None:
        """Take away what is behind the last whole record."""
        assert self._fd is not None  # noqa: S101  callers have opened it
        os.ftruncate(self._fd, self.size)
        os.fdatasync(self._fd)
        self._torn = False


def _framed(record: bytes) -> bytes:
    return b"%b%b%b" % (len(record).to_bytes(4, "big"), zlib.crc32(record).to_bytes(4, "big"), record)


def _records(content: bytes) -> Iterator[bytes]:
    """The records from the beginning on, until one that is not whole."""
    at = 0
    while at + HEAD_BYTES < len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        record = content[at + HEAD_BYTES : at + HEAD_BYTES + size]
        if not size or len(record) < size or zlib.crc32(record) != int.from_bytes(content[at + 4 : at + 8], "big"):
            return
        yield record
        at += HEAD_BYTES + size


def _behind(content: bytes, at: int) -> bytes:
    """What follows the record at this place, if its length is right."""
    return content[at + HEAD_BYTES + int.from_bytes(content[at : at + 4], "big") :]
