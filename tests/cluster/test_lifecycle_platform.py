# SPDX-License-Identifier: Apache-2.0
"""What the platform under the apps does to them: no room, no larger disks, a webhook that strips notes; no kubelet."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.operator_process import World, budget, world
from tools.kubectl import Kubectl, condition, until
from tools.node import Node

CLAIM = "persistentvolumeclaim"
NOTE = "genapps.dev/pod-digest"


@pytest.fixture(scope="module")
def here(bare: Node, bare_kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("operator")
    storage_class = f"rigid-{folder.name}-{bare.index}"
    bare_kubectl.apply(
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": storage_class},
            "provisioner": "example.com/none",
            "volumeBindingMode": "WaitForFirstConsumer",
        }
    )
    with world(bare_kubectl, bare, folder / "log", GENAPPS_STORAGE_CLASS=storage_class) as made:
        yield made
    bare_kubectl("delete", "storageclass", storage_class)


@contextmanager
def another_budget(here: World, name: str) -> Iterator[str]:
    """A budget beside the usual one, for the same namespace."""
    name = f"{here.namespace}-{name}"
    made = budget(name, here.run)
    made["spec"]["namespaces"] = [here.namespace]
    here.kubectl.apply(made)
    yield name
    here.kubectl("delete", "appbudget", name, "--ignore-not-found")


def bound(here: World, app: str) -> None:
    """Give the app's claim a volume, as a provisioner would."""
    claim = here.find(CLAIM, app)
    assert claim is not None
    here.kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": here.child(app)},
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": claim["spec"]["storageClassName"],
                "claimRef": {"namespace": here.run, "name": here.child(app), "uid": claim["metadata"]["uid"]},
                "hostPath": {"path": "/nowhere"},
            },
        }
    )

    def is_bound() -> bool:
        return bool((here.find(CLAIM, app) or {"status": {}})["status"].get("phase") == "Bound")

    until(is_bound, 30, "a bound claim")


def size(here: World, app: str) -> str:
    found = here.find(CLAIM, app)
    assert found is not None
    return str(found["spec"]["resources"]["requests"]["storage"])


def test_an_app_that_no_node_has_room_for_says_so_in_the_schedulers_words(here: World) -> None:
    here.apply(here.app("homeless"))
    pod = here.until_pod("homeless")["metadata"]["uid"]
    found = here.until_condition("homeless", "Stalled", "True", "Unschedulable")
    live = here.find("pod", "homeless")
    assert live is not None
    words = next(c["message"] for c in live["status"]["conditions"] if c["type"] == "PodScheduled")
    assert words
    assert words.rstrip(".") in found["message"]
    here.make_ready("homeless")
    here.until_condition("homeless", "Ready", "True", "Available")
    here.until_condition("homeless", "Stalled", "False", "NotStalled")
    assert here.uid("pod", "homeless") == pod


def test_a_claim_that_its_storage_class_does_not_let_grow_is_told_and_the_app_serves_on(here: World) -> None:
    with another_budget(here, "growing") as growing:
        pod = here.started("grows", budget=growing)
        bound(here, "grows")
        patch = json.dumps({"spec": {"tiers": {"small": {"state": {"claim": "128Mi"}}}}})
        here.kubectl("patch", "appbudget", growing, "--type=merge", "-p", patch)
        here.until_condition("grows", "Stalled", "True", "ChildRefused")
        # The first refusals may be those of the namespace's own limits, which follow the budget as well.
        words = "only dynamically provisioned pvc can be resized"
        until(lambda: words in condition(here.get("grows"), "Stalled").get("message", ""), 60, words)
        here.until_pod("grows")
        assert condition(here.get("grows"), "Ready")["status"] == "True"
        assert here.find("endpointslice", "grows") is not None
        assert size(here, "grows") == "64Mi"
        assert here.uid("pod", "grows") == pod
        tries = [one for one in here.writes() if one[1:] == ("persistentvolumeclaims", here.child("grows"))]
        assert len(tries) < 20, "it asks again after pauses that grow"
        storage_class = here.operator.environment["GENAPPS_STORAGE_CLASS"]
        here.kubectl("patch", "storageclass", storage_class, "-p", json.dumps({"allowVolumeExpansion": True}))
        here.kubectl("annotate", "gapp", "grows", "-n", here.namespace, "example.com/again=1")
        until(lambda: size(here, "grows") == "128Mi", 60, "the larger claim")
        here.until_condition("grows", "Stalled", "False", "NotStalled")
        assert here.uid("pod", "grows") == pod
        here.kubectl("delete", "gapp", "grows", "-n", here.namespace)
    here.kubectl("delete", "pv", here.child("grows"), "--wait=false")


