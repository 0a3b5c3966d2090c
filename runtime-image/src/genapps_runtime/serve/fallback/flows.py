# SPDX-License-Identifier: Apache-2.0
"""What callers get in place of a problem: the last good answer, else the app's own fallback, else a fixed answer.

In this order because each says less about the request than the one before it. All are marked by a header. None of
them is the action's outcome: that stays the problem, in metrics and log, and whoever stores outcomes stores none.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from genapps_runtime.config import Fallback
from genapps_runtime.metrics import Metrics
from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.action import Action
from genapps_runtime.serve.ended import Ended, Instead
from genapps_runtime.serve.fallback.last_good import LastGood
from genapps_runtime.serve.messages import SERVER_ERROR, Answer, Exchange, Reply
from genapps_runtime.state.facet import Facet

HEADER = b"genapps-fallback"
REASONS = {
    "ActionTimeout": "timeout",
    "AppUnavailable": "trap",
    "BreakerOpen": "breaker",
    "BudgetExhausted": "budget",
    "CpuLimitExceeded": "timeout",
    "CreditUnknown": "budget",
    "GuestTrapped": "trap",
    "MemoryExceeded": "trap",
    "TurnInvalid": "trap",
}
"""Which problems ask for a fallback, and what the header says then. An exception of the app is an answer: 500."""


class Fallbacks:
    """Answers in place of problems, for an app that declares it.

    `begin` begins the app's own fallback for a request and its tenant's state; None when it cannot.
    """

    def __init__(
        self,
        config: Fallback,
        metrics: Metrics,
        clock: Callable[[], float],
        begin: Callable[[Exchange, Facet], Action | None],
    ) -> None:
        self._config = config
        self._metrics = metrics
        self._begin = begin
        self._last_good = LastGood(clock) if config.last_good else None
        self._running: dict[int, Ended] = {}
        """What the app's own fallbacks that run are for, by their actions' numbers."""

    def keep_only(self, tenants: Collection[str]) -> None:
        """Forget what is kept of all other tenants."""
        if self._last_good is not None:
            self._last_good.keep_only(tenants)

    def take(self, ended: Iterable[Ended]) -> list[Ended]:
        """The ends that are answered now; one for which the app's own fallback begins is answered later."""
        return [answered for one in ended if (answered := self._take(one)) is not None]

    def _take(self, one: Ended) -> Ended | None:
        action, exchange, facet, outcome = one.action, one.action.exchange, one.action.facet, one.outcome
        if isinstance(action, Action) and action.fallback:
            return self._own(action, outcome)
        if facet is None:
            return one
        if not isinstance(outcome, ProblemError):
            if self._last_good is not None and isinstance(outcome, Reply):
                self._last_good.keep(facet.tenant, exchange.request, outcome)
            return one
        told = exchange.internal or exchange.streamed is not None
        if outcome.code not in REASONS or exchange.gone or told:
            return one
        kept = self._last_good.reply(facet.tenant, exchange.request) if self._last_good is not None else None
        if kept is not None:
            return self._instead(one, kept, "lastGood")
        if self._config.export and exchange.upload is None and (own := self._begin(exchange, facet)) is not None:
            self._running[own.number] = one
            return None
        return self._fixed(one)

    def _own(self, action: Action, outcome: Answer | ProblemError) -> Ended:
        """The app's own fallback has ended."""
        one = self._running.pop(action.number)
        if isinstance(outcome, Reply) and outcome.status < SERVER_ERROR:
            return self._instead(one, outcome, "export", action)
        return self._fixed(one, action)

    def _fixed(self, one: Ended, tried: Action | None = None) -> Ended:
        static = self._config.static
        if static is None:
            return replace(one, tried=tried)
        headers = [(b"content-type", static.content_type.encode("ascii")), (b"cache-control", b"no-store")]
        return self._instead(one, Reply(static.status, headers, static.body.encode()), "static", tried)

    def _instead(self, one: Ended, reply: Reply, kind: str, tried: Action | None = None) -> Ended:
        assert isinstance(one.outcome, ProblemError)  # noqa: S101  only problems ask for it
        why = REASONS[one.outcome.code]
        self._metrics.fallback(why)
        marked = Reply(reply.status, [*reply.headers, (HEADER, why.encode("ascii"))], reply.body)
        return replace(one, instead=Instead(marked, why, kind), tried=tried)


def fallback_fields(ended: Ended) -> dict[str, object]:
    """What the log line says of the fallback beside the problem that asked for it."""
    fields: dict[str, object] = {}
    if ended.instead is not None:
        fields["fallback"], fields["fallbackKind"] = ended.instead.why, ended.instead.kind
    if ended.tried is not None:
        tried: dict[str, object] = {**ended.tried.meter.guest_fields()}
        if ended.tried.log is not None:
            tried |= ended.tried.log.fields()
        if ended.tried.trace:
            tried["trace"] = ended.tried.trace
        fields["ownFallback"] = tried
    return fields
