# SPDX-License-Identifier: Apache-2.0
"""A change of the platform reaches a few apps at a time, and one that does not come back stops nobody for long."""

from datetime import UTC, datetime, timedelta

import pytest

from genapps.controller.cache.keys import AppKey
from genapps.controller.reconcile.permits import Permits

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DEADLINE = timedelta(minutes=2)


def key(number: int) -> AppKey:
    return AppKey("finance", f"app-{number}")


def permits(pods: int) -> Permits:
    return Permits(lambda _: pods, DEADLINE)


@pytest.mark.parametrize(("pods", "at_once"), [(0, 1), (1, 1), (19, 1), (20, 2), (250, 25)])
def test_a_tenth_of_a_run_namespace_is_replaced_at_a_time_and_at_least_one(pods: int, at_once: int) -> None:
    some = permits(pods)
    granted = [number for number in range(300) if some.ask(key(number), "run", START)]
    assert len(granted) == at_once


def test_run_namespaces_do_not_wait_for_each_other() -> None:
    some = permits(5)
    assert some.ask(key(1), "run-a", START)
    assert some.ask(key(2), "run-b", START)
    assert not some.ask(key(3), "run-a", START)


def test_those_that_wait_come_in_the_order_of_asking() -> None:
    some = permits(5)
    assert [some.ask(key(number), "run", START) for number in range(4)] == [True, False, False, False]
    assert some.holds(key(0))
    for number in range(3):
        assert some.settle(key(number), done=False, now=START) == []
        assert some.settle(key(number), done=True, now=START) == [key(number + 1)]
        assert some.ask(key(number + 1), "run", START)
    assert some.settle(key(3), done=True, now=START) == []
    assert not some.holds(key(3))


def test_a_permit_passes_on_after_its_deadline() -> None:
    some = permits(5)
    some.ask(key(0), "run", START)
    some.ask(key(1), "run", START)
    later = START + DEADLINE
    assert some.ask(key(1), "run", later), "nobody has to tell that the other one is overdue"
    assert some.settle(key(0), done=False, now=later) == []
    assert not some.holds(key(0))


def test_one_that_waits_no_more_lets_the_next_one_come() -> None:
    some = permits(5)
    for number in range(3):
        some.ask(key(number), "run", START)
    assert some.settle(key(0), done=True, now=START) == [key(1)]
    assert some.settle(key(1), done=True, now=START) == [key(2)], "app-1 was deleted meanwhile"


def test_one_whose_passes_fail_goes_behind_the_others() -> None:
    some = permits(5)
    for number in range(3):
        some.ask(key(number), "run", START)
    some.settle(key(0), done=True, now=START)
    assert some.postpone(key(1), START) == [key(2)]
    assert some.postpone(key(9), START) == [], "it never asked"
    some.ask(key(2), "run", START)
    assert some.postpone(key(2), START + DEADLINE) == [key(1)]


def test_asking_again_changes_nothing() -> None:
    some = permits(5)
    assert some.ask(key(0), "run", START)
    assert some.ask(key(0), "run", START + timedelta(seconds=1))
    assert some.settle(key(0), done=False, now=START + DEADLINE) == []
    assert not some.holds(key(0)), "asking did not prolong it"
