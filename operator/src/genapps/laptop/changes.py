# SPDX-License-Identifier: Apache-2.0
"""Which files are there, and since when: equal marks mean that nothing has changed. Everything is bounded."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from genapps.api.bundles import BUNDLE_FILES, PATH_DEPTH
from genapps.cli.bundles import left_by_tools
from genapps.laptop.named import OWN_FOLDER

ENTRIES = 4 * BUNDLE_FILES
"""Looked at in a folder: of more no app can be made."""

Mark = tuple[tuple[str, int, int, int], ...]
"""Of each file its path, the time of its last write, its size and its inode."""


def mark(paths: Iterable[Path]) -> Mark:
    """Of these files, and of all files in these folders. What is not there, or vanishes meanwhile, is left out."""
    return tuple(one for path in paths for one in _marks(path))


def left_out(folder: Path) -> list[str]:
    """The folders at the top that are no part of an app, by name; ours is not told."""
    try:
        with os.scandir(folder) as entries:
            found = [entry.name for _, entry in zip(range(ENTRIES), entries, strict=False) if entry.is_dir()]
    except OSError:
        return []
    return sorted(name for name in found if left_by_tools(name) and name != OWN_FOLDER)


def _marks(path: Path) -> Iterator[tuple[str, int, int, int]]:
    try:
        if path.is_dir():
            yield from _below(path, ENTRIES)
        else:
            yield _mark(str(path), path.stat())
    except OSError:
        return


def _below(folder: Path, most: int) -> Iterator[tuple[str, int, int, int]]:
    """Breadth first, and no deeper than a path of a bundle."""
    folders, seen = [(str(folder), 0)], 0
    for place, depth in folders:
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    seen += 1
                    if seen > most:
                        return
                    if entry.is_dir(follow_symlinks=False):
                        if not left_by_tools(entry.name) and depth < PATH_DEPTH:
                            folders.append((entry.path, depth + 1))
                    elif entry.is_file(follow_symlinks=False):
                        yield _mark(entry.path, entry.stat(follow_symlinks=False))
        except OSError:
            continue


def _mark(path: str, found: os.stat_result) -> tuple[str, int, int, int]:
    return path, found.st_mtime_ns, found.st_size, found.st_ino
