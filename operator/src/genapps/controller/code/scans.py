# SPDX-License-Identifier: Apache-2.0
"""Looks at code before it is judged: in threads, so that a megabyte of hostile text (up to two seconds) stops nothing.

One thread is for what is small, as nearly all code is: it waits for no megabyte of somebody else's.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from genapps.api.source import INLINE_BYTES, Language
from genapps.core.code.scan import scan_python
from genapps.core.observed import Bundle, SourceProblem

Scan = Callable[[str, Mapping[str, bytes]], SourceProblem | None]

_RESULTS = 4096
"""Results, a few hundred bytes each: as many as there may be apps, and revisions of them being edited."""


_SMALL = INLINE_BYTES


class Scans:
    """Scans a bundle once: what is found depends on its digest only."""

    def __init__(self, scan: Scan = scan_python) -> None:
        self._scan = scan
        self._found: OrderedDict[str, SourceProblem | None] = OrderedDict()
        self._small = ThreadPoolExecutor(max_workers=1, thread_name_prefix="scan-small")
        self._large = ThreadPoolExecutor(max_workers=1, thread_name_prefix="scan-large")

    async def scanned(self, language: Language, bundle: Bundle) -> SourceProblem | None:
        """What keeps the code from loading. Only Python is looked at: nothing else runs yet."""
        if language is not Language.PYTHON:
            return None
        if bundle.digest not in self._found:
            size = sum(len(content) for content in bundle.files.values())
            thread = self._small if size <= _SMALL else self._large
            work = asyncio.get_running_loop().run_in_executor(thread, self._scan, bundle.entry, bundle.files)
            self._found[bundle.digest] = await work
        self._found.move_to_end(bundle.digest)
        found = self._found[bundle.digest]
        while len(self._found) > _RESULTS:
            self._found.popitem(last=False)
        return found
