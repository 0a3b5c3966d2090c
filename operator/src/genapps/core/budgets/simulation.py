# SPDX-License-Identifier: Apache-2.0
"""What limits would have done to a period that is known day by day. Days are those of UTC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from genapps.api.ledger import PeriodAccount
from genapps.core.budgets.amounts import NOTHING, UNITS, Amounts, Limits


@dataclass(frozen=True, slots=True)
class Simulated:
    """One unit under one limit."""

    unit: str
    """As in Ledgers: tokens, toolCalls, cpuMillis, costMicros."""
    limit: int
    spent: int
    """In the whole period."""
    reached: str | None
    """The first day at whose end more than the limit was spent; None: it would have held all of it."""

    @property
    def refused(self) -> int:
        """What would not have been spent."""
        return max(0, self.spent - self.limit)


def simulate(account: PeriodAccount, limits: Limits) -> Sequence[Simulated]:
    """What each limit would have done. The days of an account may say less than its sum: leases of gateways that were
    lost are on none of them, and count at the end."""
    spent = Amounts.of(account.spent)
    found = []
    for number, (unit, limit) in enumerate(zip(UNITS, limits, strict=True)):
        if limit is not None:
            found.append(Simulated(unit, limit, spent[number], _reached(account, number, limit)))
    return found


def _reached(account: PeriodAccount, unit: int, limit: int) -> str | None:
    total = NOTHING
    for entry in account.days:
        total = total.plus(Amounts.of(entry.spent))
        if total[unit] > limit:
            return entry.day
    return "the end" if Amounts.of(account.spent)[unit] > limit else None
