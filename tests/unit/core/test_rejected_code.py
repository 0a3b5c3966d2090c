# SPDX-License-Identifier: Apache-2.0
"""Code that cannot load and has no earlier revision to give way to: it keeps no pod, and is not tried for nothing."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from genapps.core.steps import Delete, WriteRecord
from tests.unit.core.revising import answer, code, crash, replace_pod, results, runs, started
from tests.unit.core.world import CHILD, PLATFORM, World, app, budget

LARGER = {"small": {}, "large": {"guestMemory": "256Mi"}}


def rejected(reason: str = "CodeRejected") -> World:
    """An app whose first code was refused by the runtime, after its pod has ended."""
    world = started()
    crash(world, reason)
    world.settle()
    world.pod_is_gone()
    world.settle()
    return world


@pytest.mark.parametrize("reason", ["CodeRejected", "ModuleNotAvailable"])
def test_rejected_code_keeps_no_pod_and_its_reason_and_line_outlive_it(reason: str) -> None:
    world = started()
    crash(world, reason)
    world.steps.clear()
    world.settle()
    told, deleted = (
        next(i for i, step in enumerate(world.steps) if isinstance(step, kind)) for kind in (WriteRecord, Delete)
    )
    assert told < deleted, "the verdict is durable before the pod goes"
    world.pod_is_gone()
    world.status = {}
    world.later(days=3)
    world.settle()
    assert world.pod is None
    assert results(world) == ["Failed"]
    assert world.condition("Ready") == ("False", reason)
    assert world.condition("Stalled") == ("True", reason)
    assert world.condition("CodeVerified") == ("False", reason)
    assert world.condition("Reconciling") == ("False", "Settled")
    assert "line 1: never" in world.message("CodeVerified")
    assert [kept["result"] for kept in world.status["revisions"]] == ["Failed"]
    assert "PersistentVolumeClaim" in world.kinds()
    assert world.plan() == ()


@pytest.mark.parametrize("reason", ["SnapshotMismatch", "ConfigInvalid", "EgressOpen", "StateUnavailable"])
def test_what_may_be_mended_from_outside_keeps_its_pod(reason: str) -> None:
    world = started()
    crash(world, reason)
    world.settle()
    assert world.pod
    assert not world.pod.deleting


def other_code(world: World) -> None:
    world.app = code("two")


def another_tier(world: World) -> None:
    world.budget = budget({"tiers": LARGER})
    world.app = app({"tier": "large"}, {"generation": 2})


def a_tier_of_another_size(world: World) -> None:
    world.budget = budget({"tiers": {"small": {"guestMemory": "256Mi"}}})


def another_engine(world: World) -> None:
    world.platform = replace(PLATFORM, runtime_image="registry.example/genapps-runtime:2")


def the_same_name_again(world: World) -> None:
    world.app = app(metadata={"uid": "app-uid-2"})


@pytest.mark.parametrize(
    "change", [other_code, another_tier, a_tier_of_another_size, another_engine, the_same_name_again]
)
def test_it_is_tried_again_when_what_decides_about_loading_changes(change: Callable[[World], None]) -> None:
    world = rejected()
    change(world)
    world.settle()
    assert world.pod
    assert not world.pod.deleting
    assert world.condition("Stalled") == ("False", "NotStalled")
    assert results(world)[-1] == "Starting"
    answer(world)
    assert world.condition("Ready") == ("True", "Available")


def time(world: World) -> None:
    world.later(days=30)


def a_lost_status(world: World) -> None:
    world.status = {}


def another_workload_class(world: World) -> None:
    world.app = app({"workloadClass": "batch"}, {"generation": 2})


def another_gateway(world: World) -> None:
    world.platform = replace(PLATFORM, gateway_address="10.96.0.51")


def a_tier_that_it_does_not_use(world: World) -> None:
    world.budget = budget({"tiers": LARGER})


def a_budget_that_was_gone(world: World) -> None:
    world.budget = None
    world.settle()
    world.budget = budget()


def a_suspension_that_was_ended(world: World) -> None:
    world.app = app({"operatingMode": "Suspended"}, {"generation": 2})
    world.settle()
    world.app = app(metadata={"generation": 3})


OTHERS = [
    time, a_lost_status, another_workload_class, another_gateway, a_tier_that_it_does_not_use, a_budget_that_was_gone,
    a_suspension_that_was_ended,
]  # fmt: skip


@pytest.mark.parametrize("change", OTHERS)
def test_it_is_not_tried_again_for_anything_else(change: Callable[[World], None]) -> None:
    world = rejected()
    change(world)
    world.settle()
    assert world.pod is None
    assert results(world) == ["Failed"]
    assert world.condition("CodeVerified") == ("False", "CodeRejected")
    assert world.condition("Stalled") == ("True", "CodeRejected")


def test_it_is_rejected_again_when_another_tier_does_not_help() -> None:
    world = rejected()
    world.budget = budget({"tiers": {"small": {"guestMemory": "256Mi"}}})
    world.settle()
    crash(world)
    world.settle()
    world.pod_is_gone()
    world.settle()
    assert world.pod is None
    assert results(world) == ["Failed"]
    assert world.record
    assert world.record.revisions[0].tier == world.record.tier


def test_a_second_attempt_that_fails_unseen_is_marked_with_what_it_was_tried_with() -> None:
    """Its pod was created and refused while the operator was down: the record still has the first attempt's mark."""
    world = rejected()
    world.platform = replace(PLATFORM, runtime_image="registry.example/r:2")
    before = world.record
    world.settle()
    world.record = before
    crash(world)
    world.settle()
    world.pod_is_gone()
    world.settle()
    assert world.pod is None
    assert world.record
    assert world.record.revisions[0].runtime_image == "registry.example/r:2"


