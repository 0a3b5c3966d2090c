# SPDX-License-Identifier: Apache-2.0
"""What this gateway holds of one account, and pays calls from. No input or output: `book` reads and writes.

In each limited unit `used + reserved <= lease`, always: what is reserved here is already counted in the Ledger. Of
units without a limit nothing is leased, and what was used of them is told all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from genapps.api.ledger import Activity
from genapps.core.budgets import accounts
from genapps.core.budgets.accounts import NO_ACTIVITY, Write
from genapps.core.budgets.amounts import NOTHING, Amounts, Limits

_SHARE = 20
"""A lease is at least this part of what is left, so that few calls wait for a write."""
_MOST_ATTEMPTS = 8


@dataclass(slots=True, eq=False)
class Pocket:
    """One period of one account."""

    period: str
    lease: Amounts = NOTHING
    used: Amounts = NOTHING
    """Settled, and not told yet."""
    over: Amounts = NOTHING
    """Used beyond what was reserved, and not told yet."""
    reserved: Amounts = NOTHING
    """For calls that are under way."""
    activity: Activity = NO_ACTIVITY
    attempts: list[Write] = field(default_factory=list)
    """Writes of which it is not known whether they were made; one of them at most was."""
    scarce: tuple[int, ...] = ()
    """Units, by their places, of which hardly anything is left beside what gateways hold: what is spent of them may
    exhaust a limit, so it is told at once."""
    successor: Pocket | None = None
    """Set when the lease was lost: the Ledger counts all of it as spent. What it did not cover is told by this one."""

    @property
    def is_held(self) -> bool:
        """Whether the Ledger may hold something for it. What a write gave back is not held here any more, and still
        there until it is known that the write was made."""
        return self.lease != NOTHING or bool(self.attempts)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is held, under way or to be told."""
        return not self.is_held and self.reserved == NOTHING and not self.has_news

    @property
    def has_news(self) -> bool:
        """Whether there is something to tell."""
        return self.used != NOTHING or self.over != NOTHING or self.activity != NO_ACTIVITY

    @property
    def is_urgent(self) -> bool:
        """Whether there is something to tell of a scarce unit. What is spent of others can wait, however many calls
        use them: a limit of nothing is always used up."""
        return any(self.used[unit] or self.over[unit] for unit in self.scarce)

    def covers(self, bound: Amounts, limits: Limits) -> bool:
        """Whether one call more can be paid."""
        used, reserved, lease = self.used, self.reserved, self.lease
        for unit, limit in enumerate(limits):
            if limit is not None and bound[unit] and used[unit] + reserved[unit] + bound[unit] > lease[unit]:
                return False
        return True

    def take(self, bound: Amounts, limits: Limits) -> bool:
        """Reserve for one call, or nothing at all."""
        if not self.covers(bound, limits):
            return False
        self.reserved = self.reserved.plus(bound)
        return True

    def give_back(self, bound: Amounts) -> None:
        """A call was not made."""
        self.reserved = self.reserved.minus(bound)

    def settle(self, bound: Amounts, used: Amounts) -> Amounts:
        """A call has ended; returns what it used beyond its bound."""
        over = used.minus(bound)
        self.reserved = self.reserved.minus(bound)
        self.spend(used.minus(over), over)
        return over

    def charge(self, amounts: Amounts, limits: Limits) -> None:
        """Something was used that nobody had set aside: of limited units that is an overrun."""
        over = limits.of_limited(amounts)
        self.spend(amounts.minus(over), over)

    def note(self, activity: Activity) -> None:
        """Figures."""
        pocket = self.living()
        pocket.activity = accounts.summed(pocket.activity, activity)

    def least_hold(self, bound: Amounts, limits: Limits) -> Amounts:
        """What must be held so that `bound` can be taken, and nothing more of the units that are short."""
        left, needed = self.lease.minus(self.used), self.reserved.plus(bound)
        return limits.of_limited(Amounts(*(max(have, need) for need, have in zip(needed, left, strict=True))))

    def ample_hold(self, bound: Amounts, limits: Limits, committed: Amounts) -> Amounts:
        """The same, with a share of what is left of each unit that is short."""
        least, left = self.least_hold(bound, limits), self.lease.minus(self.used)
        shares = (
            0 if limit is None or hold <= have else max(0, limit - taken) // _SHARE
            for limit, hold, have, taken in zip(limits, least, left, committed, strict=True)
        )
        return least.most(Amounts(*shares))

    def write(self, holder: str, serial: int, hold: Amounts | None, day: str | None) -> Write:
        """Everything that is to be told, and what is held afterwards. Until it is known to be made, nothing is paid
        from what is given back with it."""
        write = Write(holder, serial, self.used, self.over, hold, self.activity, day)
        kept = self.used.plus(NOTHING if hold is None else hold)
        self.lease = self.lease.least(kept)
        self.attempts = [*self.attempts[1 - _MOST_ATTEMPTS :], write]
        return write

    def not_sent(self) -> None:
        """The last write was not even tried."""
        self.attempts.pop()

    def made(self, write: Write) -> None:
        """The Ledger has it, and so none of the others."""
        self.used, self.over = self.used.minus(write.used), self.over.minus(write.over)
        self.activity = _less(self.activity, write.activity)
        self.lease = NOTHING if write.hold is None else write.hold
        self.attempts.clear()

    def lost(self) -> Pocket:
        """The Ledger counts the lease as spent; what it does not cover goes on in the pocket that is returned."""
        successor = Pocket(self.period, used=self.used.minus(self.lease), over=self.over, activity=self.activity)
        self.lease = self.lease.minus(self.used)
        self.successor = successor
        return successor

    def spend(self, used: Amounts, over: Amounts) -> None:
        """Something was used, of it `over` beyond what was reserved."""
        if self.successor is None:
            self.used, self.over = self.used.plus(used), self.over.plus(over)
            return
        uncovered, self.lease = used.minus(self.lease), self.lease.minus(used)
        self.successor.spend(uncovered, over)

    def living(self) -> Pocket:
        """The pocket that pays now."""
        return self if self.successor is None else self.successor.living()


def _less(one: Activity, other: Activity) -> Activity:
    return Activity(**{name: getattr(one, name) - getattr(other, name) for name in Activity.model_fields})
