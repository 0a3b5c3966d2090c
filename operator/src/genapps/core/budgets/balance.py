# SPDX-License-Identifier: Apache-2.0
"""Where a budget, or an app of it, stands in its period: what is spent, what is left, and what the end will bring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from genapps.api.budgetrecord import PublishedBudget
from genapps.api.fields import LARGEST
from genapps.api.ledger import DayTotal, Exhausted, PeriodAccount
from genapps.api.quantities import dollars
from genapps.core.budgets import accounts
from genapps.core.budgets.amounts import UNITS, Amounts, Limits

STATE_UNIT = "stateGiBHours"
MIB_SECONDS = 1024 * 3600
"""In a GiB hour."""
_SHOWN = {"tokens": "tokens", "toolCalls": "toolCalls", "cpuMillis": "cpuSeconds", "costMicros": "costUSD"}
"""Units as people name them in limits, by their names in Ledgers."""
_RECENT_DAYS = 7


@dataclass(frozen=True, slots=True)
class Exhaustion:
    """A limit of which hardly anything is left."""

    bucket: str
    """`app`, or `budget <name>`."""
    unit: str
    """As in `spec.limits`."""
    ends_at: datetime
    """The end of the period."""


def shown_unit(unit: str) -> str:
    """A unit as people name it in limits."""
    return _SHOWN[unit]


def published_limits(budget: PublishedBudget) -> Limits:
    """The limits of what gateways count."""
    limits = budget.limits
    return Limits(limits.tokens, limits.tool_calls, limits.cpu_millis, limits.cost_micros)


def current(budget: PublishedBudget, account: PeriodAccount | None) -> PeriodAccount:
    """The account of the published period; an empty one where nothing was spent in it."""
    return account if account is not None and account.period == budget.period else PeriodAccount(period=budget.period)


def exhausted_units(budget: PublishedBudget, account: PeriodAccount | None) -> tuple[str, ...]:
    """The units of a budget that are exhausted, as people name them, whether or not its limits are enforced."""
    units = [_SHOWN[entry.unit] for entry in _exhausted(budget, account, published_limits(budget))]
    limit = budget.limits.state_mib_seconds
    return (*units, STATE_UNIT) if limit is not None and budget.state.mib_seconds >= limit else tuple(units)


def refused_units(budget: PublishedBudget, account: PeriodAccount | None) -> tuple[str, ...]:
    """Those of them that are refused: none while limits are only counted."""
    return exhausted_units(budget, account) if budget.mode == "Enforce" else ()


def exhaustion(
    budget: PublishedBudget, shared: PeriodAccount | None, own: PeriodAccount | None, ceilings: Limits
) -> Exhaustion | None:
    """What an app stands before: its own ceiling first, then the budget. None while limits are only counted."""
    if budget.mode != "Enforce":
        return None
    for entry in _exhausted(budget, own, ceilings):
        return Exhaustion("app", _SHOWN[entry.unit], budget.ends_at)
    for unit in refused_units(budget, shared):
        return Exhaustion(f"budget {budget.budget}", unit, budget.ends_at)
    return None


def percent(spent: Amounts, limits: Limits) -> int | None:
    """The highest share of a limit that is spent, in whole percent, rounded down; None where nothing is limited."""
    shares = [
        100 if not limit else amount * 100 // limit
        for amount, limit in zip(spent, limits, strict=True)
        if limit is not None
    ]
    return max(shares, default=None)


def budget_percent(budget: PublishedBudget, account: PeriodAccount) -> int | None:
    """The same of a budget, with the sizes of its claims."""
    shares = [percent(Amounts.of(account.spent), published_limits(budget))]
    if (limit := budget.limits.state_mib_seconds) is not None:
        shares.append(budget.state.mib_seconds * 100 // limit if limit else 100)
    return max((share for share in shares if share is not None), default=None)


def forecast(budget: PublishedBudget, account: PeriodAccount, now: datetime) -> Amounts | None:
    """What will be spent at the end of the period, if it goes on as in the last seven days.

    Days are those of UTC. Today counts for as much of it as has passed, and a day without a call counts as nothing.
    None before a day of the period has passed, and for a period that is over. No unit is more than LARGEST.
    """
    if not budget.starts_at + timedelta(days=1) <= now < budget.ends_at:
        return None
    since = max(budget.starts_at, now - timedelta(days=_RECENT_DAYS))
    first = max(since, _midnight(since))
    recent = _since(account.days, first)
    seconds, left = max(1, _seconds(first, now)), _seconds(now, budget.ends_at)
    spent = Amounts.of(account.spent)
    ahead = (done + -(-lately * left // seconds) for done, lately in zip(spent, recent, strict=True))
    return Amounts(*(min(amount, LARGEST) for amount in ahead))


def state_forecast(budget: PublishedBudget) -> int:
    """The MiB seconds of claims at the end of the period, if the claims that were last counted stay as they are."""
    state = budget.state
    return min(state.mib_seconds + state.mib * max(0, _seconds(state.at, budget.ends_at)), LARGEST)


def shown(amounts: Sequence[int | None]) -> dict[str, int | str]:
    """Amounts in the order of the units, as status shows them; what is None is left out."""
    tokens, tool_calls, cpu_millis, cost_micros = amounts
    found = {
        "tokens": tokens,
        "toolCalls": tool_calls,
        "cpuSeconds": None if cpu_millis is None else cpu_millis // 1000,
        "costUSD": None if cost_micros is None else dollars(cost_micros),
    }
    return {name: value for name, value in found.items() if value is not None}


def left_of(account: PeriodAccount, limits: Limits) -> tuple[int | None, ...]:
    """What is neither spent nor leased, in the order of the units; None where there is no limit."""
    taken = accounts.committed(account)
    return tuple(None if limit is None else max(0, limit - amount) for amount, limit in zip(taken, limits, strict=True))


def _exhausted(budget: PublishedBudget, account: PeriodAccount | None, limits: Limits) -> Sequence[Exhausted]:
    """A limit below what is spent is exhausted also before anybody asked for more."""
    known = current(budget, account)
    marked = {entry.unit: entry for entry in accounts.still_exhausted(known.exhausted, limits)}
    for unit, spent, limit in zip(UNITS, Amounts.of(known.spent), limits, strict=True):
        if limit is not None and spent >= limit and unit not in marked:
            marked[unit] = Exhausted(unit=unit, limit=limit, at=budget.starts_at)
    return [marked[unit] for unit in UNITS if unit in marked]


def _since(days: Sequence[DayTotal], first: datetime) -> Amounts:
    total = Amounts()
    for entry in days:
        if entry.day >= f"{first:%Y-%m-%d}":
            total = total.plus(Amounts.of(entry.spent))
    return total


def _midnight(moment: datetime) -> datetime:
    """The next one in UTC, unless the moment is one."""
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return day if day == moment else day + timedelta(days=1)


def _seconds(since: datetime, until: datetime) -> int:
    return int((until - since).total_seconds())
