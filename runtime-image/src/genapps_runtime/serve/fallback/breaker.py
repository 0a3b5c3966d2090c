# SPDX-License-Identifier: Apache-2.0
"""A circuit breaker over a sliding window: the rule alone, without app, log or metrics.

It opens on a share of failures among many attempts, and never on failures in a row: one success between them would
hide an app that fails nine times of ten. It forgets nothing because of a success, and everything when it closes.
"""

from collections import deque
from collections.abc import Callable, Hashable

WINDOW_SECONDS = 30.0
SLOT_SECONDS = 3.0
"""Attempts are counted by the slot that they ended in, and leave the window with it."""
MINIMUM = 20
"""So few attempts in the window prove nothing."""
RATE = 0.5
"""The share of failures that opens it."""
OPEN_SECONDS = 5.0
PROBES = 3
"""How many attempts are tried at once after OPEN_SECONDS, and how many have to succeed until it closes."""
_SLOTS = round(WINDOW_SECONDS / SLOT_SECONDS)


class Breaker:
    """Closed at first. `clock` gives seconds that never go back.

    `closed` is all that has to be looked at while it is closed. Then outcomes are given to `count`; otherwise each
    attempt asks `admit`, and tells `ended` how it went.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.closed = True
        self._slots: deque[list[int]] = deque([[0, 0, 0]], maxlen=_SLOTS)
        """Number of the slot, attempts and failures in it."""
        self._opens_until = 0.0
        self._probes: set[Hashable] = set()
        self._succeeded = 0

    @property
    def window(self) -> tuple[int, int]:
        """Attempts and failures in the window."""
        before = self._slot() - _SLOTS
        inside = [slot for slot in self._slots if slot[0] > before]
        return sum(slot[1] for slot in inside), sum(slot[2] for slot in inside)

    def count(self, attempts: int, failures: int) -> bool:
        """Count attempts that ended now while it is closed; returns whether they have opened it."""
        number = self._slot()
        if self._slots[-1][0] != number:
            self._slots.append([number, 0, 0])
        slot = self._slots[-1]
        slot[1] += attempts
        slot[2] += failures
        if not failures or not self.closed:
            return False
        attempts, failures = self.window
        if attempts < MINIMUM or failures < RATE * attempts:
            return False
        self._open()
        return True

    def admit(self, attempt: Hashable) -> bool:
        """Whether this attempt may be made while it is not closed; then `ended` has to follow."""
        if self._clock() < self._opens_until or len(self._probes) >= PROBES:
            return False
        self._probes.add(attempt)
        return True

    def ended(self, attempt: Hashable, failed: bool | None) -> bool:
        """An attempt has ended; None when that says nothing about the app. Returns whether it has closed the breaker.

        What was begun before it opened does not matter.
        """
        if attempt not in self._probes:
            return False
        self._probes.remove(attempt)
        if failed:
            self._open()
        elif failed is not None:
            self._succeeded += 1
            if self._succeeded >= PROBES:
                self._close()
                return True
        return False

    def _open(self) -> None:
        self.closed = False
        self._opens_until = self._clock() + OPEN_SECONDS
        self._probes.clear()
        self._succeeded = 0

    def _close(self) -> None:
        self.closed = True
        self._probes.clear()
        self._slots.clear()
        self._slots.append([self._slot(), 0, 0])

    def _slot(self) -> int:
        return int(self._clock() / SLOT_SECONDS)
