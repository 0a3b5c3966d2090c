# SPDX-License-Identifier: Apache-2.0
"""The names of an app's tenants, each in a small file beside the tenant's facet. Its time is that of the last call.

A facet's own file tells neither: its name is a hash, and its time changes when the runtime tidies up in it.
"""

import heapq
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from genapps_runtime import logs
from genapps_runtime.state.facet_files import FILE_ENDING, path_of

ENDING = ".tenant"
_MOST_BYTES = 4096
_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Known(NamedTuple):
    """A tenant who has a facet. `stem` begins the names of their files; their own name is None if it was not noted."""

    stem: str
    tenant: str | None


def name_file(facet: str) -> str:
    """Where the name is of the tenant whose facet's file this is."""
    return facet.removesuffix(FILE_ENDING) + ENDING


def note_call(facet: str, tenant: str) -> None:
    """The tenant calls: keep their name, and when that was.

    Where that fails, on a full disk, the tenant is served all the same: only schedules pass them over.
    """
    try:
        if name_of(facet) == tenant:
            os.utime(name_file(facet), follow_symlinks=False)
        else:
            _write(name_file(facet), tenant.encode())
    except OSError as error:
        logs.write("tenant not noted", level="warning", error=str(error.strerror))


def name_of(facet: str) -> str | None:
    """The tenant's name, which is surely theirs: its hash names the file. None where it is not known."""
    try:
        with os.fdopen(os.open(name_file(facet), os.O_RDONLY | _FLAGS), "rb") as file:
            name = file.read(_MOST_BYTES).decode()
    except (OSError, UnicodeDecodeError):
        return None
    return name if path_of(os.path.dirname(facet), name) == facet else None  # noqa: PTH120


def last_call(facet: str) -> float:
    """When the tenant has last called, in seconds since 1970. An earlier runtime has left no name: then when the facet
    has last been changed."""
    for several in ((name_file(facet),), (facet, f"{facet}-wal")):
        found = [os.stat(path, follow_symlinks=False).st_mtime for path in several if os.path.lexists(path)]  # noqa: PTH116
        if found:
            return max(found)
    return 0.0


def known_after(facets: Iterable[str], stem: str, most: int) -> list[Known]:
    """At most so many tenants of these facets, in the order of their stems from the one after `stem` on."""
    stems = ((Path(facet).stem, facet) for facet in facets)
    found = heapq.nsmallest(most, (one for one in stems if one[0] > stem))
    return [Known(one, name_of(facet)) for one, facet in found]


def _write(path: str, content: bytes) -> None:
    """Durably: what a tenant stores after this is found by their name."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _FLAGS, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(Path(path).parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
