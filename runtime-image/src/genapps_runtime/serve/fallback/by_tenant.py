# SPDX-License-Identifier: Apache-2.0
"""The breakers of an app with tenants: one for each, so that nobody's failures have another tenant refused.

There is none for all of them. A tenant who crashes the app on purpose could hold it open for the others, alone or with
a few names. The app counts as failing while more than half of the tenants who ask are refused.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from genapps_runtime import logs
from genapps_runtime.metrics import Metrics
from genapps_runtime.serve.ended import Ended
from genapps_runtime.serve.fallback.breaker import WINDOW_SECONDS, Breaker
from genapps_runtime.serve.fallback.execution import ExecutionBreaker, OpenState, Turned, app_failed
from genapps_runtime.serve.messages import Exchange

MOST = 256
"""Tenants who are known at once. Who has asked for nothing for longest is forgotten for another one."""
JUDGED_SECONDS = 1.0
"""So often it is looked at who has stopped asking, while anybody is refused."""


@dataclass(slots=True)
class _Tenant:
    """`asked` is when they last did, and whether they got an answer or were refused does not matter."""

    breaker: Breaker
    asked: float = 0.0


class TenantBreakers:
    """`open` is all that a request looks at: whether anybody is refused."""

    def __init__(
        self, clock: Callable[[], float], metrics: Metrics, identity: dict[str, str], turned: Turned | None = None
    ) -> None:
        """`turned` is explained at `OpenState`."""
        self._clock = clock
        self._metrics = metrics
        self._identity = identity
        self._state = OpenState(metrics, turned)
        self._tenants: dict[str, _Tenant] = {}
        """Those who asked within the window of a breaker; who asked last is at the end."""
        self._probes: dict[Exchange, Breaker] = {}
        self._judged = float("-inf")
        self.open = False

    def admits(self, exchange: Exchange, tenant: str) -> bool:
        """Whether this request is tried: because its tenant's breaker is closed, or to see whether it may close."""
        known = self._tenants.get(tenant)
        if known is None or known.breaker.closed:
            return True
        self._asks(tenant, known)
        if not known.breaker.admit(exchange):
            return False
        self._probes[exchange] = known.breaker
        return True

    def take(self, ended: Iterable[Ended]) -> None:
        """Count these ends."""
        turned = False
        for one in ended:
            failed = app_failed(one)
            probed = self._probes.pop(one.action.exchange, None) if self._probes else None
            if probed is not None:
                turned |= probed.ended(one.action.exchange, failed)
            elif failed is not None and one.action.facet is not None:
                turned |= self._count(one.action.facet.tenant, failed=failed)
        if turned or (self.open and self._clock() - self._judged >= JUDGED_SECONDS):
            self._judge()

    def _count(self, tenant: str, *, failed: bool) -> bool:
        """Count an end; returns whether it has opened the breaker of its tenant."""
        known = self._tenants.get(tenant) or _Tenant(Breaker(self._clock))
        self._asks(tenant, known)
        if len(self._tenants) > MOST:
            del self._tenants[next(iter(self._tenants))]
        if not known.breaker.closed or not known.breaker.count(1, int(failed)):
            return False
        self._metrics.breaker_opened()
        attempts, failures = known.breaker.window
        logs.write("breaker opened for a tenant", level="error", actions=attempts, failures=failures, **self._identity)
        return True

    def _asks(self, tenant: str, known: _Tenant) -> None:
        known.asked = self._clock()
        self._tenants.pop(tenant, None)
        self._tenants[tenant] = known

    def _judge(self) -> None:
        """Forget who has stopped asking, and see who of the others is refused."""
        self._judged = now = self._clock()
        for tenant in [name for name, known in self._tenants.items() if now - known.asked >= WINDOW_SECONDS]:
            del self._tenants[tenant]
        refused = sum(not known.breaker.closed for known in self._tenants.values())
        self.open = refused > 0
        self._metrics.set("genapps_breaker_open_tenants", refused)
        self._state.set(is_open=2 * refused > len(self._tenants))


def execution_breaker(
    clock: Callable[[], float],
    metrics: Metrics,
    identity: dict[str, str],
    turned: Turned | None,
    *,
    apart: bool,
) -> ExecutionBreaker | TenantBreakers:
    """The breaker of an app, or those of its tenants, if they are to be kept apart."""
    return (TenantBreakers if apart else ExecutionBreaker)(clock, metrics, identity, turned)
