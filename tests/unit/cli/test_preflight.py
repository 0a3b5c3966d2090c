# SPDX-License-Identifier: Apache-2.0
"""The preflight's checks, each on a good cluster and on one with a single fault."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from genapps.api.crd import crds
from genapps.cli.preflight.rules import POLICIES, preflight
from genapps.cli.preflight.seen import Check, Level, Seen


def deployment(settings: Mapping[str, str] | None = None, ready: int = 1) -> dict[str, Any]:
    env = [{"name": name, "value": value} for name, value in (settings or {}).items()]
    spec = {"replicas": 1, "template": {"spec": {"containers": [{"name": "operator", "env": env}]}}}
    return {"spec": spec, "status": {"readyReplicas": ready}}


SETTINGS = {
    "GENAPPS_RUN_NAMESPACES": "genapps-run",
    "GENAPPS_STORAGE_CLASS": "",
    "GENAPPS_WAIT_FOR_FIRST_CONSUMER": "true",
    "GENAPPS_HOST_USERS": "",
    "GENAPPS_RUNTIME_CLASSES": "high=kata",
    "GENAPPS_PULL_SECRETS": "registry",
}
EXPECTED = crds()
ESTABLISHED = {"conditions": [{"type": "Established", "status": "True"}]}
LABELS = {"genapps.dev/run-namespace": "true", "pod-security.kubernetes.io/enforce": "restricted"}
DEFAULT = {"storageclass.kubernetes.io/is-default-class": "true"}


def good() -> Seen:
    return Seen(
        system_namespace="genapps-system",
        version={"major": "1", "minor": "34+"},
        nodes=[{"metadata": {"name": "n1"}, "status": {"nodeInfo": {"kernelVersion": "6.1.0-40-amd64"}}}],
        kubelets={"n1": {"podPidsLimit": 1024}},
        crds={name: {**crd, "status": ESTABLISHED} for name, crd in EXPECTED.items()},
        expected_crds=EXPECTED,
        policies={name: {"spec": {"failurePolicy": "Fail"}} for name in POLICIES},
        bindings=[{"spec": {"policyName": name, "validationActions": ["Deny"]}} for name in POLICIES],
        namespaces={"genapps-run": {"metadata": {"labels": LABELS}}},
        network_policies={"genapps-run": [{"spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}}]},
        roles={"genapps-run": ["genapps-operator"]},
        quotas={"genapps-run": ["genapps"]},
        storage_classes={
            "fast": {"metadata": {"annotations": DEFAULT}, "volumeBindingMode": "WaitForFirstConsumer"},
            "slow": {"metadata": {}, "volumeBindingMode": "Immediate"},
        },
        runtime_classes=frozenset({"kata"}),
        secrets={("genapps-run", "registry"): ""},
        deployments={"genapps-operator": deployment(SETTINGS), "genapps-gateway": deployment()},
    )


def told(**settings: str) -> Callable[[Seen], Seen]:
    """The same cluster with an operator that was told otherwise."""
    operator = deployment({**SETTINGS, **settings})
    return lambda seen: replace(seen, deployments={**seen.deployments, "genapps-operator": operator})


def without_field(seen: Seen) -> Seen:
    older = copy.deepcopy(dict(seen.crds))
    schema = older["ledgers.genapps.dev"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    del schema["properties"]["record"]["properties"]["budget"]
    return replace(seen, crds=older)


def not_established(seen: Seen) -> Seen:
    return replace(seen, crds={name: {**crd, "status": {}} for name, crd in seen.crds.items()})


def labelled(**labels: str | None) -> Callable[[Seen], Seen]:
    kept = {name: value for name, value in {**LABELS, **labels}.items() if value is not None}
    return lambda seen: replace(seen, namespaces={"genapps-run": {"metadata": {"labels": kept}}})


def policies(*specs: dict[str, Any]) -> Callable[[Seen], Seen]:
    return lambda seen: replace(seen, network_policies={"genapps-run": [{"spec": spec} for spec in specs]})


def changed(**fields: Any) -> Callable[[Seen], Seen]:
    return lambda seen: replace(seen, **fields)


def cilium(*peers: dict[str, Any]) -> Callable[[Seen], Seen]:
    """Cilium's CRDs, and a way to the API server to these peers (none: to any)."""
    egress = [{"ports": [{"port": 443}], **({"to": list(peers)} if peers else {})}]

    def change(seen: Seen) -> Seen:
        crds = {**seen.crds, "ciliumnetworkpolicies.cilium.io": {}}
        return replace(seen, crds=crds, system_policies={"genapps-operator": {"spec": {"egress": egress}}})

    return change


