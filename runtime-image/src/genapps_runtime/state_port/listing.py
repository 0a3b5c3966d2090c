# SPDX-License-Identifier: Apache-2.0
"""Whose data are on the claim: in the facets in use, in their copy for a way back, and in the journals."""

import heapq
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from genapps_runtime.state.facet_files import FILE_ENDING
from genapps_runtime.state.journal import FOLDER as JOURNALS
from genapps_runtime.state.journal import JOURNAL_ENDINGS
from genapps_runtime.state.tenant_names import last_call, name_of

PAGE = 1000
_NAME = re.compile(r"([0-9a-f]{64})(\..+)")
_FACET = (FILE_ENDING, FILE_ENDING + "-wal")


def tenants(directory: str, folders: Sequence[str], after: str) -> tuple[list[dict[str, Any]], bool]:
    """At most PAGE tenants behind the hash `after`, in the order of their hashes, and whether there are more.

    `folders` are those with facets, the one in use first. Of each tenant there are the hash, the name if it is known,
    the bytes, and when they called last, in seconds since 1970. Raises OSError.
    """
    page = heapq.nsmallest(PAGE + 1, {name for name in _names(directory, folders) if name > after})
    return [_tenant(directory, folders, name) for name in page[:PAGE]], len(page) > PAGE


def _names(directory: str, folders: Sequence[str]) -> set[str]:
    found = set()
    for folder in (*folders, JOURNALS):
        with suppress(FileNotFoundError), os.scandir(Path(directory) / folder) as entries:
            for entry in entries:
                match = _NAME.fullmatch(entry.name)
                if match and match[2] in (FILE_ENDING, *JOURNAL_ENDINGS):
                    found.add(match[1])
    return found


def _tenant(directory: str, folders: Sequence[str], digest: str) -> dict[str, Any]:
    size = 0
    for place in (
        *(f"{folder}/{digest}{ending}" for folder in folders for ending in _FACET),
        *(f"{JOURNALS}/{digest}{ending}" for ending in JOURNAL_ENDINGS),
    ):
        with suppress(FileNotFoundError):
            size += os.stat(Path(directory) / place, follow_symlinks=False).st_size  # noqa: PTH116
    facet = f"{directory}/{folders[0]}/{digest}{FILE_ENDING}"
    return {"tenant": digest, "name": name_of(facet), "bytes": size, "called": last_call(facet)}
