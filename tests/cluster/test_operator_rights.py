# SPDX-License-Identifier: Apache-2.0
"""The operator with exactly the rights that the chart grants it, and with one less."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.admission import CONNECTOR, changed
from tests.support.operator_process import World, world
from tools import helm
from tools.kubectl import Kubectl, condition, until
from tools.node import Node

KINDS = {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}


@pytest.fixture
def here(bare: Node, bare_kubectl: Kubectl, tmp_path: Path) -> Iterator[World]:
    with world(bare_kubectl, bare, tmp_path / "log") as made:
        made.operator.stop()
        yield made


def chart_rights(here: World) -> list[dict[str, Any]]:
    """What the chart would install for the operator of these namespaces."""
    values = {"image": {"genapps": "a:1", "runtime": "b:1"}, "runNamespaces": [here.run]}
    return [
        each
        for each in helm.render(values, here.system)
        if each["kind"] in KINDS and each["metadata"]["name"] == "genapps-operator"
    ]


def kubeconfig_of_the_operator(here: World, folder: Path) -> Path:
    token = here.kubectl("create", "token", "genapps-operator", "-n", here.system).strip()
    content = yaml.safe_load(here.operator.kubeconfig.read_text(encoding="utf-8"))
    for user in content["users"]:
        user["user"] = {"token": token}
    path = folder / "kubeconfig"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_missing_right_is_named_and_nothing_is_done_until_it_is_granted(here: World, tmp_path: Path) -> None:
    granted = chart_rights(here)
    run = next(each for each in granted if each["kind"] == "Role" and each["metadata"]["namespace"] == here.run)
    pods = next(rule for rule in run["rules"] if "pods" in rule["resources"])
    complete = list(pods["verbs"])
    pods["verbs"].remove("delete")
    here.kubectl.apply(*granted)
    here.operator.kubeconfig = kubeconfig_of_the_operator(here, tmp_path)
    written = here.writes()
    here.kubectl.apply(here.app("waits"))
    here.operator.launch()
    missing = f"delete pods in namespace {here.run}"
    until(lambda: missing in here.operator.get("/readyz"), 60, "the missing right on the readiness page")
    assert here.operator.get("/livez") == "ok"
    assert not here.operator.leads()
    assert here.writes() == written
    pods["verbs"] = complete
    here.kubectl.apply(run)
    until(here.operator.leads, 60, "the operator's leadership")
    here.until_pod("waits")
    until(here.operator.idle, 30, "an idle operator")
    assert "403 Forbidden" not in here.operator.log.read_text(encoding="utf-8")


def test_an_operator_that_waits_for_its_rights_can_be_stopped(here: World, tmp_path: Path) -> None:
    accounts = [each for each in chart_rights(here) if each["kind"] == "ServiceAccount"]
    here.kubectl.apply(*accounts)
    here.operator.kubeconfig = kubeconfig_of_the_operator(here, tmp_path)
    here.operator.launch()
    until(lambda: "rights are missing" in here.operator.get("/readyz"), 60, "a page that names rights")
    assert here.operator.stop() == 0


READER = "genapps-service-reader"


def service_and_pod(here: World) -> None:
    """A Service of the tenant, and a pod of which a kubelet says that it has an address."""
    named = {"name": "ledger", "namespace": here.namespace}
    container = {"name": "web", "image": "ledger", "ports": [{"name": "http", "containerPort": 8000}]}
    here.kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": named,
            "spec": {"selector": {"app": "ledger"}, "ports": [{"port": 80, "targetPort": "http"}]},
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**named, "labels": {"app": "ledger"}},
            "spec": {"containers": [container]},
        },
    )
    told = json.dumps({"status": {"phase": "Running", "podIP": "10.9.8.7"}})
    here.kubectl("patch", "pod", "ledger", "-n", here.namespace, "--subresource=status", "--type=merge", "-p", told)


def say_ready(here: World, *, ready: bool) -> None:
    """What the controller of EndpointSlices says, which leaves out pods without a node."""
    uid = here.kubectl.get("pod", "ledger", here.namespace)["metadata"]["uid"]
    target = {"kind": "Pod", "namespace": here.namespace, "name": "ledger", "uid": uid}
    # An address that no pod has, and one whose pod is another one, are there all the time.
    claims = [("10.9.8.7", uid), ("10.9.8.8", uid), ("10.9.8.7", "another")]
    here.kubectl.apply(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": "ledger-by-hand",
                "namespace": here.namespace,
                "labels": {"kubernetes.io/service-name": "ledger"},
            },
            "addressType": "IPv4",
            "ports": [{"name": "", "port": 8000}],
            "endpoints": [
                {"addresses": [address], "conditions": {"ready": ready}, "targetRef": {**target, "uid": claimed}}
                for address, claimed in claims
            ],
        }
    )


def test_the_service_of_a_connector_is_resolved_once_its_namespace_lets_the_operator_read(
    here: World, tmp_path: Path
) -> None:
    name = f"ledger-{here.namespace}"
    service = {"namespace": here.namespace, "name": "ledger", "port": 80}
    connector = changed(
        CONNECTOR, {"metadata.name": name, "spec.endpoint": {"service": service}, "spec.namespaces": [here.namespace]}
    )
    values = {"image": {"genapps": "a:1", "runtime": "b:1"}}
    reader = next(each for each in helm.render(values, here.system) if each["metadata"]["name"] == READER)
    here.kubectl.apply(*chart_rights(here), reader, connector)
    here.operator.kubeconfig = kubeconfig_of_the_operator(here, tmp_path)
    here.operator.launch()

    def is_ready(status: str, reason: str) -> bool:
        found = condition(here.kubectl.get("connector", name), "Ready")
        return (found.get("status"), found.get("reason")) == (status, reason)

    def addresses() -> list[str]:
        found = here.kubectl.find("endpointslice", f"connector-{name}", here.system) or {}
        return [address for each in found.get("endpoints") or () for address in each["addresses"]]

    def egress() -> Any:
        return (here.kubectl.find("networkpolicy", "genapps-gateway-egress", here.system) or {}).get("spec")

    try:
        until(lambda: is_ready("False", "EndpointRefused"), 60, "a Connector that may not be resolved")
        account = f"--serviceaccount={here.system}:genapps-operator"
        here.kubectl("create", "rolebinding", READER, f"--clusterrole={READER}", account, "-n", here.namespace)
        service_and_pod(here)
        say_ready(here, ready=True)
        until(lambda: addresses() == ["10.9.8.7"], 60, "the address of the ready pod")
        until(lambda: is_ready("True", "Available"), 30, "a Connector that can be called")
        until(lambda: bool(egress()) and bool(egress().get("egress")), 30, "a way to the pods of the Service")
        wanted = egress()
        assert [rule["ports"] for rule in wanted["egress"]] == [[{"protocol": "TCP", "port": "http"}]]
        opened = json.dumps({"spec": {"egress": [{}]}})
        here.kubectl(
            "patch", "networkpolicy", "genapps-gateway-egress", "-n", here.system, "--type=merge", "-p", opened
        )
        until(lambda: egress() == wanted, 30, "the policy as it was")
        public = changed(CONNECTOR, {"metadata.name": f"public-{name}"})
        here.kubectl.apply(public)
        until(lambda: "ipBlock" in json.dumps(egress()), 30, "a way to public addresses")
        here.kubectl("delete", "connector", f"public-{name}")
        until(lambda: egress() == wanted, 30, "its end")
        say_ready(here, ready=False)
        until(lambda: addresses() == [], 30, "no address")
        say_ready(here, ready=True)
        until(lambda: addresses() == ["10.9.8.7"], 30, "the address again")
    finally:
        here.kubectl("delete", "connector", name)
    until(lambda: addresses() == [], 30, "the end of the slice")
    until(lambda: not egress().get("egress"), 30, "the end of the way")
    here.kubectl("delete", "clusterrole", READER)
