# SPDX-License-Identifier: Apache-2.0
"""What is around the apps: namespaces, budgets, Services of tenants, the gateway's Secret, entry to run namespaces."""

from typing import Any

from tests.support.admission import REMOVED, Json
from tests.support.admission_table.objects import BUDGETS, budget, namespace, pod, service
from tests.support.admission_table.rows import (
    ABROAD,
    ADMIN,
    BYSTANDER,
    CONTROLLER_MANAGER,
    GATEWAY,
    HOME,
    JOB_CONTROLLER,
    LEAD,
    NAMESPACE_CONTROLLER,
    NEIGHBOUR,
    OPERATOR,
    OTHER_RUN,
    PLATFORM,
    PREPARED,
    RUN,
    SYSTEM,
    TENANT,
    Refusal,
    Row,
    create,
    delete,
    delete_all,
    enter,
    mint,
    update,
)

EXTERNAL = Refusal("genapps-external-ips", "spec.externalIPs", "use type LoadBalancer")
LABEL = Refusal("genapps-run-namespace-labels", "metadata.labels[genapps.dev/run-namespace]", "remove the label")
SET_BY_CHART = Refusal(
    "genapps-run-namespace-labels", "metadata.labels", "do not change them, or ask the platform team"
)
RUN_CHOICE = Refusal("genapps-budgets", "spec.runNamespace", "choose one of genapps-run, genapps-run-sales")
UNIT_ONLY = Refusal("genapps-budgets", "spec.namespaces", "name namespaces of the unit")
SECRET = Refusal("genapps-gateway-secret", "metadata.name", "create other Secrets as another user")
ENTRY = "genapps-run-namespace-entry"
FENCED = Refusal(ENTRY, "metadata.namespace", "use a namespace of your own")
ENFORCE = "pod-security.kubernetes.io/enforce"
TAKEN = ["192.0.2.7"]


def secret(name: str, where: str = SYSTEM, kind: str = "Opaque", **annotations: str) -> Json:
    metadata = {"name": name, "namespace": where, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind}


def moved(**spec: Any) -> Json:
    """A new budget; `spec` replaces parts of its spec."""
    base = budget("new", [HOME], ["small"])
    return {**base, "spec": {**base["spec"], **spec}}


def labelled(name: str, **labels: Any) -> Any:
    """Change labels of a namespace, by their short names."""
    changed = namespace(name, **labels)["metadata"]["labels"]
    return update("namespaces", None, name, {"metadata.labels": changed})


def deployment(where: str) -> Json:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": pod("x", where)["spec"]}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "new", "namespace": where},
        "spec": spec,
    }


def job(where: str) -> Json:
    spec = {"template": {"spec": {**pod("x", where)["spec"], "restartPolicy": "Never"}}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "new", "namespace": where}, "spec": spec}


def claim(where: str) -> Json:
    resources = {"requests": {"storage": "1Mi"}}
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": resources,
        "dataSource": {"kind": "PersistentVolumeClaim", "name": "x"},
    }
    metadata = {"name": "new", "namespace": where}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def wide_open(where: str) -> Json:
    metadata = {"name": "new", "namespace": where}
    spec = {"podSelector": {}, "egress": [{}], "policyTypes": ["Egress"]}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


