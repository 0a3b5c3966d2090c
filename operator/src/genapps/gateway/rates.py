# SPDX-License-Identifier: Apache-2.0
"""How often one app may report: a limiter per key by the generic cell rate algorithm, with bounded memory."""

from __future__ import annotations

from collections.abc import Callable

from genapps.cluster import clocks

_KEYS = 4096


class Rates:
    """`burst` at once, then `per_minute`; `clock` is monotonic seconds."""

    def __init__(self, per_minute: int, burst: int, clock: Callable[[], float] = clocks.monotonic) -> None:
        self._interval = 60.0 / per_minute
        self._tolerance = self._interval * (burst - 1)
        self._clock = clock
        self._full_at: dict[str, float] = {}

    def wait(self, key: str) -> float:
        """0 when it may happen now (and then it counts as happened), else the seconds until it may."""
        now = self._clock()
        due = max(self._full_at.get(key, now), now)
        if due - now > self._tolerance:
            return due - now - self._tolerance
        self._full_at[key] = due + self._interval
        if len(self._full_at) > _KEYS:
            self._full_at = {known: at for known, at in self._full_at.items() if at > now}
        return 0.0
