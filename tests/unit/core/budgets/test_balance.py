# SPDX-License-Identifier: Apache-2.0
"""Where a budget stands: what is exhausted, what is left, and what the end of the period will bring."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies

from genapps.api.budgetrecord import PublishedBudget, StateUse
from genapps.api.fields import LARGEST
from genapps.api.ledger import PeriodAccount
from genapps.core.budgets.amounts import Amounts, Limits
from genapps.core.budgets.balance import (
    budget_percent,
    current,
    exhausted_units,
    exhaustion,
    forecast,
    left_of,
    percent,
    refused_units,
    shown,
    state_forecast,
)

STARTS = datetime(2026, 11, 1, tzinfo=UTC)
ENDS = datetime(2026, 12, 1, tzinfo=UTC)


def published(state: int = 0, mode: str = "Enforce", **limits: int) -> PublishedBudget:
    return PublishedBudget.model_validate(
        {
            "budget": "finance", "uid": "u", "period": "2026-11", "startsAt": STARTS, "endsAt": ENDS, "mode": mode,
            "limits": limits, "prices": {"version": "sha256:" + "0" * 64}, "state": {"mibSeconds": state, "at": STARTS},
        }
    )  # fmt: skip


def account(period: str = "2026-11", **parts: Any) -> PeriodAccount:
    return PeriodAccount.model_validate({"period": period, **parts})


def mark(unit: str = "tokens", limit: int = 10) -> dict[str, Any]:
    return {"unit": unit, "limit": limit, "at": STARTS}


@pytest.mark.parametrize(
    ("budget", "held", "units"),
    [
        (published(tokens=10), account(exhausted=[mark()]), ("tokens",)),
        (published(tokens=11), account(exhausted=[mark()]), ()),
        (published(tokens=9), account(exhausted=[mark()]), ("tokens",)),
        (published(), account(exhausted=[mark()]), ()),
        (published(tokens=10), account("2026-10", exhausted=[mark()]), ()),
        (published(tokens=10), None, ()),
        (published(tokens=10), account(spent={"tokens": 10}), ("tokens",)),
        (published(tokens=10), account(spent={"tokens": 9}), ()),
        (published(cpuMillis=10), account(exhausted=[mark("cpuMillis")]), ("cpuSeconds",)),
        (published(costMicros=10), account(exhausted=[mark("costMicros")]), ("costUSD",)),
        (published(state=7, stateMibSeconds=7), None, ("stateGiBHours",)),
        (published(state=6, stateMibSeconds=7), None, ()),
        (published(toolCalls=0), None, ("toolCalls",)),
    ],
    ids=["marked", "the limit was raised", "and lowered", "and lifted", "of the period before", "nothing spent",
         "the limit was lowered to what is spent", "and not quite", "CPU", "money", "claims", "claims below it",
         "a limit of nothing"],
)  # fmt: skip
def test_what_is_exhausted(budget: PublishedBudget, held: PeriodAccount | None, units: tuple[str, ...]) -> None:
    assert exhausted_units(budget, held) == refused_units(budget, held) == units
    counted = budget.model_copy(update={"mode": "Shadow"})
    assert (exhausted_units(counted, held), refused_units(counted, held)) == (units, ())


def test_the_ceiling_of_an_app_is_told_before_the_budget() -> None:
    marked = account(exhausted=[mark()])
    own = exhaustion(published(tokens=10), marked, marked, Limits(tokens=10))
    assert own is not None
    assert (own.bucket, own.unit, own.ends_at) == ("app", "tokens", ENDS)
    shared = exhaustion(published(tokens=10), marked, None, Limits(tokens=10))
    assert shared is not None
    assert shared.bucket == "budget finance"
    assert exhaustion(published(tokens=10, mode="Shadow"), marked, marked, Limits(tokens=10)) is None


@pytest.mark.parametrize(
    ("spent", "limits", "share"),
    [
        (Amounts(tokens=199), Limits(tokens=200), 99),
        (Amounts(tokens=1, cost_micros=9), Limits(tokens=100, cost_micros=10), 90),
        (Amounts(tokens=500), Limits(), None),
        (Amounts(), Limits(tokens=0), 100),
        (Amounts(tokens=30), Limits(tokens=10), 300),
    ],
)
def test_the_share_that_is_spent(spent: Amounts, limits: Limits, share: int | None) -> None:
    assert percent(spent, limits) == share


def test_claims_count_as_well() -> None:
    assert budget_percent(published(state=5, stateMibSeconds=10, tokens=100), account(spent={"tokens": 10})) == 50


def test_the_forecast_goes_on_as_the_last_seven_days() -> None:
    days = [{"day": f"2026-11-{day:02}", "spent": {"tokens": 70 if day <= 10 else 10}} for day in range(1, 21)]
    held = account(spent={"tokens": 800}, days=days)
    expected = forecast(published(), held, datetime(2026, 11, 21, tzinfo=UTC))
    assert expected is not None
    assert expected.tokens == 800 + 10 * 10


def test_a_quiet_week_forecasts_nothing_more() -> None:
    held = account(spent={"tokens": 800}, days=[{"day": "2026-11-02", "spent": {"tokens": 800}}])
    assert forecast(published(), held, datetime(2026, 11, 21, tzinfo=UTC)) == Amounts(tokens=800)


@pytest.mark.parametrize("now", [STARTS, STARTS + timedelta(hours=23), ENDS, ENDS + timedelta(days=3)])
def test_there_is_no_forecast_on_the_first_day_and_after_the_end(now: datetime) -> None:
    assert forecast(published(), account(spent={"tokens": 5}), now) is None


@given(
    strategies.timedeltas(timedelta(0), ENDS - STARTS),
    strategies.dictionaries(strategies.integers(1, 30), strategies.integers(0, 2**40), max_size=30),
    strategies.integers(0, LARGEST),
    strategies.integers(1, 30),
    strategies.integers(1, LARGEST),
)
def test_a_forecast_is_at_least_what_is_spent_and_grows_with_every_day(
    passed: timedelta, days: dict[int, int], lost: int, day: int, more: int
) -> None:
    spent = min(sum(days.values()) + lost, LARGEST)

    def expected(now: datetime, amounts: dict[int, int]) -> int | None:
        totals = [{"day": f"2026-11-{day:02}", "spent": {"tokens": amounts[day]}} for day in sorted(amounts)]
        found = forecast(published(), account(spent={"tokens": spent}, days=totals), now)
        return None if found is None else found.tokens

    grown = {**days, day: min(days.get(day, 0) + more, LARGEST)}
    assert expected(ENDS - timedelta(microseconds=1), grown) == spent, "at the end nothing more comes"
    found, higher = expected(STARTS + passed, days), expected(STARTS + passed, grown)
    if found is None or higher is None:
        assert found is higher
        assert passed < timedelta(days=1) or passed == ENDS - STARTS
        return
    assert passed >= timedelta(days=1)
    assert spent <= found <= higher <= LARGEST
    assert expected(STARTS + passed, {}) == spent, "where nothing was spent lately, nothing more comes"


@pytest.mark.parametrize(
    ("mib", "at", "expected"),
    [(0, STARTS, 100), (2, ENDS - timedelta(seconds=50), 200), (2, ENDS + timedelta(days=1), 100),
     (LARGEST, STARTS, LARGEST)],
    ids=["no claims any more", "claims stay until the end", "not beyond it", "and not more than has room"],
)  # fmt: skip
def test_claims_are_forecast_to_stay(mib: int, at: datetime, expected: int) -> None:
    state = {"state": StateUse(mib_seconds=100, mib=mib, at=at)}
    assert state_forecast(published().model_copy(update=state)) == expected


def test_what_is_leased_is_not_left() -> None:
    lease = {"holder": "a/1", "at": STARTS, "amounts": {"tokens": 4}}
    held = account(spent={"tokens": 5}, leases=[lease])
    assert left_of(held, Limits(tokens=10, cost_micros=3)) == (1, None, None, 3)
    assert left_of(held, Limits(tokens=8)) == (0, None, None, None)


def test_amounts_are_shown_in_the_units_of_limits() -> None:
    assert shown(Amounts(1, 2, 3999, 1_500_000)) == {
        "tokens": 1,
        "toolCalls": 2,
        "cpuSeconds": 3,
        "costUSD": "1.50",
    }
    assert shown((None, 2, None, None)) == {"toolCalls": 2}


def test_an_account_of_another_period_is_none_of_this_one() -> None:
    assert current(published(), account("2026-10", spent={"tokens": 5})) == account()
