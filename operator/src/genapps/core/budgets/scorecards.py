# SPDX-License-Identifier: Apache-2.0
"""How families of apps do: what an action costs, and how much of it is shared, cached, repeated or refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from genapps.api.ledger import PeriodAccount
from genapps.api.quantities import dollars
from genapps.core.budgets import accounts
from genapps.core.budgets.accounts import NO_ACTIVITY
from genapps.core.budgets.amounts import NOTHING, Amounts

MOST_FAMILIES = 64
"""Those that cost most are told; a status has no room for more."""


@dataclass(frozen=True, slots=True)
class Member:
    """One app of a family; `account` is that of the published period, if it used anything in it."""

    family: str
    connectors: tuple[str, ...]
    code_digest: str | None
    account: PeriodAccount | None


def scorecards(members: Iterable[Member]) -> list[dict[str, Any]]:
    """One scorecard for each family, those that cost most first. What nothing was counted for is left out."""
    families: dict[str, list[Member]] = {}
    for member in members:
        families.setdefault(member.family, []).append(member)
    cards = [(_spent(several), name, _card(name, several)) for name, several in families.items()]
    return [card for _, _, card in sorted(cards, key=lambda each: (-each[0].cost_micros, each[1]))[:MOST_FAMILIES]]


def _card(family: str, members: list[Member]) -> dict[str, Any]:
    activity = NO_ACTIVITY
    for member in members:
        if member.account is not None:
            activity = accounts.summed(activity, member.account.activity)
    spent = _spent(members)
    card = {
        "family": family,
        "apps": len(members),
        "actions": activity.actions,
        "costPerAction": dollars(-(-spent.cost_micros // activity.actions)) if activity.actions else None,
        "cacheHitRatio": _ratio(activity.cache_hits, activity.cache_hits + spent.tool_calls),
        "sharedConnectors": _shared(name for member in members for name in set(member.connectors)),
        "sharedCode": _apps_that_share(member.code_digest for member in members),
        "fallbackRatio": _ratio(activity.fallbacks, activity.actions),
        "retryRatio": _ratio(activity.retries, activity.actions),
        "savedUSD": dollars(activity.saved_micros),
        "refusedUSD": dollars(activity.refused_micros),
    }
    return {name: value for name, value in card.items() if value is not None}


def _spent(members: Iterable[Member]) -> Amounts:
    spent = NOTHING
    for member in members:
        if member.account is not None:
            spent = spent.plus(Amounts.of(member.account.spent))
    return spent


def _ratio(part: int, whole: int) -> str | None:
    """With three decimals; None where there is nothing to compare with."""
    return f"{min(part, whole) / whole:.3f}" if whole else None


def _shared(names: Iterable[str]) -> int:
    """How many names there are more than once."""
    return sum(times > 1 for times in Counter(names).values())


def _apps_that_share(digests: Iterable[str | None]) -> int:
    """How many apps run code that another one runs as well."""
    return sum(times for digest, times in Counter(digests).items() if digest is not None and times > 1)
