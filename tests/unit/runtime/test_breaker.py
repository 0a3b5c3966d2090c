# SPDX-License-Identifier: Apache-2.0
"""The breaker's rule, beside one that keeps every attempt."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genapps_runtime.serve.fallback.breaker import (
    MINIMUM,
    OPEN_SECONDS,
    PROBES,
    RATE,
    SLOT_SECONDS,
    WINDOW_SECONDS,
    Breaker,
)
from tests.support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock)


def opened(breaker: Breaker) -> Breaker:
    assert breaker.count(MINIMUM, MINIMUM)
    return breaker


def test_too_few_attempts_prove_nothing(breaker: Breaker) -> None:
    assert not breaker.count(MINIMUM - 1, MINIMUM - 1)
    assert breaker.closed
    assert breaker.count(1, 1)
    assert not breaker.closed


def test_it_opens_at_the_rate_and_not_one_failure_below(breaker: Breaker) -> None:
    least = round(MINIMUM * RATE)
    breaker.count(MINIMUM - least + 1, 0)
    assert not breaker.count(least - 1, least - 1)
    assert breaker.count(2, 2), "eleven of twenty-two"


def test_a_success_between_failures_hides_nothing(breaker: Breaker) -> None:
    assert [breaker.count(1, failed) for _ in range(MINIMUM // 2) for failed in (0, 1)][-1]


def test_failures_leave_the_window(breaker: Breaker, clock: Clock) -> None:
    breaker.count(MINIMUM - 1, MINIMUM - 1)
    clock.now += WINDOW_SECONDS
    assert not breaker.count(1, 1)
    assert breaker.window == (1, 1)


def test_only_so_many_probes_run_at_once(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.now += OPEN_SECONDS - 0.1
    assert not breaker.admit("early")
    clock.now += 0.1
    assert [breaker.admit(number) for number in range(PROBES + 1)] == [True] * PROBES + [False]
    assert not breaker.ended(0, None), "it says nothing about the app"
    assert breaker.admit("in its place")


def test_it_closes_after_successes_of_probes_and_forgets_what_was_before(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.now += OPEN_SECONDS
    for number in range(PROBES):
        assert breaker.admit(number)
        assert breaker.ended(number, False) is (number == PROBES - 1)
    assert breaker.closed
    assert breaker.window == (0, 0)


def test_one_failed_probe_opens_it_for_the_whole_time_again(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.now += OPEN_SECONDS
    breaker.admit("good")
    breaker.admit("bad")
    breaker.ended("good", False)
    breaker.ended("bad", True)
    clock.now += OPEN_SECONDS - 0.1
    assert not breaker.admit("early")
    clock.now += 0.1
    for number in range(PROBES - 1):
        breaker.admit(number)
        assert not breaker.ended(number, False), "the success before does not count"


def test_the_end_of_what_began_before_it_opened_does_not_matter(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.now += OPEN_SECONDS
    assert not any(breaker.ended("old", False) for _ in range(PROBES))
    assert not breaker.closed


@dataclass
class Model:
    """Every attempt with its time; times are rounded down to slots."""

    attempts: list[tuple[int, bool]] = field(default_factory=list)

    def opens(self, now: float, failed: bool) -> bool:
        self.attempts.append((int(now / SLOT_SECONDS), failed))
        since = int(now / SLOT_SECONDS) - round(WINDOW_SECONDS / SLOT_SECONDS)
        inside = [failed for slot, failed in self.attempts if slot > since]
        return failed and len(inside) >= MINIMUM and sum(inside) >= RATE * len(inside)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.floats(0, 12), st.booleans()), max_size=80))
def test_it_opens_exactly_when_the_window_says_so(attempts: list[tuple[float, bool]]) -> None:
    clock, model = Clock(), Model()
    breaker = Breaker(clock)
    for pause, failed in attempts:
        clock.now += pause / 10
        expected = model.opens(clock.now, failed)
        assert breaker.count(1, int(failed)) is expected
        if expected:
            return