def through(resolves_names: str) -> Callable[[Seen], Seen]:
    """The same cluster with a proxy, as the chart tells the gateway."""
    proxy = {"GENAPPS_EGRESS_PROXY": "http://proxy:3128", "GENAPPS_EGRESS_PROXY_RESOLVES_NAMES": resolves_names}
    return lambda seen: replace(seen, deployments={**seen.deployments, "genapps-gateway": deployment(proxy)})


BOTH = ["Ingress", "Egress"]
FAULTS = [
    ("an old cluster", changed(version={"major": "1", "minor": "31"}), "Kubernetes version", "fail", "1.31"),
    ("an unreadable version", changed(version={}), "Kubernetes version", "fail", "?.?"),
    ("a kubelet without a pid limit", changed(kubelets={"n1": {"podPidsLimit": -1}}), "pid limit of node n1", "fail",
     "none"),
    ("a kubelet that says nothing of it", changed(kubelets={"n1": {}}), "pid limit of node n1", "fail", "none"),
    ("a very high pid limit", changed(kubelets={"n1": {"podPidsLimit": 4097}}), "pid limit of node n1", "warn", "4097"),
    ("a kubelet that does not answer", changed(kubelets={"n1": "403 Forbidden"}), "pid limit of node n1", "warn",
     "403"),
    ("a kubelet that was not asked", changed(kubelets={}), "pid limit of node n1", "warn", "unknown"),
    ("logs larger than a pod's share", changed(kubelets={"n1": {"podPidsLimit": 9, "containerLogMaxSize": "100Mi"}}),
     "logs on node n1", "warn", "5 of 100Mi"),
    ("more logs than a pod's share",
     changed(kubelets={"n1": {"containerLogMaxSize": "50Mi", "containerLogMaxFiles": 8}}), "logs on node n1", "warn",
     "8 of 50Mi"),
    ("logs that are rarely looked at", changed(kubelets={"n1": {"containerLogMonitorInterval": "5m0s"}}),
     "logs on node n1", "warn", "every 5m0s"),
    ("logs that are never rotated", changed(kubelets={"n1": {"containerLogMaxSize": "-1"}}), "logs on node n1", "warn",
     "5 of -1"),
    ("logs of a kubelet that does not answer", changed(kubelets={"n1": "403 Forbidden"}), "logs on node n1", "warn",
     "403"),
    ("user namespaces on an old kernel", told(GENAPPS_HOST_USERS="false"), "user namespaces on node n1", "fail",
     "6.1.0"),
    ("no default storage class", changed(storage_classes={}), "storage class", "fail", "no default"),
    ("a storage class that does not exist", told(GENAPPS_STORAGE_CLASS="gold"), "storage class", "fail", "gold"),
    ("a storage class that binds at once", told(GENAPPS_STORAGE_CLASS="slow"), "storage class slow", "fail",
     "Immediate"),
    ("a storage class that waits", told(GENAPPS_WAIT_FOR_FIRST_CONSUMER="false"), "storage class fast", "fail",
     "WaitForFirstConsumer"),
    ("no runtime class", changed(runtime_classes=frozenset()), "runtime class for high risk", "fail", "kata"),
    ("no CRDs", changed(crds={}), "CRD generatedapps.genapps.dev", "fail", "missing"),
    ("CRDs that are not served yet", not_established, "CRD ledgers.genapps.dev", "fail", "not established"),
    ("CRDs of another version", without_field, "CRD ledgers.genapps.dev", "fail", "no v1alpha1:.record.budget"),
    ("no admission policies", changed(policies={}), "admission policies", "fail", "genapps-status is missing"),
    ("policies without binding", changed(bindings=()), "admission policies", "fail", "no binding that denies"),
    ("policies that only warn",
     changed(bindings=[{"spec": {"policyName": name, "validationActions": ["Warn"]}} for name in POLICIES]),
     "admission policies", "fail", "no binding that denies"),
    ("policies that fail open", changed(policies={name: {"spec": {"failurePolicy": "Ignore"}} for name in POLICIES}),
     "admission policies", "fail", "does not fail closed"),
    ("a run namespace that does not exist", told(GENAPPS_RUN_NAMESPACES="genapps-run,lost"), "run namespace lost",
     "fail", "missing"),
    ("a run namespace without its label", labelled(**{"genapps.dev/run-namespace": None}), "run namespace genapps-run",
     "fail", "no label"),
    ("weak Pod Security", labelled(**{"pod-security.kubernetes.io/enforce": "baseline"}), "run namespace genapps-run",
     "fail", "restricted"),
    ("no default deny", policies(), "run namespace genapps-run", "fail", "denies all"),
    ("a default deny of ingress only", policies({"podSelector": {}, "policyTypes": ["Ingress"]}),
     "run namespace genapps-run", "fail", "denies all"),
    ("a default deny of some pods", policies({"podSelector": {"matchLabels": {"a": "b"}}, "policyTypes": BOTH}),
     "run namespace genapps-run", "fail", "denies all"),
    ("a policy that lets everything out", policies({"podSelector": {}, "policyTypes": BOTH, "egress": [{}]}),
     "run namespace genapps-run", "fail", "denies all"),
    ("no rights for the operator", changed(roles={}), "run namespace genapps-run", "fail", "Role genapps-operator"),
    ("no bounds", changed(quotas={}), "quota of genapps-run", "warn", "no ResourceQuota"),
    ("no pull secret", changed(secrets={("genapps-run", "registry"): "missing"}), "pull secret genapps-run/registry",
     "fail", "missing"),
    ("a pull secret that may not be asked for",
     changed(secrets={("genapps-run", "registry"): "unknown: 403 Forbidden"}), "pull secret genapps-run/registry",
     "warn", "403"),
    ("a pull secret that was not asked for", changed(secrets={}), "pull secret genapps-run/registry", "warn",
     "not asked"),
    ("Cilium and the API server by CIDR", cilium({"ipBlock": {"cidr": "10.0.0.1/32"}}), "way to the API server", "warn",
     "Cilium"),
    ("a proxy that looks names up", through("true"), "proxy of connectors", "warn", "hole"),
    ("no operator", changed(deployments={"genapps-gateway": deployment()}), "genapps-operator", "fail", "not in"),
    ("a gateway that is not ready",
     changed(deployments={"genapps-operator": deployment(SETTINGS), "genapps-gateway": deployment(ready=0)}),
     "genapps-gateway", "fail", "0 of 1"),
]  # fmt: skip


