# SPDX-License-Identifier: Apache-2.0
"""The work queue between watches and workers: each key is queued at most once and never worked on twice at a time.

Events add keys at once; failures come back after a growing delay of their own, so that a poisoned key delays nobody.
Time is an argument (an event loop serves as it), so that tests need no sleeping.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar

from genapps.controller.process.metrics import QueueMetrics

K = TypeVar("K", bound=Hashable)

_FIRST_DELAY = 0.25
_LONGEST_DELAY = 60.0


class Timer(Protocol):
    """A call that was ordered for later."""

    def cancel(self) -> None:
        """Do not call."""

    def when(self) -> float:
        """When it is due, by the clock."""


class Timers(Protocol):
    """A monotonic clock that calls back; `asyncio.AbstractEventLoop` is one."""

    def time(self) -> float:
        """Now, in seconds."""

    def call_at(self, when: float, callback: Callable[[K], None], key: K, /) -> Timer:
        """Call back with the key at that time."""


def upper_half() -> float:
    """Jitter: a factor that spreads delays over the upper half of their length."""
    return random.uniform(0.5, 1.0)  # noqa: S311 (no secret)


class WorkQueue(Generic[K]):
    """First in, first out, except keys that are added as `first`, which go to the front."""

    def __init__(self, timers: Timers, metrics: QueueMetrics, jitter: Callable[[], float] = upper_half) -> None:
        self._timers = timers
        self._metrics = metrics
        self._jitter = jitter
        self._queued: deque[K] = deque()
        self._waiting: dict[K, float] = {}
        self._working: dict[K, float] = {}
        self._first: set[K] = set()
        self._again: dict[K, bool] = {}
        self._later: dict[K, Timer] = {}
        self._failures: dict[K, int] = {}
        self._filled = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        metrics.unfinished_seconds.set_function(lambda: sum(self._ages()))
        metrics.longest_seconds.set_function(lambda: max(self._ages(), default=0.0))

    def __len__(self) -> int:
        return len(self._queued)

    def idle(self) -> bool:
        """Nothing is queued or at work (delayed keys do not count)."""
        return not self._queued and not self._working

    def urgent(self) -> bool:
        """Whether keys are queued that were added as `first`."""
        return bool(self._first)

    def add(self, key: K, *, first: bool = False) -> None:
        """Work on the key soon. While it is at work: once more afterwards. A repeated add changes nothing, except
        that `first` moves the key to the front."""
        self._metrics.adds.inc()
        if key in self._working:
            self._again[key] = first or self._again.get(key, False)
            return
        if key in self._waiting:
            if first:
                self._first.add(key)
                self._queued.remove(key)
                self._queued.appendleft(key)
            return
        self._waiting[key] = self._timers.time()
        if first:
            self._first.add(key)
            self._queued.appendleft(key)
        else:
            self._queued.append(key)
        self._metrics.depth.set(len(self._queued))
        self._filled.set()

    def add_after(self, key: K, seconds: float) -> None:
        """Work on the key after a delay; of several delays of one key the earliest counts."""
        when = self._timers.time() + max(0.0, seconds)
        ordered = self._later.get(key)
        if ordered is not None:
            if ordered.when() <= when:
                return
            ordered.cancel()
        self._later[key] = self._timers.call_at(when, self._due, key)

    def _due(self, key: K) -> None:
        del self._later[key]
        self.add(key)

    async def get(self) -> K:
        """The next key; it is at work until `done`. Of a closed queue none ever comes."""
        while self._closed or not self._queued:
            self._filled.clear()
            await self._filled.wait()
        key = self._queued.popleft()
        self._first.discard(key)
        now = self._timers.time()
        self._metrics.queue_seconds.observe(now - self._waiting.pop(key))
        self._metrics.depth.set(len(self._queued))
        self._working[key] = now
        self._idle.clear()
        return key

    def seen(self, key: K) -> None:
        """Called by the work on a key when it is about to read everything anew: what came until now does not bring
        the key back afterwards."""
        self._again.pop(key, None)

    def done(self, key: K, *, failed: bool) -> None:
        """The work on a key has ended. A failure brings it back after its back-off, a success forgets earlier ones."""
        self._metrics.work_seconds.observe(self._timers.time() - self._working.pop(key))
        if not self._working:
            self._idle.set()
        if failed:
            failures = self._failures.get(key, 0)
            self._failures[key] = failures + 1
            self._metrics.retries.inc()
            self.add_after(key, min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** min(failures, 10)) * self._jitter())
        else:
            self._failures.pop(key, None)
        if key in self._again:
            self.add(key, first=self._again.pop(key))

    def _ages(self) -> list[float]:
        return [self._timers.time() - since for since in self._working.values()]

    async def drained(self) -> None:
        """Returns when nothing is at work."""
        await self._idle.wait()

    def close(self) -> None:
        """Give out no key any more, and cancel what is delayed."""
        self._closed = True
        for timer in self._later.values():
            timer.cancel()
        self._later.clear()
