# SPDX-License-Identifier: Apache-2.0
"""Counting over days in few spans: never less than what is in the window, and never much more."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps.api.appbudget import ViolationPolicy
from genapps.api.slow_counts import MOST_COUNTED, MOST_SPANS, Defects, LatestDefect, LimitsMet, Span
from genapps.core.slow_counts import (
    SPANS_OF_A_WINDOW,
    Seen,
    counted,
    reached,
    settled_until,
    with_defects,
    with_limits,
)
from tests.unit.core.world import START

POLICY = ViolationPolicy(slow_threshold=10, slow_window="24h")
WINDOW = timedelta(hours=24)
LONGEST = ViolationPolicy(slow_threshold=10_000, slow_window="168h")


def seen(at: datetime = START, count: int = 1) -> Seen:
    return Seen(at, at, count, LatestDefect(at=at, code="ArgumentsInvalid", subject="mail/send", request_id="r1"))


def after(moments: list[datetime], policy: ViolationPolicy = POLICY, count_from: datetime | None = None) -> Defects:
    defects = Defects()
    for at in moments:
        defects = with_defects(defects, seen(at), policy, count_from)
    return defects


MOMENTS = st.lists(st.integers(min_value=0, max_value=3 * 86_400), max_size=120).map(
    lambda offsets: [START + timedelta(seconds=offset) for offset in sorted(offsets)]
)


@given(MOMENTS)
def test_each_defect_counts_for_the_window_and_for_a_24th_of_it_longer_at_most(moments: list[datetime]) -> None:
    defects, now = after(moments), moments[-1] if moments else START
    inside = sum(at > now - WINDOW for at in moments)
    at_most = sum(at > now - WINDOW - WINDOW / SPANS_OF_A_WINDOW for at in moments)
    assert inside <= counted(defects.spans, POLICY, None, now) <= at_most
    assert defects.total == len(moments)


@given(st.lists(st.integers(min_value=-86_400, max_value=86_400), max_size=200))
def test_whatever_the_clocks_say_the_spans_are_few_and_nothing_inside_the_window_is_lost(offsets: list[int]) -> None:
    moments = [START + timedelta(seconds=offset) for offset in offsets]
    defects = after(moments)
    assert len(defects.spans) <= MOST_SPANS
    assert list(defects.spans) == sorted(defects.spans, key=lambda span: span.since)
    now = max(moments, default=START)
    assert counted(defects.spans, POLICY, None, now) >= sum(at > now - WINDOW for at in moments)


@given(MOMENTS, st.integers(min_value=0, max_value=3 * 86_400))
def test_an_acknowledgement_settles_what_was_before_it_and_nothing_after(moments: list[datetime], offset: int) -> None:
    acknowledged = START + timedelta(seconds=offset)
    before = after([at for at in moments if at <= acknowledged])
    count_from = settled_until(before, acknowledged)
    later = [at for at in moments if at > acknowledged]
    assert counted(before.spans, POLICY, count_from, acknowledged) == 0
    both = before
    for at in later:
        both = with_defects(both, seen(at), POLICY, count_from)
    now = later[-1] if later else acknowledged
    assert counted(both.spans, POLICY, count_from, now) >= sum(at > now - WINDOW for at in later)
    assert counted(both.spans, POLICY, count_from, now) <= len(later)


def test_ten_thousand_defects_in_a_week_reach_the_largest_threshold_and_no_one_fewer_does() -> None:
    week = [START + timedelta(seconds=60 * number) for number in range(9_999)]
    defects = after(week, LONGEST)
    assert defects.tripped is None
    defects = with_defects(defects, seen(week[-1]), LONGEST, None)
    assert defects.tripped
    assert defects.tripped.count == 10_000
    assert len(defects.model_dump_json()) < 4096, "of a Ledger, which holds other things as well"


def test_one_below_the_threshold_suspends_nobody() -> None:
    defects = with_defects(None, seen(count=9), POLICY, None)
    assert not reached(defects, POLICY, None, START)
    assert reached(with_defects(defects, seen(), POLICY, None), POLICY, None, START)


def test_the_threshold_stays_reached_when_the_window_has_passed() -> None:
    defects = with_defects(None, seen(count=10), POLICY, None)
    assert reached(defects, POLICY, None, START + timedelta(days=30))
    assert not reached(defects, POLICY, START, START)


def test_a_threshold_that_is_lowered_below_what_counts_holds_at_once() -> None:
    defects = with_defects(None, seen(count=9), POLICY, None)
    stricter = ViolationPolicy(slow_threshold=9, slow_window="24h")
    assert reached(defects, stricter, None, START)


def test_a_window_that_becomes_shorter_loses_nothing_that_is_inside_it() -> None:
    defects = after([START + timedelta(hours=hour) for hour in range(24)])
    now = START + timedelta(hours=23)
    short, long = (ViolationPolicy(slow_window=window) for window in ("1h", "168h"))
    assert counted(defects.spans, short, None, now) >= 1
    for _ in range(100):
        now += timedelta(minutes=3)
        defects = with_defects(defects, seen(now), short, None)
    assert len(defects.spans) <= MOST_SPANS
    assert counted(defects.spans, short, None, now) >= 20
    assert counted(defects.spans, long, None, now) >= 20, "a longer window begins with what the shorter one kept"


def test_a_clock_that_runs_a_day_ahead_takes_nothing_from_the_others() -> None:
    defects = after([START] * 5)
    defects = with_defects(defects, seen(START + timedelta(days=1, hours=1)), POLICY, None)
    assert counted(defects.spans, POLICY, None, START) == 6


def test_two_gateways_add_up() -> None:
    one = with_defects(None, seen(count=4), POLICY, None)
    both = with_defects(one, seen(START - timedelta(seconds=3), count=6), POLICY, None)
    assert both.tripped
    assert both.total == 10


def test_a_number_stays_one_that_json_can_hold() -> None:
    defects = Defects(total=MOST_COUNTED, spans=(Span(since=START, until=START, count=MOST_COUNTED),))
    assert with_defects(defects, seen(), POLICY, None).total == MOST_COUNTED
    assert seen(count=MOST_COUNTED).joined(seen()).count == MOST_COUNTED


@pytest.mark.parametrize("count", [1, 20_000])
def test_limits_are_only_numbers(count: int) -> None:
    met = with_limits(None, Seen(START, START, count), POLICY, None)
    assert met == LimitsMet(total=count, spans=(Span(since=START, until=START, count=count),))
