# SPDX-License-Identifier: Apache-2.0
"""Reads an app's code from disk in the form in which the operator reads it from the cluster."""

from collections.abc import Collection, Iterator
from pathlib import Path

from genapps.api.bundles import (
    BUNDLE_BYTES,
    BUNDLE_FILES,
    COMPONENT_BYTES,
    COMPONENT_SUFFIX,
    most_bytes,
    path_fault,
)
from genapps.api.digests import INLINE_ENTRY
from genapps.api.generatedapp import INLINE_BYTES, SOURCE_BYTES
from genapps.api.modules.javascript import SUFFIXES
from genapps.cli.typescript.files import ENTRY, as_deployed, name_in_javascript

ENTRIES = (*INLINE_ENTRY.values(), ENTRY)
"""The usual names of an entry, in the order in which they are looked for."""
_WELL_KNOWN = ".well-known"
_OF_TOOLS = frozenset({"__pycache__", "node_modules"})
"""Byte code, and packages of npm: an app imports neither."""


def read_bundle(path: Path, entry: str | None = None, *, flat: bool = False) -> tuple[str, dict[str, bytes]]:
    """The entry and the files of a source file (as `inline` would hold it), of a component, or of a directory: with its
    folders (as an image would hold them), or `flat` without (as a ConfigMap would). What is TypeScript is
    JavaScript in them.

    Raises ValueError where the one or the other could not hold it, or the entry is missing.
    """
    if path.is_file() and path.suffix == COMPONENT_SUFFIX:
        return entry or INLINE_ENTRY["component"], {entry or INLINE_ENTRY["component"]: _component(path)}
    if path.is_file():
        return _file(path, entry)
    files: dict[str, bytes] = {}
    size = 0
    for file in app_files(path, flat=flat):
        size += file.stat().st_size
        if len(files) == BUNDLE_FILES or size > BUNDLE_BYTES:
            msg = f"{path} has more than {BUNDLE_FILES} files or {BUNDLE_BYTES} bytes; remove files"
            raise ValueError(msg)
        files[file.relative_to(path).as_posix()] = file.read_bytes()
    if fault := path_fault(files):
        msg = f"{path} has {fault}"
        raise ValueError(msg)
    usual = next((name for name in ENTRIES if name in files), ENTRIES[0])
    entry, deployed = as_deployed(entry or usual, files)
    if entry not in deployed:
        msg = f"{path} has no file {entry!r}; name the entry file with --entry"
        raise ValueError(msg)
    if flat and size > SOURCE_BYTES:
        msg = f"{path} has {size} bytes; the maximum of a ConfigMap is {SOURCE_BYTES}; remove files"
        raise ValueError(msg)
    for name, content in deployed.items():
        if len(content) > (most := most_bytes(name)):
            msg = f"{path / name} has {len(content)} bytes; the maximum of a file is {most}; make it smaller"
            raise ValueError(msg)
    return entry, dict(deployed)


def _file(path: Path, entry: str | None) -> tuple[str, dict[str, bytes]]:
    name, files = as_deployed(path.name, {path.name: _inline(path)})
    usual = INLINE_ENTRY["javascript" if name.endswith(SUFFIXES) else "python"]
    entry = name_in_javascript(entry) if entry else usual
    return entry, {entry: files.get(name, b"")}  # a file of declarations has no code


def app_files(path: Path, *, flat: bool = False, left_out: Collection[Path] = ()) -> Iterator[Path]:
    """The files of a folder that an app has, but `left_out` (resolved). Links and devices are left out, as by kubectl,
    and folders with byte code, node_modules and hidden ones.
    """
    for found in sorted(path.iterdir()):
        if found.is_symlink() or found.resolve() in left_out:
            continue
        if found.is_file():
            yield found
        elif not flat and found.is_dir() and not left_by_tools(found.name):
            yield from app_files(found, left_out=left_out)


def left_by_tools(folder: str) -> bool:
    """Whether a folder of that name is no part of an app."""
    return folder in _OF_TOOLS or (folder.startswith(".") and folder != _WELL_KNOWN)


def _component(path: Path) -> bytes:
    content = path.read_bytes()
    if len(content) > COMPONENT_BYTES:
        msg = f"{path} has {len(content)} bytes; the maximum of a component is {COMPONENT_BYTES}"
        raise ValueError(msg)
    return content


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
