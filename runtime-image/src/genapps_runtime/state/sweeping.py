# SPDX-License-Identifier: Apache-2.0
"""Marks of a facet go when their retention is over, also while nobody stores anything."""

import asyncio
from collections.abc import Callable

from genapps_runtime.state.marks import Kept, Marks

SWEEP_SECONDS = 1.0
"""Between commits that only remove marks."""


class Sweeping:
    """A timer for the oldest mark. `sweep` stores nothing, in a commit: each commit removes some."""

    def __init__(self, marks: Marks, sweep: Callable[[], None]) -> None:
        self._marks = marks
        self._sweep = sweep
        self._timer: asyncio.TimerHandle | None = None

    def later(self, kept: Kept) -> None:
        """Wait until the oldest mark expires, if there is one. Call it after each commit."""
        if kept.marks and self._timer is None:
            seconds = max(SWEEP_SECONDS, self._marks.seconds_left(kept))
            self._timer = asyncio.get_running_loop().call_later(seconds, self._now)

    def stop(self) -> None:
        """Wait no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _now(self) -> None:
        self._timer = None
        self._sweep()
