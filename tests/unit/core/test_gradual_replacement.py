# SPDX-License-Identifier: Apache-2.0
"""A value of the platform that needs other pods: each app serves until it is its turn."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from genapps.api.runtimeconfig import RuntimeConfig
from genapps.core.steps import Apply, Delete, Wait
from genapps.core.verdict import PodStatus
from tests.unit.core.test_pod_fence import POD, admitted, put
from tests.unit.core.world import CHILD, PLATFORM, World, app, budget

NEWER = replace(PLATFORM, runtime_image="registry.example/genapps-runtime:2")


def waiting() -> World:
    """An app that answers, and has no permit while the platform has got another runtime image."""
    world = World().run()
    world.others["may_replace"] = False
    world.platform = NEWER
    world.steps.clear()
    world.settle()
    return world


def test_the_app_serves_until_it_may_be_replaced_and_says_that_it_waits() -> None:
    world = waiting()
    assert (world.verdict().pod.status, world.verdict().pod.waits) == (PodStatus.READY, True)
    assert world.condition("Ready") == ("True", "Available")
    assert world.condition("Reconciling") == ("True", "Switching")
    assert world.condition("Stalled") == ("False", "NotStalled")
    assert ("EndpointSlice", CHILD) in world.children
    assert world.record
    assert world.pod
    assert world.record.pod
    assert world.record.pod.uid == world.pod.uid
    assert world.plan() == (Wait("ReplacementPending"),)
    assert not [step for step in world.steps if isinstance(step, Delete)]


def test_with_a_permit_it_is_replaced_and_answers_again() -> None:
    world = waiting()
    world.others["may_replace"] = True
    world.settle()
    assert world.pod
    assert world.pod.deleting
    assert world.condition("Ready") == ("False", "Switching")
    world.pod_is_gone()
    world.settle()
    world.make_ready()
    world.settle()
    assert world.verdict().pod.exact
    assert world.manifests[POD]["spec"]["containers"][0]["image"] == NEWER.runtime_image
    assert world.condition("Reconciling") == ("False", "Settled")


def test_the_endpoints_of_one_that_waits_are_kept_as_they_should_be() -> None:
    world = waiting()
    del world.children["EndpointSlice", CHILD]
    assert [type(step) for step in world.plan()] == [Apply, Wait]


def test_its_pod_is_not_applied_while_it_waits() -> None:
    world = waiting()
    del world.children["ServiceAccount", CHILD]
    world.steps.clear()
    world.settle()
    applied = [m["kind"] for step in world.steps if isinstance(step, Apply) for m in step.manifests]
    assert applied == ["ServiceAccount"], "its spec is another one now and cannot be changed"


def forget_settings(world: World) -> None:
    """The record is of a version that noted no digest of them."""
    assert world.record
    assert world.record.revision
    revision = world.record.revision.model_copy(update={"settings_digest": None})
    world.record = world.record.model_copy(update={"revision": revision})


def _not_ready(world: World) -> None:
    assert world.pod
    world.pod = replace(world.pod, ready=False)


def _not_recorded(world: World) -> None:
    assert world.record
    world.record = world.record.model_copy(update={"pod": None})


def _other_code(world: World) -> None:
    world.app = app({"code": {"source": {"inline": "print('two')\n"}}}, {"generation": 2})


def _other_settings_of_the_app(world: World) -> None:
    world.app = app({"workloadClass": "batch"}, {"generation": 2})


def _higher_risk(world: World) -> None:
    world.children[POD] = replace(world.children[POD], risk="medium")


def _edited(world: World) -> None:
    admitted(world, put("spec/runtime/image", "localhost/evil:1"))


@pytest.mark.parametrize(
    "change", [_not_ready, _not_recorded, _other_code, _other_settings_of_the_app, _higher_risk, _edited]
)
def test_anything_else_that_is_wrong_with_its_pod_waits_for_no_permit(change: Callable[[World], None]) -> None:
    world = waiting()
    change(world)
    verdict = world.verdict()
    assert not verdict.pod.waits
    assert not verdict.pod.exact


@pytest.mark.parametrize("size", [{"cpu": "250m"}, {"guestMemory": "128Mi"}])
def test_another_size_of_the_tier_waits_as_well(size: dict[str, str]) -> None:
    world = World().run()
    world.others["may_replace"] = False
    world.budget = budget({"tiers": {"small": size}})
    assert world.verdict().pod.waits


@pytest.mark.parametrize("known", [True, False])
def test_settings_that_another_operator_writes_differently_wait_and_the_old_ones_stay_mounted(
    known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World().run()
    before = {name for kind, name in world.children if kind == "ConfigMap"}
    if not known:
        forget_settings(world)
    world.others["may_replace"] = False
    written = RuntimeConfig.content
    monkeypatch.setattr(RuntimeConfig, "content", lambda self: written(self) + b" ")
    world.settle()
    assert world.verdict().pod.waits
    assert before < {name for kind, name in world.children if kind == "ConfigMap"}
    world.others["may_replace"] = True
    world.settle()
    world.pod_is_gone()
    world.settle()
    world.make_ready()
    world.settle()
    assert world.verdict().pod.exact
    assert len({name for kind, name in world.children if kind == "ConfigMap"}) == len(before)


def test_a_suspension_does_not_wait() -> None:
    world = waiting()
    world.app = app({"operatingMode": "Suspended"}, {"generation": 2})
    world.settle()
    assert world.pod
    assert world.pod.deleting
