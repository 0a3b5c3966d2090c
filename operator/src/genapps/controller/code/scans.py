# SPDX-License-Identifier: Apache-2.0
"""Looks at code before it is judged: in threads, so that a megabyte of hostile text (up to two seconds) stops nothing.

One thread is for what is small, as nearly all code is: it waits for no megabyte of somebody else's.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from genapps.api.source import INLINE_BYTES, Language
from genapps.core.code.languages import SCANS, Scan
from genapps.core.observed import Bundle, SourceProblem

_RESULTS = 4096
"""Results, a few hundred bytes each: as many as there may be apps, and revisions of them being edited."""


_SMALL = INLINE_BYTES


class Scans:
    """Scans a bundle once: what is found depends on its language and its digest only."""

    def __init__(self, scans: Mapping[Language, Scan] = SCANS) -> None:
        self._scans = scans
        self._found: OrderedDict[tuple[Language, str], SourceProblem | None] = OrderedDict()
        self._small = ThreadPoolExecutor(max_workers=1, thread_name_prefix="scan-small")
        self._large = ThreadPoolExecutor(max_workers=1, thread_name_prefix="scan-large")

    async def scanned(self, language: Language, bundle: Bundle) -> SourceProblem | None:
        """What keeps the code from loading; None also for a language that is not looked at."""
        if (scan := self._scans.get(language)) is None:
            return None
        key = language, bundle.digest
        if key not in self._found:
            size = sum(len(content) for content in bundle.files.values())
            thread = self._small if size <= _SMALL else self._large
            work = asyncio.get_running_loop().run_in_executor(thread, scan, bundle.entry, bundle.files)
            self._found[key] = await work
        self._found.move_to_end(key)
        found = self._found[key]
        while len(self._found) > _RESULTS:
            self._found.popitem(last=False)
        return found
