# SPDX-License-Identifier: Apache-2.0
"""What the operator publishes of a budget: its limits, its prices, and a period that never decreases.

Gateways decide nothing by their clocks. The leader's clock decides when a period begins, and a leader whose clock is
behind goes on with the period that was published before it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import rfc8785

from genapps.api.appbudget import AppBudget, Limits, Period, Prices
from genapps.api.budgetrecord import PastPeriod, PublishedBudget, PublishedLimits, PublishedPrices, StateUse
from genapps.api.digests import sha256
from genapps.api.fields import LARGEST
from genapps.api.quantities import micro_dollars
from genapps.core.budgets.balance import MIB_SECONDS
from genapps.core.budgets.period import Month, month_of

STATE_EVERY = timedelta(minutes=5)
"""How often the sizes of claims are added up while they do not change."""


def published(budget: AppBudget, before: PublishedBudget | None, claims_mib: int, now: datetime) -> PublishedBudget:
    """What holds from `now` on. `before` is what was published last, `claims_mib` the size of all claims of the
    budget's apps. Raises UnknownZoneError."""
    month = month_of(now, (budget.spec.period or Period()).time_zone)
    if before is not None and before.period > month.name:
        month = Month(before.period, before.starts_at, before.ends_at)
    begins = before is not None and before.period < month.name
    state, previous = _state(before, month, claims_mib, now, begins=begins)
    return PublishedBudget(
        budget=budget.metadata.name,
        uid=budget.metadata.uid or "",
        period=month.name,
        starts_at=month.starts_at,
        ends_at=month.ends_at,
        mode=budget.spec.mode or "Enforce",
        limits=_limits(budget.spec.limits or Limits()),
        prices=_prices(budget.spec.prices or Prices()),
        state=state,
        previous=previous,
    )


def is_due(before: PublishedBudget | None, after: PublishedBudget, now: datetime) -> bool:
    """Whether it has to be written: something else than the seconds of the same claims differs, or those have not been
    added up for a while."""
    if before is None:
        return True
    if before.model_copy(update={"state": after.state}) != after or before.state.mib != after.state.mib:
        return True
    return after.state.mib > 0 and now - before.state.at >= STATE_EVERY


def _state(
    before: PublishedBudget | None, month: Month, claims_mib: int, now: datetime, *, begins: bool
) -> tuple[StateUse, PastPeriod | None]:
    """What claims took up until now; those that exist are counted also for the time in which nobody looked."""
    if before is None:
        return StateUse(mib=claims_mib, at=now), None
    last = before.state
    if not begins:
        used = last.mib_seconds + last.mib * _seconds(last.at, now)
        return StateUse(mib_seconds=min(used, LARGEST), mib=claims_mib, at=max(last.at, now)), before.previous
    until = min(max(last.at, month.starts_at), now)
    past = PastPeriod(
        period=before.period, state_mib_seconds=min(last.mib_seconds + last.mib * _seconds(last.at, until), LARGEST)
    )
    return StateUse(mib_seconds=min(last.mib * _seconds(until, now), LARGEST), mib=claims_mib, at=now), past


def _seconds(since: datetime, until: datetime) -> int:
    """Whole seconds; none when the clock went back."""
    return max(0, int((until - since).total_seconds()))


def _limits(limits: Limits) -> PublishedLimits:
    hours = limits.state_gib_hours
    return PublishedLimits(
        tokens=limits.tokens,
        tool_calls=limits.tool_calls,
        cpu_millis=None if limits.cpu_seconds is None else min(limits.cpu_seconds * 1000, LARGEST),
        cost_micros=None if limits.cost_usd is None else micro_dollars(limits.cost_usd),
        state_mib_seconds=None if hours is None else min(hours * MIB_SECONDS, LARGEST),
    )


def _prices(prices: Prices) -> PublishedPrices:
    micros = {
        "input_micros": prices.per_million_input_tokens,
        "output_micros": prices.per_million_output_tokens,
        "cached_input_micros": prices.per_million_cached_input_tokens,
        "cache_write_micros": prices.per_million_cache_write_tokens,
        "cpu_hour_micros": prices.per_cpu_hour,
    }
    known = {name: micro_dollars(price) for name, price in micros.items() if price is not None}
    return PublishedPrices(version=sha256(rfc8785.dumps(known)), **known)
