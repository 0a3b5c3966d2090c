# SPDX-License-Identifier: Apache-2.0
"""What a call, an app or a budget uses in the four units that gateways count, and the limits of them. Whole numbers."""

from __future__ import annotations

from typing import NamedTuple, Self

from genapps.api.appbudget import Tier
from genapps.api.fields import LARGEST
from genapps.api.ledger import StoredAmounts
from genapps.api.quantities import micro_dollars


class Amounts(NamedTuple):
    """Tokens of models, calls of tools, CPU milliseconds, millionths of a US dollar."""

    tokens: int = 0
    tool_calls: int = 0
    cpu_millis: int = 0
    cost_micros: int = 0

    @classmethod
    def of(cls, stored: StoredAmounts) -> Self:
        """What a Ledger says."""
        return cls(stored.tokens, stored.tool_calls, stored.cpu_millis, stored.cost_micros)

    def stored(self) -> StoredAmounts:
        """As a Ledger says it; what has no room there counts as the largest number that has."""
        return StoredAmounts(**{unit: min(amount, LARGEST) for unit, amount in self._asdict().items()})

    def plus(self, other: Amounts) -> Amounts:
        """The sum."""
        return Amounts(self[0] + other[0], self[1] + other[1], self[2] + other[2], self[3] + other[3])

    def minus(self, other: Amounts) -> Amounts:
        """What is left without the other; of no unit less than nothing."""
        if self == other:
            return NOTHING
        tokens, calls, millis, micros = self
        less_tokens, less_calls, less_millis, less_micros = other
        return Amounts(
            tokens - less_tokens if tokens > less_tokens else 0,
            calls - less_calls if calls > less_calls else 0,
            millis - less_millis if millis > less_millis else 0,
            micros - less_micros if micros > less_micros else 0,
        )

    def most(self, other: Amounts) -> Amounts:
        """The larger of the two in each unit."""
        return Amounts(*map(max, self, other))

    def least(self, other: Amounts) -> Amounts:
        """The smaller of the two in each unit."""
        return Amounts(*map(min, self, other))


NOTHING = Amounts()
UNITS = ("tokens", "toolCalls", "cpuMillis", "costMicros")
"""The names of the units in stored objects and refusals, in the order of the amounts."""


class Limits(NamedTuple):
    """The most of each unit in a period; None: no limit."""

    tokens: int | None = None
    tool_calls: int | None = None
    cpu_millis: int | None = None
    cost_micros: int | None = None

    def of_limited(self, amounts: Amounts) -> Amounts:
        """The amounts without those that nothing limits."""
        return Amounts(*(0 if limit is None else amount for limit, amount in zip(self, amounts, strict=True)))


UNLIMITED = Limits()


def tier_limits(tier: Tier) -> Limits:
    """The ceilings of one app under a tier."""
    seconds, dollars = tier.cpu_seconds_per_period, tier.cost_usd_per_period
    return Limits(
        tokens=tier.tokens_per_period,
        cpu_millis=None if seconds is None else seconds * 1000,
        cost_micros=None if dollars is None else micro_dollars(dollars),
    )
