# SPDX-License-Identifier: Apache-2.0
"""Admission changes pods: most of it is accepted as it is, the rest is named and costs a few pods only."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.apps import RUN_NAMESPACE, app, child_of, is_true, ready, until_app
from tools.kubectl import Kubectl, condition, until

HELLO = """
    from genapps import app

    @app.get("/")
    async def hello(request):
        return "hello"
"""
WATCHED_SECONDS = 20


GROUP = {"apiVersion": "admissionregistration.k8s.io/v1"}


def policy(
    name: str, namespace: str, resource: str, patch: str, conditions: tuple[dict[str, str], ...] = ()
) -> tuple[dict[str, Any], ...]:
    """A policy with its binding that changes each new object of one kind in a namespace."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": [resource]}
    spec = {
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "matchConditions": list(conditions),
        "matchConstraints": {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "resourceRules": [rule],
        },
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": f"[JSONPatch{{{patch}}}]"}}],
    }
    metadata = {"name": name}
    return (
        {**GROUP, "kind": "MutatingAdmissionPolicy", "metadata": metadata, "spec": spec},
        {**GROUP, "kind": "MutatingAdmissionPolicyBinding", "metadata": metadata, "spec": {"policyName": name}},
    )


@contextmanager
def mutating(kubectl: Kubectl, tenant: str, name: str, patch: str) -> Iterator[None]:
    """A policy that changes each new pod of that tenant's apps; it is in force."""
    full, probe = f"tests-{name}-{tenant}", f"tests-{name}-{tenant}-probe"
    label = "genapps.dev/app-namespace"
    labels = "object.metadata.labels"
    ours = f"has({labels}) && '{label}' in {labels} && {labels}['{label}'] == '{tenant}'"
    kubectl.apply(*policy(full, RUN_NAMESPACE, "pods", patch, ({"name": "ours", "expression": ours},)))
    # The API server takes note of all policies together, and with a delay: one that is younger shows when.
    kubectl.apply(*policy(probe, tenant, "configmaps", 'op: "add", path: "/data", value: {"seen": "yes"}'))

    def in_force() -> bool:
        return "seen: " in kubectl("create", "configmap", "probe", "-n", tenant, "--dry-run=server", "-o", "yaml")

    until(in_force, 30, "the policies in force")
    try:
        yield
    finally:
        kubectl("delete", "mutatingadmissionpolicybinding,mutatingadmissionpolicy", full, probe)


def created(kubectl: Kubectl, found: dict[str, Any], seconds: float) -> set[str]:
    """uids of the app's pods that are seen in that time."""
    uids: set[str] = set()
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        pod = child_of(kubectl, found, "pods")
        uids |= {pod["metadata"]["uid"]} if pod else set()
        time.sleep(0.2)
    return uids


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("/spec/containers/0/imagePullPolicy", '"Always"', id="AlwaysPullImages"),
        pytest.param("/spec/containers/0/resources/requests/cpu", '"30m"', id="Autopilot and VPA"),
        pytest.param("/metadata/labels/injected", '"yes"', id="a label"),
    ],
)
def test_what_the_fence_does_not_rest_on_is_accepted(installed: Kubectl, tenant: str, path: str, value: str) -> None:
    name = "changed"
    with mutating(installed, tenant, name, f'op: "add", path: "{path}", value: {value}'):
        manifest = app(name, tenant, HELLO)
        installed.apply(manifest)
        until(lambda: child_of(installed, manifest, "pods"), 60, "a pod")
        assert len(created(installed, manifest, WATCHED_SECONDS)) == 1
        # With AlwaysPullImages the image may not be there to pull: that is another finding.
        assert condition(installed.get("gapp", name, tenant), "Stalled")["reason"] != "PodMutated"


def test_what_the_fence_rests_on_is_named_and_costs_few_pods_and_mends_itself(installed: Kubectl, tenant: str) -> None:
    manifest = app("opened", tenant, HELLO)
    with mutating(installed, tenant, "dns", 'op: "replace", path: "/spec/dnsPolicy", value: "ClusterFirst"'):
        installed.apply(manifest)
        found = until_app(installed, manifest, is_true("Stalled", "PodMutated"))
        assert "spec.dnsPolicy" in condition(found, "Stalled")["message"]
        assert condition(found, "Ready")["status"] == "False"
        assert len(created(installed, manifest, WATCHED_SECONDS)) <= 3
    until_app(installed, manifest, is_true("Ready"), seconds=120)


def test_a_pod_that_runs_and_gets_another_image_is_replaced(installed: Kubectl, tenant: str) -> None:
    found = ready(installed, app("edited", tenant, HELLO))
    pod = child_of(installed, found, "pods")
    assert pod is not None
    meta = pod["metadata"]
    patch = '{"spec": {"containers": [{"name": "runtime", "image": "localhost/evil:1"}]}}'
    installed("patch", "pod", meta["name"], "-n", meta["namespace"], "--type=strategic", "-p", patch)

    def replaced() -> bool:
        now = child_of(installed, found, "pods")
        return now is not None and now["metadata"]["uid"] != meta["uid"]

    until(replaced, 60, "another pod")
    again = until_app(installed, found, is_true("Ready"))
    assert condition(again, "Stalled")["status"] == "False"
