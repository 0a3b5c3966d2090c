# SPDX-License-Identifier: Apache-2.0
"""What is stored before the table is asked: namespaces, budgets, apps in every state, records, a pod."""

from typing import Any

from tests.support.admission import API, APP, DIGEST, Json, changed
from tests.support.admission_table.rows import ABROAD, HOME, NEIGHBOUR, PREPARED, RUN, SYSTEM

OPEN = "0123456789abcdef" * 2
"""The id of every open suspension here."""
EARLIER = "f" * 32
UID = "6f1f2b0e-0000-4000-8000-000000000001"
FINALIZER = "genapps.dev/purge"
REGISTRY = "registry.example.com"


def budget(name: str, namespaces: list[str], tiers: list[str], **policy: Any) -> Json:
    spec = {"businessUnit": name, "namespaces": namespaces, "tiers": {tier: {} for tier in tiers}}
    return {
        "apiVersion": API,
        "kind": "AppBudget",
        "metadata": {"name": name},
        "spec": {**spec, **({"policy": policy} if policy else {})},
    }


def app(name: str, namespace: str = HOME, **changes: Any) -> Json:
    """An app of budget `finance`; in `changes` a `__` stands for a dot."""
    dotted = {f"spec.{path.replace('__', '.')}": value for path, value in changes.items()}
    return changed(APP, {"metadata.name": name, "metadata.namespace": namespace, **dotted})


def service(name: str, namespace: str, **spec: Any) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"ports": [{"port": 80}], **spec},
    }


def pod(name: str, namespace: str) -> Json:
    """A pod as restricted Pod Security wants it."""
    container = {
        "name": "runtime",
        "image": "localhost/none:1",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        # Nobody schedules it: it stays as it is.
        "spec": {"schedulerName": "nobody", "automountServiceAccountToken": False, "containers": [container]},
    }


def record(name: str, **more: Any) -> Json:
    """An AppRecord; `more` is in its record."""
    return {
        "apiVersion": API,
        "kind": "AppRecord",
        "metadata": {"name": name, "namespace": SYSTEM},
        "record": {
            "app": {"namespace": HOME, "name": "running", "uid": UID},
            "namespaceUid": UID,
            "owner": {"team": "finance-tools"},
            "budget": "finance",
            "runNamespace": RUN,
            "tier": {"name": "small"},
            "violationPolicy": {},
            "envelope": {"digest": DIGEST},
            **more,
        },
    }


def ledger(name: str) -> Json:
    return {
        "apiVersion": API,
        "kind": "Ledger",
        "metadata": {"name": name, "namespace": SYSTEM},
        "record": {"app": {"namespace": HOME, "name": "running", "uid": UID}, "violations": {"total": 2}},
    }


def budget_record(name: str) -> Json:
    return {
        "apiVersion": API,
        "kind": "BudgetRecord",
        "metadata": {"name": name, "namespace": SYSTEM},
        "record": {
            "budget": name,
            "uid": UID,
            "period": "2026-11",
            "startsAt": "2026-11-01T00:00:00Z",
            "endsAt": "2026-12-01T00:00:00Z",
            "limits": {"tokens": 1000},
            "prices": {"version": DIGEST, "inputMicros": 3_000_000},
            "state": {"at": "2026-11-01T00:00:00Z"},
        },
    }


def namespace(name: str, **labels: str | None) -> Json:
    keys = {
        "run": "genapps.dev/run-namespace",
        "enforce": "pod-security.kubernetes.io/enforce",
        "version": "pod-security.kubernetes.io/enforce-version",
        "team": "example.com/team",
    }
    metadata = {"name": name, "labels": {keys[label]: value for label, value in labels.items()}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


BUDGETS = [
    budget(
        "finance",
        [HOME],
        ["small", "large"],
        maxRiskClass="medium",
        languages=["python", "component"],
        workloadClasses=["interactive", "batch"],
        imageRegistries=[REGISTRY, "ghcr.example.com/finance"],
    ),
    budget("sales", [NEIGHBOUR], ["small"], maxRiskClass="high"),
    budget("plain", [HOME], ["small"]),
    budget("tiny", [HOME], ["tiny"], languages=["javascript"], workloadClasses=["batch"]),
    # Accepted before there were policies.
    changed(budget("before", [RUN], ["small"]), {"spec.runNamespace": "elsewhere"}),
]
SUSPENSION = {"id": OPEN, "reason": "RepeatedViolations", "at": "2026-11-01T00:00:00Z"}
APPS = [
    app("running", stage="Internal", code__digest=DIGEST),
    app("young"),
    app("stopped"),
    app("again"),
    app("held"),
    app("resumed", acknowledgedSuspension=EARLIER),
    # Accepted before there were policies, as if every grant had been withdrawn since.
    app(
        "withdrawn",
        tier="huge",
        workloadClass="background",
        envelope__riskClass="high",
        code__language="javascript",
        code__source={"image": {"reference": f"elsewhere.example.com/app@{DIGEST}"}},
    ),
    app("homeless", ABROAD),
    app("unpaid", budget="nobody"),
]
STATUSES = {
    "stopped": {**SUSPENSION, "repeats": 0},
    "again": {**SUSPENSION, "repeats": 1},
    "held": {**SUSPENSION, "repeats": 0, "hold": "h", "holds": ["h"]},
}
RECORDS = [
    record("alive"),
    record("gone", deletedAt="2026-11-01T00:00:00Z"),
    changed(record("held"), {"metadata.finalizers": [FINALIZER]}),
    ledger("alive"),
    budget_record("finance"),
]
SERVICES = [
    service("web", HOME),
    service("old", HOME, externalIPs=["192.0.2.1"]),
    service("web", ABROAD),
]
NAMESPACES = [*(namespace(name) for name in (HOME, NEIGHBOUR, ABROAD, SYSTEM)), namespace(PREPARED, run="true")]
CONNECTOR = {
    "apiVersion": API,
    "kind": "Connector",
    "metadata": {"name": "rates"},
    "spec": {
        "type": "HTTP",
        "endpoint": {"url": "https://rates.example.com"},
        "namespaces": [HOME],
        "tools": [{"name": "latest", "method": "GET", "path": "/v1/latest", "effect": "Read"}],
    },
}
HOLD = {
    "apiVersion": API,
    "kind": "AppHold",
    "metadata": {"name": "incident"},
    "spec": {"selector": {"owner": "nobody"}, "reason": "a test"},
}
INSIDE = [
    pod("app", RUN),
    {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "kept", "namespace": RUN},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
    },
    {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "open", "namespace": RUN},
        "spec": {"podSelector": {"matchLabels": {"a": "b"}}, "policyTypes": ["Ingress", "Egress"]},
    },
]
"""What is in a run namespace."""
