# SPDX-License-Identifier: Apache-2.0
"""How gateways share what is left of a period: the account in a Ledger, and the few ways in which it changes.

A gateway takes a lease, spends from it in memory, and tells later what of it was spent. A lease counts as used while it
is held, so `spent + leases` never grows beyond a limit, and what really was spent is never more than that sum: a
gateway that ends without a word leaves its whole lease behind as spent. All of it is pure; whoever writes compares and
swaps the whole Ledger.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from genapps.api.ledger import MOST_DAYS, MOST_LEASES, Activity, DayTotal, Exhausted, Lease, PeriodAccount
from genapps.core.budgets.amounts import NOTHING, UNITS, Amounts, Limits

LEASE_SECONDS = 300
"""A holder that has written nothing for so long is taken to be gone. One that lives finds its lease lost, and loses
nothing but that."""
NO_ACTIVITY = Activity()
_HARDLY_ANYTHING = 200
"""A unit is exhausted when less than this part of its limit is not spent."""


@dataclass(frozen=True, slots=True)
class Write:
    """What one gateway tells of an account."""

    holder: str
    """`<pod>/<process>` of the gateway."""
    serial: int
    """Grows with each write of the holder."""
    used: Amounts = NOTHING
    """Spent since its last write, from its lease as far as the units are limited."""
    over: Amounts = NOTHING
    """Spent beyond what had been set aside."""
    hold: Amounts | None = NOTHING
    """What it wants to hold afterwards; None: nothing more, for it ends."""
    activity: Activity = NO_ACTIVITY
    day: str | None = None
    """The day in UTC; None: days are not told apart."""


class Short(NamedTuple):
    """There is too little left: of which unit, and what stands against its limit."""

    unit: str
    spent: int
    leased: int
    limit: int


def written(account: PeriodAccount, write: Write, limits: Limits, now: datetime) -> PeriodAccount | Short:
    """The account after a gateway's write; Short when it wants to hold more than is left, and then nothing changes.

    A write that holds no more than before is never refused, whatever became of the limits: what was spent is spent.
    """
    before = lease_of(account, write.holder)
    had = Amounts.of(before.amounts) if before is not None else NOTHING
    others = tuple(lease for lease in account.leases if lease.holder != write.holder)
    spent = Amounts.of(account.spent).plus(write.used).plus(write.over)
    held_by_others = _sum(Amounts.of(lease.amounts) for lease in others)
    hold = NOTHING if write.hold is None else write.hold
    for unit, told, held, wanted, old, used, limit in zip(
        UNITS, spent, held_by_others, hold, had, write.used, limits, strict=True
    ):
        if limit is not None and wanted + used > old and told + held + wanted > limit:
            return Short(unit, told, held + max(0, old - used), limit)
    if write.hold is None:
        leases = others
    else:
        # An empty lease stays: its serial tells whether a write whose answer was lost was made.
        leases = (*others, Lease(holder=write.holder, serial=write.serial, at=now, amounts=hold.stored()))
    return account.model_copy(
        update={
            "spent": spent.stored(),
            "overrun": Amounts.of(account.overrun).plus(write.over).stored(),
            "leases": leases,
            "exhausted": still_exhausted(account.exhausted, limits),
            "activity": summed(account.activity, write.activity),
            "days": account.days if write.day is None else _on_day(account.days, write),
        }
    )


def reclaimed(account: PeriodAccount, holder: str, now: datetime) -> PeriodAccount:
    """The account without leases whose holders are gone: what they held counts as spent.

    Gone is who was silent for LEASE_SECONDS, an earlier process of the pod that asks, and who was silent longest where
    there is no room for one more.
    """
    pod = holder.partition("/")[0]
    others = sorted((lease for lease in account.leases if lease.holder != holder), key=lambda lease: lease.at)
    crowd = others[: max(0, len(others) - MOST_LEASES + 1)]

    def gone(lease: Lease) -> bool:
        silent = now - lease.at > timedelta(seconds=LEASE_SECONDS)
        return silent or lease.holder.partition("/")[0] == pod or lease in crowd

    lost = [lease for lease in others if gone(lease)]
    if not lost:
        return account
    spent = _sum((Amounts.of(account.spent), *(Amounts.of(lease.amounts) for lease in lost)))
    kept = tuple(lease for lease in account.leases if lease not in lost)
    return account.model_copy(update={"spent": spent.stored(), "leases": kept})


def rolled(
    account: PeriodAccount | None, previous: PeriodAccount | None, period: str
) -> tuple[PeriodAccount, PeriodAccount | None]:
    """The account of a period and the one before it; a period that is over is never begun again.

    Leases stay with the period they were taken in: their holders tell there what they spent.
    """
    if account is None:
        return PeriodAccount(period=period), previous
    if account.period >= period:
        return account, previous
    return PeriodAccount(period=period), account


def exhausted(account: PeriodAccount, short: Short, limits: Limits, now: datetime) -> PeriodAccount | None:
    """The account with the unit marked of which hardly anything is left; None when there is nothing to mark.

    What is leased may come back, and a mark holds until the limit is raised or the period ends: only what is spent
    counts. Else an app could stop its neighbours by calls that set aside all that is left, and use none of it.
    """
    known = still_exhausted(account.exhausted, limits)
    if not _hardly_left(short.spent, short.limit) or any(entry.unit == short.unit for entry in known):
        return None
    entry = Exhausted(unit=short.unit, limit=short.limit, at=now)
    return account.model_copy(update={"exhausted": (*known, entry)})


def scarce_units(account: PeriodAccount, limits: Limits) -> tuple[int, ...]:
    """The units, by their places in UNITS, of which hardly anything is left that is neither spent nor leased."""
    taken = enumerate(zip(committed(account), limits, strict=True))
    return tuple(unit for unit, (amount, limit) in taken if limit is not None and _hardly_left(amount, limit))


def still_exhausted(entries: Iterable[Exhausted], limits: Limits) -> tuple[Exhausted, ...]:
    """The units that are exhausted under these limits: one whose limit was raised, or lifted, is not."""
    by_unit = dict(zip(UNITS, limits, strict=True))

    def holds(entry: Exhausted) -> bool:
        limit = by_unit.get(entry.unit)
        return limit is not None and limit <= entry.limit

    return tuple(filter(holds, entries))


def lease_of(account: PeriodAccount, holder: str) -> Lease | None:
    """What a gateway holds; None: nothing, or what it held was taken to be spent."""
    return next((lease for lease in account.leases if lease.holder == holder), None)


def committed(account: PeriodAccount) -> Amounts:
    """What is spent and what is leased, together."""
    return _sum((Amounts.of(account.spent), *(Amounts.of(lease.amounts) for lease in account.leases)))


def summed(one: Activity, other: Activity) -> Activity:
    """Figures of both."""
    if other == NO_ACTIVITY:
        return one
    return Activity(**{name: getattr(one, name) + getattr(other, name) for name in Activity.model_fields})


def _hardly_left(taken: int, limit: int) -> bool:
    return limit - taken <= limit // _HARDLY_ANYTHING


def _sum(amounts: Iterable[Amounts]) -> Amounts:
    total = NOTHING
    for each in amounts:
        total = total.plus(each)
    return total


def _on_day(days: tuple[DayTotal, ...], write: Write) -> tuple[DayTotal, ...]:
    spent = write.used.plus(write.over)
    if spent == NOTHING or write.day is None:
        return days
    totals = {entry.day: Amounts.of(entry.spent) for entry in days}
    totals[write.day] = totals.get(write.day, NOTHING).plus(spent)
    return tuple(DayTotal(day=day, spent=totals[day].stored()) for day in sorted(totals)[-MOST_DAYS:])
