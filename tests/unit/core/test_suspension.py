# SPDX-License-Identifier: Apache-2.0
"""Suspension: when it begins, in which order things stop, what survives, and the one way back."""

from dataclasses import replace
from datetime import timedelta

import pytest

from genapps.api.apprecord import Record
from genapps.core.observed import ForeignSuspension
from genapps.core.steps import Apply, Delete, WriteRecord
from genapps.core.suspension import following_id
from genapps.core.verdict import Mode
from tests.unit.core.suspended_app import ID, recorded, suspended
from tests.unit.core.world import CHILD, START, World, app, budget, ledger


def test_two_violations_are_shown_and_stop_nothing() -> None:
    world = World().run()
    world.ledger = ledger("a", "b")
    world.settle()
    assert world.condition("Violated") == ("True", "ViolationsCounted")
    assert world.condition("Ready") == ("True", "Available")
    assert world.status["violations"]["count"] == 2


def test_at_the_threshold_the_app_is_suspended() -> None:
    world = suspended()
    suspension = recorded(world).suspension
    assert suspension
    assert (suspension.id, suspension.reason, suspension.violations) == (ID, "RepeatedViolations", 3)
    for kind in ("Suspended", "Stalled"):
        assert world.condition(kind) == ("True", "RepeatedViolations")
    assert world.condition("Ready") == ("False", "RepeatedViolations")
    assert world.status["suspension"]["id"] == ID
    assert ID in world.message("Suspended")


def test_the_verdict_is_durable_before_the_pod_goes_and_the_pod_goes_before_the_fence_closes() -> None:
    world = World().run()
    world.ledger = ledger("a", "b", "c")
    steps = world.plan()
    assert [type(step) for step in steps] == [WriteRecord, Delete, Apply, Delete]
    pod, slice_ = (step for step in steps if isinstance(step, Delete))
    assert (pod.kind, pod.grace_seconds) == ("Pod", 1)
    assert slice_.kind == "EndpointSlice"


def test_a_suspended_app_keeps_its_claim_and_a_policy_that_admits_nothing() -> None:
    world = suspended()
    assert "PersistentVolumeClaim" in world.kinds()
    policy = world.manifests["NetworkPolicy", CHILD]["spec"]
    assert (policy["ingress"], policy["egress"]) == ([], [])
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "Pod" not in world.kinds()
    assert "EndpointSlice" not in world.kinds()
    assert world.plan() == ()


def test_one_event_tells_of_the_suspension() -> None:
    world = World().run()
    world.events.clear()
    world.ledger = ledger("a", "b", "c")
    world.settle()
    assert [event.reason for event in world.events].count("RepeatedViolations") == 1


def test_the_pod_keeps_its_place_in_the_record_until_it_is_gone() -> None:
    world = World().run()
    world.ledger = ledger("a", "b", "c")
    world.settle()
    assert recorded(world).pod
    world.pod_is_gone()
    world.settle()
    assert recorded(world).pod is None


def test_a_suspension_does_not_end_with_the_window() -> None:
    world = suspended()
    world.later(days=2)
    world.settle()
    assert world.condition("Suspended") == ("True", "RepeatedViolations")


def test_a_suspension_follows_from_what_the_gateway_saw_long_ago() -> None:
    world = World().run()
    world.later(days=1)
    world.ledger = ledger("a", "b", "c", at=START + timedelta(minutes=1), tripped=True)
    world.settle()
    assert world.condition("Suspended") == ("True", "RepeatedViolations")


def test_an_acknowledgement_of_the_id_lets_the_app_run_again() -> None:
    world = suspended()
    world.later(minutes=1)
    world.app = app({"acknowledgedSuspension": ID}, {"generation": 2})
    world.settle()
    record = recorded(world)
    assert record.suspension is None
    assert record.count_from == world.now
    assert [entry.id for entry in record.acknowledged] == [ID]
    assert world.condition("Suspended") == ("False", "Resumed")
    world.make_ready()
    world.settle()
    assert world.condition("Ready") == ("True", "Available")
    assert world.condition("Violated") == ("False", "NoViolations")


