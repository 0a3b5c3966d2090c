# SPDX-License-Identifier: Apache-2.0
"""A circuit breaker: the failure rate over a sliding window opens it, single probes close it. The clock is injected.

Refusals of the platform are not its business: only calls that went out are counted, and of these only the ones that
say something about the connector.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from genapps.gateway.connectors.exchange import Health

WINDOW_SECONDS = 30.0
_SLICES = 6
_SLICE_SECONDS = WINDOW_SECONDS / _SLICES


class BreakerState(StrEnum):
    """Where a breaker stands."""

    CLOSED = "Closed"
    OPEN = "Open"
    HALF_OPEN = "HalfOpen"


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When it opens, and for how long."""

    least_calls: int = 5
    """Of the window; fewer say nothing."""
    failure_rate: float = 0.5
    least_callers: int = 1
    """Whose calls failed, among them; one alone may be the fault itself."""
    open_seconds: float = 5.0
    """The first time; each failed probe doubles it."""
    longest_open_seconds: float = 60.0
    probe_seconds: float = 30.0
    """A probe that says nothing for so long no longer holds the place."""


@dataclass(slots=True)
class _Slice:
    """A part of the window. `failing`: whose calls failed, as many of them as the rules ask for."""

    calls: int = 0
    failures: int = 0
    failing: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Breaker:
    """One breaker. `now` is monotonic seconds."""

    rules: BreakerRules = BreakerRules()
    _slices: dict[int, _Slice] = field(default_factory=dict)
    """By their number since the clock began."""
    _open_until: float | None = None
    _open_for: float = 0.0
    _probe_since: float | None = None

    def state(self, now: float) -> BreakerState:
        """Closed, open, or waiting for what a probe brings."""
        if self._open_until is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self._open_until else BreakerState.HALF_OPEN

    def wait(self, now: float) -> float:
        """Seconds until a call may be tried; 0 now. It takes nothing: `enter` does."""
        if self._open_until is None:
            return 0.0
        if now < self._open_until:
            return self._open_until - now
        since = self._probe_since
        if since is None or now >= since + self.rules.probe_seconds:
            return 0.0
        return min(1.0, since + self.rules.probe_seconds - now)

    def enter(self, now: float) -> bool:
        """A call goes out, `wait` having been 0; True when it is the probe of a half-open breaker."""
        if self._open_until is None:
            return False
        self._probe_since = now
        return True

    def leave(self, now: float, health: Health, *, probe: bool, caller: str = "") -> None:
        """The call of that caller has ended. What began before the breaker opened no longer moves it."""
        if probe:
            self._probed(now, health)
        elif self._open_until is None and health is not Health.UNKNOWN:
            self._count(now, caller if health is Health.BAD else None)

    def _probed(self, now: float, health: Health) -> None:
        self._probe_since = None
        if health is Health.GOOD:
            self._open_until, self._open_for = None, 0.0
            self._slices.clear()
        elif health is Health.BAD:
            self._open(now)

    def _count(self, now: float, failing: str | None) -> None:
        rules, current = self.rules, int(now // _SLICE_SECONDS)
        self._slices = {number: counts for number, counts in self._slices.items() if number > current - _SLICES}
        counted = self._slices.setdefault(current, _Slice())
        counted.calls += 1
        if failing is None:
            return
        counted.failures += 1
        if len(counted.failing) < rules.least_callers:
            counted.failing.add(failing)
        calls = sum(each.calls for each in self._slices.values())
        failures = sum(each.failures for each in self._slices.values())
        if calls < rules.least_calls or failures < rules.failure_rate * calls:
            return
        if len(set().union(*(each.failing for each in self._slices.values()))) >= rules.least_callers:
            self._open(now)

    def _open(self, now: float) -> None:
        rules = self.rules
        self._open_for = min(self._open_for * 2 or rules.open_seconds, rules.longest_open_seconds)
        self._open_until = now + self._open_for
        self._slices.clear()
