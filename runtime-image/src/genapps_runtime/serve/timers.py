# SPDX-License-Identifier: Apache-2.0
"""Timers of requests that wait, with one timer of the event loop for all of them.

The loop's own cost three times as much: each is compared with others in Python, and goes through a context and a queue
when it fires. A request that waits has two, and most of those for deadlines are cancelled.
"""

import asyncio
import itertools
import time
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any

FEW = 64
"""So many cancelled ones are left where they are."""


class Timer:
    """What is called at a time, unless it is cancelled before."""

    __slots__ = ("_arguments", "_callback", "_timers")

    def __init__(self, timers: "Timers", callback: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        self._timers = timers
        self._callback: Callable[..., object] | None = callback
        self._arguments = arguments

    @property
    def open(self) -> bool:
        """Whether it is neither cancelled nor fired."""
        return self._callback is not None

    def cancel(self) -> None:
        """Nobody waits for it any more."""
        if self._callback is not None:
            self._callback, self._arguments = None, ()
            self._timers.note_cancelled()

    def fire(self) -> None:
        """Its time has come, and it is open."""
        callback, arguments = self._callback, self._arguments
        self._callback, self._arguments = None, ()
        if callback is not None:
            callback(*arguments)


class Timers:
    """Those that are open, by their times. Times are of `clock`, in seconds, as the event loop has them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._numbers = itertools.count()
        self._heap: list[tuple[float, int, Timer]] = []
        """Cancelled ones may be among them: FEW, or as many as there are others."""
        self._cancelled = 0
        self._handle: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._heap)

    def call_at(self, when: float, callback: Callable[..., object], *arguments: Any) -> Timer:
        """Call back at that time, from the event loop. What it raises is for the loop's own handler."""
        timer = Timer(self, callback, arguments)
        heappush(self._heap, (when, next(self._numbers), timer))
        if self._heap[0][2] is timer:
            self._arm(when)
        return timer

    def note_cancelled(self) -> None:
        """One of them is cancelled. When most are, they are thrown away."""
        self._cancelled += 1
        if self._cancelled > FEW and 2 * self._cancelled > len(self._heap):
            self._heap = [one for one in self._heap if one[2].open]
            heapify(self._heap)
            self._cancelled = 0

    def _arm(self, when: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        loop = asyncio.get_running_loop()
        self._handle = loop.call_later(max(0.0, when - self._clock()), self._fire_due)

    def _fire_due(self) -> None:
        self._handle = None
        now = self._clock()
        try:
            while self._heap and (self._heap[0][0] <= now or not self._heap[0][2].open):
                timer = heappop(self._heap)[2]
                if timer.open:
                    timer.fire()
                else:
                    self._cancelled -= 1
        finally:
            if self._heap:
                self._arm(self._heap[0][0])
