# SPDX-License-Identifier: Apache-2.0
"""What the status of a budget says of its period, and when it says it in an Event."""

from datetime import UTC, datetime
from typing import Any

import pytest

from genapps.core.status.budget import budget_status
from genapps.core.status.spending import Spending, budget_events
from tests.unit.core.budgets.test_balance import account, mark, published
from tests.unit.core.status.test_budget import NONE_HELD, budget, conditions

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def status_of(
    spent: int,
    *,
    period: str = "2026-11",
    previous: dict[str, Any] | None = None,
    mode: str = "Enforce",
    limit: int = 100,
    **spec: Any,
) -> dict[str, Any]:
    record = published(tokens=limit, mode=mode).model_copy(update={"period": period})
    parts: dict[str, Any] = {"spent": {"tokens": spent}, "exhausted": [mark(limit=limit)] if spent >= limit else []}
    spending = Spending(record, account(period, **parts))
    known = budget(limits={"tokens": limit}, **spec)
    return budget_status(known, [], frozenset({"run"}), NONE_HELD, previous or {}, NOW, spending)


def test_the_figures_of_a_period() -> None:
    record = published(tokens=100, costMicros=5_000_000, stateMibSeconds=3 * 1024 * 3600, state=2 * 1024 * 3600)
    lease = {"holder": "a/1", "at": NOW, "amounts": {"tokens": 4}}
    spending = Spending(record, account(spent={"tokens": 5, "costMicros": 1}, leases=[lease]))
    status = budget_status(budget(), [], frozenset({"run"}), NONE_HELD, {}, NOW, spending)
    assert status["period"] == "2026-11"
    assert status["spent"] == {
        "tokens": 5,
        "toolCalls": 0,
        "cpuSeconds": 0,
        "costUSD": "0.000001",
        "stateGiBHours": 2,
    }
    assert status["leased"]["tokens"] == 4
    assert status["remaining"] == {"tokens": 91, "costUSD": "4.999999", "stateGiBHours": 1}
    assert status["spentPercent"] == 66
    assert (status["forecast"]["tokens"], status["forecast"]["stateGiBHours"]) == (5, 2)
    assert "exhausted" not in status


def test_before_anything_is_published_there_are_no_figures() -> None:
    status = budget_status(budget(), [], frozenset({"run"}), NONE_HELD, {}, NOW)
    assert "period" not in status
    assert "Exhausted" not in conditions(status)


def test_each_alert_is_told_once_in_a_period() -> None:
    told: list[str] = []
    status: dict[str, Any] = {}
    for spent, period in ((10, "2026-11"), (80, "2026-11"), (85, "2026-11"), (95, "2026-11"), (100, "2026-11"),
                          (10, "2026-12"), (81, "2026-12")):  # fmt: skip
        new = status_of(spent, period=period, previous=status, alerts=[80, 95])
        told.append(" ".join(event.reason for event in budget_events(status, new)))
        status = new
    assert told == ["", "LimitNear", "", "LimitNear", "BudgetExhausted", "", "LimitNear"]


def test_a_raised_limit_ends_the_warning_and_what_was_told_is_not_told_again() -> None:
    told: list[tuple[str, str, int | None]] = []
    status: dict[str, Any] = {}
    for spent, limit in ((80, 100), (80, 200), (150, 200), (160, 200), (190, 200)):
        new = status_of(spent, limit=limit, previous=status, alerts=[80, 95])
        events = " ".join(event.message.partition(" or more")[0] for event in budget_events(status, new))
        told.append((events, conditions(new)["AlertReached"][0], new.get("alert")))
        status = new
    assert told == [
        ("80 % of a limit", "True", 80),
        ("", "False", 80),
        ("", "False", 80),
        ("", "True", 80),
        ("95 % of a limit", "True", 95),
    ]
    assert "alert" not in status_of(0, period="2026-12", previous=status, alerts=[80, 95])


def test_a_restarted_operator_tells_nothing_again() -> None:
    status = status_of(100, alerts=[80])
    assert budget_events(status, status_of(100, alerts=[80], previous=status)) == ()


@pytest.mark.parametrize(("spec", "text"), [({}, "fallbacks answer"), ({"onLimit": "Suspend"}, "are stopped")])
def test_a_budget_that_is_exhausted_says_what_happens(spec: dict[str, Any], text: str) -> None:
    status = status_of(100, **spec)
    assert conditions(status)["Exhausted"] == ("True", "BudgetExhausted")
    message = next(entry["message"] for entry in status["conditions"] if entry["type"] == "Exhausted")
    assert text in message
    assert "2026-12-01T00:00:00" in message
    assert conditions(status)["Ready"] == ("True", "Available")
    assert status["exhausted"] == ["tokens"]


@pytest.mark.parametrize(
    ("spec", "text"), [({}, "fallbacks would answer"), ({"onLimit": "Suspend"}, "would be stopped")]
)
def test_shadow_says_what_would_have_happened_and_that_nothing_is_refused(spec: dict[str, Any], text: str) -> None:
    status = status_of(100, mode="Shadow", **spec)
    assert conditions(status)["Exhausted"] == ("False", "LimitsNotEnforced")
    message = next(entry["message"] for entry in status["conditions"] if entry["type"] == "Exhausted")
    assert text in message
    assert "nothing is refused" in message
    assert status["exhausted"] == ["tokens"]
    assert conditions(status_of(99, mode="Shadow"))["Exhausted"] == ("False", "WithinLimits")


def test_what_shadow_would_have_refused_is_told_once_and_a_refusal_when_it_begins() -> None:
    told: list[str] = []
    status: dict[str, Any] = {}
    for spent, mode in ((99, "Shadow"), (100, "Shadow"), (101, "Shadow"), (101, "Enforce"), (102, "Enforce")):
        new = status_of(spent, mode=mode, previous=status)
        told.append(" ".join(f"{event.type} {event.reason}" for event in budget_events(status, new)))
        status = new
    assert told == ["", "Normal LimitsNotEnforced", "", "Warning BudgetExhausted", ""]


def test_a_budget_without_alerts_warns_of_nothing() -> None:
    assert conditions(status_of(99))["AlertReached"] == ("False", "BelowAlerts")
    assert conditions(status_of(99, alerts=[99]))["AlertReached"] == ("True", "LimitNear")
    assert conditions(status_of(98, alerts=[99]))["AlertReached"] == ("False", "BelowAlerts")
