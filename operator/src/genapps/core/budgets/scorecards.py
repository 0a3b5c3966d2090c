# SPDX-License-Identifier: Apache-2.0
"""How families of apps do: what an action costs, and how much of it is shared, cached, repeated or refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

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


class Figures(NamedTuple):
    """How one family does. What nothing was counted for is None."""

    family: str
    apps: int
    actions: int
    cost_per_action: int | None
    """Millionths of a dollar, rounded up."""
    cache_hit_ratio: float | None
    """Ratios are between 0 and 1."""
    shared_connectors: int
    shared_code: int
    fallback_ratio: float | None
    retry_ratio: float | None
    saved_micros: int
    refused_micros: int


def scorecards(members: Iterable[Member]) -> list[dict[str, Any]]:
    """The scorecards of a status: one for each family, those that cost most first."""
    return [_card(_figures(name, several)) for name, several in _by_cost(members)[:MOST_FAMILIES]]


def family_figures(members: Iterable[Member], most: int, rest: str) -> list[Figures]:
    """The figures of the families that cost most, `most` of them, and of all others together under the name `rest`."""
    families = _by_cost(members)
    figures = [_figures(name, several) for name, several in families[:most]]
    others = [member for _, several in families[most:] for member in several]
    return [*figures, _figures(rest, others)] if others else figures


def _by_cost(members: Iterable[Member]) -> list[tuple[str, list[Member]]]:
    families: dict[str, list[Member]] = {}
    for member in members:
        families.setdefault(member.family, []).append(member)
    return sorted(families.items(), key=lambda family: (-_spent(family[1]).cost_micros, family[0]))


def _figures(family: str, members: list[Member]) -> Figures:
    activity = NO_ACTIVITY
    for member in members:
        if member.account is not None:
            activity = accounts.summed(activity, member.account.activity)
    spent = _spent(members)
    return Figures(
        family=family,
        apps=len(members),
        actions=activity.actions,
        cost_per_action=-(-spent.cost_micros // activity.actions) if activity.actions else None,
        cache_hit_ratio=_ratio(activity.cache_hits, activity.cache_hits + spent.tool_calls),
        shared_connectors=_shared(name for member in members for name in set(member.connectors)),
        shared_code=_apps_that_share(member.code_digest for member in members),
        fallback_ratio=_ratio(activity.fallbacks, activity.actions),
        retry_ratio=_ratio(activity.retries, activity.actions),
        saved_micros=activity.saved_micros,
        refused_micros=activity.refused_micros,
    )


def _card(figures: Figures) -> dict[str, Any]:
    card = {
        "family": figures.family,
        "apps": figures.apps,
        "actions": figures.actions,
        "costPerAction": None if figures.cost_per_action is None else dollars(figures.cost_per_action),
        "cacheHitRatio": _shown(figures.cache_hit_ratio),
        "sharedConnectors": figures.shared_connectors,
        "sharedCode": figures.shared_code,
        "fallbackRatio": _shown(figures.fallback_ratio),
        "retryRatio": _shown(figures.retry_ratio),
        "savedUSD": dollars(figures.saved_micros),
        "refusedUSD": dollars(figures.refused_micros),
    }
    return {name: value for name, value in card.items() if value is not None}


def _spent(members: Iterable[Member]) -> Amounts:
    spent = NOTHING
    for member in members:
        if member.account is not None:
            spent = spent.plus(Amounts.of(member.account.spent))
    return spent


def _ratio(part: int, whole: int) -> float | None:
    """None where there is nothing to compare with."""
    return min(part, whole) / whole if whole else None


def _shown(ratio: float | None) -> str | None:
    """With three decimals."""
    return None if ratio is None else f"{ratio:.3f}"


def _shared(names: Iterable[str]) -> int:
    """How many names there are more than once."""
    return sum(times > 1 for times in Counter(names).values())


def _apps_that_share(digests: Iterable[str | None]) -> int:
    """How many apps run code that another one runs as well."""
    return sum(times for digest, times in Counter(digests).items() if digest is not None and times > 1)
