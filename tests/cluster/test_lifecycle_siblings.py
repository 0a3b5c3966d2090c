# SPDX-License-Identifier: Apache-2.0
"""What else happens to apps in the life of a cluster, beyond what the people who made them do; no kubelet."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from tests.support.operator_process import World, budget, world
from tools.kubectl import Kubectl, condition, until
from tools.node import Node

CLAIM = "persistentvolumeclaim"
HOLD = "example.com/hold"


@pytest.fixture(scope="module")
def here(bare: Node, bare_kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    log = tmp_path_factory.mktemp("operator") / "log"
    with world(bare_kubectl, bare, log) as made:
        yield made


def until_recorded(here: World, app: str) -> None:
    """The record is that of the app that has the name now, and says nothing of an end."""

    def own() -> bool:
        record = here.record(app) or {"app": {}}
        return record["app"].get("uid") == here.get(app)["metadata"]["uid"] and "deletedAt" not in record

    until(own, 30, f"the record of the {app} that is there")


def finalizers(here: World, kind: str, name: str, namespace: str, *wanted: str) -> None:
    patch = json.dumps({"metadata": {"finalizers": list(wanted) or None}})
    here.kubectl("patch", kind, name, "-n", namespace, "--type=merge", "-p", patch)


@contextmanager
def another_budget(here: World, name: str, run_namespace: str) -> Iterator[str]:
    """A budget beside the usual one, for the same namespace."""
    name = f"{here.namespace}-{name}"
    made = budget(name, run_namespace)
    made["spec"]["namespaces"] = [here.namespace]
    here.kubectl.apply(made)
    try:
        yield name
    finally:
        here.kubectl("delete", "appbudget", name)


def reason(here: World, app: str) -> str:
    """Why it is stalled."""
    return str(condition(here.get(app), "Stalled").get("reason"))


def counted(here: World, name: str) -> int:
    return int(here.kubectl.get("appbudget", name).get("status", {}).get("apps", 0))


def test_a_replacement_by_force_keeps_claim_record_and_revisions(here: World) -> None:
    here.started("forced")
    claim, uid = here.uid(CLAIM, "forced"), here.get("forced")["metadata"]["uid"]
    before = here.record("forced")
    here.kubectl("replace", "--force", "-f", "-", given=json.dumps(here.app("forced")))
    assert here.get("forced")["metadata"]["uid"] != uid
    until_recorded(here, "forced")
    here.until_pod("forced")
    assert here.uid(CLAIM, "forced") == claim
    after = here.record("forced")
    assert before is not None
    assert after is not None
    assert after["revision"] == before["revision"]


def test_an_app_that_is_deleted_and_created_many_times_in_a_second_keeps_its_state(here: World) -> None:
    here.started("hasty")
    claim = here.uid(CLAIM, "hasty")
    for _ in range(5):
        here.kubectl("replace", "--force", "--grace-period=0", "-f", "-", given=json.dumps(here.app("hasty")))
    until_recorded(here, "hasty")
    here.until_pod("hasty")
    assert here.uid(CLAIM, "hasty") == claim


@pytest.mark.parametrize("cascade", ["foreground", "orphan"])
def test_however_an_app_is_deleted_its_pod_goes_and_its_claim_stays(here: World, cascade: str) -> None:
    app = f"cascade-{cascade}"
    here.started(app)
    here.kubectl("delete", "gapp", app, "-n", here.namespace, f"--cascade={cascade}", "--timeout=30s")
    until(lambda: here.find("pod", app) is None, 10, "the end of the pod")
    until(lambda: "deletedAt" in (here.record(app) or {}), 30, "the mark on the record")
    assert here.find(CLAIM, app) is not None


def test_an_app_whose_namespace_waits_for_its_finalizer_does_not_run_on(here: World) -> None:
    there = replace(here, namespace=f"{here.namespace}-ending")
    patch = json.dumps({"spec": {"namespaces": [here.namespace, there.namespace]}})
    here.kubectl("patch", "appbudget", here.namespace, "--type=merge", "-p", patch)
    here.kubectl("create", "namespace", there.namespace)
    there.started("held", budget=here.namespace)
    finalizers(there, "gapp", "held", there.namespace, HOLD)
    here.kubectl("delete", "namespace", there.namespace, "--wait=false")
    until(lambda: there.find("pod", "held") is None, 15, "the end of the pod")
    until(lambda: there.find("endpointslice", "held") is None, 15, "the end of the endpoints")
    there.until_condition("held", "Ready", "False", "Deleting")
    assert "deletedAt" not in (there.record("held") or {})
    finalizers(there, "gapp", "held", there.namespace)
    until(lambda: here.kubectl.find("namespace", there.namespace) is None, 60, "the end of the namespace")
    until(lambda: "deletedAt" in (there.record("held") or {}), 30, "the mark on the record")
    assert there.find(CLAIM, "held") is not None


def test_an_app_that_moves_to_a_budget_with_the_same_run_namespace_is_counted_there_and_runs_on(here: World) -> None:
    with another_budget(here, "first", here.run) as first, another_budget(here, "second", here.run) as second:
        pod = here.started("moving", budget=first)
        until(lambda: counted(here, first) == 1, 30, "its place in the first budget")
        here.apply(here.app("moving", budget=second))
        until(lambda: counted(here, second) == 1, 30, "its place in the other budget")
        until(lambda: counted(here, first) == 0, 30, "a free place in the first one")
        here.until_condition("moving", "Ready", "True", "Available")
        assert here.uid("pod", "moving") == pod
        here.kubectl("delete", "gapp", "moving", "-n", here.namespace)


def test_an_app_that_would_move_to_another_run_namespace_is_told_so_and_runs_on(here: World) -> None:
    with another_budget(here, "far", f"{here.run}-far") as far:
        pod = here.started("staying")
        here.apply(here.app("staying", budget=far))
        found = here.until_condition("staying", "BudgetAvailable", "False", "RunNamespaceChanged")
        assert here.run in found["message"]
        assert here.uid("pod", "staying") == pod
        assert here.find("endpointslice", "staying") is not None
        here.apply(here.app("staying"))
        here.until_condition("staying", "BudgetAvailable", "True", "Granted")
        assert here.uid("pod", "staying") == pod


def test_a_tier_that_shrinks_gives_the_app_a_smaller_pod_and_the_claim_that_it_had(here: World) -> None:
    with another_budget(here, "shrinking", here.run) as shrinking:
        pod = here.started("shrinks", budget=shrinking)
        claim, size = here.uid(CLAIM, "shrinks"), memory(here, "shrinks")
        smaller = {"guestMemory": "32Mi", "state": {"claim": "32Mi", "perTenant": "8Mi"}}
        patch = json.dumps({"spec": {"tiers": {"small": smaller}}})
        here.kubectl("patch", "appbudget", shrinking, "--type=merge", "-p", patch)
        here.until_pod("shrinks", other_than=pod)
        assert memory(here, "shrinks") != size
        assert here.uid(CLAIM, "shrinks") == claim
        here.make_ready("shrinks")
        here.until_condition("shrinks", "Ready", "True", "Available")
        kept = here.find(CLAIM, "shrinks")
        assert kept is not None
        assert kept["spec"]["resources"]["requests"]["storage"] == "64Mi"
        here.kubectl("delete", "gapp", "shrinks", "-n", here.namespace)


def memory(here: World, app: str) -> Any:
    pod = here.until_pod(app)
    return next(c for c in pod["spec"]["containers"] if c["name"] == "runtime")["resources"]["limits"]["memory"]


def test_a_pod_on_a_lost_node_gets_no_second_beside_it_until_it_is_surely_gone(here: World) -> None:
    node = f"lost-{here.run}"
    here.kubectl.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}})
    try:
        pod = here.started("stranded")
        path = f"/api/v1/namespaces/{here.run}/pods/{here.child('stranded')}/binding"
        target = {"apiVersion": "v1", "kind": "Node", "name": node}
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": here.child("stranded")}}
        here.kubectl("create", "--raw", path, "-f", "-", given=json.dumps({**binding, "target": target}))
        here.kubectl("delete", "pod", here.child("stranded"), "-n", here.run, "--grace-period=1", "--wait=false")
        # Half a minute after its deadline: until then the node may only be slow.
        until(lambda: reason(here, "stranded") == "NodeUnreachable", 60, "the word of the node")
        assert node in condition(here.get("stranded"), "Stalled")["message"]
        assert here.uid("pod", "stranded") == pod
        assert here.find("endpointslice", "stranded") is None
        here.kubectl("delete", "pod", here.child("stranded"), "-n", here.run, "--grace-period=0", "--force")
        here.until_pod("stranded", other_than=pod)
        until(lambda: reason(here, "stranded") != "NodeUnreachable", 30, "another word")
    finally:
        here.kubectl("delete", "node", node)


def test_an_app_whose_claim_is_being_deleted_runs_on_and_does_not_start_on_it_again(here: World) -> None:
    pod, claim = here.started("stateful"), here.uid(CLAIM, "stateful")
    finalizers(here, CLAIM, here.child("stateful"), here.run, HOLD)
    here.kubectl("delete", CLAIM, here.child("stateful"), "-n", here.run, "--wait=false")
    until(here.operator.idle, 30, "an idle operator")
    assert here.uid("pod", "stateful") == pod
    assert here.find("endpointslice", "stateful") is not None
    here.kubectl("delete", "pod", here.child("stateful"), "-n", here.run, "--wait=false")
    here.until_condition("stateful", "Ready", "False", "ClaimPending")
    until(here.operator.idle, 30, "an idle operator")
    assert here.find("pod", "stateful") is None
    assert here.find("endpointslice", "stateful") is None, "nobody answers at the address of the pod that went"
    finalizers(here, CLAIM, here.child("stateful"), here.run)
    here.until_pod("stateful")
    assert here.uid(CLAIM, "stateful") not in ("", claim)


def test_a_source_that_is_deleted_and_restored_costs_no_restart(here: World) -> None:
    source = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "code", "namespace": here.namespace, "labels": {"genapps.dev/source": "true"}},
        "data": {"app.py": "# from a ConfigMap\n"},
    }
    here.kubectl.apply(source)
    code = {"language": "python", "source": {"configMap": {"name": "code", "entry": "app.py"}}}
    pod = here.started("sourced", code=code)
    here.kubectl("delete", "configmap", "code", "-n", here.namespace)
    here.until_condition("sourced", "CodeVerified", "False", "SourceNotFound")
    here.kubectl.apply(source)
    until(lambda: condition(here.get("sourced"), "CodeVerified").get("status") == "True", 30, "the verified code")
    here.until_condition("sourced", "Ready", "True", "Available")
    assert here.uid("pod", "sourced") == pod


def test_a_budget_that_is_deleted_and_restored_costs_no_restart_and_counts_its_apps_again(here: World) -> None:
    with another_budget(here, "gone", here.run) as gone:
        pod = here.started("granted", budget=gone)
        made = here.kubectl.get("appbudget", gone)
        here.kubectl("delete", "appbudget", gone)
        here.until_condition("granted", "BudgetAvailable", "False", "BudgetNotFound")
        wanted = {key: made[key] for key in ("apiVersion", "kind", "spec")}
        here.kubectl.apply({**wanted, "metadata": {"name": gone}})
        here.until_condition("granted", "BudgetAvailable", "True", "Granted")
        until(lambda: counted(here, gone) == 1, 30, "its place")
        assert here.uid("pod", "granted") == pod
        here.kubectl("delete", "gapp", "granted", "-n", here.namespace)


def test_all_children_deleted_at_once_come_back_with_the_claim_that_was(here: World) -> None:
    pod, claim = here.started("stripped"), here.uid(CLAIM, "stripped")
    kinds = "pods,services,networkpolicies,serviceaccounts,endpointslices,configmaps"
    here.kubectl("delete", kinds, "-n", here.run, "-l", "genapps.dev/app=stripped", "--wait=false")
    here.until_pod("stripped", other_than=pod)
    here.make_ready("stripped")
    here.until_condition("stripped", "Ready", "True", "Available")
    assert here.uid(CLAIM, "stripped") == claim
    assert all(here.find(kind, "stripped") for kind in ("service", "networkpolicy", "serviceaccount", "endpointslice"))
    assert len(here.snapshots("stripped")) == 2


def test_a_label_that_somebody_adds_to_a_pod_costs_no_restart_and_one_that_isolates_it_does(here: World) -> None:
    pod = here.started("labelled")
    here.edit("pod", here.child("labelled"), {"metadata": {"labels": {"example.com/team": "blue"}}})
    until(here.operator.idle, 30, "an idle operator")
    assert here.uid("pod", "labelled") == pod
    here.edit("pod", here.child("labelled"), {"metadata": {"labels": {"genapps.dev/app": "other"}}})
    found = here.until_condition("labelled", "Stalled", "True", "PodMutated")
    assert "metadata.labels" in found["message"]
    here.kubectl("delete", "pod", here.child("labelled"), "-n", here.run, "--wait=false")
    here.until_pod("labelled", other_than=pod)
    here.until_condition("labelled", "Stalled", "False", "NotStalled")


def test_two_apps_whose_names_differ_only_late_share_nothing(here: World) -> None:
    first, second = (f"{'long-' * 9}{end}" for end in ("one", "two"))
    pods = {here.started(first), here.started(second)}
    assert len(pods) == 2
    assert here.child(first) != here.child(second)
    here.kubectl("delete", "gapp", first, "-n", here.namespace)
    until(lambda: here.find("pod", first) is None, 30, "the end of the first pod")
    until(here.operator.idle, 30, "an idle operator")
    assert here.find("endpointslice", second) is not None
    assert here.uid("pod", second) in pods
