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
    shown,
)
from genapps.core.status.condition_list import ConditionValue
from genapps.core.status.transitions import Event


@dataclass(frozen=True, slots=True)
class Spending:
    """What is published of a budget, and its account of that period."""

    budget: PublishedBudget
    account: PeriodAccount


def spending_status(budget: AppBudget, spending: Spending, now: datetime) -> dict[str, Any]:
    """The figures; those that say nothing are left out."""
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
        "forecast": None if expected is None else shown(expected),
        "spentPercent": budget_percent(published, account),
        "alert": reached_alert(budget, spending),
        "exhausted": list(exhausted_units(published, account)),
        "shadowRefusals": account.activity.shadow_refusals if published.mode == "Shadow" else None,
    }
    return {name: value for name, value in parts.items() if value not in (None, {}, [])}


def spending_conditions(budget: AppBudget, spending: Spending) -> dict[ConditionType, ConditionValue]:
    """Whether an alert was reached, and whether a unit is exhausted."""
    published = spending.budget
    alert, units = reached_alert(budget, spending), exhausted_units(published, spending.account)
    share = budget_percent(published, spending.account)
    return {
        ConditionType.ALERT_REACHED: ConditionValue("False", Reason.BELOW_ALERTS)
        if alert is None
        else ConditionValue(
            "True",
            Reason.LIMIT_NEAR,
            f"{share} % of a limit is spent in the period {published.period}, which ends at"
            f" {rfc3339(published.ends_at)}: spec.alerts warns at {alert} %.",
        ),
        ConditionType.EXHAUSTED: ConditionValue("False", Reason.WITHIN_LIMITS)
        if not units
        else ConditionValue("True", Reason.BUDGET_EXHAUSTED, _what_happens(budget, published, units)),
    }


def reached_alert(budget: AppBudget, spending: Spending) -> int | None:
    """The highest percentage of `spec.alerts` that is spent; None: none."""
    share = budget_percent(spending.budget, spending.account)
    return max((alert for alert in budget.spec.alerts if share is not None and share >= alert), default=None)


def budget_events(previous: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Event, ...]:
    """One Event for each percentage and period, and one when a unit is exhausted: what the status before did not say
    yet. After a restart it says the same, so nothing is told twice."""
    same = previous.get("period") == new.get("period")
    told, reached = (previous.get("alert") or 0) if same else 0, new.get("alert") or 0
    before = set(previous.get("exhausted") or ()) if same else set()
    events = []
    if reached > told:
        events.append(Event("Warning", Reason.LIMIT_NEAR, _message(new, ConditionType.ALERT_REACHED)))
    if set(new.get("exhausted") or ()) - before:
        events.append(Event("Warning", Reason.BUDGET_EXHAUSTED, _message(new, ConditionType.EXHAUSTED)))
    return tuple(events)


def _what_happens(budget: AppBudget, published: PublishedBudget, units: tuple[str, ...]) -> str:
    if published.mode == "Shadow":
        then = "spec.mode is Shadow, so nothing is refused."
    elif budget.spec.on_limit == "Suspend":
        then = "Its apps are stopped."
    else:
        then = "What costs it is refused, and the apps' fallbacks answer."
    return (
        f"Hardly anything is left of {', '.join(units)} in the period {published.period}. {then} It ends when the limit"
        f" is raised, or at {rfc3339(published.ends_at)}."
    )


def _message(status: Mapping[str, Any], kind: ConditionType) -> str:
    return str(next(entry["message"] for entry in status["conditions"] if entry["type"] == kind))
