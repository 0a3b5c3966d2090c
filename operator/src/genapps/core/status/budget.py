# SPDX-License-Identifier: Apache-2.0
"""The status of an AppBudget: whether apps can run under it, how many do, and where it is in its period."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from genapps.api.appbudget import AppBudget, Period
from genapps.api.apprecord import Record
from genapps.api.conditions import ConditionType, Reason
from genapps.core.budgets.period import UnknownZoneError, month_of
from genapps.core.status.condition_list import ConditionValue, conditions
from genapps.core.status.spending import Spending, spending_conditions, spending_status


@dataclass(frozen=True, slots=True)
class DeletionsHeld:
    """Apps that are gone, and whose state is not taken for left behind: too many went at once."""

    of_budget: int = 0
    in_all: int = 0
    """Of all budgets: what a person has to confirm."""
    confirm: str = ""
    """The command that confirms it."""


def _held(held: DeletionsHeld) -> ConditionValue:
    if not held.of_budget:
        return ConditionValue("False", Reason.NONE_HELD)
    message = (
        f"{held.of_budget} apps of this budget are among {held.in_all} that disappeared at once. Their pods are gone,"
        f" their state is kept. Restore the apps, or confirm within an hour: {held.confirm}"
    )
    return ConditionValue("True", Reason.TOO_MANY_AT_ONCE, message)


def _fault(budget: AppBudget, prepared: frozenset[str], now: datetime) -> tuple[Reason, str]:
    """Why apps cannot run under the budget; the text is empty when they can."""
    run_namespace, zone = budget.spec.run_namespace, (budget.spec.period or Period()).time_zone
    if run_namespace not in prepared:
        message = (
            f"Run namespace {run_namespace} is not in runNamespaces of the chart. Add it there, or set"
            " spec.runNamespace to one of the list."
        )
        return Reason.RUN_NAMESPACE_NOT_PREPARED, message
    try:
        month_of(now, zone)
    except UnknownZoneError:
        message = (
            f"spec.period.timeZone {zone} is not known. Write a name of the IANA list, such as Europe/Zurich. Until"
            " then nothing new is published of this budget: limits and period stay as they were, and a new budget has"
            " none."
        )
        return Reason.TIME_ZONE_UNKNOWN, message
    return Reason.AVAILABLE, ""


def budget_status(
    budget: AppBudget,
    records: Iterable[Record],
    prepared: frozenset[str],
    held: DeletionsHeld,
    previous: Mapping[str, Any],
    now: datetime,
    spending: Spending | None = None,
) -> dict[str, Any]:
    """The whole status. `records` are those under this budget that are not deleted, `prepared` the run
    namespaces that the chart has made, `held` what waits for a confirmation, `previous` the status as stored, and
    `spending` what is known of it once something is published."""
    tiers = Counter(record.tier.name for record in records)
    reason, wrong = _fault(budget, prepared, now)
    ready = not wrong
    values = {
        ConditionType.READY: ConditionValue(
            "True" if ready else "False",
            Reason.AVAILABLE if ready else reason,
            "Apps can run under this budget." if ready else wrong,
        ),
        ConditionType.STALLED: ConditionValue(
            "False" if ready else "True",
            Reason.NOT_STALLED if ready else reason,
            "Nothing blocks the apps of this budget." if ready else wrong,
        ),
        ConditionType.DELETIONS_HELD: _held(held),
        **(spending_conditions(budget, spending) if spending is not None else {}),
    }
    generation = budget.metadata.generation
    return {
        "observedGeneration": generation,
        "apps": tiers.total(),
        **(spending_status(budget, spending, previous, now) if spending is not None else {}),
        "tiers": [{"name": name, "apps": tiers[name]} for name in sorted(tiers)],
        "conditions": conditions(values, generation, previous, now),
    }