SERVICES = [
    Row("a tenant creates a Service", TENANT, create(service("new", HOME))),
    Row("a tenant takes an address", TENANT, create(service("new", HOME, externalIPs=TAKEN)), EXTERNAL),
    Row("a lead takes an address", LEAD, create(service("new", HOME, externalIPs=TAKEN)), EXTERNAL),
    Row("an administrator takes one there", ADMIN, create(service("new", HOME, externalIPs=TAKEN)), EXTERNAL),
    Row(
        "a tenant takes one in the namespace of another budget",
        TENANT,
        create(service("n", NEIGHBOUR, externalIPs=TAKEN)),
        EXTERNAL,
    ),
    Row("a tenant adds an address", TENANT, update("services", HOME, "web", {"spec.externalIPs": TAKEN}), EXTERNAL),
    Row(
        "a tenant adds one to others",
        TENANT,
        update("services", HOME, "old", {"spec.externalIPs": ["192.0.2.1", *TAKEN]}),
        EXTERNAL,
    ),
    Row(
        "a tenant exchanges an address", TENANT, update("services", HOME, "old", {"spec.externalIPs": TAKEN}), EXTERNAL
    ),
    Row(
        "a tenant keeps an address of before", TENANT, update("services", HOME, "old", {"metadata.labels": {"a": "b"}})
    ),
    Row("a tenant gives an address back", TENANT, update("services", HOME, "old", {"spec.externalIPs": REMOVED})),
    Row(
        "in a namespace of no budget it is not ours to refuse",
        BYSTANDER,
        create(service("n", ABROAD, externalIPs=TAKEN)),
    ),
    Row("a change of a Service there", BYSTANDER, update("services", ABROAD, "web", {"spec.externalIPs": TAKEN})),
]
NAMESPACES = [
    Row("a bystander creates a namespace", BYSTANDER, create(namespace("new", team="x"))),
    Row("a bystander calls it a run namespace", BYSTANDER, create(namespace("new", run="true")), LABEL),
    Row("a bystander calls it no run namespace, with the label", BYSTANDER, create(namespace("new", run="no")), LABEL),
    Row("a bystander makes their namespace a run namespace", BYSTANDER, labelled(HOME, run="true"), LABEL),
    Row("a bystander labels their namespace otherwise", BYSTANDER, labelled(HOME, team="x")),
    Row("a bystander lowers Pod Security of their own namespace", BYSTANDER, labelled(HOME, enforce="privileged")),
    Row("the platform prepares a run namespace", PLATFORM, create(namespace("new", run="true"))),
    Row(
        "an administrator (Helm) prepares a run namespace",
        ADMIN,
        create(namespace("new", run="true", enforce="restricted")),
    ),
    Row(
        "a bystander lowers Pod Security of a run namespace", BYSTANDER, labelled(RUN, enforce="baseline"), SET_BY_CHART
    ),
    Row(
        "a bystander removes it",
        BYSTANDER,
        update("namespaces", None, RUN, {"metadata.labels": {ENFORCE: None}}),
        SET_BY_CHART,
    ),
    Row("a bystander takes an old version of it", BYSTANDER, labelled(RUN, version="v1.22"), SET_BY_CHART),
    Row(
        "a bystander unmakes a run namespace",
        BYSTANDER,
        update("namespaces", None, OTHER_RUN, {"metadata.labels": REMOVED}),
        SET_BY_CHART,
    ),
    Row("a bystander makes a run namespace that is gone", BYSTANDER, create(namespace(RUN, run="true")), SET_BY_CHART),
    Row("a bystander labels a prepared namespace otherwise", BYSTANDER, labelled(PREPARED, team="x")),
    Row("a bystander changes what a prepared namespace is called", BYSTANDER, labelled(PREPARED, run="no"), LABEL),
    Row("a bystander unmakes a prepared namespace", BYSTANDER, labelled(PREPARED, run=None)),
    Row("a bystander labels a run namespace otherwise", BYSTANDER, labelled(RUN, team="x")),
    Row("the operator labels a run namespace", OPERATOR, labelled(RUN, enforce="privileged"), SET_BY_CHART),
    Row("the platform lowers Pod Security of a run namespace", PLATFORM, labelled(RUN, enforce="baseline")),
    Row("an administrator does", ADMIN, labelled(RUN, enforce="baseline")),
]
BUDGET_ROWS = [
    Row("the platform creates a budget", PLATFORM, create(moved())),
    Row("in another run namespace", PLATFORM, create(moved(runNamespace=OTHER_RUN))),
    Row("in a run namespace that is not prepared", PLATFORM, create(moved(runNamespace="elsewhere")), RUN_CHOICE),
    Row("in the tenant's own namespace", ADMIN, create(moved(namespaces=[NEIGHBOUR], runNamespace=HOME)), RUN_CHOICE),
    Row("for a run namespace of another unit", PLATFORM, create(moved(namespaces=[HOME, OTHER_RUN])), UNIT_ONLY),
    Row(
        "a run namespace is added",
        PLATFORM,
        update("appbudgets", None, "finance", {"spec.namespaces": [HOME, OTHER_RUN]}),
        UNIT_ONLY,
    ),
    Row("a namespace is added", PLATFORM, update("appbudgets", None, "finance", {"spec.namespaces": [HOME, ABROAD]})),
    Row("a namespace is withdrawn", PLATFORM, update("appbudgets", None, "finance", {"spec.namespaces": []})),
    Row(
        "the tiers change",
        PLATFORM,
        update("appbudgets", None, BUDGETS[0]["metadata"]["name"], {"spec.tiers.more": {}}),
    ),
    Row(
        "a budget of before lists a run namespace, and is edited",
        PLATFORM,
        update("appbudgets", None, "before", {"spec.tiers.more": {}}),
    ),
    Row(
        "it lists one more",
        PLATFORM,
        update("appbudgets", None, "before", {"spec.namespaces": [RUN, OTHER_RUN]}),
        UNIT_ONLY,
    ),
]
SECRETS = [
    Row("the gateway makes its Secret", GATEWAY, create(secret("genapps-gateway-tls"))),
    Row("the gateway makes another Secret", GATEWAY, create(secret("other")), SECRET),
    Row("the gateway makes it elsewhere", GATEWAY, create(secret("genapps-gateway-tls", HOME)), SECRET),
    Row(
        "the gateway makes it a token of the operator",
        GATEWAY,
        create(
            secret(
                "genapps-gateway-tls",
                SYSTEM,
                "kubernetes.io/service-account-token",
                **{"kubernetes.io/service-account.name": "genapps-operator"},
            )
        ),
        Refusal("genapps-gateway-secret", "type", "create other Secrets as another user"),
    ),
    Row("others make Secrets", BYSTANDER, create(secret("other"))),
]
ENTRIES = [
    *(
        row
        for title, request in (
            ("creates a pod", create(pod("new", RUN))),
            ("creates a pod in the other run namespace", create(pod("new", OTHER_RUN))),
            ("creates a Deployment", create(deployment(RUN))),
            ("creates a Job", create(job(RUN))),
            ("clones a claim", create(claim(RUN))),
            ("widens the network", create(wide_open(RUN))),
            ("mints a token", mint(RUN, "default")),
        )
        for row in (
            Row(f"a bystander {title}", BYSTANDER, request, FENCED),
            Row(f"the platform {title}", PLATFORM, request),
        )
    ),
    *(
        Row(
            f"a bystander uses pods/{way}",
            BYSTANDER,
            enter(way, RUN, "app"),
            Refusal(ENTRY, f"pods/{way}", "of your own"),
        )
        for way in ("exec", "attach", "portforward", "proxy")
    ),
    Row(
        "a bystander widens a policy that is there",
        BYSTANDER,
        update("networkpolicies", RUN, "open", {"spec.egress": [{}]}),
        FENCED,
    ),
    Row(
        "a bystander adds a debug container",
        BYSTANDER,
        update("pods/ephemeralcontainers", RUN, "app", {"spec.ephemeralContainers": []}),
        Refusal(ENTRY, "pods/ephemeralcontainers", "of your own"),
    ),
    Row("the gateway creates a pod", GATEWAY, create(pod("new", RUN)), FENCED),
    Row("the operator creates a pod", OPERATOR, create(pod("new", RUN))),
    Row("a bystander deletes a policy", BYSTANDER, delete("networkpolicies", RUN, "open"), FENCED),
    Row("a bystander deletes every policy", BYSTANDER, delete_all("networkpolicies", RUN), FENCED),
    Row("the operator deletes a policy", OPERATOR, delete("networkpolicies", RUN, "open")),
    Row("a deleted run namespace loses its policies", NAMESPACE_CONTROLLER, delete_all("networkpolicies", RUN)),
    Row("a bystander deletes a claim", BYSTANDER, delete("persistentvolumeclaims", RUN, "kept"), FENCED),
    Row("the operator deletes a claim", OPERATOR, delete("persistentvolumeclaims", RUN, "kept")),
    Row("a deleted run namespace loses its claims", NAMESPACE_CONTROLLER, delete_all("persistentvolumeclaims", RUN)),
    Row("the operator writes a policy", OPERATOR, update("networkpolicies", RUN, "open", {"spec.egress": [{}]})),
    Row("a controller of the cluster creates a pod", JOB_CONTROLLER, create(pod("new", RUN))),
    Row("the controller manager creates a pod", CONTROLLER_MANAGER, create(pod("new", RUN))),
    Row("an administrator creates a pod", ADMIN, create(pod("new", RUN))),
    Row("the platform enters a pod", PLATFORM, enter("exec", RUN, "app")),
    Row("a tenant creates a pod in their own namespace", TENANT, create(pod("new", HOME))),
    Row("a tenant mints a token of their own namespace", TENANT, mint(HOME, "default")),
    Row("a tenant widens their own network", TENANT, create(wide_open(HOME))),
]
ROWS = [*SERVICES, *NAMESPACES, *BUDGET_ROWS, *SECRETS, *ENTRIES]
