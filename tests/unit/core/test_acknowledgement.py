# SPDX-License-Identifier: Apache-2.0
"""An app that is created again beside the suspension of the earlier one: what ends it, and what does not."""

import pytest

from genapps.api.apprecord import InertAcknowledgement
from genapps.core.steps import WriteRecord
from tests.unit.core.suspended_app import ID, recorded, suspended
from tests.unit.core.world import World, app, ledger


def created_again(acknowledged: str, uid: str = "app-uid-2", world: World | None = None) -> World:
    """The suspended app, deleted and created with that id in its manifest."""
    world = world or suspended()
    world.record = recorded(world).model_copy(update={"deleted_at": world.now})
    world.status = {}
    world.app = app({"acknowledgedSuspension": acknowledged}, {"uid": uid})
    return world


def acknowledge(world: World, value: str, generation: int) -> None:
    world.app = app({"acknowledgedSuspension": value}, {"uid": world.metadata.uid, "generation": generation})
    world.settle()


def test_an_id_that_is_there_at_creation_ends_nothing() -> None:
    world = created_again(ID)
    world.settle()
    assert world.condition("Suspended") == ("True", "RepeatedViolations")
    assert "Clear it first" in world.message("Suspended")
    assert recorded(world).suspension
    assert world.pod is None
    world.later(hours=1)
    assert world.plan() == (), "nor later, from the note in the record"


def test_what_was_there_at_creation_is_noted_in_the_write_that_takes_the_record_over() -> None:
    world = created_again(ID)
    first = world.plan()[0]
    assert isinstance(first, WriteRecord)
    assert first.record.app.uid == "app-uid-2"
    assert first.record.inert_acknowledgement == InertAcknowledgement(uid="app-uid-2", id=ID)


@pytest.mark.parametrize("between", ["", "f" * 32], ids=["cleared", "another id"])
def test_set_again_after_a_change_the_id_counts(between: str) -> None:
    world = created_again(ID)
    world.settle()
    acknowledge(world, between, 2)
    assert world.condition("Suspended") == ("True", "RepeatedViolations")
    assert "Clear it first" not in world.message("Suspended")
    acknowledge(world, ID, 3)
    assert world.condition("Suspended") == ("False", "Resumed")
    assert recorded(world).inert_acknowledgement is None


@pytest.mark.parametrize("stale", ["", "f" * 32], ids=["nothing", "an id of long ago"])
def test_an_app_created_again_resumes_by_the_id_that_was_not_there(stale: str) -> None:
    world = created_again(stale)
    world.settle()
    assert world.condition("Suspended") == ("True", "RepeatedViolations")
    acknowledge(world, ID, 2)
    assert world.condition("Suspended") == ("False", "Resumed")


def test_each_creation_is_noted_anew() -> None:
    world = created_again(ID)
    world.settle()
    acknowledge(world, "", 2)
    created_again(ID, "app-uid-3", world)
    world.settle()
    assert world.condition("Suspended") == ("True", "RepeatedViolations")
    acknowledge(world, "", 2)
    acknowledge(world, ID, 3)
    assert world.condition("Suspended") == ("False", "Resumed")


def test_an_app_that_is_created_again_without_its_budget_gains_nothing_by_that() -> None:
    world = created_again(ID)
    granted, world.budget = world.budget, None
    world.settle()
    assert recorded(world).app.uid == "app-uid-1", "not taken over yet"
    world.budget = granted
    world.settle()
    assert world.condition("Suspended") == ("True", "RepeatedViolations")


def test_an_app_that_is_created_unreadable_gains_nothing_by_being_mended() -> None:
    world = created_again(ID)
    mended = world.app
    world.make_unreadable("spec.tier: missing")
    world.settle()
    world.app = mended
    world.settle()
    assert world.condition("Suspended") == ("True", "RepeatedViolations")
    assert recorded(world).inert_acknowledgement == InertAcknowledgement(uid="app-uid-2", id=ID)


def test_an_id_of_long_ago_in_a_new_app_does_not_hinder_its_own_suspension_nor_its_end() -> None:
    world = World(app=app({"acknowledgedSuspension": "f" * 32})).run()
    world.ledger = ledger("a", "b", "c", at=world.now)
    world.settle()
    world.pod_is_gone()
    world.settle()
    assert world.condition("Suspended") == ("True", "RepeatedViolations")
    acknowledge(world, ID, 2)
    assert world.condition("Suspended") == ("False", "Resumed")
