# SPDX-License-Identifier: Apache-2.0
"""One account of one app or budget, as this gateway keeps it: pockets by period, and the writes that fill them.

Every write reads the Ledger first and swaps it as a whole. A write whose answer was lost is recognised by its serial at
the next one, so nothing is told twice or left out.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from genapps.api.ledger import Lease, LedgerRecord, PeriodAccount
from genapps.cluster.resources import Object
from genapps.core.budgets import accounts
from genapps.core.budgets.accounts import Short, Write
from genapps.core.budgets.amounts import NOTHING, UNLIMITED, Amounts, Limits
from genapps.gateway.budgets.pocket import Pocket
from genapps.gateway.ledgers.objects import dumped

Change = Callable[[Callable[[Object], Object | None]], Any]
"""Swaps the record of the book's Ledger for what a function makes of it; see `ledgers.swap`."""


@dataclass(slots=True, eq=False)
class Book:
    """`name` is that of the Ledger, `about` what its record says it is of, `holder` this process."""

    name: str
    about: Object
    holder: str
    serials: itertools.count[int]
    by_day: bool
    """Whether days are told apart."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by whoever writes."""
    pockets: dict[str, Pocket] = field(default_factory=dict)
    """By period: of the current one, and of the one before while it has something to tell."""
    limits: Limits = UNLIMITED
    """As they were last applied."""
    seen: PeriodAccount | None = None
    """The account as it was last read or written."""
    written: float = float("-inf")
    """When it was last tried to write, monotonic."""
    used_at: float = float("-inf")
    """When it was last asked for something, monotonic."""
    refused: tuple[float, Limits, Amounts, Short] | None = None
    """The last refusal of the Ledger, and until when it is taken as the answer to the same question."""
    _sent: tuple[Pocket, Write] | None = None
    """What the swap that is under way tells."""

    def pocket(self, period: str) -> Pocket:
        """The pocket of a period."""
        pocket = self.pockets.get(period)
        if pocket is None:
            pocket = self.pockets[period] = Pocket(period)
        return pocket

    def seen_now(self, object_: Object) -> None:
        """A Ledger of this account was read or written by somebody. Raises pydantic.ValidationError."""
        self._see(LedgerRecord.model_validate(object_["record"]).account)

    async def fill(self, change: Change, period: str, bound: Amounts, limits: Limits, now: datetime) -> Short | None:
        """Hold enough for `bound`, or say what is short. The lock is held. Raises ApiError and ValidationError."""
        outcome: Short | None = None

        def refilled(record: Object) -> Object | None:
            nonlocal outcome
            outcome = None
            ledger = self._read(record)
            target, current, previous = self._opened(ledger, period, now)
            pocket = self.pocket(period)
            if target is None or target is not current:
                raise PeriodOverError(period)
            if pocket.covers(bound, limits):
                return None
            held = accounts.committed(target)
            for hold in (pocket.ample_hold(bound, limits, held), pocket.least_hold(bound, limits)):
                write = pocket.write(self.holder, next(self.serials), hold, self._day(now))
                after = accounts.written(target, write, limits, now)
                if not isinstance(after, Short):
                    outcome, self._sent = None, (pocket, write)
                    return self._record(record, after, previous)
                pocket.not_sent()
                outcome = after
            marked = accounts.exhausted(target, outcome, limits, now) if outcome is not None else None
            return None if marked is None else self._record(record, marked, previous)

        await self._change(change, refilled)
        return outcome

    async def tell(self, change: Change, period: str, now: datetime, *, end: bool, idle: bool) -> None:
        """Tell what was spent; give back what is not needed when it is `idle`, and leave when the process is to `end`.
        The lock is held. Raises ApiError and ValidationError."""

        def told(record: Object) -> Object | None:
            ledger = self._read(record)
            target, current, previous = self._opened(ledger, period, now)
            pocket = self.pocket(period)
            limits = self.limits
            if target is None:
                del self.pockets[period]  # nobody keeps an account of it any more
                return None
            left = limits.of_limited(pocket.lease.minus(pocket.used))
            needed = left.least(pocket.reserved)
            hold = needed if idle or end or target is not current else left
            write = pocket.write(
                self.holder, next(self.serials), None if end and hold == NOTHING else hold, self._day(now)
            )
            after = accounts.written(target, write, limits, now)
            if isinstance(after, Short):
                raise RuntimeError("giving back is never refused")  # noqa: TRY004 (no type of an argument)
            self._sent = (pocket, write)
            return self._record(record, *((after, previous) if target is current else (current, after)))

        await self._change(change, told)

    async def _change(self, change: Change, changed: Callable[[Object], Object | None]) -> None:
        """Swap, and take what was sent for made when its answer comes."""
        self._sent = None
        if await change(changed) and self._sent is not None:
            pocket, write = self._sent
            pocket.made(write)

    def _read(self, record: Object) -> LedgerRecord:
        return LedgerRecord.model_validate(record or self.about)

    def _opened(
        self, ledger: LedgerRecord, period: str, now: datetime
    ) -> tuple[PeriodAccount | None, PeriodAccount, PeriodAccount | None]:
        """The account of the period, if there is one, the current account and the one before. What is known of the
        last write is settled first."""
        current, previous = accounts.rolled(ledger.account, ledger.previous, period)
        current = accounts.reclaimed(current, self.holder, now)
        previous = None if previous is None else accounts.reclaimed(previous, self.holder, now)
        self._see(current)
        target = next((each for each in (current, previous) if each is not None and each.period == period), None)
        if target is not None:
            self._settle_last_write(period, accounts.lease_of(target, self.holder))
        return target, current, previous

    def _settle_last_write(self, period: str, lease: Lease | None) -> None:
        """What the Ledger says of it."""
        self._sent = None
        pocket = self.pocket(period)
        if lease is None and pocket.lease != NOTHING:
            self.pockets[period] = pocket.lost()
            return
        made = [write for write in pocket.attempts if lease is not None and write.serial == lease.serial]
        for write in made:
            pocket.made(write)

    def _record(self, record: Object, account: PeriodAccount, previous: PeriodAccount | None) -> Object:
        self._see(account)
        after = (record or self.about) | {"account": dumped(account)}
        return after if previous is None else after | {"previous": dumped(previous)}

    def _see(self, account: PeriodAccount | None) -> None:
        if account is None or (self.seen is not None and account.period < self.seen.period):
            return
        self.seen = account
        if (pocket := self.pockets.get(account.period)) is not None:
            pocket.scarce = accounts.scarce_units(account, self.limits)

    def _day(self, now: datetime) -> str | None:
        return now.strftime("%Y-%m-%d") if self.by_day else None


class PeriodOverError(Exception):
    """The account is in a later period already: what the gateway knows of the budget lags behind."""
