# SPDX-License-Identifier: Apache-2.0
"""An app whose budget is exhausted answers by its fallback, or stops, and is itself again without anybody's doing."""

from typing import Any

import pytest

from genapps.api.ledger import LedgerRecord
from genapps.core.verdict import Mode
from tests.unit.core.budgets.test_balance import account, mark, published
from tests.unit.core.world import CHILD, World, budget, ledger


def world(*, suspend: bool = False, mode: str = "Enforce", **spec: Any) -> World:
    known = World(budget=budget({"onLimit": "Suspend" if suspend else "Fallback", **spec})).run()
    spend(known, mode=mode)
    known.settle()
    return known


def spend(known: World, limit: int = 10, *, mode: str = "Enforce", spent: bool = True) -> None:
    marks = [mark()] if spent else []
    known.others |= {"budget_record": published(tokens=limit, mode=mode), "budget_account": account(exhausted=marks)}


def condition(known: World, kind: str) -> tuple[str, str]:
    found = next(entry for entry in known.status["conditions"] if entry["type"] == kind)
    return found["status"], found["reason"]


def test_with_a_fallback_the_app_stays_ready_and_says_so() -> None:
    known = world()
    assert condition(known, "Ready") == ("True", "BudgetExhausted")
    assert condition(known, "BudgetAvailable") == ("False", "BudgetExhausted")
    assert condition(known, "Suspended") == ("False", "NotSuspended")
    assert ("Pod", CHILD) in known.children
    assert [event.reason for event in known.events].count("BudgetExhausted") == 1


def test_with_suspend_the_pod_goes_and_comes_back_when_the_limit_is_raised() -> None:
    known = world(suspend=True)
    assert known.verdict().mode is Mode.STOP
    assert condition(known, "Suspended") == ("True", "BudgetExhausted")
    assert condition(known, "Ready") == ("False", "BudgetExhausted")
    known.pod_is_gone()
    known.settle()
    assert ("Pod", CHILD) not in known.children
    assert known.record is not None
    assert known.record.suspension is None, "nobody has to acknowledge it"
    spend(known, limit=11)
    known.settle()
    assert known.verdict().mode is Mode.RUN
    assert ("Pod", CHILD) in known.children


def test_with_suspend_a_new_period_brings_it_back() -> None:
    known = world(suspend=True)
    later = published(tokens=10).model_copy(update={"period": "2026-12"})
    known.others["budget_record"] = later
    known.settle()
    assert known.verdict().mode is Mode.RUN


@pytest.mark.parametrize("suspend", [False, True], ids=["Fallback", "Suspend"])
def test_a_limit_of_nothing_is_exhausted_from_the_first_moment(suspend: bool) -> None:
    known = World(budget=budget({"onLimit": "Suspend" if suspend else "Fallback"}))
    spend(known, limit=0, spent=False)
    known.settle()
    known.bind()
    known.settle()
    assert condition(known, "BudgetAvailable") == ("False", "BudgetExhausted")
    assert (known.verdict().mode is Mode.STOP) is suspend
    assert (("Pod", CHILD) in known.children) is not suspend


def test_shadow_stops_nothing() -> None:
    known = world(suspend=True, mode="Shadow")
    assert condition(known, "Ready") == ("True", "Available")
    assert condition(known, "BudgetAvailable") == ("True", "Granted")


def test_a_suspension_for_violations_is_told_first() -> None:
    known = world(suspend=True)
    known.ledger = ledger("a", "b", "c", tripped=True)
    known.settle()
    assert condition(known, "Suspended") == ("True", "RepeatedViolations")


def test_the_apps_own_ceiling_stops_it_alone() -> None:
    known = World(budget=budget({"onLimit": "Suspend", "tiers": {"small": {"tokensPerPeriod": 10}}})).run()
    known.others["budget_record"] = published()
    record: dict[str, Any] = ledger().model_dump(by_alias=True, exclude_none=True)
    known.ledger = LedgerRecord.model_validate(record | {"account": account(exhausted=[mark()]).model_dump()})
    known.settle()
    assert condition(known, "Suspended") == ("True", "BudgetExhausted")
    message = next(entry["message"] for entry in known.status["conditions"] if entry["type"] == "Suspended")
    assert "the tier's ceiling" in message


def test_usage_is_told_with_the_tightest_share() -> None:
    known = World(budget=budget({"tiers": {"small": {"tokensPerPeriod": 100}}})).run()
    known.others |= {"budget_record": published(tokens=1000), "budget_account": account(spent={"tokens": 300})}
    record: dict[str, Any] = ledger().model_dump(by_alias=True, exclude_none=True)
    own = account(spent={"tokens": 42, "costMicros": 10}, activity={"actions": 7, "fallbacks": 1})
    known.ledger = LedgerRecord.model_validate(record | {"account": own.model_dump()})
    known.settle()
    assert known.status["usage"] == {
        "period": "2026-11",
        "tokens": 42,
        "toolCalls": 0,
        "cpuSeconds": 0,
        "costUSD": "0.00001",
        "actions": 7,
        "fallbacks": 1,
        "budgetPercent": 42,
    }


def test_usage_without_any_limit_has_no_share() -> None:
    """The API server refuses a status in which a number is null, and with it all that the status says."""
    known = World().run()
    known.others |= {"budget_record": published(), "budget_account": account(spent={"tokens": 300})}
    record: dict[str, Any] = ledger().model_dump(by_alias=True, exclude_none=True)
    known.ledger = LedgerRecord.model_validate(record | {"account": account(spent={"tokens": 42}).model_dump()})
    known.settle()
    assert known.status["usage"]["tokens"] == 42
    assert "budgetPercent" not in known.status["usage"]
