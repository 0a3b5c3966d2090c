# SPDX-License-Identifier: Apache-2.0
"""How the files of a bundle are spread over ConfigMaps: which are in which, and under which keys.

A bundle without folders that fits into one ConfigMap is in one, each file under its own name, which the pod mounts as a
whole. Any other is in parts, which the pod mounts file by file: a key cannot have folders in its name. Which files a
part has, its annotation says, because a pod is also made when nobody has the files at hand.

A component may be larger than a ConfigMap. It is in pieces, which the pod mounts as a folder of its name, and the
runtime makes it whole before it takes the digest.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from genapps.api import names
from genapps.api.apprecord import KeptRevision
from genapps.api.bundles import FILE_BYTES
from genapps.core.observed import Observed
from genapps.core.verdict import Revision

PART_BYTES = 900 * 1024
"""Of the files of one ConfigMap; the API server takes 1 MiB, and a single file may be as large."""


@dataclass(frozen=True, slots=True)
class Part:
    """One ConfigMap of a bundle in parts, with the paths of its files in the order of its keys."""

    name: str
    paths: tuple[str, ...]

    def keys(self) -> dict[str, str]:
        """The path of each key. The position makes a key unique; the name of the file is for people."""
        return {f"{place}-{path.rpartition('/')[2]}"[:253]: path for place, path in enumerate(self.paths)}


@dataclass(frozen=True, slots=True)
class Piece:
    """What is mounted at a path: a file of the bundle, or the bytes of one from `begin` to `end`."""

    file: str
    begin: int
    end: int


def pieces_of(files: Mapping[str, bytes]) -> dict[str, Piece]:
    """The files by the paths at which they are mounted: one that no ConfigMap holds as `app.wasm/0`, `app.wasm/1`."""
    found: dict[str, Piece] = {}
    for path, content in files.items():
        size = len(content)
        if size <= FILE_BYTES:
            found[path] = Piece(path, 0, size)
            continue
        for number, begin in enumerate(range(0, size, PART_BYTES)):
            found[f"{path}/{number}"] = Piece(path, begin, min(begin + PART_BYTES, size))
    return found


def split(files: Mapping[str, bytes]) -> tuple[tuple[str, ...], ...] | None:
    """The paths of each part; None for a bundle that is in one ConfigMap as it is. A file goes into the first part
    that has room for it."""
    if not any("/" in path for path in files) and sum(map(len, files.values())) <= PART_BYTES:
        return None
    parts: list[list[str]] = []
    sizes: list[int] = []
    pieces = pieces_of(files)
    for path in sorted(pieces):
        size = pieces[path].end - pieces[path].begin
        place = next((number for number, used in enumerate(sizes) if used + size <= PART_BYTES), len(parts))
        if place == len(parts):
            parts.append([])
            sizes.append(0)
        parts[place].append(path)
        sizes[place] += size
    return tuple(map(tuple, parts))


def parts_of(observed: Observed, revision: Revision | KeptRevision) -> tuple[Part, ...] | None:
    """The parts of a revision's code; None where it is in one ConfigMap as it is. A part that is not there, or does not
    say which files it has, has none."""
    if revision.code_parts is None:
        return None
    found = names.code_snapshot_names(observed.child_name, revision.code_digest, revision.code_parts)
    if isinstance(revision, Revision) and revision.code is not None:
        return tuple(Part(name, paths) for name, paths in zip(found, split(revision.code) or (), strict=True))
    there = (observed.children.get(("ConfigMap", name)) for name in found)
    return tuple(
        Part(name, tuple(child.files.split()) if child else ()) for name, child in zip(found, there, strict=True)
    )
