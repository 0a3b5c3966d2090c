# SPDX-License-Identifier: Apache-2.0
"""The epoch clock: what ends a guest that runs too long."""

import math
import threading
import time
from collections.abc import Callable

TICK_SECONDS = 0.005
QUIET_TICKS = 20


def ticks(seconds: float) -> int:
    """The number of epochs that last at least `seconds`."""
    return max(1, math.ceil(seconds / TICK_SECONDS) + 1)


class Ticker:
    """Advances the engine's epoch every 5 ms while guests run, from a thread of its own.

    Guests run without the interpreter lock, so the thread runs meanwhile. It sleeps when no guest has run for a
    while: an idle app causes no wake-ups.
    """

    def __init__(self, increment_epoch: Callable[[], None]) -> None:
        self._increment_epoch = increment_epoch
        self._wanted = threading.Event()
        self._asleep = True
        self.running = False
        """Whether a guest call runs. There is one at a time: its end would let the thread sleep under another."""
        self._calls = 0
        threading.Thread(target=self._run, name="epoch", daemon=True).start()

    def enter(self) -> None:
        """A guest call begins. This is cheap while the thread is awake."""
        self._calls += 1
        self.running = True  # before looking at _asleep; the thread does it the other way round
        if self._asleep:
            self._wanted.set()

    def leave(self) -> None:
        """The guest call ended."""
        self.running = False

    def _run(self) -> None:
        while True:
            if not self.running:
                self._wanted.wait()
            self._wanted.clear()
            self._asleep = False
            self._tick_until_quiet()
            self._asleep = True

    def _tick_until_quiet(self) -> None:
        quiet, seen, ticked = 0, -1, 0
        begun = time.monotonic()
        while quiet < QUIET_TICKS:
            quiet = quiet + 1 if self._calls == seen and not self.running else 0
            seen = self._calls
            time.sleep(TICK_SECONDS)
            # By the clock, not by turns of this loop: a guest that calls the host without end holds the
            # interpreter's lock, and with it this thread.
            due = int((time.monotonic() - begun) / TICK_SECONDS)
            for _ in range(due - ticked):
                self._increment_epoch()
            ticked = due
