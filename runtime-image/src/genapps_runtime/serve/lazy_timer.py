# SPDX-License-Identifier: Apache-2.0
"""A time limit that is moved with nearly every request, on a timer that is not."""

import asyncio
import time
from collections.abc import Callable


class LazyTimer:
    """Calls `expired` at the time that `due` tells, in seconds of the monotonic clock.

    A limit that moves to a later time costs nothing: the timer fires at the old one and is set again. Call `hasten`
    when it has moved to an earlier one, and `stop` at the end. The timer looks at least every `seconds`.
    """

    __slots__ = ("_due", "_expired", "_handle", "_loop", "_seconds")

    def __init__(self, seconds: float, due: Callable[[], float], expired: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._due = due
        self._expired = expired
        self._handle = self._loop.call_at(min(due(), time.monotonic() + seconds), self._fire)

    def hasten(self) -> None:
        """Fire no later than it is due now."""
        due = self._due()
        if due < self._handle.when():
            self._handle.cancel()
            self._handle = self._loop.call_at(due, self._fire)

    def stop(self) -> None:
        """Fire no more."""
        self._handle.cancel()

    def _fire(self) -> None:
        now = time.monotonic()
        if self._due() <= now:
            self._expired()
        self._handle.cancel()  # `expired` may have set it again
        self._handle = self._loop.call_at(min(self._due(), now + self._seconds), self._fire)
