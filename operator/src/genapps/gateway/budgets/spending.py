# SPDX-License-Identifier: Apache-2.0
"""Pays for calls and CPU: the app's ceiling first, then the budget's envelope, and both or neither.

Calls are paid from leases in memory. Only who finds a lease too small waits for a write; others of the same account
wait with them. An account that cannot be read or written pays nothing.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog
from pydantic import ValidationError

from genapps.api.ledger import Activity
from genapps.api.names import budget_ledger
from genapps.cluster import clocks
from genapps.cluster.errors import ApiError
from genapps.cluster.resources import Object
from genapps.core.budgets import accounts
from genapps.core.budgets.accounts import Short
from genapps.core.budgets.amounts import NOTHING, UNITS, UNLIMITED, Amounts, Limits
from genapps.core.budgets.cost import cpu_cost
from genapps.gateway.budgets.book import Book, PeriodOverError
from genapps.gateway.budgets.envelope import Envelope
from genapps.gateway.budgets.grants import grants, millis_left
from genapps.gateway.budgets.pocket import Pocket
from genapps.gateway.callers.records import App
from genapps.gateway.ledgers.objects import Objects, dumped
from genapps.gateway.ledgers.rounds import ROUND_SECONDS
from genapps.gateway.ledgers.swap import WRITE_SECONDS, LedgerSwap
from genapps.gateway.metrics import Metrics

TOLD_SECONDS = 60.0
"""What was spent is told at the latest so long after the last time."""
IDLE_SECONDS = 30.0
"""A lease that nothing was paid from for so long is given back."""
MOST_IN_A_ROUND = 64
"""Ledgers that are written in one round, however many apps are busy."""
_REMEMBERED_SECONDS = 1.0
"""How long a refusal of a Ledger answers the same question: a crowd at a limit reads it once."""
_STOP_SECONDS = 8.0
_OF_EVERY_ACTION = ("cpuMillis", "costMicros")
"""Units that each action uses; where CPU has no price, only the first one."""
_AT_ONCE = 16

_log = structlog.get_logger(__name__)


class SpendingUnavailableError(Exception):
    """Whether there is anything left cannot be known at the moment, so nothing is paid."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """What one call has set aside in the app's account and in the budget's."""

    bound: Amounts
    pockets: tuple[Pocket, Pocket]


@dataclass(frozen=True, slots=True)
class OverLimit:
    """A limit that leaves too little: whose it is, and what stands against it."""

    bucket: str
    """`app`, or `budget <name>`."""
    unit: str
    spent: int
    """Spent, and leased to gateways."""
    limit: int
    ends_at: datetime
    """The end of the period."""


@dataclass(frozen=True, slots=True)
class Credit:
    """CPU that was paid for, or which limit left none."""

    cpu_millis: int
    over: OverLimit | None


class Spending:
    """All accounts of this process. `find` gives the envelope of a budget; `holder` is `<pod>/<process>`."""

    def __init__(
        self,
        objects: Objects,
        namespace: str,
        metrics: Metrics,
        find: Callable[[str], Envelope | None],
        holder: str,
        clock: Callable[[], datetime] = clocks.utc_now,
        monotonic: Callable[[], float] = clocks.monotonic,
    ) -> None:
        self._swap = LedgerSwap(objects, namespace, metrics)
        self._metrics = metrics
        self._find = find
        self._holder = holder
        self._clock = clock
        self._monotonic = monotonic
        self._serials = itertools.count(1)
        self._books: dict[str, Book] = {}
        self.urgent = asyncio.Event()
        """Set when a round must not wait: what was spent just now may exhaust a limit, and the operator acts on it."""

    def envelope(self, app: App) -> Envelope | None:
        """The budget that pays for an app; None: nobody does."""
        return self._find(app.record.budget)

    async def reserve(self, app: App, envelope: Envelope, bound: Amounts) -> Reserved | OverLimit:
        """Set aside what a call may cost at most. Raises SpendingUnavailableError."""
        own, shared = self._own(app), self._shared(envelope)
        ceilings, limits = _in_force(app, envelope)
        mine = await self._taken(own, envelope, bound, ceilings)
        if isinstance(mine, Short):
            return _over("app", mine, envelope)
        try:
            ours = await self._taken(shared, envelope, bound, limits)
        except BaseException:
            mine.give_back(bound)
            raise
        if isinstance(ours, Short):
            mine.give_back(bound)
            return _over(f"budget {envelope.budget}", ours, envelope)
        if not envelope.enforced and (
            _beyond(own, envelope.period, app.ceilings) or _beyond(shared, envelope.period, envelope.limits)
        ):
            self.note(app, envelope, Activity(shadow_refusals=1))
        return Reserved(bound, (mine, ours))

    def settle(self, reserved: Reserved, used: Amounts) -> Amounts:
        """The call has ended; returns what it used beyond its bound, which is booked all the same."""
        mine, ours = reserved.pockets
        mine.settle(reserved.bound, used)
        over = ours.settle(reserved.bound, used)
        if (mine.scarce and mine.is_urgent) or (ours.scarce and ours.is_urgent):
            self.urgent.set()
        return over

    def release(self, reserved: Reserved) -> None:
        """The call was not made."""
        for pocket in reserved.pockets:
            pocket.give_back(reserved.bound)

    def charge(self, app: App, envelope: Envelope, amounts: Amounts) -> None:
        """Something was used that nobody had set aside."""
        for book, limits in zip((self._own(app), self._shared(envelope)), _in_force(app, envelope), strict=True):
            book.pocket(envelope.period).charge(amounts, limits)
            book.limits = limits

    async def credit(self, app: App, envelope: Envelope, wanted: int) -> Credit | None:
        """CPU milliseconds that the app's pod may use from now on, paid here and now; None: nothing that every action
        uses is limited. `wanted` is what those need who wait; 0 asks only whether the app may go on. Where less is
        left, it is for as many actions as fit. Raises SpendingUnavailableError."""
        ceilings, limits = _in_force(app, envelope)
        priced = envelope.cpu_micros_per_hour > 0
        scarce = any(
            limit.cpu_millis is not None or (priced and limit.cost_micros is not None) for limit in (ceilings, limits)
        )
        if not scarce and not (envelope.enforced and envelope.state_limited):
            return None
        units = _OF_EVERY_ACTION if priced else _OF_EVERY_ACTION[:1]
        over = self.exhausted(app, envelope, units) or _of_state(envelope)
        if over is not None or wanted <= 0:
            return Credit(0, over)
        action = app.record.tier.cpu_millis_per_action
        for millis in grants(lambda: self._left_millis(app, envelope), wanted, action):
            bound = Amounts(cpu_millis=millis, cost_micros=cpu_cost(millis, envelope.cpu_micros_per_hour))
            reserved = await self.reserve(app, envelope, bound)
            if isinstance(reserved, Reserved):
                self.settle(reserved, bound)
                return Credit(millis, None)
            over = reserved
        return Credit(0, over)

    def note(self, app: App, envelope: Envelope, activity: Activity) -> None:
        """Figures of an app, which its budget adds up."""
        for book in (self._own(app), self._shared(envelope)):
            book.pocket(envelope.period).note(activity)
            book.used_at = max(book.used_at, self._monotonic())

    def exhausted(self, app: App, envelope: Envelope, units: tuple[str, ...] = UNITS) -> OverLimit | None:
        """The first of these units of which hardly anything is left, as far as it was read here."""
        if not envelope.enforced:
            return None
        for bucket, book, limits in (
            ("app", self._own(app), app.ceilings),
            (f"budget {envelope.budget}", self._shared(envelope), envelope.limits),
        ):
            account = book.seen
            if account is None or account.period != envelope.period:
                continue
            taken = dict(zip(UNITS, accounts.committed(account), strict=True))
            for entry in accounts.still_exhausted(account.exhausted, limits):
                if entry.unit in units:
                    return OverLimit(bucket, entry.unit, taken[entry.unit], entry.limit, envelope.ends_at)
        return None

    def listed(self, objects: Sequence[Object], _resource_version: str) -> None:
        """A complete list of Ledgers."""
        for object_ in objects:
            self.changed(object_)

    def changed(self, object_: Object) -> None:
        """Somebody wrote a Ledger."""
        book = self._books.get(str(object_["metadata"]["name"]))
        if book is None:
            return
        try:
            book.seen_now(object_)
        except ValidationError as error:
            _log.error("ledger_unreadable", child=book.name, faults=error.error_count())

    def deleted(self, object_: Object) -> None:
        """A Ledger was purged."""
        book = self._books.get(str(object_["metadata"]["name"]))
        if book is not None:
            book.seen = None

    def forget(self, child: str) -> None:
        """The operator purged an app's record."""
        self._books.pop(child, None)

    async def write(self) -> None:
        """One round: tell what was spent and give back what nobody needs, of the accounts that are due, those that wait
        longest first. An outage ends it."""
        now = self._monotonic()
        due = sorted((book for book in self._books.values() if self._due(book, now)), key=lambda book: book.written)
        for book in due[:MOST_IN_A_ROUND]:
            if not await self._tell(book, end=False):
                return

    async def stop(self) -> None:
        """Tell all that was spent and give back all leases; what cannot be told in time counts as spent."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def tell(book: Book) -> None:
            async with gate:
                await self._tell(book, end=True)

        # The budgets' first: what is not given back of them, all their apps miss.
        books = sorted(self._books.values(), key=lambda book: not book.by_day)
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await asyncio.gather(*map(tell, books))

    async def _taken(self, book: Book, envelope: Envelope, bound: Amounts, limits: Limits) -> Pocket | Short:
        period = envelope.period
        book.used_at, book.limits = self._monotonic(), limits
        pocket = book.pocket(period)
        if pocket.take(bound, limits):
            return pocket
        async with book.lock:
            if (pocket := book.pocket(period)).take(bound, limits):
                return pocket
            short = self._remembered(book, bound, limits)
            if short is not None:
                return short
            short = await self._filled(book, period, bound, limits)
            if short is not None:
                book.refused = (self._monotonic() + _REMEMBERED_SECONDS, limits, bound, short)
                return short
            if (pocket := book.pocket(period)).take(bound, limits):
                return pocket
        raise SpendingUnavailableError

    def _remembered(self, book: Book, bound: Amounts, limits: Limits) -> Short | None:
        if book.refused is None:
            return None
        until, under, asked, short = book.refused
        same = under == limits and all(mine >= theirs for mine, theirs in zip(bound, asked, strict=True))
        return short if same and self._monotonic() < until else None

    async def _filled(self, book: Book, period: str, bound: Amounts, limits: Limits) -> Short | None:
        book.written = self._monotonic()
        change = partial(self._swap.change, book.name)
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                return await book.fill(change, period, bound, limits, self._clock())
        except PeriodOverError as error:
            raise SpendingUnavailableError from error
        except (ApiError, TimeoutError, ValidationError) as error:
            self._failed(book, error)
            raise SpendingUnavailableError from error

    async def _tell(self, book: Book, *, end: bool) -> bool:
        """False: the API server does not answer."""
        async with book.lock:
            now = self._monotonic()
            idle = now - book.used_at >= IDLE_SECONDS
            book.written = now
            for period, pocket in list(book.pockets.items()):
                if not (end or pocket.has_news or pocket.is_held):
                    continue
                try:
                    async with asyncio.timeout(WRITE_SECONDS):
                        change = partial(self._swap.change, book.name)
                        await book.tell(change, period, self._clock(), end=end, idle=idle)
                except (ApiError, TimeoutError) as error:
                    self._failed(book, error)
                    return False
                except ValidationError as error:
                    self._failed(book, error)
            self._tidy(book)
        return True

    def _due(self, book: Book, now: float) -> bool:
        waited, idle = now - book.written, now - book.used_at >= IDLE_SECONDS
        for pocket in book.pockets.values():
            held = pocket.is_held
            if (pocket.has_news or held) and waited >= TOLD_SECONDS:
                return True
            if pocket.is_urgent:
                return True
            if held and idle and pocket.reserved == NOTHING and waited >= ROUND_SECONDS:
                return True
        return False

    def _tidy(self, book: Book) -> None:
        """Forget the pockets of earlier periods that are empty."""
        newest = max(book.pockets, default="")
        for period in [period for period, pocket in book.pockets.items() if period < newest and pocket.is_idle]:
            del book.pockets[period]

    def _left_millis(self, app: App, envelope: Envelope) -> int:
        """CPU milliseconds that are left of the app's ceiling and of the budget, as far as it was read here."""
        price = envelope.cpu_micros_per_hour
        books = zip((self._own(app), self._shared(envelope)), _in_force(app, envelope), strict=True)
        return min(millis_left(limits, _taken_of(book, envelope.period), price) for book, limits in books)

    def _failed(self, book: Book, error: Exception) -> None:
        self._metrics.ledger_writes.labels("failed").inc()
        _log.warning("spending_not_written", ledger=book.name, error=repr(error)[:200])

    def _own(self, app: App) -> Book:
        book = self._books.get(app.child)
        return book or self._book(app.child, {"app": dumped(app.record.app)}, by_day=False)

    def _shared(self, envelope: Envelope) -> Book:
        name = budget_ledger(envelope.budget)
        return self._books.get(name) or self._book(name, {"budget": envelope.budget}, by_day=True)

    def _book(self, name: str, about: Object, *, by_day: bool) -> Book:
        """A new one."""
        book = self._books[name] = Book(name, about, self._holder, self._serials, by_day)
        return book