def test_the_acknowledgement_is_recorded_before_anything_starts() -> None:
    world = suspended()
    world.app = app({"acknowledgedSuspension": ID}, {"generation": 2})
    assert isinstance(world.plan()[0], WriteRecord)


def test_another_id_changes_nothing() -> None:
    world = suspended()
    world.app = app({"acknowledgedSuspension": "f" * 32}, {"generation": 2})
    world.settle()
    assert world.condition("Suspended") == ("True", "RepeatedViolations")


def test_violations_after_the_acknowledgement_suspend_again() -> None:
    world = suspended()
    world.later(minutes=1)
    world.app = app({"acknowledgedSuspension": ID}, {"generation": 2})
    world.settle()
    world.later(minutes=1)
    world.ledger = ledger("d", "e", "f", at=world.now)
    verdict = world.verdict()
    assert verdict.mode is Mode.STOP
    assert verdict.counted == 3


def test_status_says_how_many_suspensions_were_resumed_before() -> None:
    world = suspended()
    assert world.status["suspension"]["repeats"] == 0
    entry = {"id": "a" * 32, "at": START}
    world.record = Record.model_validate(recorded(world).model_dump() | {"acknowledged": [entry] * 2})
    world.settle()
    assert world.status["suspension"]["repeats"] == 2


def test_an_acknowledgement_settles_what_a_gateway_with_a_clock_ahead_has_counted() -> None:
    world = World().run()
    world.ledger = ledger("a", "b", "c", at=world.now + timedelta(minutes=4), tripped=True)
    world.settle()
    world.pod_is_gone()
    world.settle()
    world.app = app({"acknowledgedSuspension": ID}, {"generation": 2})
    world.settle()
    assert world.condition("Suspended") == ("False", "Resumed")
    assert recorded(world).count_from == START + timedelta(minutes=4)


def test_old_acknowledgements_beyond_twenty_are_dropped() -> None:
    world = suspended()
    entry = {"id": "a" * 32, "at": START}
    raw = recorded(world).model_dump() | {"acknowledged": [entry] * 20}
    world.record = Record.model_validate(raw)
    world.app = app({"acknowledgedSuspension": ID}, {"generation": 2})
    world.settle()
    assert len(recorded(world).acknowledged) == 20
    assert recorded(world).acknowledged[-1].id == ID


def test_it_survives_deletion_and_re_creation() -> None:
    world = suspended()
    world.children = {key: child for key, child in world.children.items() if key[0] == "PersistentVolumeClaim"}
    world.record = recorded(world).model_copy(update={"deleted_at": world.now})
    world.status = {}
    world.app = app(metadata={"uid": "app-uid-2"})
    world.settle()
    assert world.condition("Suspended") == ("True", "RepeatedViolations")
    assert world.status["suspension"]["id"] == ID
    assert recorded(world).deleted_at is None
    assert world.pod is None


def test_it_survives_when_the_app_cannot_be_read() -> None:
    world = suspended()
    world.make_unreadable("spec.tier: missing")
    world.settle()
    assert world.condition("Suspended") == ("True", "RepeatedViolations")
    assert recorded(world).suspension


def test_a_running_app_that_cannot_be_read_is_still_suspended_at_the_threshold() -> None:
    world = World().run()
    world.make_unreadable("spec.tier: missing")
    world.ledger = ledger("a", "b", "c")
    world.settle()
    assert recorded(world).suspension
    assert world.pod
    assert world.pod.deleting


def test_a_name_taken_later_does_not_shield_an_app_from_its_verdict() -> None:
    world = World().run()
    world.children["Service", CHILD] = replace(world.children["Service", CHILD], app=None)
    world.ledger = ledger("a", "b", "c")
    world.settle()
    assert recorded(world).suspension
    assert world.pod
    assert world.pod.deleting


