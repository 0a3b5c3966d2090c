# SPDX-License-Identifier: Apache-2.0
"""What people do to apps: stop and start them, delete and re-create them, change budgets and sources; no kubelet."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support.operator_process import World, budget, let_records_go, world
from tools.kubectl import Kubectl, until
from tools.node import Node


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("operator") / "log"


@pytest.fixture(scope="module")
def here(bare: Node, bare_kubectl: Kubectl, log: Path) -> Iterator[World]:
    with world(bare_kubectl, bare, log) as made:
        yield made


def delete(here: World, app: str) -> None:
    here.kubectl("delete", "gapp", app, "-n", here.namespace)


def until_only_the_claim_is_left(here: World, app: str) -> None:
    def rest() -> list[str]:
        kinds = ("pod", "networkpolicy", "service", "endpointslice", "serviceaccount")
        return [kind for kind in kinds if here.find(kind, app)] + here.snapshots(app)

    until(lambda: rest() == [], 60, f"the removal of the children of {app}")
    assert here.find("persistentvolumeclaim", app) is not None


def age(here: World, app: str, **fields: Any) -> None:
    """Let the record say that something happened earlier."""
    patch = json.dumps({"record": fields})
    here.kubectl("patch", "apprecord", here.child(app), "-n", here.system, "--type=merge", "-p", patch)


def earlier(**span: int) -> str:
    return (datetime.now(UTC) - timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_a_suspended_app_keeps_its_claim_and_runs_again_when_it_is_wanted(here: World) -> None:
    here.apply(here.app("pausing"))
    pod, claim = here.until_pod("pausing"), here.uid("persistentvolumeclaim", "pausing")
    here.make_ready("pausing")
    until(lambda: here.find("endpointslice", "pausing"), 30, "endpoints")
    here.apply(here.app("pausing", operatingMode="Suspended"))
    here.until_condition("pausing", "Suspended", "True", "Requested")
    until(lambda: here.find("pod", "pausing") is None, 30, "the end of the pod")
    until(lambda: here.find("endpointslice", "pausing") is None, 30, "the end of the endpoints")
    policy = here.find("networkpolicy", "pausing")
    assert policy is not None
    assert not policy["spec"].get("egress")
    assert not policy["spec"].get("ingress")
    assert here.find("service", "pausing") is not None
    record = here.record("pausing")
    assert record is not None
    assert "pod" not in record
    here.apply(here.app("pausing", operatingMode="Running"))
    here.until_pod("pausing", other_than=pod["metadata"]["uid"])
    assert here.uid("persistentvolumeclaim", "pausing") == claim


def test_a_deleted_app_leaves_its_claim_and_record_for_their_retention(here: World) -> None:
    here.apply(here.app("leaving"))
    here.until_pod("leaving")
    delete(here, "leaving")
    until_only_the_claim_is_left(here, "leaving")
    record = here.record("leaving")
    assert record is not None
    assert record["deletedAt"]
    age(here, "leaving", deletedAt=earlier(hours=24 * 7 + 1))
    until(lambda: here.record("leaving") is None, 30, "the end of the record")
    # The claim's own protection (a pod might use it) is the API server's.
    until(lambda: here.find("persistentvolumeclaim", "leaving") is None, 30, "the end of the claim")


def test_the_retention_of_the_envelope_governs_the_claim(here: World) -> None:
    envelope = {"owner": {"team": "tests"}, "riskClass": "low", "retention": {"afterDelete": "2h"}}
    here.apply(here.app("brief", envelope=envelope))
    here.until_pod("brief")
    delete(here, "brief")
    until_only_the_claim_is_left(here, "brief")
    age(here, "brief", deletedAt=earlier(hours=1))
    until(here.operator.idle, 30, "an idle operator")
    assert here.find("persistentvolumeclaim", "brief") is not None
    age(here, "brief", deletedAt=earlier(hours=2, minutes=1))
    until(lambda: here.find("persistentvolumeclaim", "brief") is None, 30, "the end of the claim")


def test_a_record_with_a_recent_suspension_outlives_every_retention(here: World) -> None:
    envelope = {"owner": {"team": "tests"}, "riskClass": "low", "retention": {"afterDelete": "1h"}}
    here.apply(here.app("guilty", envelope=envelope))
    here.until_pod("guilty")
    age(here, "guilty", acknowledged=[{"id": "0" * 32, "at": earlier(days=29)}])
    delete(here, "guilty")
    until_only_the_claim_is_left(here, "guilty")
    age(here, "guilty", deletedAt=earlier(days=29))
    until(lambda: here.find("persistentvolumeclaim", "guilty") is None, 30, "the end of the claim")
    until(here.operator.idle, 30, "an idle operator")
    assert here.record("guilty") is not None
    age(here, "guilty", acknowledged=[{"id": "0" * 32, "at": earlier(days=31)}])
    until(lambda: here.record("guilty") is None, 30, "the end of the record")


def test_an_app_that_is_created_again_adopts_its_claim(here: World) -> None:
    here.apply(here.app("returning"))
    here.until_pod("returning")
    claim = here.uid("persistentvolumeclaim", "returning")
    delete(here, "returning")
    until_only_the_claim_is_left(here, "returning")
    here.apply(here.app("returning"))
    here.until_pod("returning")
    assert here.uid("persistentvolumeclaim", "returning") == claim
    record = here.record("returning")
    assert record is not None
    assert "deletedAt" not in record
    assert record["app"]["uid"] == here.get("returning")["metadata"]["uid"]


def test_another_owner_does_not_get_the_claim(here: World) -> None:
    here.apply(here.app("coveted"))
    here.until_pod("coveted")
    claim = here.uid("persistentvolumeclaim", "coveted")
    delete(here, "coveted")
    until_only_the_claim_is_left(here, "coveted")
    here.apply(here.app("coveted", envelope={"owner": {"team": "thieves"}, "riskClass": "low"}))
    here.until_condition("coveted", "Stalled", "True", "ClaimNotAdopted")
    assert here.find("pod", "coveted") is None
    assert here.uid("persistentvolumeclaim", "coveted") == claim


def test_an_app_without_a_budget_starts_when_the_budget_comes(here: World) -> None:
    name = f"{here.namespace}-later"
    here.apply(here.app("early", budget=name))
    here.until_condition("early", "BudgetAvailable", "False", "BudgetNotFound")
    here.until_condition("early", "Stalled", "True", "BudgetNotFound")
    assert here.find("serviceaccount", "early") is None
    late = budget(name, here.run)
    late["spec"]["namespaces"] = [here.namespace]
    here.kubectl.apply(late)
    here.until_pod("early")
    here.until_condition("early", "BudgetAvailable", "True", "Granted")
    here.kubectl("delete", "appbudget", name)
    here.until_condition("early", "BudgetAvailable", "False", "BudgetNotFound")
    assert here.find("pod", "early") is not None, "a running app keeps its last resolved tier"


def test_a_tier_that_does_not_exist_is_refused_with_the_list(here: World) -> None:
    here.apply(here.app("lost", tier="enormous"))
    found = here.until_condition("lost", "Stalled", "True", "TierNotFound")
    assert "small" in found["message"]
    assert here.find("pod", "lost") is None


def test_a_source_has_to_carry_its_label_and_is_followed_while_it_does(here: World) -> None:
    code = {"language": "python", "source": {"configMap": {"name": "code", "entry": "app.py"}}}
    here.apply(here.app("sourced", code=code))
    here.until_condition("sourced", "CodeVerified", "False", "SourceNotFound")
    source: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "code", "namespace": here.namespace},
        "data": {"app.py": "# first\n"},
    }
    here.kubectl.apply(source)
    here.kubectl("annotate", "gapp", "sourced", "-n", here.namespace, "look=again")
    here.until_condition("sourced", "CodeVerified", "False", "SourceNotLabelled")
    assert here.find("pod", "sourced") is None
    source["metadata"]["labels"] = {"genapps.dev/source": "true"}
    here.kubectl.apply(source)
    first = here.until_pod("sourced")
    source["data"] = {"app.py": "# second\n"}
    here.kubectl.apply(source)
    second = here.until_pod("sourced", other_than=first["metadata"]["uid"])
    here.make_ready("sourced")
    here.until_condition("sourced", "Ready", "True", "Available")
    here.kubectl("delete", "configmap", "code", "-n", here.namespace)
    here.until_condition("sourced", "CodeVerified", "False", "SourceNotFound")
    assert here.uid("pod", "sourced") == second["metadata"]["uid"], "the last verified snapshot keeps running"


def test_a_child_that_the_api_server_refuses_is_reported_and_tried_again(here: World) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "full", "namespace": here.run},
        "spec": {"hard": {"count/services": "0"}},
    }
    here.kubectl.apply(quota)
    until(lambda: here.kubectl.get("resourcequota", "full", here.run).get("status", {}).get("hard"), 30, "the quota")
    here.apply(here.app("crowded"))
    found = here.until_condition("crowded", "Stalled", "True", "ChildRefused")
    assert "exceeded quota" in found["message"]
    assert here.find("pod", "crowded") is None
    here.kubectl("delete", "resourcequota", "full", "-n", here.run)
    here.until_pod("crowded")
    here.until_condition("crowded", "Stalled", "False", "NotStalled")


def test_children_that_nobody_owns_are_removed_with_a_claim_that_was_never_bound(here: World) -> None:
    here.apply(here.app("forgotten"))
    here.until_pod("forgotten")
    here.operator.stop()
    delete(here, "forgotten")
    # As if it had been lost: an orderly deletion waits for the operator.
    let_records_go(here.kubectl, here.system)
    here.kubectl("delete", "apprecord", here.child("forgotten"), "-n", here.system)
    here.operator.start()
    kinds = ("pod", "networkpolicy", "service", "serviceaccount", "persistentvolumeclaim")
    until(lambda: not any(here.find(kind, "forgotten") for kind in kinds), 60, "the removal of what nobody owns")
    until(lambda: here.snapshots("forgotten") == [], 30, "the removal of the snapshots")


def test_an_app_deleted_while_the_operator_is_down_is_removed_afterwards(here: World) -> None:
    here.apply(here.app("unseen"))
    here.until_pod("unseen")
    here.operator.stop()
    delete(here, "unseen")
    here.operator.start()
    until_only_the_claim_is_left(here, "unseen")


def confirm(here: World, count: int) -> None:
    """Always another word than before: one that is used up confirms nothing more."""
    word = f"{count}-{uuid4().hex[:8]}"
    here.kubectl("annotate", "namespace", here.system, f"genapps.dev/confirm-vanished={word}", "--overwrite")


def crowd(here: World, prefix: str) -> list[str]:
    """Eight apps with pods: more than may vanish at once."""
    apps = [f"{prefix}-{number}" for number in range(8)]
    manifests = [here.app(name) for name in apps]
    for manifest in manifests:
        manifest["metadata"]["labels"] = {"crowd": prefix}
    here.apply(*manifests)
    for name in apps:
        here.until_pod(name)
    return apps


def delete_crowd(here: World, prefix: str) -> None:
    """By one request: the operator may look while kubectl deletes one after the other, and a few may vanish."""
    path = f"/apis/genapps.dev/v1alpha1/namespaces/{here.namespace}/generatedapps"
    here.kubectl("delete", "--raw", f"{path}?labelSelector=crowd%3D{prefix}")


def marked(here: World, apps: list[str]) -> list[str]:
    return [name for name in apps if "deletedAt" in (here.record(name) or {})]


@pytest.mark.parametrize("operator", ["running", "down"])
def test_pods_of_a_deleted_crowd_end_at_once_and_their_state_waits_for_a_word(
    here: World, log: Path, operator: str
) -> None:
    apps = crowd(here, f"crowd-{operator}")
    if operator == "down":
        here.operator.stop()
    delete_crowd(here, f"crowd-{operator}")
    if operator == "down":
        here.operator.start()
    until(lambda: not any(here.find("pod", name) for name in apps), 30, "the end of all pods")
    until(lambda: here.operator.metric("genapps_vanish_alarm") == 1, 30, "the alarm")
    until(lambda: here.operator.metric("genapps_deletions_held") == len(apps), 30, "the number of held deletions")
    assert marked(here, apps) == []
    assert all(here.find("persistentvolumeclaim", name) for name in apps)
    assert "confirm-vanished=8" in log.read_text(encoding="utf-8")

    def held() -> dict[str, str]:
        conditions = here.kubectl.get("abud", here.namespace)["status"]["conditions"]
        return next(entry for entry in conditions if entry["type"] == "DeletionsHeld")

    until(lambda: held()["status"] == "True", 30, "the word of the budget")
    assert f"namespace {here.system} genapps.dev/confirm-vanished=8" in held()["message"]
    confirm(here, len(apps))
    for name in apps:
        until_only_the_claim_is_left(here, name)
    until(lambda: held()["status"] == "False", 30, "the end of the alarm")


def test_a_confirmation_does_not_cover_the_next_crowd(here: World) -> None:
    apps = crowd(here, "later")
    delete_crowd(here, "later")
    until(lambda: here.operator.metric("genapps_deletions_held") == len(apps), 30, "the next alarm")
    assert marked(here, apps) == []
    here.kubectl("annotate", "namespace", here.system, "genapps.dev/confirm-vanished=8-x", "--overwrite")
    until(lambda: marked(here, apps) == apps, 30, "the marks")


def test_an_app_that_a_finalizer_holds_does_not_run_on(here: World) -> None:
    manifest = here.app("held")
    manifest["metadata"]["finalizers"] = ["example.com/hold"]
    here.apply(manifest)
    here.until_pod("held")
    here.make_ready("held")
    here.until_condition("held", "Ready", "True", "Available")
    here.kubectl("delete", "gapp", "held", "-n", here.namespace, "--wait=false")
    until(lambda: here.find("endpointslice", "held") is None, 5, "the end of the endpoints")
    until(lambda: here.find("pod", "held") is None, 5, "the end of the pod")
    here.until_condition("held", "Ready", "False", "Deleting")
    here.operator.stop()
    here.operator.start()
    until(here.operator.idle, 30, "an idle operator")
    assert here.find("pod", "held") is None, "nothing restarts it"
    assert marked(here, ["held"]) == [], "it still exists"
    status = here.kubectl.get("gapp", "held", here.namespace)["status"]
    message = next(entry["message"] for entry in status["conditions"] if entry["type"] == "Ready")
    assert "example.com/hold" in message
    patch = json.dumps({"metadata": {"finalizers": None}})
    here.kubectl("patch", "gapp", "held", "-n", here.namespace, "--type=merge", "-p", patch)
    until_only_the_claim_is_left(here, "held")
