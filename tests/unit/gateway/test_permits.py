# SPDX-License-Identifier: Apache-2.0
"""Rates, concurrency and breakers of admitted calls: each limit, and the call one past it."""

from typing import Any

import pytest

from genapps.api.connector import Connector
from genapps.gateway.connectors.exchange import Health
from genapps.gateway.decision import Admit
from genapps.gateway.limits.breaker import BreakerState
from genapps.gateway.limits.permits import Permit, Permits
from genapps.gateway.problems import Code, Problem
from tests.unit.gateway.connectors import admitted, connector


class Now:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def permits(now: Now) -> Permits:
    return Permits(now)


def limited(**limits: Any) -> Connector:
    return connector(limits=limits)


def entered(permits: Permits, call: Admit) -> Permit:
    permit = permits.enter(call)
    assert isinstance(permit, Permit), permit
    return permit


def refused(permits: Permits, call: Admit) -> tuple[Code, int | None]:
    problem = permits.enter(call)
    assert isinstance(problem, Problem), "it was admitted"
    return problem.code, problem.retry_after


def test_one_app_has_so_many_calls_on_their_way(permits: Permits) -> None:
    call = admitted(limited(perApp={"concurrency": 2}))
    first, _ = entered(permits, call), entered(permits, call)
    assert refused(permits, call) == (Code.TOO_MANY_CALLS, 1)
    entered(permits, admitted(limited(perApp={"concurrency": 2}), child="another"))
    permits.leave(first, Health.GOOD)
    entered(permits, call)


def test_a_connector_has_so_many_calls_on_their_way(permits: Permits) -> None:
    call, other = admitted(limited(concurrency=1)), admitted(limited(concurrency=1), child="another")
    first = entered(permits, call)
    assert refused(permits, other) == (Code.TOO_MANY_CALLS, 1)
    permits.leave(first, Health.UNKNOWN)
    entered(permits, other)
    assert permits.running("rates") == 1


@pytest.mark.parametrize(
    ("limits", "tier", "at_once"),
    [
        ({"perApp": {"callsPerMinute": 60}}, 600, 10),
        ({}, 60, 10),
        ({"callsPerMinute": 60}, 600, 10),
        ({"perApp": {"callsPerMinute": 1}}, 600, 1),
    ],
    ids=["of the app at the connector", "of the app's tier", "of the connector", "one a minute"],
)
def test_calls_per_minute(permits: Permits, now: Now, limits: dict[str, Any], tier: int, at_once: int) -> None:
    call = admitted(limited(**limits), tier={"name": "small", "callsPerMinute": tier})
    for _ in range(at_once):
        permits.leave(entered(permits, call), Health.GOOD)
    code, seconds = refused(permits, call)
    assert code is Code.TOO_MANY_CALLS
    assert seconds
    now.seconds += seconds
    permits.leave(entered(permits, call), Health.GOOD)


def test_a_refused_call_takes_nothing(permits: Permits) -> None:
    """Else an app that is refused would use up what other apps may do."""
    crowded = admitted(limited(callsPerMinute=12, perApp={"concurrency": 1}))
    entered(permits, crowded)
    for _ in range(20):
        assert refused(permits, crowded)[0] is Code.TOO_MANY_CALLS
    entered(permits, admitted(limited(callsPerMinute=12, perApp={"concurrency": 1}), child="another"))


def test_a_dead_connector_sees_one_probe_of_all_apps(permits: Permits, now: Now) -> None:
    calls = [admitted(limited(), child=f"app-{number}") for number in range(6)]
    for call in calls[:5]:
        permits.leave(entered(permits, call), Health.BAD)
    assert permits.state("rates") is BreakerState.OPEN
    assert refused(permits, calls[5]) == (Code.BREAKER_OPEN, 5)
    now.seconds += 5
    probe = entered(permits, calls[5])
    assert refused(permits, calls[0])[0] is Code.BREAKER_OPEN, "one at a time, whoever's"
    permits.leave(probe, Health.GOOD)
    for call in calls:
        entered(permits, call)


def test_an_app_whose_calls_alone_fail_takes_the_connector_from_nobody(permits: Permits, now: Now) -> None:
    bad, good = admitted(limited(), child="bad"), admitted(limited(), child="good")
    for _ in range(5):
        permits.leave(entered(permits, bad), Health.BAD)
    for _ in range(20):
        assert refused(permits, bad)[0] is Code.BREAKER_OPEN
        now.seconds += 61
        permits.leave(entered(permits, bad), Health.BAD)
    assert permits.state("rates") is BreakerState.CLOSED
    permits.leave(entered(permits, good), Health.BAD)
    for number in range(3):
        permits.leave(entered(permits, admitted(limited(), child=f"bad-{number % 2}")), Health.BAD)
    assert refused(permits, good)[0] is Code.BREAKER_OPEN, "the failures of two apps are the connector's"


def test_a_connector_of_the_same_name_begins_anew(permits: Permits) -> None:
    calls = [admitted(limited(), child=child) for child in ("one", "other")]
    for _ in range(5):
        for call in calls:
            if isinstance(permit := permits.enter(call), Permit):
                permits.leave(permit, Health.BAD)
    assert permits.state("rates") is BreakerState.OPEN
    permits.forget("rates")
    assert permits.state("rates") is BreakerState.CLOSED
    for call in calls:
        entered(permits, call)


def test_an_app_that_breaks_a_connector_alone_is_alone_without_it(permits: Permits) -> None:
    """Its own breaker opens first: the others' calls keep the shared one closed."""
    bad, good = admitted(limited(), child="bad"), admitted(limited(), child="good")
    for _ in range(5):
        permits.leave(entered(permits, good), Health.GOOD)
        permits.leave(entered(permits, good), Health.GOOD)
        permits.leave(entered(permits, bad), Health.BAD)
    assert refused(permits, bad)[0] is Code.BREAKER_OPEN
    assert permits.state("rates") is BreakerState.CLOSED
    entered(permits, good)
