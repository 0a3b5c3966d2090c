# SPDX-License-Identifier: Apache-2.0
"""Apps on a real API server, no kubelet: children appear, drift is healed, foreign objects are left alone."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.operator_process import World, world
from tools.kubectl import Kubectl, condition, until
from tools.node import Node

CHILD_KINDS = ("serviceaccount", "persistentvolumeclaim", "networkpolicy", "service", "pod")
EVERYWHERE = [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]


@pytest.fixture(scope="module")
def here(bare: Node, bare_kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    log = tmp_path_factory.mktemp("operator") / "log"
    with world(bare_kubectl, bare, log) as made:
        yield made


@pytest.fixture(scope="module")
def app(here: World) -> str:
    """An app that answers, as far as a pod that a test declares ready can."""
    here.apply(here.app("steady"))
    here.until_pod("steady")
    here.make_ready("steady")
    here.until_condition("steady", "Ready", "True", "Available")
    return "steady"


def until_owned(here: World, app: str) -> None:
    """The garbage collector ends a pod whose ServiceAccount went, unless the operator names the new one first: either
    way the app has a pod that the new one owns."""

    def owned() -> bool:
        pod, account = here.find("pod", app), here.find("serviceaccount", app)
        if pod is None or account is None or "deletionTimestamp" in pod["metadata"]:
            return False
        owners = pod["metadata"].get("ownerReferences", ())
        return [owner["uid"] for owner in owners] == [account["metadata"]["uid"]]

    until(owned, 30, "a pod of the ServiceAccount that is there")
    here.make_ready(app)
    here.until_condition(app, "Ready", "True", "Available")


def same_uid(here: World, kind: str, app: str, uid: str) -> None:
    assert here.uid(kind, app) == uid, f"the {kind} was replaced where an apply would do"


def test_an_app_gets_all_its_children_in_the_run_namespace(here: World, app: str) -> None:
    assert [kind for kind in CHILD_KINDS if here.find(kind, app) is None] == []
    assert len(here.snapshots(app)) == 2
    assert here.kubectl.items("pods,services,configmaps", "-n", here.namespace, "-l", "genapps.dev/app") == []


def test_the_fence_is_written_before_the_pod(here: World, app: str) -> None:
    order = [resource for _, resource, name in here.writes() if name == here.child(app)]
    before = order[: order.index("pods")]
    assert {"networkpolicies", "persistentvolumeclaims", "serviceaccounts", "services"} <= set(before)
    assert "apprecords" not in before


def test_an_app_takes_at_most_twelve_writes_until_it_answers(here: World) -> None:
    before = len(here.writes())
    here.apply(here.app("frugal"))
    here.until_pod("frugal")
    here.make_ready("frugal")
    here.until_condition("frugal", "Ready", "True", "Available")
    until(here.operator.idle, 30, "an idle operator")
    of_budgets = ("appbudgets/status", "budgetrecords")
    about = [write for write in here.writes()[before:] if write[1] not in of_budgets]
    assert len(about) <= 12, about
    here.kubectl("delete", "gapp", "frugal", "-n", here.namespace)


def test_the_record_admits_the_live_pod(here: World, app: str) -> None:
    record = here.record(app)
    assert record is not None
    assert record["pod"] == {"namespace": here.run, "name": here.child(app), "uid": here.uid("pod", app)}


def test_a_ready_pod_gets_endpoints_and_the_app_an_address(here: World, app: str) -> None:
    slice_ = here.find("endpointslice", app)
    service = here.find("service", app)
    assert slice_ is not None
    assert service is not None
    assert slice_["endpoints"][0]["addresses"] == ["10.9.8.7"]
    assert here.get(app)["status"]["address"] == service["spec"]["clusterIP"]


def test_the_ca_of_the_gateway_is_copied_and_kept_up_to_date(here: World, app: str) -> None:
    name = "genapps-gateway-ca"
    renewed = here.kubectl.get("configmap", name, here.system)["data"]["ca.crt"] + "# renewed\n"
    pod = here.uid("pod", app)
    here.kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": here.system},
            "data": {"ca.crt": renewed},
        }
    )
    until(lambda: here.kubectl.get("configmap", name, here.run)["data"]["ca.crt"] == renewed, 30, "the renewed copy")
    here.edit("configmap", name, {"data": {"ca.crt": "forged"}})
    until(lambda: here.kubectl.get("configmap", name, here.run)["data"]["ca.crt"] == renewed, 30, "the healed copy")
    same_uid(here, "pod", app, pod)


@pytest.mark.parametrize(
    ("patch", "kind_of_patch"),
    [
        pytest.param({"spec": {"egress": EVERYWHERE}}, "merge", id="egress replaced"),
        pytest.param([{"op": "add", "path": "/spec/egress/-", "value": EVERYWHERE[0]}], "json", id="egress added"),
        pytest.param([{"op": "add", "path": "/spec/ingress/-", "value": {}}], "json", id="ingress from everywhere"),
        pytest.param({"spec": {"policyTypes": ["Ingress"]}}, "merge", id="egress not enforced"),
        pytest.param({"spec": {"podSelector": {"matchLabels": {"extra": "label"}}}}, "merge", id="selects nothing"),
    ],
)
def test_a_widened_network_policy_is_healed(here: World, app: str, patch: Any, kind_of_patch: str) -> None:
    before = here.find("networkpolicy", app)
    assert before is not None
    here.edit("networkpolicy", here.child(app), patch, kind_of_patch)

    def healed() -> bool:
        live = here.find("networkpolicy", app)
        return live is not None and live["spec"] == before["spec"]

    until(healed, 30, "the policy as it was")
    same_uid(here, "networkpolicy", app, before["metadata"]["uid"])


def test_an_edited_service_is_healed(here: World, app: str) -> None:
    before = here.find("service", app)
    assert before is not None
    here.edit("service", here.child(app), {"spec": {"ports": [{"name": "http", "port": 80, "targetPort": 9999}]}})

    def target() -> Any:
        live = here.find("service", app)
        return live and live["spec"]["ports"][0]["targetPort"]

    until(lambda: target() == before["spec"]["ports"][0]["targetPort"], 30, "the port as it was")
    same_uid(here, "service", app, before["metadata"]["uid"])


def test_redirected_endpoints_are_healed(here: World, app: str) -> None:
    here.edit("endpointslice", here.child(app), {"endpoints": [{"addresses": ["10.66.66.66"]}]})

    def addresses() -> Any:
        live = here.find("endpointslice", app)
        return live and live["endpoints"][0]["addresses"]

    until(lambda: addresses() == ["10.9.8.7"], 30, "the pod's address in the slice")


def test_a_service_account_that_took_an_annotation_of_ours_is_healed(here: World, app: str) -> None:
    digest = "genapps.dev/envelope-digest"
    before = here.find("serviceaccount", app)
    assert before is not None
    here.edit("serviceaccount", here.child(app), {"metadata": {"annotations": {digest: "sha256:forged"}}})

    def now() -> Any:
        live = here.find("serviceaccount", app)
        return live and live["metadata"]["annotations"][digest]

    until(lambda: now() == before["metadata"]["annotations"][digest], 30, "the annotation as it was")


@pytest.mark.parametrize("kind", ["serviceaccount", "networkpolicy", "service", "endpointslice"])
def test_a_deleted_child_comes_back(here: World, app: str, kind: str) -> None:
    before = here.uid(kind, app)
    here.kubectl("delete", kind, here.child(app), "-n", here.run, "--wait=false")
    until(lambda: here.uid(kind, app) not in ("", before), 30, f"a new {kind}")
    until_owned(here, app)


def test_a_child_that_lost_the_label_of_its_uid_gets_it_back(here: World, app: str) -> None:
    label = "genapps.dev/app-uid"
    uid = here.get(app)["metadata"]["uid"]
    for value in ("other", None):
        here.edit("networkpolicy", here.child(app), {"metadata": {"labels": {label: value}}})

        def healed() -> bool:
            live = here.find("networkpolicy", app)
            return live is not None and live["metadata"]["labels"].get(label) == uid

        until(healed, 30, "the label as it was")


def test_a_child_whose_labels_say_it_is_not_ours_is_reported(here: World, app: str) -> None:
    here.edit("serviceaccount", here.child(app), {"metadata": {"labels": {"app.kubernetes.io/managed-by": "else"}}})
    here.until_condition(app, "Stalled", "True", "NameTaken")
    here.kubectl("delete", "serviceaccount", here.child(app), "-n", here.run)
    here.until_condition(app, "Stalled", "False", "NotStalled")
    until(lambda: here.find("serviceaccount", app), 30, "the ServiceAccount")
    until_owned(here, app)


def test_a_deleted_snapshot_comes_back_with_its_content(here: World, app: str) -> None:
    before = here.snapshots(app)
    code = next(name for name in before if "-code-" in name)
    content = here.kubectl.get("configmap", code, here.run)["data"]
    here.kubectl("delete", "configmap", *before, "-n", here.run)
    until(lambda: here.snapshots(app) == before, 30, "the snapshots")
    assert here.kubectl.get("configmap", code, here.run)["data"] == content


def test_a_deleted_pod_is_created_again_and_the_record_follows(here: World, app: str) -> None:
    before = here.uid("pod", app)
    here.kubectl("delete", "pod", here.child(app), "-n", here.run, "--wait=false")
    pod = here.until_pod(app, other_than=before)

    def admitted() -> Any:
        record = here.record(app)
        return record and record.get("pod", {}).get("uid")

    until(lambda: admitted() == pod["metadata"]["uid"], 30, "the new pod in the record")
    until(lambda: here.find("endpointslice", app) is None, 30, "no endpoints for a pod that is not ready")
    here.until_condition(app, "Ready", "False", "PodStarting")
    here.make_ready(app)
    here.until_condition(app, "Ready", "True", "Available")


def test_a_pod_with_another_image_is_replaced(here: World, app: str) -> None:
    before = here.uid("pod", app)
    patch = {"spec": {"containers": [{"name": "runtime", "image": "localhost/evil:1"}]}}
    here.edit("pod", here.child(app), patch, "strategic")
    pod = here.until_pod(app, other_than=before)
    assert pod["spec"]["containers"][0]["image"] == "localhost/genapps-runtime:test"
    here.make_ready(app)
    here.until_condition(app, "Ready", "True", "Available")


def test_a_name_that_a_foreign_object_has_is_not_touched(here: World) -> None:
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": here.child("taken"), "namespace": here.run, "labels": {"whose": "not-ours"}},
        "spec": {"ports": [{"port": 1}]},
    }
    here.kubectl.apply(foreign)
    before = here.find("service", "taken")
    here.apply(here.app("taken"))
    here.until_condition("taken", "Stalled", "True", "NameTaken")
    assert here.find("service", "taken") == before
    assert here.find("pod", "taken") is None
    here.kubectl("delete", "service", here.child("taken"), "-n", here.run)
    here.until_pod("taken")
    here.kubectl("delete", "gapp", "taken", "-n", here.namespace)


def test_new_code_gets_snapshots_and_a_pod_of_its_own_and_the_old_snapshots_stay(here: World, app: str) -> None:
    before, pod = here.snapshots(app), here.uid("pod", app)
    changed = here.app(app, code={"language": "python", "source": {"inline": "# another revision\n"}})
    here.apply(changed)
    here.until_pod(app, other_than=pod)
    here.make_ready(app)
    here.until_condition(app, "Ready", "True", "Available")
    assert len(here.snapshots(app)) == 4
    assert set(before) < set(here.snapshots(app)), "the way back"


def test_events_tell_each_transition_once(here: World, app: str) -> None:
    def reasons() -> list[str]:
        events = here.kubectl.items("events", "-n", here.namespace)
        return [event["reason"] for event in events if event["involvedObject"]["name"] == app]

    assert reasons().count("Available") == 1
    assert len(reasons()) == len(set(reasons()))


def test_the_budget_counts_its_apps(here: World, app: str) -> None:
    def counted() -> bool:
        status = here.kubectl.get("appbudget", here.namespace).get("status", {})
        return {"name": "small", "apps": status.get("apps")} in status.get("tiers", [])

    until(counted, 30, "a count in the budget")
    found = condition(here.kubectl.get("appbudget", here.namespace), "Ready")
    assert (found["status"], found["reason"]) == ("True", "Available")


def test_the_operator_stops_cleanly_when_it_is_told_to(here: World) -> None:
    assert here.operator.stop() == 0
    here.operator.start()
