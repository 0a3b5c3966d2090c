# SPDX-License-Identifier: Apache-2.0
"""What admission changes of a pod: accepted where the fence does not rest on it, else named, and never a fast loop."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from genapps.api.names import ANNOTATION_POD_DIGEST
from genapps.controller.cache.children import slim
from genapps.core.desired.pod import asked_for
from genapps.core.observed import Manifest, PodMutation
from genapps.core.pod_fence import FIELDS, fence, mutated, seal, stands
from genapps.core.steps import Apply, Delete, Wait
from genapps.core.verdict import PodStatus
from tests.unit.core.test_drift import applied
from tests.unit.core.world import CHILD, PLATFORM, START, World

POD = ("Pod", CHILD)
DIGEST = "sha256:" + "a" * 64
Change = Callable[[Manifest], None]


def ours(pod: Manifest) -> Any:
    return next(one for one in pod["spec"]["containers"] if one["name"] == "runtime")


def put(path: str, value: Any) -> Change:
    """Set a field of the pod; `runtime` stands for our container."""

    def change(pod: Manifest) -> None:
        *parents, last = path.split("/")
        node: Any = pod
        for part in parents:
            node = ours(pod) if part == "runtime" else node.setdefault(part, {})
        node[last] = value

    return change


def add(path: str, *values: Any) -> Change:
    """Put items in front of a list of the pod."""

    def change(pod: Manifest) -> None:
        *parents, last = path.split("/")
        node: Any = pod
        for part in parents:
            node = ours(pod) if part == "runtime" else node[part]
        node[last] = [*values, *node.get(last, ())]

    return change


def as_stored(pod: Manifest) -> None:
    """What the API server adds to every pod."""
    pod["spec"] |= {"schedulerName": "default-scheduler", "priority": 0, "preemptionPolicy": "PreemptLowerPriority"}
    pod["spec"]["serviceAccount"] = pod["spec"]["serviceAccountName"]
    ours(pod)["terminationMessagePath"] = "/dev/termination-log"
    ours(pod)["readinessProbe"]["httpGet"]["scheme"] = "HTTP"
    for volume in pod["spec"]["volumes"]:
        for kind in ("configMap", "projected"):
            if kind in volume:
                volume[kind]["defaultMode"] = 420


def live(pod: Manifest, *changes: Change) -> Manifest:
    made = applied(pod)
    made["metadata"] = {**made["metadata"], "uid": "admitted"}
    for change in (as_stored, *changes):
        change(made)
    return made


def admitted(world: World, *changes: Change) -> World:
    """The world's pod as admission has made it; our apply stays what the API server notes it to be."""
    child = slim("Pod")(live(copy.deepcopy(world.manifests[POD]), *changes)).child
    assert world.pod
    world.children[POD] = replace(child, uid=world.pod.uid)
    return world


def pinned() -> World:
    return World(platform=replace(PLATFORM, runtime_image=f"registry.example/runtime:1@{DIGEST}"))


