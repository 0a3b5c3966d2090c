# SPDX-License-Identifier: Apache-2.0
"""From an app that is applied to one that answers, and the passes in between."""

from dataclasses import replace

from genapps.api.apprecord import ObjectRef
from genapps.core.steps import Apply, Wait
from tests.unit.core.world import CHILD, PLATFORM, World, app

CHILDREN = [
    "ConfigMap", "ConfigMap", "EndpointSlice", "NetworkPolicy", "PersistentVolumeClaim", "Pod", "Service",
    "ServiceAccount",
]  # fmt: skip


def test_an_admitted_app_gets_all_its_children_and_answers() -> None:
    world = World().run()
    assert world.kinds() == CHILDREN
    assert world.condition("Ready") == ("True", "Available")
    assert world.status["url"] == f"http://{CHILD}.genapps-run.svc"
    assert world.status["address"] == "10.96.1.7"


def test_apply_to_ready_takes_at_most_twelve_writes() -> None:
    world = World().run()
    assert len(world.writes) <= 12, world.writes


def test_nothing_is_planned_once_everything_is_as_desired() -> None:
    world = World().run()
    assert world.plan() == ()


def test_a_pass_over_a_settled_app_writes_nothing() -> None:
    world = World().run()
    world.writes.clear()
    world.later(hours=1)
    world.settle()
    assert world.writes == []


def test_the_fence_is_applied_before_the_pod() -> None:
    world = World().run()
    assert world.writes.index("NetworkPolicy") < world.writes.index("Pod")


def test_the_pod_waits_until_the_claim_is_bound() -> None:
    world = World()
    world.settle()
    assert world.pod is None
    assert world.plan() == (Wait("ClaimPending"),)
    world.bind()
    assert [type(step) for step in world.plan()] == [Apply]


def test_with_wait_for_first_consumer_the_pod_comes_at_once() -> None:
    world = World(platform=replace(PLATFORM, wait_for_first_consumer=True))
    world.settle()
    assert world.pod is not None


def test_the_pod_waits_until_the_gateway_is_known() -> None:
    world = World(platform=replace(PLATFORM, gateway_ca=None, wait_for_first_consumer=True))
    world.settle()
    assert world.pod is None
    assert world.plan() == (Wait("GatewayPending"),)


def test_a_running_pod_is_left_alone_while_the_gateway_has_no_address() -> None:
    world = World().run()
    world.platform = replace(PLATFORM, gateway_address=None)
    assert world.plan() == (Wait("GatewayPending"),)
    world.settle()
    assert world.condition("Ready") == ("True", "Available")


def test_another_gateway_address_replaces_the_pod() -> None:
    world = World().run()
    world.platform = replace(PLATFORM, gateway_address="10.96.0.51")
    world.settle()
    assert world.pod
    assert world.pod.deleting
    assert ("EndpointSlice", CHILD) not in world.children


def test_the_record_names_the_pod_and_what_it_runs() -> None:
    world = World().run()
    assert world.record
    assert world.pod
    assert world.record.pod == ObjectRef(namespace="genapps-run", name=CHILD, uid=world.pod.uid)
    assert world.record.revision
    assert world.record.owner.team == "finance-tools"
    assert world.record.tier.name == "small"


def test_a_new_revision_stops_the_old_pod_before_the_new_one_starts() -> None:
    world = World().run()
    old = world.pod
    world.app = app({"code": {"source": {"inline": "print('two')\n"}}}, {"generation": 2})
    world.settle()
    assert world.pod
    assert old
    assert world.pod.uid == old.uid
    assert world.pod.deleting
    assert world.condition("Ready") == ("False", "Switching")
    world.pod_is_gone()
    world.settle()
    world.make_ready()
    world.settle()
    assert world.condition("Ready") == ("True", "Available")
    assert world.kinds().count("ConfigMap") == 4
    assert world.plan() == ()


def test_new_labels_are_applied_to_the_live_pod() -> None:
    world = World().run()
    key = ("Pod", CHILD)
    world.children[key] = replace(world.children[key], digest="edited")
    steps = world.plan()
    assert [step.manifests[0]["kind"] for step in steps if isinstance(step, Apply)] == ["Pod"]


def test_an_edited_child_is_applied_again() -> None:
    for kind in ("NetworkPolicy", "Service", "ServiceAccount", "EndpointSlice"):
        world = World().run()
        key = (kind, CHILD)
        world.children[key] = replace(world.children[key], digest="edited")
        steps = world.plan()
        assert [[manifest["kind"] for manifest in step.manifests] for step in steps if isinstance(step, Apply)] == [
            [kind]
        ], kind


def test_a_deleted_child_is_created_again() -> None:
    world = World().run()
    del world.children["NetworkPolicy", CHILD]
    world.settle()
    assert ("NetworkPolicy", CHILD) in world.children


def test_a_deleted_pod_comes_back_and_takes_its_place_in_the_record() -> None:
    world = World().run()
    world.pod_is_gone()
    world.settle()
    assert world.pod
    assert world.record
    assert world.record.pod
    assert world.record.pod.uid == world.pod.uid
