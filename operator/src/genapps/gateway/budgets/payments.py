# SPDX-License-Identifier: Apache-2.0
"""Pays for the attempts of calls: what each may use at most is set aside before it leaves, and what it used is booked
when it ends, however it does.

Booking waits for nothing. So the end of a call is booked in any `finally`, also of a task that is cancelled there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from genapps.api.ledger import Activity
from genapps.cluster import clocks
from genapps.core.budgets.amounts import NOTHING, Amounts
from genapps.core.budgets.cost import NO_TOKENS, Tokens, beyond, most_of_attempt, used_by_attempt
from genapps.gateway.budgets.blocked import BlockedConnectors
from genapps.gateway.budgets.envelope import Envelope
from genapps.gateway.budgets.spending import OverLimit, Reserved, Spending, SpendingUnavailableError
from genapps.gateway.callers.records import App
from genapps.gateway.connectors.exchange import Spent
from genapps.gateway.decision import Admit
from genapps.gateway.metrics import Metrics
from genapps.gateway.problems import Code, OfBudget, Problem

UNKNOWN_SECONDS = 30
_LONGEST_SECONDS = 86_400

_log = structlog.get_logger(__name__)


class Payments:
    """Pays by `spending`; `clock` is the time of day."""

    def __init__(
        self,
        spending: Spending,
        blocked: BlockedConnectors,
        metrics: Metrics,
        clock: Callable[[], datetime] = clocks.utc_now,
    ) -> None:
        self.spending = spending
        self.blocked = blocked
        self.metrics = metrics
        self._clock = clock

    def begin(self, admitted: Admit) -> Payment | Problem:
        """What pays for the attempts of a call; a problem when nobody does, or its connector is blocked."""
        envelope = self.spending.envelope(admitted.app)
        if envelope is None:
            return budget_unknown(admitted.app)
        if self.blocked.blocks(admitted.offer):
            return _connector_blocked(admitted.offer.name)
        return Payment(self, admitted, envelope)

    def exhausted(self, over: OverLimit) -> Problem:
        """The refusal of what a limit leaves too little for."""
        seconds = self.seconds_left(over)
        detail = (
            f"The limit of {over.unit} of {'the app' if over.bucket == 'app' else f'the {over.bucket}'} leaves too"
            f" little in this period: {over.spent} of {over.limit} are spent or set aside. Nothing was executed. Wait"
            " for retryAfter seconds, or ask the platform team for a higher limit."
        )
        return Problem(Code.BUDGET_EXHAUSTED, detail, retry_after=seconds, of_budget=of_budget(over))

    def seconds_left(self, over: OverLimit) -> int:
        """Of the period, as far as it is worth waiting for."""
        left = math.ceil((over.ends_at - self._clock()).total_seconds())
        return min(max(left, 1), _LONGEST_SECONDS)


@dataclass(slots=True)
class Payment:
    """Of one call. `reserve` comes before each attempt, and `end` or `release` after it."""

    _payments: Payments
    _admitted: Admit
    _envelope: Envelope
    total: Amounts = NOTHING
    """What its attempts that have ended have used."""
    _reserved: Reserved | None = None
    _most: Tokens = NO_TOKENS
    """What was set aside in tokens."""

    async def reserve(self, most: Tokens) -> Problem | None:
        """Set aside what one attempt can use at most; a problem when there is too little left, or nobody knows."""
        admitted, payments = self._admitted, self._payments
        bound = most_of_attempt(most, self._envelope.prices, admitted.tool.call_micros)
        try:
            reserved = await payments.spending.reserve(admitted.app, self._envelope, bound)
        except SpendingUnavailableError:
            detail = (
                "The gateway cannot know at the moment what is left of the budget. Nothing was executed. Try again."
            )
            return Problem(Code.GATEWAY_UNAVAILABLE, detail, retry_after=1)
        if isinstance(reserved, OverLimit):
            refused = Activity(refusals=1, refused_micros=bound.cost_micros)
            payments.spending.note(admitted.app, self._envelope, refused)
            payments.metrics.budget_refusals.labels(reserved.unit).inc()
            return payments.exhausted(reserved)
        self._reserved, self._most = reserved, most
        return None

    def release(self) -> None:
        """The attempt was not made."""
        if self._reserved is not None:
            self._payments.spending.release(self._reserved)
            self._reserved = None

    def end(self, spent: Spent, usage: Tokens | None) -> None:
        """The attempt has ended. `usage` is what its answer says, None where it says nothing.

        It raises nothing: what was done stays done, whatever becomes of its price. What cannot be booked stays set
        aside, and so counts as spent when this process ends."""
        try:
            self._book(spent, usage)
        except Exception:
            offer, record = self._admitted.offer, self._admitted.app.record.app
            _log.exception("payment_not_booked", connector=offer.name, app=record.name, namespace=record.namespace)

    def _book(self, spent: Spent, usage: Tokens | None) -> None:
        reserved, self._reserved = self._reserved, None
        if reserved is None:
            raise RuntimeError("nothing was set aside")
        if spent is Spent.NOTHING:
            self._payments.spending.release(reserved)
            return
        used = reserved.bound
        if usage is not None or spent is Spent.THE_CALL:
            used = used_by_attempt(usage or NO_TOKENS, self._envelope.prices, self._admitted.tool.call_micros)
        over = self._payments.spending.settle(reserved, used)
        self.total = self.total.plus(used)
        # Of tokens each way has its bound: more output than was allowed is no less wrong because the input was short.
        tokens = beyond(usage or NO_TOKENS, self._most)
        if tokens or over != NOTHING:
            self._overrun(over._replace(tokens=max(tokens, over.tokens)))

    def reused(self, micros: int) -> None:
        """The call was answered from the cache: nothing was paid, and so much was saved."""
        saved = Activity(cache_hits=1, saved_micros=micros)
        self._payments.spending.note(self._admitted.app, self._envelope, saved)

    def _overrun(self, over: Amounts) -> None:
        offer = self._admitted.offer
        self._payments.blocked.block(offer, over)
        self._payments.metrics.overruns.labels(offer.name).inc()
        _log.error(
            "connector_overran",
            connector=offer.name,
            tool=self._admitted.tool.name,
            app=self._admitted.app.record.app.name,
            namespace=self._admitted.app.record.app.namespace,
            tokens=over.tokens,
            cost_micros=over.cost_micros,
        )


def of_budget(over: OverLimit) -> OfBudget:
    """The limit as refusals and credit name it."""
    return OfBudget(over.bucket, over.unit, over.spent, over.limit)


def budget_unknown(app: App) -> Problem:
    """The refusal of whom nobody pays for."""
    detail = (
        f"The gateway knows no budget '{app.record.budget}' that pays for the app, so nothing is paid. Nothing was"
        " executed. Ask the platform team to look at the AppBudget."
    )
    return Problem(Code.BUDGET_UNKNOWN, detail, retry_after=UNKNOWN_SECONDS)


def _connector_blocked(connector: str) -> Problem:
    detail = (
        f"The connector '{connector}' is blocked: it used more than it was allowed. Nothing was executed. The platform"
        " team opens it by a change of the spec of the Connector."
    )
    return Problem(Code.CONNECTOR_BLOCKED, detail)
