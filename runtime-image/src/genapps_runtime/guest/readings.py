# SPDX-License-Identifier: Apache-2.0
"""What an action was told of the clock and of chance: the same again when it begins again.

Code that waits for a tool inside a call runs from its beginning for each of its calls (docs/design/0041). With another
time or another random number it would ask its tools for something else.
"""

import os
import time
from array import array

CLOCK_READINGS = 1024
RANDOM_BYTES = 16 * 1024
"""What is kept of one action. Whoever asks for more gets other values each time from there on."""


class Readings:
    """Readings of the wall clock, in nanoseconds, and random bytes."""

    __slots__ = ("_clock", "_random", "_times", "_used")

    def __init__(self) -> None:
        self._clock = array("Q")
        self._random = bytearray()
        self._times = 0
        self._used = 0

    def begin_again(self) -> None:
        """Tell everything again from the beginning."""
        self._times = self._used = 0

    def clock(self) -> int:
        """What the clock says, or said."""
        number, self._times = self._times, self._times + 1
        if number < len(self._clock):
            return self._clock[number]
        now = time.time_ns()
        if number < CLOCK_READINGS:
            self._clock.append(now)
        return now

    def random(self, size: int) -> bytes:
        """So many random bytes, or those that were told."""
        begin, end = self._used, self._used + size
        if end > RANDOM_BYTES:
            return os.urandom(size)
        self._used = end
        if end > len(self._random):
            self._random += os.urandom(end - len(self._random))
        return bytes(self._random[begin:end])