def test_a_lower_threshold_of_the_budget_applies_at_once() -> None:
    world = World().run()
    world.ledger = ledger("a")
    world.budget = budget({"policy": {"violations": {"threshold": 1}}})
    world.settle()
    assert world.condition("Suspended") == ("True", "RepeatedViolations")


def test_with_the_budget_gone_the_last_threshold_still_holds() -> None:
    world = World().run()
    world.budget = None
    world.ledger = ledger("a", "b", "c")
    world.settle()
    assert world.condition("Suspended") == ("True", "RepeatedViolations")


class TestOtherNames:
    """The same code under another name in the namespace."""

    def following(self) -> World:
        world = World()
        digest = world.verdict().desired_code_digest
        assert digest
        world.suspended_code = {digest: ForeignSuspension("first", "a" * 32)}
        return world

    def test_it_is_suspended_before_it_ever_runs(self) -> None:
        world = self.following()
        world.settle()
        assert world.condition("Suspended") == ("True", "RepeatedViolations")
        assert "another app with the same code is suspended" in world.message("Suspended")
        assert recorded(world).suspension
        assert "Pod" not in world.kinds()

    def test_its_id_is_its_own_and_cannot_be_known_before_the_app_exists(self) -> None:
        world = self.following()
        world.settle()
        suspension = recorded(world).suspension
        assert suspension
        assert suspension.id == following_id(ForeignSuspension("first", "a" * 32), "app-uid-1")
        assert suspension.id != "a" * 32
        assert suspension.id != following_id(ForeignSuspension("first", "a" * 32), "app-uid-2")

    @pytest.mark.parametrize("acknowledge_first", [True, False], ids=["open", "acknowledged since"])
    def test_its_acknowledgement_holds_whether_the_first_is_still(self, acknowledge_first: bool) -> None:
        world = self.following()
        world.settle()
        suspension = recorded(world).suspension
        assert suspension
        if not acknowledge_first:
            world.suspended_code = {}
        world.app = app({"acknowledgedSuspension": suspension.id}, {"generation": 2})
        world.run()
        world.later(hours=1)
        world.settle()
        assert world.condition("Ready") == ("True", "Available")

    def test_it_is_not_followed_in_turn(self) -> None:
        world = self.following()
        world.settle()
        suspension = recorded(world).suspension
        assert suspension
        assert suspension.code_digest is None

    def test_other_code_is_not_suspended(self) -> None:
        world = self.following()
        world.app = app({"code": {"source": {"inline": "print('else')\n"}}})
        world.run()
        assert world.condition("Ready") == ("True", "Available")


class TestOnRequest:
    """`operatingMode: Suspended` is a wish, not a verdict."""

    def test_the_app_stops_and_starts_again_without_an_acknowledgement(self) -> None:
        world = World().run()
        world.app = app({"operatingMode": "Suspended"}, {"generation": 2})
        world.settle()
        assert world.condition("Suspended") == ("True", "Requested")
        assert world.condition("Stalled") == ("True", "Requested")
        assert recorded(world).suspension is None
        deleted = next(step for step in world.steps if isinstance(step, Delete) and step.kind == "Pod")
        assert deleted.grace_seconds == 10
        world.pod_is_gone()
        world.app = app(metadata={"generation": 3})
        world.run()
        assert world.condition("Suspended") == ("False", "NotSuspended")
        assert world.condition("Ready") == ("True", "Available")

    def test_its_event_is_no_warning(self) -> None:
        world = World().run()
        world.events.clear()
        world.app = app({"operatingMode": "Suspended"}, {"generation": 2})
        world.settle()
        assert [(event.type, event.reason) for event in world.events] == [("Normal", "Requested")]

    def test_a_verdict_goes_before_a_wish(self) -> None:
        world = suspended()
        world.app = app({"operatingMode": "Suspended"}, {"generation": 2})
        world.settle()
        assert world.condition("Suspended") == ("True", "RepeatedViolations")
