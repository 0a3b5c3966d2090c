# SPDX-License-Identifier: Apache-2.0
"""When an app is looked at although nothing happens to it."""

from dataclasses import replace
from datetime import timedelta

from genapps.core.status import look_again, status
from genapps.core.status.view import PATIENCE
from genapps.core.status.waiting import AGEING, RARELY
from tests.unit.core.world import PLATFORM, World, app, ledger

TICK = timedelta(microseconds=1)


def wait(world: World) -> timedelta | None:
    verdict = world.verdict()
    return look_again(status(world.observe(), verdict), verdict)


def starting() -> World:
    """An app whose pod is there and says nothing."""
    world = World()
    world.settle()
    return world


def test_an_app_that_starts_is_looked_at_when_patience_is_over_and_then_rarely() -> None:
    world = starting()
    assert wait(world) == PATIENCE
    world.now += timedelta(seconds=4)
    assert wait(world) == PATIENCE - timedelta(seconds=4)
    world.now += PATIENCE - timedelta(seconds=4) - TICK
    assert wait(world) == TICK
    world.now += TICK
    assert wait(world) == RARELY


def test_that_look_finds_what_the_app_waits_for() -> None:
    world = World(platform=replace(PLATFORM, gateway_address=None))
    world.settle()
    assert world.condition("Ready") == ("False", "PodStarting")
    told = wait(world)
    assert told is not None
    world.now += told
    world.settle()
    assert world.condition("Ready") == ("False", "GatewayPending")


def test_an_app_that_answers_or_is_stalled_waits_for_an_event() -> None:
    assert wait(World().run()) is None
    stalled = World(app=app({"tier": "huge"}))
    stalled.settle()
    assert stalled.condition("Stalled")[0] == "True"
    assert wait(stalled) is None


def test_violations_that_count_are_looked_at_until_they_have_left_the_window() -> None:
    world = World().run()
    world.ledger = ledger("a", at=world.now)
    world.settle()
    assert wait(world) == AGEING
    world.later(minutes=60)
    assert wait(world) is None


def test_a_degraded_app_is_looked_at_rarely_although_it_answers() -> None:
    world = World().run()
    world.breaker_is_open()
    world.settle()
    assert wait(world) == RARELY


def test_a_time_that_cannot_be_read_or_is_ahead_delays_no_longer_than_patience() -> None:
    world = starting()
    for time in ("no time", "2026-11-23T12:00:00", "2099-01-01T00:00:00Z"):
        conditions = [{**one, "lastTransitionTime": time} for one in world.status["conditions"]]
        world.status = {**world.status, "conditions": conditions}
        assert wait(world) == PATIENCE, time