def test_a_good_cluster_passes_every_check() -> None:
    checks = preflight(good())
    assert [check for check in checks if check.level is not Level.OK] == []
    assert len(checks) >= 14


@pytest.mark.parametrize(
    ("fault", "name", "level", "found"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS]
)
def test_one_fault_is_found_and_says_what_to_do(
    fault: Callable[[Seen], Seen], name: str, level: str, found: str
) -> None:
    seen: dict[str, Check] = {check.name: check for check in preflight(fault(good()))}
    assert (seen[name].level, bool(seen[name].next_step)) == (level, True)
    assert found in seen[name].found


@pytest.mark.parametrize("size", ["10Mi", "50Mi"])
def test_the_log_sizes_that_clusters_come_with_fit(size: str) -> None:
    kubelets = {"n1": {"containerLogMaxSize": size, "containerLogMaxFiles": 5, "containerLogMonitorInterval": "10s"}}
    checks = {check.name: check for check in preflight(replace(good(), kubelets=kubelets))}
    assert checks["logs on node n1"].level is Level.OK


def test_with_cilium_the_api_server_is_reached_by_port() -> None:
    checks = {check.name: check for check in preflight(cilium()(good()))}
    assert checks["way to the API server"].level is Level.OK
    assert "way to the API server" not in {check.name for check in preflight(good())}


def test_a_proxy_that_is_told_addresses_is_good() -> None:
    checks = {check.name: check for check in preflight(through("false")(good()))}
    assert checks["proxy of connectors"].level is Level.OK
    assert "proxy of connectors" not in {check.name for check in preflight(good())}


def test_a_newer_kernel_may_have_user_namespaces() -> None:
    nodes = [{"metadata": {"name": "n1"}, "status": {"nodeInfo": {"kernelVersion": "6.12.3"}}}]
    checks = {check.name: check for check in preflight(replace(told(GENAPPS_HOST_USERS="false")(good()), nodes=nodes))}
    assert checks["user namespaces on node n1"].level is Level.OK
