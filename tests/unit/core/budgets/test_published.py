# SPDX-License-Identifier: Apache-2.0
"""What gateways are told of a budget: exact numbers, and a period that never decreases."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies

from genapps.api.appbudget import AppBudget
from genapps.api.budgetrecord import PublishedBudget
from genapps.core.budgets.period import UnknownZoneError
from genapps.core.budgets.published import STATE_EVERY, is_due, published

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def budget(**spec: Any) -> AppBudget:
    full = {"businessUnit": "finance", "namespaces": ["finance"], "tiers": {"small": {}}} | spec
    return AppBudget.model_validate({"metadata": {"name": "finance", "uid": "u1"}, "spec": full})


def test_limits_and_prices_become_whole_numbers() -> None:
    limits = {"tokens": 5, "toolCalls": 0, "cpuSeconds": 3, "costUSD": "250.000001", "stateGiBHours": 2}
    prices = {"perMillionInputTokens": "3.00", "perMillionOutputTokens": "15", "perCpuHour": "0.05"}
    found = published(budget(limits=limits, prices=prices), None, 0, NOON)
    assert found.limits.model_dump() == {
        "tokens": 5,
        "tool_calls": 0,
        "cpu_millis": 3000,
        "cost_micros": 250_000_001,
        "state_mib_seconds": 2 * 1024 * 3600,
    }
    assert (found.prices.input_micros, found.prices.output_micros) == (3_000_000, 15_000_000)
    assert (found.prices.cpu_hour_micros, found.prices.cached_input_micros) == (50_000, None)


def test_without_limits_and_prices_there_are_none() -> None:
    found = published(budget(), None, 0, NOON)
    assert found.limits.model_dump(exclude_none=True) == {}
    assert found.prices.model_dump(exclude={"version"}, exclude_none=True) == {}
    assert (found.mode, found.period) == ("Enforce", "2026-11")


def test_other_prices_have_another_version() -> None:
    versions = {
        published(budget(prices=prices), None, 0, NOON).prices.version
        for prices in ({}, {"perCpuHour": "1"}, {"perMillionInputTokens": "1"}, {"perCpuHour": "2"})
    }
    assert len(versions) == 4


@pytest.mark.parametrize("days", [-1, 1, 31, 400])
def test_a_clock_that_is_wrong_never_takes_a_period_back(days: int) -> None:
    first = published(budget(), None, 0, NOON)
    ahead = published(budget(), first, 0, NOON + timedelta(days=days))
    again = published(budget(), ahead, 0, NOON)
    assert again.period >= ahead.period >= first.period
    assert again.ends_at == ahead.ends_at


@given(strategies.lists(strategies.integers(-(10**8), 10**8), min_size=1, max_size=20))
def test_the_period_never_decreases(seconds: list[int]) -> None:
    before: PublishedBudget | None = None
    for moved in seconds:
        after = published(budget(), before, 1024, NOON + timedelta(seconds=moved))
        assert before is None or after.period >= before.period
        assert before is None or before.period != after.period or after.state.mib_seconds >= before.state.mib_seconds
        before = after


def test_an_unknown_time_zone_is_refused() -> None:
    with pytest.raises(UnknownZoneError):
        published(budget(period={"timeZone": "Mars/Olympus"}), None, 0, NOON)


def test_claims_are_counted_with_the_size_that_they_had() -> None:
    empty = published(budget(), None, 0, NOON)
    made = published(budget(), empty, 1024, NOON + HOUR)
    grown = published(budget(), made, 3072, NOON + 2 * HOUR)
    later = published(budget(), grown, 3072, NOON + 3 * HOUR)
    assert [each.state.mib_seconds // (1024 * 3600) for each in (empty, made, grown, later)] == [0, 0, 1, 4]


def test_claims_are_counted_for_the_time_in_which_nobody_looked_and_never_backwards() -> None:
    first = published(budget(), None, 1024, NOON)
    back = published(budget(), first, 1024, NOON - HOUR)
    assert (back.state.mib_seconds, back.state.at) == (0, NOON)
    gap = published(budget(), back, 0, NOON + 48 * HOUR)
    assert gap.state.mib_seconds == 48 * 1024 * 3600


def test_a_new_period_begins_with_what_claims_took_up_in_it() -> None:
    before = published(budget(), None, 1024, datetime(2026, 11, 30, 23, tzinfo=UTC))
    after = published(budget(), before, 1024, datetime(2026, 12, 1, 2, tzinfo=UTC))
    assert (after.period, after.state.mib_seconds) == ("2026-12", 2 * 1024 * 3600)
    assert after.previous is not None
    assert (after.previous.period, after.previous.state_mib_seconds) == ("2026-11", 1024 * 3600)


def test_nothing_is_written_while_nothing_changes() -> None:
    first = published(budget(), None, 0, NOON)
    assert is_due(None, first, NOON)
    assert not is_due(first, published(budget(), first, 0, NOON + HOUR), NOON + HOUR)
    assert is_due(first, published(budget(limits={"tokens": 1}), first, 0, NOON), NOON)
    assert is_due(first, published(budget(), first, 1024, NOON), NOON)
    claims = published(budget(), None, 1024, NOON)
    for wait, due in ((STATE_EVERY - timedelta(seconds=1), False), (STATE_EVERY, True)):
        assert is_due(claims, published(budget(), claims, 1024, NOON + wait), NOON + wait) is due
