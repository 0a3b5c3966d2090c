# SPDX-License-Identifier: Apache-2.0
"""The atomic steps after a decision: rates, concurrency, breakers. The first that refuses takes nothing.

Each replica of the gateway counts for itself: with two of them an app may have up to twice as many calls. What must
never be exceeded is money, and that is the Ledgers' business.
"""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from genapps.api.connector import ConnectorLimits
from genapps.cluster import clocks
from genapps.gateway.connectors.exchange import Health
from genapps.gateway.decision import Admit
from genapps.gateway.limits.breaker import Breaker, BreakerRules, BreakerState
from genapps.gateway.limits.rates import CallRates, Limit
from genapps.gateway.problems import Code, Problem

MOST_BREAKERS = 8192
"""Of pairs of an app and a connector; the one that was used longest ago gives way."""
_BUSY_SECONDS = 1
_SHARED = BreakerRules(least_callers=2)
"""Of a connector: an app whose calls always fail has its own breaker, and takes the connector from nobody else."""


@dataclass(frozen=True, slots=True)
class Permit:
    """What one call holds until it ends."""

    app: str
    connector: str
    own: Breaker
    own_probe: bool
    shared: Breaker
    shared_probe: bool


class Permits:
    """All permits of this process; `clock` is monotonic seconds. Nothing here waits, so each step is atomic."""

    def __init__(self, clock: Callable[[], float] = clocks.monotonic) -> None:
        self._clock = clock
        self._rates = CallRates(clock)
        self._running: Counter[tuple[str, ...]] = Counter()
        self._shared: dict[str, Breaker] = {}
        self._own: OrderedDict[tuple[str, str], Breaker] = OrderedDict()

    def refusal(self, admitted: Admit) -> Problem | None:
        """Which limit a call would meet now. It takes nothing: so a call that is refused here costs no budget, and one
        that waits for its budget keeps nobody else out."""
        app, connector = admitted.app.child, admitted.offer.name
        now = self._clock()
        own, shared = self._breakers(app, connector)
        return (
            self._hurried(connector, _rates(admitted))
            or self._crowded(app, connector, admitted.offer.spec.limits)
            or _broken(connector, max(own.wait(now), shared.wait(now)))
        )

    def enter(self, admitted: Admit) -> Permit | Problem:
        """The permit of one call, or which limit it met."""
        refused = self.refusal(admitted)
        if refused is not None:
            return refused
        app, connector = admitted.app.child, admitted.offer.name
        now = self._clock()
        own, shared = self._breakers(app, connector)
        self._rates.take(_rates(admitted))
        self._running[connector,] += 1
        self._running[app, connector] += 1
        return Permit(app, connector, own, own.enter(now), shared, shared.enter(now))

    def leave(self, permit: Permit, health: Health) -> None:
        """The call has ended, however it did."""
        now = self._clock()
        for key in ((permit.connector,), (permit.app, permit.connector)):
            self._running[key] -= 1
            if not self._running[key]:
                del self._running[key]
        permit.own.leave(now, health, probe=permit.own_probe)
        permit.shared.leave(now, health, probe=permit.shared_probe, caller=permit.app)

    def state(self, connector: str) -> BreakerState:
        """Where the breaker of a connector stands."""
        shared = self._shared.get(connector)
        return BreakerState.CLOSED if shared is None else shared.state(self._clock())

    def running(self, connector: str) -> int:
        """How many calls of a connector are on their way."""
        return self._running[connector,]

    def forget(self, connector: str) -> None:
        """The connector is gone."""
        self._shared.pop(connector, None)
        for pair in [pair for pair in self._own if pair[1] == connector]:
            del self._own[pair]

    def _breakers(self, app: str, connector: str) -> tuple[Breaker, Breaker]:
        shared = self._shared.setdefault(connector, Breaker(_SHARED))
        own = self._own.get((app, connector))
        if own is None:
            own = self._own[app, connector] = Breaker()
            if len(self._own) > MOST_BREAKERS:
                self._own.popitem(last=False)
        self._own.move_to_end((app, connector))
        return own, shared

    def _crowded(self, app: str, connector: str, limits: ConnectorLimits) -> Problem | None:
        if self._running[app, connector] >= limits.per_app.concurrency:
            detail = f"The app has {limits.per_app.concurrency} calls of the connector '{connector}' on their way"
        elif self._running[connector,] >= limits.concurrency:
            detail = f"The connector '{connector}' has {limits.concurrency} calls on their way"
        else:
            return None
        problem = f"{detail}, which is its limit. Nothing was executed. Try again after retryAfter seconds."
        return Problem(Code.TOO_MANY_CALLS, problem, retry_after=_BUSY_SECONDS)

    def _hurried(self, connector: str, rates: Sequence[Limit]) -> Problem | None:
        seconds, by = self._rates.wait(rates)
        if by is None:
            return None
        whose = "are made of it" if by.key[0] == "" else "are made by the app"
        detail = (
            f"The connector '{connector}': more than {by.per_minute} calls a minute {whose}, which is the limit."
            " Nothing was executed. Try again after retryAfter seconds."
        )
        return Problem(Code.TOO_MANY_CALLS, detail, retry_after=math.ceil(seconds))


def _rates(admitted: Admit) -> tuple[Limit, ...]:
    limits, tier = admitted.offer.spec.limits, admitted.app.record.tier
    each, of_app, of_all = tier.calls_per_minute, limits.per_app.calls_per_minute, limits.calls_per_minute
    return _limits(admitted.app.child, admitted.offer.name, each, of_app, of_all)


@lru_cache(maxsize=1024)
def _limits(app: str, connector: str, each: int, of_app: int, of_all: int) -> tuple[Limit, ...]:
    """Remembered: each call asks three times."""
    return Limit((app,), each), Limit((app, connector), of_app), Limit(("", connector), of_all)


def _broken(connector: str, seconds: float) -> Problem | None:
    if seconds <= 0:
        return None
    detail = (
        f"The connector '{connector}' has failed too often, so the gateway spares it for a while. Nothing was executed."
        " Try again after retryAfter seconds."
    )
    return Problem(Code.BREAKER_OPEN, detail, retry_after=math.ceil(seconds))
