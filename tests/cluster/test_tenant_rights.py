# SPDX-License-Identifier: Apache-2.0
"""What a tenant with `edit` asks for and never gets, with their own token; and one with `edit` in the whole cluster."""

import http.client
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.admission_table.objects import budget, namespace, pod, record, service
from tests.support.admission_table.rows import Request, create, enter, mint, update
from tests.support.admission_table.surroundings import claim, deployment, wide_open
from tests.support.api_server import Api
from tests.support.apps import RUN_NAMESPACE, SYSTEM_NAMESPACE, app
from tests.support.tenant import KEEPER, Tenant, token

RUN_PATH = f"/api/v1/namespaces/{RUN_NAMESPACE}"
Asking = Callable[[Tenant], Request]
DIGESTED = {"language": "python", "digest": "sha256:" + "0" * 64, "source": {"inline": "1"}}
STATUS = {"status.stage": "Broad"}


def another(name: str, where: str, **spec: Any) -> Request:
    """Create one more app; `spec` replaces parts of its spec."""
    manifest = app(name, where, KEEPER)
    return create({**manifest, "spec": {**manifest["spec"], **spec}})


def slice_of(tenant: Tenant) -> Request:
    """An EndpointSlice of the tenant's own Service with the address of the app's pod."""
    address = tenant.part("pods")["status"]["podIP"]
    metadata = {"name": "mine", "labels": {"kubernetes.io/service-name": "mine"}}
    body = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": metadata,
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address]}],
    }
    path = f"/apis/discovery.k8s.io/v1/namespaces/{tenant.namespace}/endpointslices?dryRun=All"
    return Request("POST", path, body)


FORBIDDEN: dict[str, Asking] = {
    "exec into the app's pod": lambda t: enter("exec", RUN_NAMESPACE, t.child),
    "attach to it": lambda t: enter("attach", RUN_NAMESPACE, t.child),
    "forward a port of it": lambda t: enter("portforward", RUN_NAMESPACE, t.child),
    "reach it through the API server": lambda t: enter("proxy", RUN_NAMESPACE, t.child),
    "read its log": lambda t: Request("GET", f"{RUN_PATH}/pods/{t.child}/log"),
    "read it": lambda t: Request("GET", f"{RUN_PATH}/pods/{t.child}"),
    "relabel it": lambda t: update("pods", RUN_NAMESPACE, t.child, {"metadata.labels": {"a": "b"}}),
    "delete it": lambda t: Request("DELETE", f"{RUN_PATH}/pods/{t.child}?dryRun=All"),
    "mint the token of its account": lambda t: mint(RUN_NAMESPACE, t.child),
    "mint the operator's token": lambda t: mint(SYSTEM_NAMESPACE, "genapps-operator"),
    "mint the gateway's token": lambda t: mint(SYSTEM_NAMESPACE, "genapps-gateway"),
    "put a pod beside it": lambda t: create(pod("beside", RUN_NAMESPACE)),
    "clone its claim where it is": lambda t: create(claim(RUN_NAMESPACE)),
    "read its claim": lambda t: Request("GET", f"{RUN_PATH}/persistentvolumeclaims/{t.child}"),
    "delete its claim": lambda t: Request("DELETE", f"{RUN_PATH}/persistentvolumeclaims/{t.child}?dryRun=All"),
    "read what it runs": lambda t: Request("GET", f"{RUN_PATH}/configmaps"),
    "change what it runs": lambda t: update("configmaps", RUN_NAMESPACE, t.child, {"data": {"code.json": "{}"}}),
    "widen its network": lambda t: create(wide_open(RUN_NAMESPACE)),
    "change its policy": lambda t: update("networkpolicies", RUN_NAMESPACE, t.child, {"spec.egress": [{}]}),
    "take over its Service": lambda t: update("services", RUN_NAMESPACE, t.child, {"spec.selector": {"a": "b"}}),
    "write its endpoints in a slice of their own": slice_of,
    "starve it by a quota": lambda t: Request(
        "POST", f"{RUN_PATH}/resourcequotas?dryRun=All", {"apiVersion": "v1", "kind": "ResourceQuota"}
    ),
    "starve it by priority": lambda t: Request(
        "POST",
        "/apis/scheduling.k8s.io/v1/priorityclasses?dryRun=All",
        {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "first"}, "value": 1000},
    ),
    "read its Secrets": lambda t: Request("GET", f"{RUN_PATH}/secrets"),
    "read the gateway's key": lambda t: Request(
        "GET", f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/secrets/genapps-gateway-tls"
    ),
    "forge a status": lambda t: update("generatedapps/status", t.namespace, "keeper", STATUS),
    "forge the status of their budget": lambda t: update("appbudgets/status", None, t.namespace, {"status.apps": 0}),
    "read verdicts": lambda t: Request("GET", f"/apis/genapps.dev/v1alpha1/namespaces/{SYSTEM_NAMESPACE}/apprecords"),
    "forge a verdict": lambda t: update("apprecords", SYSTEM_NAMESPACE, t.child, {"record.acknowledged": []}),
    "forge a verdict in their own namespace": lambda t: create(
        {**record("mine"), "metadata": {"name": "mine", "namespace": t.namespace}}
    ),
    "forget violations": lambda t: update("ledgers", SYSTEM_NAMESPACE, t.child, {"record.violations": {}}),
    "grant himself a budget": lambda t: create(budget("mine", [t.namespace], ["huge"])),
    "raise their budget": lambda t: update("appbudgets", None, t.namespace, {"spec.policy.maxApps": 10000}),
    "make a connector": lambda t: update("connectors", None, "payroll", {"spec.namespaces": [t.namespace]}),
    "call their namespace a run namespace": lambda t: update(
        "namespaces", None, t.namespace, {"metadata.labels": {"genapps.dev/run-namespace": "true"}}
    ),
    "make a namespace": lambda t: create(namespace("mine", run="true")),
    "make an app in another namespace": lambda t: another("keeper", "default"),
    "make an app where the pods run": lambda t: another("keeper", RUN_NAMESPACE),
    "promote himself": lambda t: another("new", t.namespace, stage="Broad", code=DIGESTED),
    "acknowledge": lambda t: update("generatedapps", t.namespace, "keeper", {"spec.acknowledgedSuspension": "a" * 32}),
    "take the app's address": lambda t: create(service("mine", t.namespace, externalIPs=[t.app["status"]["address"]])),
}
"""Refused for them by RBAC or by a policy."""
REFUSED: dict[str, tuple[Asking, str]] = {
    "take a tier that the budget has not": (lambda t: another("new", t.namespace, tier="huge"), "spec.tier"),
    "raise their risk": (
        lambda t: another("new", t.namespace, envelope={"owner": {"team": "x"}, "riskClass": "high"}),
        "riskClass",
    ),
    "change the envelope": (
        lambda t: update("generatedapps", t.namespace, "keeper", {"spec.envelope.owner.team": "others"}),
        "spec.envelope is immutable",
    ),
    "run for ten minutes": (lambda t: another("new", t.namespace, workloadClass="background"), "spec.workloadClass"),
}
EVERYWHERE: dict[str, Asking] = {
    **{
        title: FORBIDDEN[title]
        for title in (
            "exec into the app's pod",
            "attach to it",
            "forward a port of it",
            "reach it through the API server",
            "mint the token of its account",
            "put a pod beside it",
            "clone its claim where it is",
            "delete its claim",
            "widen its network",
            "change its policy",
            "take the app's address",
        )
    },
    "delete its policy": lambda t: Request(
        "DELETE", f"/apis/networking.k8s.io/v1/namespaces/{RUN_NAMESPACE}/networkpolicies/{t.child}?dryRun=All"
    ),
    "put a Deployment beside it": lambda t: create(deployment(RUN_NAMESPACE)),
    "forge a status": FORBIDDEN["forge a status"],
}


