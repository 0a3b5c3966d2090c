# SPDX-License-Identifier: Apache-2.0
"""How often something may happen: limiters per key by the generic cell rate algorithm, with bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from genapps.cluster import clocks

_KEYS = 4096
_BURST_SECONDS = 10


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


class Limit(NamedTuple):
    """At most so many a minute for this key."""

    key: tuple[str, ...]
    per_minute: int


class CallRates:
    """Several limits at once; a sixth of a minute's calls may come together. `clock` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = clocks.monotonic) -> None:
        self._clock = clock
        self._full_at: dict[tuple[str, ...], float] = {}

    def wait(self, limits: Sequence[Limit]) -> tuple[float, Limit | None]:
        """The seconds until all of them admit one more, and the one that takes longest; 0 and None now."""
        now = self._clock()
        longest, by = 0.0, None
        for limit in limits:
            interval = 60.0 / limit.per_minute
            tolerance = max(_BURST_SECONDS - interval, 0.0)
            seconds = max(self._full_at.get(limit.key, now), now) - now - tolerance
            if seconds > longest:
                longest, by = seconds, limit
        return longest, by

    def take(self, limits: Sequence[Limit]) -> None:
        """One more has happened, for each of them."""
        now = self._clock()
        for limit in limits:
            self._full_at[limit.key] = max(self._full_at.get(limit.key, now), now) + 60.0 / limit.per_minute
        if len(self._full_at) > 4 * _KEYS:
            self._full_at = {known: at for known, at in self._full_at.items() if at > now}
