# SPDX-License-Identifier: Apache-2.0
"""Which tokens were used before.

A connector with several processes needs a store that they share: whatever sets a key only if it is absent, and forgets
it at a given time, will do.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from typing import Protocol

from genapps_verify.errors import ReplayStoreFullError

MOST = 100_000
"""Tokens that the store in memory holds: 1,600 calls a second, each for a minute."""


class Replays(Protocol):
    """Remembers the ids of tokens."""

    def first(self, txn: str, until: float) -> bool:
        """True for the first one who asks about this id, False for all others until that time (seconds since 1970).

        One step: of two who ask at the same moment only one is the first. Raises ReplayStoreFullError, or an error of
        its own, when it cannot know."""


class MemoryReplays:
    """For a connector of one process; threads may share it. It holds `most` ids, and admits nobody beyond."""

    def __init__(self, most: int = MOST, clock: Callable[[], float] = time.time) -> None:
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._ends: list[tuple[float, str]] = []

    def first(self, txn: str, until: float) -> bool:
        """True for the first one who asks. Raises ReplayStoreFullError."""
        with self._lock:
            now = self._clock()
            while self._ends and self._ends[0][0] < now:
                self._seen.discard(heapq.heappop(self._ends)[1])
            if txn in self._seen:
                return False
            if len(self._seen) >= self._most:
                raise ReplayStoreFullError(f"{self._most} tokens were used within their lives")
            self._seen.add(txn)
            heapq.heappush(self._ends, (until, txn))
            return True
