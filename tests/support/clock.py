# SPDX-License-Identifier: Apache-2.0
"""A clock that stands still until a test sets it."""

from dataclasses import dataclass


@dataclass
class Clock:
    """Call it for the time, in seconds."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now
