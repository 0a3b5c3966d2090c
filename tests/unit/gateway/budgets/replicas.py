# SPDX-License-Identifier: Apache-2.0
"""Gateways that spend from the same accounts, in a store that loses answers and requests as a network does."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count

from genapps.api.ledger import LedgerRecord, PeriodAccount
from genapps.api.names import budget_ledger
from genapps.core.budgets import accounts
from genapps.core.budgets.amounts import NOTHING, Amounts, Limits
from genapps.gateway.budgets.envelope import Envelope
from genapps.gateway.budgets.spending import OverLimit, Reserved, Spending
from genapps.gateway.callers.records import App
from genapps.gateway.metrics import Metrics
from tests.unit.gateway.world import CHILD, NAMESPACE, NOON, Clock, Store
from tests.unit.gateway.world import app as app_of

BUDGET = budget_ledger("finance")
ENVELOPE = Envelope("finance", "2026-11", datetime(2026, 12, 1, tzinfo=UTC), Limits(), enforced=True)
_processes = count(1)


def limited(**limits: int) -> Envelope:
    """The budget in November with these limits."""
    return replace(ENVELOPE, limits=Limits(**limits))


@dataclass
class Replica:
    """One gateway: what it knows of the budget, its clocks, and what it has under way."""

    store: Store
    pod: str
    envelope: Envelope = ENVELOPE
    app: App = field(default_factory=app_of)
    clock: Clock = field(default_factory=lambda: Clock(NOON))
    seconds: float = 1000.0
    running: list[tuple[str, Reserved]] = field(default_factory=list)
    """Calls under way, each with its period."""

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """A new process: it knows nothing of what the one before had in memory."""
        self.spending = Spending(
            self.store,
            NAMESPACE,
            Metrics(),
            lambda _: self.envelope,
            f"{self.pod}/{next(_processes)}",
            self.clock,
            lambda: self.seconds,
        )
        self.running = []

    async def begin(self, **bound: int) -> Reserved | OverLimit:
        """Reserve for a call."""
        period = self.envelope.period
        reserved = await self.spending.reserve(self.app, self.envelope, Amounts(**bound))
        if isinstance(reserved, Reserved):
            self.running.append((period, reserved))
        return reserved

    async def spend(self, **amounts: int) -> Reserved | OverLimit:
        """A call that uses all it may."""
        reserved = await self.begin(**amounts)
        if isinstance(reserved, Reserved):
            self.running.pop()
            self.spending.settle(reserved, reserved.bound)
        return reserved

    async def pass_time(self, seconds: float, *, wall: bool = True) -> None:
        """Time passes, on the wall as well, and the round of writes comes."""
        self.seconds += seconds
        self.clock.now += timedelta(seconds=seconds if wall else 0)
        await self.spending.write()


def account(store: Store, name: str = BUDGET, period: str = "2026-11") -> PeriodAccount:
    """What the Ledger says of a period; an empty account where it says nothing."""
    stored = store.objects.get(("Ledger", NAMESPACE, name))
    if stored is not None:
        record = LedgerRecord.model_validate(stored["record"])
        for found in (record.account, record.previous):
            if found is not None and found.period == period:
                return found
    return PeriodAccount(period=period)


def committed(store: Store, name: str = BUDGET, period: str = "2026-11") -> Amounts:
    """What counts as used: spent, and leased."""
    return accounts.committed(account(store, name, period))


def leased(store: Store, name: str = BUDGET) -> Amounts:
    """What gateways hold."""
    return committed(store, name).minus(Amounts.of(account(store, name).spent))


__all__ = ["BUDGET", "CHILD", "NOTHING", "Replica", "account", "committed", "leased", "limited"]
