# SPDX-License-Identifier: Apache-2.0
"""Counting: what counts, what does not, and that nobody gains by repeating himself or by flooding the window."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps.api.appbudget import ViolationPolicy
from genapps.api.ledger import WINDOW_ENTRIES, ViolationEntry, ViolationRule, Violations
from genapps.core.violations import MOST_FREE_REPEATS, add, counted, reached
from tests.unit.core.world import START

POLICY = ViolationPolicy(threshold=3, window="10m")
CALLS = 8


def entry(request_id: str, at: datetime = START) -> ViolationEntry:
    rule = ViolationRule.CONNECTOR_NOT_IN_ENVELOPE
    return ViolationEntry(at=at, rule=rule, subject="payroll", request_id=request_id)


def count(entries: list[ViolationEntry], now: datetime = START, count_from: datetime | None = None) -> int:
    return counted(entries, POLICY, CALLS, count_from, now)


ENTRIES = st.lists(
    st.builds(
        entry,
        st.sampled_from(["a", "b", "c", "d"]),
        st.integers(min_value=-900, max_value=30).map(lambda seconds: START + timedelta(seconds=seconds)),
    ),
    max_size=60,
)


def test_distinct_requests_count_one_each() -> None:
    assert count([entry("a"), entry("b"), entry("c")]) == 3


def test_one_request_counts_once_up_to_the_calls_of_its_tier() -> None:
    assert count([entry("a")] * CALLS) == 1


def test_each_repeat_beyond_the_calls_of_the_tier_counts_by_itself() -> None:
    assert count([entry("a")] * (CALLS + 2)) == 3


def test_a_tier_without_calls_makes_every_repeat_count() -> None:
    assert counted([entry("a")] * 3, POLICY, 0, None, START) == 3


def test_a_tier_with_very_many_calls_does_not_hide_repeats() -> None:
    assert counted([entry("a")] * (MOST_FREE_REPEATS + 2), POLICY, 1000, None, START) == 3


def test_what_is_older_than_the_window_does_not_count() -> None:
    assert count([entry("a", START - timedelta(minutes=10)), entry("b", START - timedelta(minutes=9))]) == 1


def test_what_was_before_the_acknowledgement_or_at_its_moment_does_not_count() -> None:
    earlier, later = START - timedelta(seconds=1), START + timedelta(seconds=1)
    assert count([entry("a", earlier), entry("b"), entry("c", later)], later, count_from=START) == 1


def test_a_clock_that_runs_ahead_does_not_hide_a_violation() -> None:
    assert count([entry("a", START + timedelta(minutes=1))]) == 1


@given(ENTRIES, ENTRIES)
def test_more_violations_never_count_less(some: list[ViolationEntry], more: list[ViolationEntry]) -> None:
    assert count(some + more) >= count(some)


@given(ENTRIES)
def test_the_order_does_not_matter(entries: list[ViolationEntry]) -> None:
    assert count(entries) == count(list(reversed(entries)))


@given(ENTRIES)
def test_counting_never_invents(entries: list[ViolationEntry]) -> None:
    assert count(entries) <= len(entries)


def test_reaching_the_threshold_is_remembered_with_its_moment() -> None:
    violations = Violations()
    for request_id in "abc":
        violations = add(violations, entry(request_id), POLICY, CALLS, None)
    assert violations.total == 3
    assert violations.tripped
    assert (violations.tripped.at, violations.tripped.count) == (START, 3)
    assert reached(violations, POLICY, CALLS, None, START + timedelta(days=1))


def test_an_acknowledgement_after_it_was_reached_settles_it() -> None:
    violations = Violations()
    for request_id in "abc":
        violations = add(violations, entry(request_id), POLICY, CALLS, None)
    assert not reached(violations, POLICY, CALLS, START, START)


def test_entries_leave_the_ledger_with_the_window_but_not_the_total() -> None:
    violations = add(Violations(), entry("a"), POLICY, CALLS, None)
    violations = add(violations, entry("b", START + timedelta(hours=1)), POLICY, CALLS, None)
    assert [known.request_id for known in violations.window] == ["b"]
    assert violations.total == 2


@given(st.integers(min_value=1, max_value=3 * WINDOW_ENTRIES))
def test_a_flood_under_one_id_cannot_push_out_the_others(flood: int) -> None:
    policy = ViolationPolicy(threshold=50, window="10m")
    violations = Violations()
    for request_id in ("a", "b"):
        violations = add(violations, entry(request_id), policy, 1000, None)
    for _ in range(flood):
        violations = add(violations, entry("flood"), policy, 1000, None)
    assert len(violations.window) <= WINDOW_ENTRIES
    assert {"a", "b"} <= {known.request_id for known in violations.window}


@pytest.mark.parametrize("threshold", [3, 10, 50])
@pytest.mark.parametrize("calls", [0, 8, 64, 1000])
def test_whoever_breaks_the_rules_more_often_than_the_window_holds_reaches_any_threshold(
    threshold: int, calls: int
) -> None:
    policy = ViolationPolicy(threshold=threshold, window="10m")
    violations = Violations()
    for number in range(WINDOW_ENTRIES + 1):
        # As many ids as do not reach the threshold by themselves, each used as often as the others.
        violations = add(violations, entry(f"id-{number % (threshold - 1)}"), policy, calls, None)
    assert reached(violations, policy, calls, None, START)


def test_what_was_acknowledged_makes_room_first_and_trips_nothing() -> None:
    policy = ViolationPolicy(threshold=50, window="10m")
    violations = Violations()
    for number in range(WINDOW_ENTRIES):
        violations = add(violations, entry(f"id-{number % 20}"), policy, 1000, None)
    later = START + timedelta(minutes=1)
    violations = add(violations, entry("after", later), policy, 1000, START + timedelta(seconds=1))
    assert violations.tripped is None
    assert [known.request_id for known in violations.window][-1] == "after"