ACCEPTED = [
    pytest.param(put("spec/runtime/imagePullPolicy", "Always"), id="AlwaysPullImages"),
    pytest.param(put("spec/runtime/image", f"mirror.example/cache/runtime@{DIGEST}"), id="a mirror, same digest"),
    pytest.param(put("spec/runtime/resources/requests", {"cpu": "250m", "memory": "512Mi"}), id="raised requests"),
    pytest.param(put("spec/runtime/resources/limits", {"cpu": "1", "memory": "512Mi"}), id="normalised limits"),
    pytest.param(put("spec/tolerations", [{"key": "arm64", "operator": "Exists"}]), id="tolerations"),
    pytest.param(put("spec/nodeSelector", {"arch": "arm64"}), id="a node selector"),
    pytest.param(put("metadata/labels/team", "a"), id="a label"),
    pytest.param(put("metadata/annotations/mesh", "off"), id="an annotation"),
    pytest.param(put("spec/runtime/env", [{"name": "HTTP_PROXY", "value": ""}]), id="environment"),
    pytest.param(add("spec/containers", {"name": "a-proxy", "image": "p"}), id="a sidecar in front"),
    pytest.param(add("spec/initContainers", {"name": "init", "image": "p"}), id="an init container"),
    pytest.param(add("spec/volumes", {"name": "proxy", "emptyDir": {}}), id="a volume of a sidecar"),
    pytest.param(put("spec/hostUsers", False), id="a user namespace nobody asked for"),
    pytest.param(put("spec/runtimeClassName", "gvisor"), id="a sandbox nobody asked for"),
    pytest.param(put("spec/securityContext/seLinuxOptions", {"level": "s0:c1,c2"}), id="an SELinux level"),
    pytest.param(put("spec/runtime/securityContext/privileged", False), id="a default written out"),
    pytest.param(put("spec/runtime/securityContext/capabilities", {"drop": ["KILL", "ALL"]}), id="more drops"),
    pytest.param(put("spec/imagePullSecrets", [{"name": "of-the-account"}]), id="pull secrets"),
    pytest.param(put("spec/terminationGracePeriodSeconds", 30), id="a longer grace"),
]
REFUSED = [
    pytest.param(put("spec/runtime/image", "localhost/evil:1"), "spec.containers[runtime].image", id="image"),
    pytest.param(put("spec/runtime/command", ["sh"]), "spec.containers[runtime].command", id="command"),
    pytest.param(put("spec/runtime/args", []), "spec.containers[runtime].args", id="args"),
    pytest.param(
        put("spec/runtime/lifecycle", {"postStart": {"exec": {"command": ["sh"]}}}),
        "spec.containers[runtime].lifecycle",
        id="a hook",
    ),
    pytest.param(put("spec/serviceAccountName", "default"), "spec.serviceAccountName", id="ServiceAccount"),
    pytest.param(
        put("spec/automountServiceAccountToken", True), "spec.automountServiceAccountToken", id="a token of the API"
    ),
    pytest.param(put("spec/hostNetwork", True), "spec.hostNetwork", id="the host's network"),
    pytest.param(put("spec/hostPID", True), "spec.hostPID", id="the host's processes"),
    pytest.param(put("spec/hostIPC", True), "spec.hostIPC", id="the host's IPC"),
    pytest.param(put("spec/shareProcessNamespace", True), "spec.shareProcessNamespace", id="shared processes"),
    pytest.param(put("spec/dnsPolicy", "ClusterFirst"), "spec.dnsPolicy", id="DNS policy"),
    pytest.param(put("spec/dnsConfig", {"nameservers": ["10.96.0.10"]}), "spec.dnsConfig", id="a name server"),
    pytest.param(add("spec/hostAliases", {"ip": "192.0.2.1", "hostnames": ["x"]}), "spec.hostAliases", id="a host"),
    pytest.param(put("spec/securityContext/runAsNonRoot", False), "spec.securityContext", id="root allowed"),
    pytest.param(
        put("spec/securityContext/sysctls", [{"name": "a", "value": "1"}]), "spec.securityContext", id="sysctl"
    ),
    pytest.param(put("spec/securityContext/runAsUser", 0), "spec.securityContext.runAsUser", id="another user"),
    pytest.param(
        put("spec/runtime/securityContext/runAsUser", 0), "spec.securityContext.runAsUser", id="the container's user"
    ),
    pytest.param(
        put("spec/runtime/securityContext/readOnlyRootFilesystem", False),
        "spec.containers[runtime].securityContext",
        id="a writable root",
    ),
    pytest.param(
        put("spec/runtime/securityContext/capabilities", {"drop": ["ALL"], "add": ["NET_ADMIN"]}),
        "spec.containers[runtime].securityContext",
        id="a capability",
    ),
    pytest.param(
        add("spec/runtime/volumeMounts", {"name": "secret", "mountPath": "/secret"}),
        "spec.containers[runtime].volumeMounts",
        id="a mount in our container",
    ),
    pytest.param(put("spec/runtime/readinessProbe", {}), "spec.containers[runtime].readinessProbe", id="no probe"),
    pytest.param(put("spec/volumes", []), "spec.volumes", id="our volumes"),
    pytest.param(put("spec/runtime/name", "other"), "spec.containers[runtime].image", id="no container of ours"),
]


def test_a_pod_as_the_api_server_stores_it_is_as_it_was_asked_for() -> None:
    world = admitted(World().run())
    assert world.verdict().pod.exact
    assert world.children[POD].live_spec is None
    assert world.plan() == ()


@pytest.mark.parametrize("change", ACCEPTED)
def test_what_the_fence_does_not_rest_on_is_accepted_as_it_is(change: Change) -> None:
    world = admitted(pinned().run(), change)
    assert world.verdict().pod.exact
    assert world.plan() == ()


@pytest.mark.parametrize(("change", "field"), REFUSED)
def test_what_the_fence_rests_on_is_named(change: Change, field: str) -> None:
    world = admitted(pinned().run(), change)
    judged = world.verdict().pod
    assert (judged.status, judged.exact) == (PodStatus.MUTATED, False)
    assert field in judged.mutated
    deletions = [step for step in world.plan() if isinstance(step, Delete)]
    assert ("Pod", 1) in [(step.kind, step.grace_seconds) for step in deletions]


