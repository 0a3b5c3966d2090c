# SPDX-License-Identifier: Apache-2.0
"""Deletion is an order: an app whose object a finalizer still holds does not run on, and nothing restarts it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from genapps.core.retention import CONFIRMED_FOR, Confirmation, left_of, stop
from genapps.core.steps import Delete
from tests.unit.core.world import CHILD, START, World, app, ledger

DELETION = {"deletionTimestamp": START, "finalizers": ["example.com/hold"]}


def deleted(world: World, spec: dict[str, object] | None = None) -> World:
    """Its deletion was ordered, and somebody else's finalizer holds the object."""
    world.app = app(spec, DELETION)
    return world


def test_the_pod_and_its_endpoints_go_at_once() -> None:
    world = deleted(World().run())
    world.settle()
    assert world.pod is not None
    assert world.pod.deletion_deadline == START + timedelta(seconds=1)
    assert ("EndpointSlice", CHILD) not in world.children
    world.pod_is_gone()
    world.settle()
    assert world.pod is None
    assert "PersistentVolumeClaim" in world.kinds(), "state as for any deleted app"
    assert world.record is not None
    assert world.record.deleted_at is None, "the object still exists: no clock runs"


def test_status_says_that_it_is_being_deleted_and_who_holds_it() -> None:
    world = deleted(World().run())
    world.settle()
    assert world.condition("Ready") == ("False", "Deleting")
    assert world.condition("Reconciling") == ("True", "Deleting")
    assert world.condition("Stalled") == ("False", "NotStalled")
    assert "example.com/hold" in world.message("Ready")


@pytest.mark.parametrize("spec", [{}, {"code": {"source": {"inline": "x = 2\n"}}}, {"operatingMode": "Running"}])
def test_no_change_of_the_spec_starts_it_again(spec: dict[str, object]) -> None:
    world = deleted(World().run())
    world.settle()
    world.pod_is_gone()
    world.settle()
    writes = len(world.writes)
    deleted(world, spec)
    world.later(hours=1)
    world.settle()
    assert world.pod is None
    assert set(world.writes[writes:]) <= {"status"}


def test_an_app_that_never_ran_gets_no_children() -> None:
    world = deleted(World())
    world.settle()
    assert world.kinds() == []
    assert world.record is None
    assert world.condition("Ready") == ("False", "Deleting")


def test_violations_are_still_judged() -> None:
    world = deleted(World().run())
    world.ledger = ledger("r1", "r2", "r3", at=START, tripped=True)
    world.settle()
    assert world.condition("Suspended") == ("True", "RepeatedViolations")
    assert world.condition("Ready") == ("False", "Deleting")
    assert world.record is not None
    assert world.record.suspension is not None


def test_one_event_tells_of_the_order() -> None:
    world = deleted(World().run())
    world.events.clear()
    world.settle()
    assert [event.reason for event in world.events] == ["Deleting"]


def test_what_stops_at_once_is_only_what_can_be_made_again() -> None:
    world = World().run()
    observed = world.observe()
    steps = stop(observed.key, world.children.values())
    assert {(step.kind, step.grace_seconds) for step in steps} == {("Pod", 1), ("EndpointSlice", None)}
    foreign = [replace(child, app=None) for child in world.children.values()]
    assert stop(observed.key, foreign) == ()
    going = [replace(child, deleting=True) for child in world.children.values()]
    assert stop(observed.key, going) == ()
    assert all(isinstance(step, Delete) for step in steps)


@pytest.mark.parametrize(
    ("what", "confirmation", "marked", "left"),
    [
        ("nobody confirmed", None, [], 0),
        ("as many as were confirmed", Confirmation(9, START), [], 9),
        ("less what has gone since", Confirmation(9, START), [timedelta(), timedelta(minutes=1)], 7),
        ("what went before does not count", Confirmation(9, START), [timedelta(seconds=-1)], 9),
        ("never less than none", Confirmation(1, START), [timedelta()] * 3, 0),
        ("a moment before its end", Confirmation(9, START - CONFIRMED_FOR + timedelta(seconds=1)), [], 9),
        ("after an hour", Confirmation(9, START - CONFIRMED_FOR), [], 0),
        ("an API server whose clock is ahead", Confirmation(9, START + timedelta(minutes=5)), [], 9),
    ],
)
def test_how_much_of_a_confirmation_is_left(
    what: str, confirmation: Confirmation | None, marked: list[timedelta], left: int
) -> None:
    assert left_of(confirmation, [START + span for span in marked], START) == left, what
