# SPDX-License-Identifier: Apache-2.0
"""Reads an app's code from disk in the form in which the operator reads it from the cluster."""

import re
from pathlib import Path

from genapps.api.digests import INLINE_ENTRY
from genapps.api.generatedapp import INLINE_BYTES, SOURCE_BYTES

_KEY = re.compile("[-._a-zA-Z0-9]{1,253}")
_ENTRIES = tuple(INLINE_ENTRY.values())


def read_bundle(path: Path, entry: str | None = None) -> tuple[str, dict[str, bytes]]:
    """The entry and the files of a source file (as `inline` would hold it) or of a directory (as a ConfigMap would).

    Raises ValueError where the one or the other could not hold it, or the entry is missing.
    """
    if path.is_file():
        entry = entry or INLINE_ENTRY["javascript" if path.suffix in {".js", ".mjs"} else "python"]
        return entry, {entry: _inline(path)}
    # kubectl skips sub-directories, links and devices as well
    files = {file.name: file.read_bytes() for file in path.iterdir() if file.is_file() and not file.is_symlink()}
    for name in files:
        if not _KEY.fullmatch(name):
            msg = f"{name!r} is not a valid ConfigMap key; use letters, digits, '-', '_' and '.'"
            raise ValueError(msg)
    entry = entry or next((name for name in _ENTRIES if name in files), _ENTRIES[0])
    if entry not in files:
        msg = f"{path} has no file {entry!r}; name the entry file with --entry"
        raise ValueError(msg)
    size = sum(len(content) for content in files.values())
    if size > SOURCE_BYTES:
        msg = f"{path} has {size} bytes; the maximum of a ConfigMap is {SOURCE_BYTES}; remove files"
        raise ValueError(msg)
    return entry, files


def _inline(path: Path) -> bytes:
    content = path.read_bytes()
    if len(content) > INLINE_BYTES:
        msg = f"{path} has {len(content)} bytes; the maximum of inline source is {INLINE_BYTES}; use a ConfigMap"
        raise ValueError(msg)
    try:
        content.decode()
    except UnicodeDecodeError as problem:
        msg = f"{path} is not UTF-8 text ({problem}); inline source must be text; use a ConfigMap"
        raise ValueError(msg) from problem
    return content