def test_corrected_code_runs_and_the_rejected_code_then_gives_way_to_it() -> None:
    world = rejected()
    world.app = code("corrected")
    world.settle()
    answer(world)
    assert results(world) == ["Failed", "Starting"]
    good = runs(world)
    world.app = app(metadata={"generation": 3})
    world.settle()
    assert runs(world) == good
    assert world.condition("Stalled") == ("True", "RolledBack")
    assert world.condition("Ready") == ("True", "Available")


def test_a_second_code_that_cannot_load_either_keeps_no_pod() -> None:
    world = rejected()
    world.app = code("two")
    world.settle()
    crash(world)
    world.settle()
    world.pod_is_gone()
    world.settle()
    assert world.pod is None
    assert results(world) == ["Failed", "Failed"]
    world.app = app(metadata={"generation": 3})
    world.settle()
    assert world.pod is None, "the first one is still known"


def test_rejected_code_whose_source_no_longer_fits_says_so() -> None:
    world = rejected()
    other = {"code": {"source": {"inline": "two\n"}, "digest": "sha256:" + "0" * 64}}
    world.app = app(other, {"generation": 2})
    world.settle()
    assert world.pod is None
    assert world.condition("Stalled") == ("True", "DigestMismatch")
    assert "keeps running" not in world.message("Stalled")


def test_no_endpoints_are_left() -> None:
    world = rejected()
    assert ("EndpointSlice", CHILD) not in world.children
    assert ("Pod", CHILD) not in world.children


def test_code_that_was_good_once_is_started_anew() -> None:
    world = World().run()
    crash(world, "Error", own=False)
    world.settle()
    crash(world)
    world.later(days=1)
    world.settle()
    assert world.pod
    assert not world.pod.deleting


def test_a_pod_of_the_same_code_that_is_not_the_judged_one_rejects_nothing() -> None:
    world = started()
    crash(world)
    world.platform = replace(PLATFORM, runtime_image="registry.example/r:2")
    replace_pod(world)
    assert results(world) == ["Starting"]
