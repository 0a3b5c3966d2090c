# SPDX-License-Identifier: Apache-2.0
"""Who takes over what an earlier app left under a name: all of it, or nothing."""

from dataclasses import replace
from typing import Any

import pytest

from genapps.core.observed import ForeignSuspension
from genapps.core.verdict import Mode
from tests.unit.core.world import START, World, app, ledger

OTHER_OWNER: dict[str, Any] = {"envelope": {"owner": {"team": "sales-tools"}}}


def left_behind(**changes: Any) -> World:
    """A suspended app that was deleted: its pod is gone, record, ledger and claim are there."""
    world = World().run()
    world.ledger = ledger("a", "b", "c")
    world.settle()
    world.pod_is_gone()
    world.settle()
    assert world.record
    assert world.record.suspension
    world.record = world.record.model_copy(update={"deleted_at": START, **changes})
    world.status = {}
    world.later(minutes=1)
    return world


def test_the_same_owner_in_the_same_namespace_takes_over_the_suspension_too() -> None:
    world = left_behind()
    world.app = app(metadata={"uid": "app-uid-2"})
    world.settle()
    assert world.condition("Suspended") == ("True", "RepeatedViolations")
    assert world.record
    assert world.record.deleted_at is None


@pytest.mark.parametrize(
    ("spec", "namespace_uid"),
    [
        pytest.param(OTHER_OWNER, "namespace-uid-1", id="another owner"),
        pytest.param({}, "namespace-uid-2", id="a namespace that was created again"),
    ],
)
def test_who_may_not_take_over_neither_inherits_nor_resets(spec: dict[str, Any], namespace_uid: str) -> None:
    world = left_behind()
    before = world.record
    assert before
    assert before.suspension
    world.namespace_uid = namespace_uid
    world.app = app({**spec, "acknowledgedSuspension": before.suspension.id}, {"uid": "app-uid-2"})
    world.writes.clear()
    world.settle()
    assert world.verdict().mode is Mode.NOTHING
    assert world.condition("Stalled") == ("True", "ClaimNotAdopted")
    assert world.condition("Suspended") == ("False", "NotSuspended")
    assert world.record == before, "its verdicts stay as they are, whatever the new app acknowledges"
    assert "violations" not in world.status, "nor is anything of it told"
    assert [write for write in world.writes if not write.startswith(("status", "Event"))] == []


def test_without_the_claim_it_is_the_same_because_the_record_counts() -> None:
    world = left_behind()
    world.claim = None
    world.children.clear()
    world.app = app(OTHER_OWNER, {"uid": "app-uid-2"})
    world.settle()
    assert world.condition("Stalled") == ("True", "ClaimNotAdopted")


def test_once_record_and_claim_are_gone_the_name_is_as_new() -> None:
    world = left_behind()
    world.claim = world.record = world.ledger = None
    world.children.clear()
    world.manifests.clear()
    world.app = app(OTHER_OWNER, {"uid": "app-uid-2"})
    world.run()
    assert world.record
    assert (world.record.suspension, world.record.acknowledged, world.record.count_from) == (None, (), None)


def test_a_suspension_still_follows_its_code_to_whoever_has_another_name() -> None:
    world = World(app=app(OTHER_OWNER)).run()
    assert world.record
    assert world.record.revision
    code = world.record.revision.code_digest
    world.suspended_code = {code: ForeignSuspension("another-name", "f" * 32)}
    world.settle()
    assert world.condition("Suspended") == ("True", "RepeatedViolations")


def test_the_same_owner_does_not_take_over_what_is_being_purged() -> None:
    world = left_behind()
    world.record_deleted = True
    world.app = app(metadata={"uid": "app-uid-2"})
    world.settle()
    assert world.condition("Stalled") == ("True", "BeingPurged")
    assert world.record
    assert world.record.deleted_at == START, "or the purge would take the new app's state"


def test_an_unreadable_app_does_not_keep_a_purge_from_ending() -> None:
    world = left_behind()
    world.record_deleted = True
    world.make_unreadable("spec: missing", uid="app-uid-2")
    assert world.observe().earlier is not None
    world.record_deleted = False
    assert world.observe().earlier is None


@pytest.mark.parametrize("deleted_at", [None, START])
def test_a_living_app_keeps_its_record_although_somebody_deleted_it(deleted_at: Any) -> None:
    world = World().run()
    assert world.record
    world.record = world.record.model_copy(update={"deleted_at": deleted_at})
    world.record_deleted = True
    world.settle()
    assert world.condition("Ready") == ("True", "Available")
    assert world.record.deleted_at is None


def test_a_lost_claim_alone_is_judged_by_its_own_annotations() -> None:
    world = left_behind()
    world.record = world.ledger = None
    assert world.claim
    world.claim = replace(world.claim, owner="sales-tools")
    world.app = app(metadata={"uid": "app-uid-2"})
    world.settle()
    assert world.condition("Stalled") == ("True", "ClaimNotAdopted")
