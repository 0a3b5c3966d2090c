# SPDX-License-Identifier: Apache-2.0
"""How busy the machine is with other work, so that no ratio is taken while something else uses the cores.

Own is this process with all that it started, and the kernel's threads, which write what these have written. All other
CPU time is of others: other programs, and other machines on the same host ("steal").
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bench.cpu import cpu_seconds, kernel_threads, machine_seconds, tree

LIMIT = 0.10
"""Share of one core that others may use during a round."""
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Reading:
    """CPU seconds since the machine started, `at` seconds of the monotonic clock."""

    at: float
    machine: float
    own: float


def read() -> Reading:
    """The account of this moment."""
    own = cpu_seconds([*tree(os.getpid()), *kernel_threads()])
    return Reading(time.monotonic(), machine_seconds(), own)


def others(before: Reading, after: Reading) -> float:
    """The share of one core that others used between two readings; 0.5 is half a core."""
    seconds = after.at - before.at
    if seconds <= 0:
        return 0.0
    return max(0.0, (after.machine - before.machine) - (after.own - before.own)) / seconds


class Quiet:
    """Waits for a quiet machine, `patience` seconds in all: a machine that stays busy does not hold up a run."""

    def __init__(
        self,
        patience: float,
        look: Callable[[], Reading] = read,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._patience = patience
        self._look = look
        self._sleep = sleep
        self.worst = 0.0
        """The largest share of others in a round that was not quiet."""

    def now(self) -> Reading:
        """To be given to `disturbed` after a round."""
        return self._look()

    def disturbed(self, before: Reading) -> bool:
        """Whether others used more than LIMIT since then."""
        share = others(before, self._look())
        if share <= LIMIT:
            return False
        self.worst = max(self.worst, share)
        return True

    async def calm(self) -> bool:
        """Wait until others leave the machine alone; False when patience ends before."""
        while self._patience > 0:
            before = self._look()
            await self._sleep(_LOOK_SECONDS)
            after = self._look()
            if others(before, after) <= LIMIT:
                return True
            self._patience -= after.at - before.at
        return False