def test_a_mirror_is_only_believed_where_the_image_has_a_digest() -> None:
    world = admitted(World().run(), put("spec/runtime/image", "mirror.example/genapps-runtime:1"))
    assert world.verdict().pod.mutated == ("spec.containers[runtime].image",)


def test_a_sandbox_or_a_user_namespace_that_was_asked_for_may_not_be_taken_away() -> None:
    platform = replace(PLATFORM, host_users=False, runtime_class_by_risk={"low": "gvisor"})
    world = World(platform=platform).run()
    for change, field in (
        (put("spec/hostUsers", None), "spec.hostUsers"),
        (put("spec/runtimeClassName", "runc"), "spec.runtimeClassName"),
    ):
        assert admitted(world, change).verdict().pod.mutated == (field,)


def test_the_next_apply_says_a_changed_spec_again_as_it_is() -> None:
    world = admitted(World().run(), put("spec/runtime/imagePullPolicy", "Always"))
    del world.children["ServiceAccount", CHILD]
    world.settle()
    relabelled = world.manifests[POD]
    assert relabelled["metadata"]["ownerReferences"][0]["uid"] == world.children["ServiceAccount", CHILD].uid
    assert ours(relabelled)["imagePullPolicy"] == "Always", "another value would be refused: it is immutable"
    assert not [step for step in world.steps if isinstance(step, Delete)]


def test_other_wishes_of_the_platform_still_replace_a_pod_that_admission_has_changed() -> None:
    world = admitted(World().run(), put("spec/runtime/imagePullPolicy", "Always"))
    world.platform = replace(PLATFORM, runtime_image="registry.example/genapps-runtime:2")
    assert world.verdict().pod.status is PodStatus.OUTDATED


def test_a_pod_of_an_earlier_version_is_taken_as_it_is() -> None:
    world = World().run()
    assert world.children[POD].spec_digest == asked_for(world.manifests[POD])

    def unnoted(pod: Manifest) -> None:
        del pod["metadata"]["annotations"][ANNOTATION_POD_DIGEST]

    assert admitted(world, unnoted).verdict().pod.exact
    assert admitted(world, unnoted, put("spec/runtime/image", "other:1")).verdict().pod.status is PodStatus.OUTDATED


def test_status_names_the_field_while_the_next_pod_waits() -> None:
    world = admitted(World().run(), put("spec/dnsPolicy", "ClusterFirst"))
    mutation = PodMutation(("spec.dnsPolicy",), world.now + timedelta(seconds=10))
    world.others["mutation"] = mutation
    world.settle()
    assert world.condition("Stalled") == ("True", "PodMutated")
    assert "spec.dnsPolicy" in world.message("Stalled")
    assert world.condition("Ready") == ("False", "PodMutated")
    world.pod_is_gone()
    world.settle()
    assert world.plan() == (Wait("PodMutated", 10.0),)
    assert world.condition("Stalled") == ("True", "PodMutated")
    world.later(seconds=10)
    assert [type(step) for step in world.plan()] == [Apply]


def test_no_revision_is_blamed_for_what_admission_does() -> None:
    world = admitted(World().run(), put("spec/dnsPolicy", "ClusterFirst"))
    assert world.pod
    world.pod = replace(world.pod, ready=False, started_at=START - timedelta(hours=1))
    assert not [found for found in world.verdict().findings if found.reason == "RolledBack"]


def test_changed_labels_are_told_apart_from_a_name_that_is_taken() -> None:
    labels = {"app.kubernetes.io/managed-by": "platform"}
    world = admitted(World().run(), lambda pod: pod["metadata"]["labels"].update(labels))
    world.settle()
    assert world.condition("Stalled") == ("True", "PodMutated")
    assert "metadata.labels" in world.message("Stalled")


def test_a_seal_holds_for_what_was_asked_and_for_nothing_else() -> None:
    pod = copy.deepcopy(World().run().manifests[POD])
    asked = fence(pod)
    assert len(asked) == len(FIELDS)
    assert stands(asked, seal(asked))
    assert stands(fence(live(pod, put("spec/hostUsers", False))), seal(asked))
    assert not stands(fence(live(pod, put("spec/dnsPolicy", "Default"))), seal(asked))
    assert not stands(asked, "")
    assert not stands(asked, "x-y")
    assert mutated(asked, asked) == ()


def test_a_fence_takes_little_memory() -> None:
    pod = World().run().manifests[POD]
    assert sum(len(digest) for digest in fence(pod)) < 800
    assert json.dumps(fence(pod)) == json.dumps(fence(copy.deepcopy(pod)))