@contextmanager
def stripping(here: World) -> Iterator[None]:
    """A policy that takes our note from each pod of the run namespace, and sets a pull policy."""
    group, name = {"apiVersion": "admissionregistration.k8s.io/v1"}, f"strip-{here.run}"
    remove = f'JSONPatch{{op: "remove", path: "/metadata/annotations/" + jsonpatch.escapeKey("{NOTE}")}}'
    always = 'JSONPatch{op: "add", path: "/spec/containers/0/imagePullPolicy", value: "Always"}'
    matches = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": here.run}}}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    here.kubectl.apply(
        {
            **group,
            "kind": "MutatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {
                "failurePolicy": "Fail",
                "reinvocationPolicy": "Never",
                "matchConstraints": {**matches, "resourceRules": [rule]},
                "mutations": [
                    {"patchType": "JSONPatch", "jsonPatch": {"expression": f"[{patch}]"}} for patch in (remove, always)
                ],
            },
        },
        {
            **group,
            "kind": "MutatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {"policyName": name},
        },
    )
    container = {"name": "c", "image": "x", "imagePullPolicy": "Never"}
    probe = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "probe", "namespace": here.run, "annotations": {NOTE: "x"}},
        "spec": {"containers": [container]},
    }

    def in_force() -> bool:
        answer = here.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", given=json.dumps(probe))
        return str(json.loads(answer)["spec"]["containers"][0]["imagePullPolicy"]) == "Always"

    until(in_force, 30, "the policy in force")
    try:
        yield
    finally:
        here.kubectl("delete", "mutatingadmissionpolicybinding,mutatingadmissionpolicy", name)


def test_a_webhook_that_strips_our_note_costs_few_pods_and_is_named(here: World) -> None:
    with stripping(here):
        here.kubectl.apply(here.app("stripped"))
        found = here.until_condition("stripped", "Stalled", "True", "PodMutated")
        assert "metadata.annotations" in found["message"]
        rounds = here.operator.metric("genapps_sweeps_total")
        until(lambda: here.operator.metric("genapps_sweeps_total") > rounds + 5, 30, "some rounds of the sweep")
        created = [one for one in here.writes() if one == ("patch", "pods", here.child("stripped"))]
        assert len(created) <= 3
    here.until_pod("stripped")
    here.make_ready("stripped")
    here.until_condition("stripped", "Ready", "True", "Available")


def counted(quantity: str) -> int:
    """A number of objects as the API server writes it: 4000 is `4k`."""
    return int(quantity.removesuffix("k")) * (1000 if quantity.endswith("k") else 1)


def test_claims_that_a_deleted_budget_leaves_take_no_room_from_others(here: World) -> None:
    def room() -> int:
        """How many claims more the quota would take."""
        status = here.kubectl.get("resourcequota", "genapps", here.run)["status"]
        kind = "persistentvolumeclaims"
        return counted(status["hard"][kind]) - counted(status["used"][kind])

    until(here.operator.idle, 30, "an idle operator")
    before = room()
    with another_budget(here, "ends") as ends:
        here.apply(here.app("left", budget=ends))
        here.until_pod("left")
        here.kubectl("delete", "gapp", "left", "-n", here.namespace)
        until(lambda: "deletedAt" in (here.record("left") or {}), 30, "the mark on the record")
        until(lambda: room() > before, 30, "the room that the budget brings")
    until(lambda: room() == before, 30, "the room that was there before it")
    assert here.find(CLAIM, "left") is not None
