# SPDX-License-Identifier: Apache-2.0
"""A folder as `oras push` packs it: a tar archive, perhaps compressed with gzip, from anybody.

It is read here and not with `tarfile`, which follows sparse files, links and extensions that a bundle does not have:
nothing but files and folders is known, sizes are octal numbers, and no more is decompressed than a bundle may have.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NoReturn

from genapps.api.bundles import BUNDLE_BYTES, BUNDLE_FILES, PATH_FORM, is_path, most_bytes

MOST_BYTES = BUNDLE_BYTES + 2 * 1024 * 1024
"""Of all archives of a bundle: the files, and headers and padding for many more entries than there may be files."""

_BLOCK = 512
_GZIP = b"\x1f\x8b"
_NOTE_BYTES = 16 * 1024
"""Of an extended header."""
_FILE, _FOLDER = b"0\x00", b"5"
_LONG_NAME, _EXTENDED, _GLOBAL = b"L", b"x", b"g"
_TYPES = {b"1": "a hard link", b"2": "a link", b"3": "a device", b"4": "a device", b"6": "a pipe"}
_MEANT = frozenset({"path", "size"})


class ArchiveError(Exception):
    """Why an archive is no folder of a bundle, in words that fit behind "the packed folder"."""


class ArchiveTooLargeError(ArchiveError):
    """It has more than a bundle may have."""


def decompressed(content: bytes, most: int = MOST_BYTES) -> bytes:
    """The archive, at most `most` bytes of it; it may be none. Raises ArchiveError."""
    if not content.startswith(_GZIP):
        if len(content) > most:
            raise ArchiveTooLargeError(f"has more than {BUNDLE_BYTES} bytes")
        return content
    stream = zlib.decompressobj(wbits=31)
    try:
        found = stream.decompress(content, most + 1)
    except zlib.error:
        raise ArchiveError("is not compressed with gzip as it says; pack it again") from None
    if len(found) > most:
        raise ArchiveTooLargeError(f"has more than {BUNDLE_BYTES} bytes")
    if not stream.eof or stream.unused_data:
        raise ArchiveError("is cut off, or has more behind its end; pack it again")
    return found


def unpack(archive: bytes) -> dict[str, bytes]:
    """The files by path, at most BUNDLE_FILES and BUNDLE_BYTES. Raises ArchiveError."""
    found: dict[str, bytes] = {}
    size = 0
    for path, data in _files(archive):
        if path in found:
            raise ArchiveError(f"has {path} twice; pack it again")
        size += len(data)
        if len(data) > (most := most_bytes(path)):
            raise ArchiveTooLargeError(f"has {path} with {len(data)} bytes, the maximum of one file is {most}")
        if size > BUNDLE_BYTES:
            raise ArchiveTooLargeError(f"has more than {BUNDLE_BYTES} bytes")
        found[path] = data
        if len(found) > BUNDLE_FILES:
            raise ArchiveTooLargeError(f"has more than {BUNDLE_FILES} files")
    return found


def _files(archive: bytes) -> Iterator[tuple[str, bytes]]:
    """The path and content of each file, in the order of the archive. What stands before an entry changes it: a long
    name, or fields of an extended header."""
    at = 0
    notes: dict[str, str] = {}
    while header := archive[at : at + _BLOCK].rstrip(b"\0"):
        header = archive[at : at + _BLOCK]
        _check(header)
        kind = header[156:157]
        size = _octal(header[124:136])
        if "size" in notes and kind in _FILE:
            size = int(notes["size"])
        at += _BLOCK
        data = archive[at : at + size]
        if len(data) < size:
            _malformed()
        at += -(-size // _BLOCK) * _BLOCK
        if kind == _LONG_NAME:
            notes["path"] = _text(_note(data).rstrip(b"\0"))
        elif kind == _EXTENDED:
            notes |= _fields(_note(data))
        elif kind == _GLOBAL:
            if _MEANT & _fields(_note(data)).keys():
                raise ArchiveError("has one name or size for several files; pack it again")
        else:
            path = _path(notes.get("path") or _name(header), folder=kind == _FOLDER)
            notes = {}
            if kind in _FILE:
                yield path, data
            elif kind != _FOLDER:
                raise ArchiveError(f"has {_TYPES.get(kind, 'something else than a file')} ({path}); pack files only")


def _check(header: bytes) -> None:
    """The sum of a header's bytes, with blanks in the place of the sum itself."""
    if len(header) < _BLOCK or sum(header[:148]) + 8 * 0x20 + sum(header[156:]) != _octal(header[148:156]):
        _malformed()


def _octal(field: bytes) -> int:
    digits = field.strip(b" \0")
    if not digits:
        return 0
    if digits.strip(b"01234567"):
        _malformed()
    return int(digits, 8)


def _name(header: bytes) -> str:
    name = header[:100].partition(b"\0")[0]
    prefix = header[345:500].partition(b"\0")[0] if header[257:263] == b"ustar\0" else b""
    return _text(prefix + b"/" + name if prefix else name)


def _path(name: str, *, folder: bool) -> str:
    path = name.removeprefix("./")
    if folder:
        path = path.removesuffix("/")
        if path in ("", "."):
            return path
    if not is_path(path):
        raise ArchiveError(f"has the invalid path {name[:80]!a}; {PATH_FORM}")
    return path


def _note(data: bytes) -> bytes:
    if len(data) > _NOTE_BYTES:
        _malformed()
    return data


def _fields(data: bytes) -> dict[str, str]:
    """The fields (`<length> <name>=<value>` and a line break) of an extended header that change an entry."""
    found: dict[str, str] = {}
    while data:
        length, _, _ = data.partition(b" ")
        if not length.isdigit() or len(length) > 5 or not len(length) + 2 < int(length) <= len(data):
            _malformed()
        name, _, value = data[len(length) + 1 : int(length) - 1].partition(b"=")
        data = data[int(length) :]
        if name.startswith(b"GNU.sparse"):
            raise ArchiveError("has a sparse file; pack it without --sparse")
        if name in (b"path", b"size"):
            found[_text(name)] = _text(value)
    if "size" in found and not (found["size"].isdigit() and len(found["size"]) < 12):
        _malformed()
    return found


def _text(data: bytes) -> str:
    """Names that are not ASCII are no paths: what they are does not matter."""
    return data.decode("ascii", "replace")


def _malformed() -> NoReturn:
    raise ArchiveError("is no tar archive, or is cut off; pack it again")
