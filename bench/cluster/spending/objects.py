# SPDX-License-Identifier: Apache-2.0
"""Budgets with limits, apps that pay for calls, and the connector that they call: one pod of the bench's namespace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.apps import BUDGET, NAMESPACE, RATE_TOOL, TIER, Manifest, app_budget, generated_app
from bench.gateway import upstream
from genapps.api.names import API_VERSION, SERVICE_READER, SYSTEM_NAMESPACE

CONNECTOR = "genapps-bench"
CALL, UNTIL_REFUSED = "/call", "/until-refused"
_SERVICE = "bench-rates"
_PORT = 8000
_CALLS_A_MINUTE = 100_000
"""The most that a tier may allow: no rate limit is measured here."""

# Pays for one call; or for as many as its limit leaves, and says when the last one was paid and when one was refused.
_PAYS = f"""\
import time

from genapps import ToolError, app, tools


async def rate():
    return await tools.call("{CONNECTOR}", "latest", currency="EUR")


@app.get("/")
def hello(request):
    return {{"hello": request.path}}


@app.get("{CALL}")
async def call(request):
    return await rate()


@app.get("{UNTIL_REFUSED}")
async def until_refused(request):
    paid = None
    for _ in range(8):
        try:
            await rate()
        except ToolError as refusal:
            told = {{"refused": refusal.code, "paidAt": paid, "refusedAt": time.time()}}
            return told, 200 if paid else 503
        paid = time.time()
    return {{"refused": None}}, 503
"""


def budget_name(purpose: str) -> str:
    """A budget of the bench, which the cleaning knows by its name."""
    return f"{BUDGET}-{purpose}"


def budget(name: str, calls: int | None = None, on_limit: str = "Fallback") -> Manifest:
    """A budget of so many tool calls a month; None: it counts them and limits nothing."""
    manifest = app_budget()
    spec = manifest["spec"]
    tiers = {tier: {**sizes, "callsPerMinute": _CALLS_A_MINUTE} for tier, sizes in spec["tiers"].items()}
    limits = {} if calls is None else {"limits": {"toolCalls": calls}}
    return {**manifest, "metadata": {"name": name}, "spec": {**spec, **limits, "tiers": tiers, "onLimit": on_limit}}


def paying_app(name: str, paid_by: str) -> Manifest:
    """An app that may call the connector."""
    manifest = generated_app(name, f"{_PAYS}\n# {name}\n", tier=TIER)
    spec = manifest["spec"]
    envelope = {**spec["envelope"], "connectors": [CONNECTOR]}
    return {**manifest, "spec": {**spec, "envelope": envelope, "budget": paid_by}}


def connector() -> Manifest:
    """It answers a GET with a rate; its limits are beyond what one node does."""
    of_one: dict[str, Any] = {"callsPerMinute": _CALLS_A_MINUTE, "concurrency": 1000}
    spec = {
        "type": "HTTP",
        "endpoint": {"service": {"namespace": NAMESPACE, "name": _SERVICE, "port": 80}},
        "namespaces": [NAMESPACE],
        "limits": {"callsPerMinute": 1_000_000, "concurrency": 1000, "perApp": of_one},
        "tools": [RATE_TOOL],
    }
    return {"apiVersion": API_VERSION, "kind": "Connector", "metadata": {"name": CONNECTOR}, "spec": spec}


def service(image: str) -> tuple[Manifest, ...]:
    """The pod behind the connector, its Service, and the operator's right to see which pods that has."""
    group = "rbac.authorization.k8s.io"
    metadata = {"name": _SERVICE, "namespace": NAMESPACE, "labels": {"app": _SERVICE}}
    source = Path(upstream.__file__).read_text(encoding="utf-8")
    container = {
        "name": "rates",
        "image": image,
        "command": ["python3", "-c", source, str(_PORT), "0.0.0.0"],
        "readinessProbe": {"tcpSocket": {"port": _PORT}, "periodSeconds": 1},
    }
    spec = {"automountServiceAccountToken": False, "terminationGracePeriodSeconds": 1, "containers": [container]}
    return (
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": {"app": _SERVICE}, "ports": [{"port": 80, "targetPort": _PORT}]},
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": SERVICE_READER, "namespace": NAMESPACE},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": SERVICE_READER},
            "subjects": [{"kind": "ServiceAccount", "name": "genapps-operator", "namespace": SYSTEM_NAMESPACE}],
        },
    )
