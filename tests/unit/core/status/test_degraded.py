# SPDX-License-Identifier: Apache-2.0
"""The condition Degraded: what a runtime reports of its breaker, for as long as it is no old news."""

from dataclasses import replace
from datetime import timedelta

import pytest

from genapps.core.reported_breaker import BELIEVED, NOTED_EVERY, noted
from tests.unit.core.world import START, World, app

OPEN = ("True", "ExecutionBreakerOpen")
CLOSED = ("False", "NotDegraded")
TICK = timedelta(microseconds=1)


@pytest.fixture
def degraded() -> World:
    world = World().run()
    world.breaker_is_open()
    world.settle()
    assert world.condition("Degraded") == OPEN
    return world


def confirmed(world: World) -> None:
    assert world.ledger
    assert world.ledger.breaker
    breaker = world.ledger.breaker.model_copy(update={"confirmed_at": world.now})
    world.ledger = world.ledger.model_copy(update={"breaker": breaker})
    world.settle()


def test_an_app_that_fails_is_degraded_and_stays_ready(degraded: World) -> None:
    assert degraded.condition("Ready") == ("True", "Available")
    assert degraded.condition("Stalled")[0] == degraded.condition("Reconciling")[0] == "False"
    assert degraded.message("Degraded") == (
        "The app fails so often that its runtime refuses requests, and tries a few every 5 s."
        " That began at 2026-11-23T12:00:00.000000Z. Check the app's log."
    )
    assert "violations" not in degraded.status, "nothing was counted"


def test_it_is_told_once_and_confirmations_change_no_status(degraded: World) -> None:
    assert [event.reason for event in degraded.events if event.type == "Warning"] == ["ExecutionBreakerOpen"]
    before, events = degraded.status, list(degraded.events)
    for _ in range(3):
        degraded.later(minutes=2)
        confirmed(degraded)
    assert (degraded.status, degraded.events) == (before, events)


def test_it_ends_when_the_runtime_says_so(degraded: World) -> None:
    assert degraded.ledger
    assert degraded.pod
    closed = noted(degraded.ledger.breaker, degraded.pod.uid, degraded.now, is_open=False)
    degraded.ledger = degraded.ledger.model_copy(update={"breaker": closed})
    degraded.settle()
    assert degraded.condition("Degraded") == CLOSED


def test_it_ends_when_nobody_confirms_it(degraded: World) -> None:
    degraded.now += BELIEVED - TICK
    degraded.settle()
    assert degraded.condition("Degraded") == OPEN
    degraded.now += TICK
    degraded.settle()
    assert degraded.condition("Degraded") == CLOSED


def test_a_confirmation_from_far_ahead_is_not_believed_for_longer(degraded: World) -> None:
    degraded.now -= BELIEVED
    degraded.settle()
    assert degraded.condition("Degraded") == CLOSED


def test_it_ends_with_the_pod_and_is_not_passed_on_to_the_next(degraded: World) -> None:
    assert degraded.pod
    degraded.pod = replace(degraded.pod, uid="another")
    degraded.settle()
    assert degraded.condition("Degraded") == CLOSED


def test_an_app_without_a_pod_is_not_degraded(degraded: World) -> None:
    degraded.app = app({"operatingMode": "Suspended"}, {"generation": 2})
    degraded.settle()
    degraded.pod_is_gone()
    degraded.settle()
    assert degraded.condition("Degraded") == CLOSED


def test_only_news_is_noted() -> None:
    first = noted(None, "pod", START, is_open=True)
    assert first
    assert noted(first, "pod", START + NOTED_EVERY - TICK, is_open=True) is first
    later = noted(first, "pod", START + NOTED_EVERY, is_open=True)
    assert later
    assert (later.since, later.confirmed_at) == (START, START + NOTED_EVERY)
    assert noted(later, "pod", START, is_open=True) != later, "a clock that was ahead does not freeze it"
    assert noted(None, "pod", START, is_open=False) is None
    closed = noted(later, "pod", START + 2 * NOTED_EVERY, is_open=False)
    assert closed
    assert (closed.open, closed.since) == (False, START + 2 * NOTED_EVERY)
    assert noted(closed, "pod", START + 9 * NOTED_EVERY, is_open=False) is closed
    assert noted(first, "another", START, is_open=False) != first, "it is over with that pod"