def _in_force(app: App, envelope: Envelope) -> tuple[Limits, Limits]:
    """The app's ceilings and the budget's limits, which are none while they are only counted."""
    return (app.ceilings, envelope.limits) if envelope.enforced else (UNLIMITED, UNLIMITED)


def _taken_of(book: Book, period: str) -> Amounts:
    """What is spent and leased of an account, as far as it is known here."""
    account = book.seen
    return accounts.committed(account) if account is not None and account.period == period else NOTHING


def _beyond(book: Book, period: str, limits: Limits) -> bool:
    """Whether these limits would have refused what was just reserved."""
    pocket = book.pocket(period)
    taken = _taken_of(book, period).plus(pocket.used).plus(pocket.reserved)
    return limits.of_limited(taken).minus(Amounts(*(limit or 0 for limit in limits))) != NOTHING


def _over(bucket: str, short: Short, envelope: Envelope) -> OverLimit:
    return OverLimit(bucket, short.unit, short.spent + short.leased, short.limit, envelope.ends_at)


def _of_state(envelope: Envelope) -> OverLimit | None:
    if envelope.state_exhausted is None:
        return None
    spent, limit = envelope.state_exhausted
    return OverLimit(f"budget {envelope.budget}", "stateMibSeconds", spent, limit, envelope.ends_at)
