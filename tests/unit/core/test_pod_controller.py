# SPDX-License-Identifier: Apache-2.0
"""Drains and cluster autoscalers move the pod: its ServiceAccount is its controller, and it may be evicted."""

from dataclasses import replace

import pytest

from genapps.api.app_pods import AppPods
from genapps.core.steps import Apply, Delete, Wait
from tests.unit.core.world import CHILD, PLATFORM, World

POD = ("Pod", CHILD)
ACCOUNT = ("ServiceAccount", CHILD)
SAFE = "cluster-autoscaler.kubernetes.io/safe-to-evict"


def controller(world: World) -> list[dict[str, object]]:
    found: list[dict[str, object]] = world.manifests[POD]["metadata"]["ownerReferences"]
    return found


def test_the_service_account_is_the_pods_controller_and_delays_nothing() -> None:
    world = World().run()
    assert controller(world) == [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "name": CHILD,
            "uid": world.children[ACCOUNT].uid,
            "controller": True,
            "blockOwnerDeletion": False,
        }
    ]


def test_nothing_but_the_pod_has_an_owner() -> None:
    world = World().run()
    owned = {kind for (kind, _), manifest in world.manifests.items() if "ownerReferences" in manifest["metadata"]}
    assert owned == {"Pod"}


def test_no_pod_is_made_before_the_uid_of_its_service_account_is_known() -> None:
    world = World()
    steps = world.plan()
    assert steps[-1] == Wait("AccountPending")
    assert not [step for step in steps if isinstance(step, Apply) and any(m["kind"] == "Pod" for m in step.manifests)]


def test_a_new_uid_of_the_service_account_is_written_to_the_pod_that_runs() -> None:
    world = World().run()
    before = world.children[POD].uid
    del world.children[ACCOUNT]
    world.steps.clear()
    world.settle()
    assert controller(world)[0]["uid"] == world.children[ACCOUNT].uid
    assert world.children[POD].uid == before
    assert not [step for step in world.steps if isinstance(step, Delete)]
    assert world.plan() == ()


def test_the_pod_is_left_alone_while_its_service_account_is_applied_again() -> None:
    world = World().run()
    del world.children[ACCOUNT]
    assert [type(step) for step in world.plan()] == [Apply, Wait]
    assert world.condition("Ready") == ("True", "Available")


@pytest.mark.parametrize(("value", "annotation"), [(True, "true"), (False, "false")])
def test_an_autoscaler_may_evict_the_pod_unless_the_platform_says_otherwise(value: bool, annotation: str) -> None:
    world = World(platform=replace(PLATFORM, apps=AppPods(safe_to_evict=value))).run()
    assert world.manifests[POD]["metadata"]["annotations"][SAFE] == annotation


def test_a_change_of_that_value_replaces_no_pod() -> None:
    world = World().run()
    world.platform = replace(PLATFORM, apps=AppPods(safe_to_evict=False))
    world.steps.clear()
    world.settle()
    assert world.manifests[POD]["metadata"]["annotations"][SAFE] == "false"
    assert not [step for step in world.steps if isinstance(step, Delete)]
