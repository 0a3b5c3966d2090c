# SPDX-License-Identifier: Apache-2.0
"""The circuit breaker of connectors, with a clock that is told the time."""

import pytest

from genapps.gateway.connectors.exchange import Health
from genapps.gateway.limits.breaker import WINDOW_SECONDS, Breaker, BreakerRules, BreakerState

GOOD, BAD, UNKNOWN = Health.GOOD, Health.BAD, Health.UNKNOWN


def called(breaker: Breaker, now: float, *ends: Health) -> None:
    for end in ends:
        assert breaker.wait(now) == 0
        breaker.leave(now, end, probe=breaker.enter(now))


@pytest.mark.parametrize(
    ("ends", "state"),
    [
        ([BAD] * 4, BreakerState.CLOSED),
        ([BAD] * 5, BreakerState.OPEN),
        ([GOOD] * 5 + [BAD] * 4, BreakerState.CLOSED),
        ([GOOD] * 5 + [BAD] * 5, BreakerState.OPEN),
        ([BAD, GOOD] * 2 + [BAD], BreakerState.OPEN),
        ([UNKNOWN] * 50 + [BAD] * 4, BreakerState.CLOSED),
    ],
    ids=["too few", "all", "under half", "half", "a single success resets nothing", "what says nothing is not counted"],
)
def test_the_rate_over_the_window_opens_it(ends: list[Health], state: BreakerState) -> None:
    breaker = Breaker()
    called(breaker, 100.0, *ends)
    assert breaker.state(100.0) is state


def test_what_is_older_than_the_window_no_longer_counts() -> None:
    breaker = Breaker()
    called(breaker, 100.0, *[BAD] * 4)
    called(breaker, 100.0 + WINDOW_SECONDS + 5, BAD)
    assert breaker.state(140.0) is BreakerState.CLOSED


def opened() -> Breaker:
    breaker = Breaker(BreakerRules(open_seconds=5, longest_open_seconds=18))
    called(breaker, 100.0, *[BAD] * 5)
    return breaker


def test_an_open_one_admits_one_probe_and_then_what_the_probe_brought() -> None:
    breaker = opened()
    assert breaker.wait(102.0) == pytest.approx(3.0)
    assert breaker.wait(105.0) == 0
    assert breaker.enter(105.0), "the probe"
    assert breaker.state(105.0) is BreakerState.HALF_OPEN
    assert breaker.wait(105.0) > 0, "one at a time"
    breaker.leave(106.0, GOOD, probe=True)
    assert (breaker.state(106.0), breaker.wait(106.0)) == (BreakerState.CLOSED, 0)


def test_a_failed_probe_opens_it_for_twice_as_long_up_to_a_bound() -> None:
    breaker, now = opened(), 105.0
    for expected in (10.0, 18.0, 18.0):
        called(breaker, now, BAD)
        assert breaker.wait(now) == pytest.approx(expected)
        now += expected


def test_a_probe_that_says_nothing_gives_its_place_back() -> None:
    breaker = opened()
    assert breaker.enter(105.0)
    breaker.leave(106.0, UNKNOWN, probe=True)
    assert breaker.wait(106.0) == 0, "nothing was learnt, so the next one may try"
    assert breaker.enter(106.0)
    assert breaker.wait(106.0 + 29) > 0
    assert breaker.wait(106.0 + 30) == 0, "a probe that never ends does not hold the place forever"


def test_calls_from_before_it_opened_do_not_move_it() -> None:
    breaker = opened()
    breaker.leave(101.0, GOOD, probe=False)
    breaker.leave(101.0, BAD, probe=False)
    assert breaker.wait(101.0) == pytest.approx(4.0)