@pytest.fixture(scope="module")
def everywhere(editor: Tenant) -> Iterator[Api]:
    """Somebody with a cluster-wide binding of `edit`, as real clusters have them."""
    name = f"wide-{editor.namespace}"
    secret = token(editor.installed, editor.namespace, "wide")
    account = f"--serviceaccount={editor.namespace}:wide"
    editor.installed("create", "clusterrolebinding", name, "--clusterrole=edit", account)
    with Api(editor.node, secret) as api:
        yield api
    editor.installed("delete", "clusterrolebinding", name)


@pytest.mark.parametrize("asking", FORBIDDEN.values(), ids=FORBIDDEN)
def test_a_tenant_may_not(editor: Tenant, asking: Asking) -> None:
    answer = editor.api.ask(*asking(editor))
    assert answer.code == http.client.FORBIDDEN, answer


@pytest.mark.parametrize(("asking", "field"), REFUSED.values(), ids=REFUSED)
def test_a_tenant_is_told_which_field_is_refused(editor: Tenant, asking: Asking, field: str) -> None:
    answer = editor.api.ask(*asking(editor))
    assert answer.code == http.client.UNPROCESSABLE_ENTITY, answer
    assert field in answer.message


@pytest.mark.parametrize("asking", EVERYWHERE.values(), ids=EVERYWHERE)
def test_edit_in_the_whole_cluster_opens_no_fence(everywhere: Api, editor: Tenant, asking: Asking) -> None:
    answer = everywhere.ask(*asking(editor))
    assert answer.code == http.client.FORBIDDEN, answer


def test_the_tenant_really_has_edit_in_his_namespace(editor: Tenant) -> None:
    for request in (
        create(pod("mine", editor.namespace)),
        create(claim(editor.namespace)),
        create(wide_open(editor.namespace)),
        mint(editor.namespace, "dev"),
        another("new", editor.namespace),
        update("generatedapps", editor.namespace, "keeper", {"spec.operatingMode": "Suspended"}),
    ):
        assert editor.api.ask(*request).code < http.client.BAD_REQUEST, request


def test_no_field_names_another_namespace(editor: Tenant) -> None:
    manifest = app("new", editor.namespace, KEEPER)
    spec = manifest["spec"]
    spec["code"]["source"] = {"configMap": {"name": "code", "entry": "app.py", "namespace": "kube-system"}}
    spec["ingress"] = {"from": [{"namespaceSelector": {}, "podSelector": {}}]}
    answer = editor.api.ask(*create(manifest))
    assert answer.code == http.client.CREATED, answer
    stored = answer.body["spec"]
    assert stored["code"]["source"] == {"configMap": {"name": "code", "entry": "app.py"}}
    assert stored["ingress"] == {"from": [{"podSelector": {}}]}
