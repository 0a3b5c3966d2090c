# SPDX-License-Identifier: Apache-2.0
"""What the status of an AppBudget says of its period: figures, and the ladder of alerts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from genapps.api.appbudget import AppBudget
from genapps.api.budgetrecord import PublishedBudget
from genapps.api.conditions import ConditionType, Reason
from genapps.api.fields import rfc3339
from genapps.api.ledger import PeriodAccount
from genapps.core.budgets import accounts
from genapps.core.budgets.amounts import Amounts
from genapps.core.budgets.balance import (
    MIB_SECONDS,
    STATE_UNIT,
    budget_percent,
    exhausted_units,
    forecast,
    left_of,
    published_limits,
    refused_units,
    shown,
    state_forecast,
)
from genapps.core.budgets.scorecards import Member, scorecards
from genapps.core.status.condition_list import ConditionValue
from genapps.core.status.transitions import Event


@dataclass(frozen=True, slots=True)
class Spending:
    """What is published of a budget, and its account of that period."""

    budget: PublishedBudget
    account: PeriodAccount
    members: tuple[Member, ...] = ()
    """Its apps that belong to a family."""


def spending_status(
    budget: AppBudget, spending: Spending, previous: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """The figures; those that say nothing are left out. `previous` is the status as stored: it says which alert was
    reached before."""
    published, account = spending.budget, spending.account
    spent, limits = Amounts.of(account.spent), published_limits(published)
    leased = accounts.committed(account).minus(spent)
    expected = forecast(published, account, now)
    state, state_limit = published.state.mib_seconds, published.limits.state_mib_seconds
    remaining = shown(left_of(account, limits))
    if state_limit is not None:
        remaining[STATE_UNIT] = max(0, state_limit - state) // MIB_SECONDS
    parts = {
        "period": published.period,
        "spent": {**shown(spent), STATE_UNIT: state // MIB_SECONDS},
        "leased": shown(leased),
        "remaining": remaining,
        "forecast": None
        if expected is None
        else {**shown(expected), STATE_UNIT: state_forecast(published) // MIB_SECONDS},
        "spentPercent": budget_percent(published, account),
        "alert": max(_told_alert(previous, published.period), reached_alert(budget, spending) or 0) or None,
        "exhausted": list(exhausted_units(published, account)),
        "scorecards": scorecards(spending.members),
        "shadowRefusals": account.activity.shadow_refusals if published.mode == "Shadow" else None,
    }
    return {name: value for name, value in parts.items() if value not in (None, {}, [])}


def spending_conditions(budget: AppBudget, spending: Spending) -> dict[ConditionType, ConditionValue]:
    """Whether an alert was reached, and whether a unit is exhausted."""
    published, alert = spending.budget, reached_alert(budget, spending)
    return {
        ConditionType.ALERT_REACHED: ConditionValue("False", Reason.BELOW_ALERTS)
        if alert is None
        # Without what is spent: it moves each minute, and a message that moves is written at once.
        else ConditionValue(
            "True",
            Reason.LIMIT_NEAR,
            f"{alert} % of a limit or more is spent in the period {published.period}, which ends at"
            f" {rfc3339(published.ends_at)}: spec.alerts warns at {alert} %.",
        ),
        ConditionType.EXHAUSTED: _exhausted(budget, spending),
    }


def reached_alert(budget: AppBudget, spending: Spending) -> int | None:
    """The highest percentage of `spec.alerts` that is spent now; None: none."""
    share = budget_percent(spending.budget, spending.account)
    return max((alert for alert in budget.spec.alerts if share is not None and share >= alert), default=None)


def budget_events(previous: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Event, ...]:
    """One Event for each percentage and period, and one when a unit is exhausted, or would be under Enforce: what the
    status before did not say yet. After a restart it says the same, so nothing is told twice."""
    events = []
    if (new.get("alert") or 0) > _told_alert(previous, new.get("period")):
        events.append(Event("Warning", Reason.LIMIT_NEAR, _condition(new, ConditionType.ALERT_REACHED)["message"]))
    now, before = (_condition(status, ConditionType.EXHAUSTED) for status in (new, previous))
    same = previous.get("period") == new.get("period") and before.get("reason") == now.get("reason")
    if set(new.get("exhausted") or ()) - set((previous.get("exhausted") or ()) if same else ()):
        refused = now["status"] == "True"
        events.append(Event("Warning" if refused else "Normal", now["reason"], now["message"]))
    return tuple(events)


def _told_alert(previous: Mapping[str, Any], period: str | None) -> int:
    """The highest percentage that the status before knows of the period; 0: none. A raised limit does not take it
    back, so reaching it again is not told again."""
    return (previous.get("alert") or 0) if previous.get("period") == period else 0


def _exhausted(budget: AppBudget, spending: Spending) -> ConditionValue:
    published, units = spending.budget, exhausted_units(spending.budget, spending.account)
    if not units:
        return ConditionValue("False", Reason.WITHIN_LIMITS)
    left = f"Hardly anything is left of {', '.join(units)} in the period {published.period}."
    suspends = budget.spec.on_limit == "Suspend"
    if not refused_units(published, spending.account):
        then = (
            "its apps would be stopped"
            if suspends
            else "what costs it would be refused, and the apps' fallbacks would answer"
        )
        return ConditionValue(
            "False",
            Reason.LIMITS_NOT_ENFORCED,
            f"{left} spec.mode is Shadow, so nothing is refused. Under Enforce {then}.",
        )
    then = "Its apps are stopped." if suspends else "What costs it is refused, and the apps' fallbacks answer."
    return ConditionValue(
        "True",
        Reason.BUDGET_EXHAUSTED,
        f"{left} {then} It ends when the limit is raised, or at {rfc3339(published.ends_at)}.",
    )


def _condition(status: Mapping[str, Any], kind: ConditionType) -> Mapping[str, Any]:
    return next((entry for entry in status.get("conditions") or () if entry["type"] == kind), {})
