# SPDX-License-Identifier: Apache-2.0
"""What the watches would bring a gateway of 2,000 apps: their records, one connector, where its Service is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bench.apps import RATE_TOOL
from genapps.api.names import ANNOTATION_SERVICE, LABEL_CONNECTOR, SYSTEM_NAMESPACE, service_reference
from genapps.core.budgets.amounts import UNLIMITED
from genapps.gateway.budgets.envelope import Envelope
from genapps.gateway.callers.identity import Caller

APPS = 2000
BUDGET = "finance"
CONNECTOR = "rates"
MODEL = "llm"
CALLED, REUSED = "latest", "latest-reused"
"""Two tools that read the same: of the second one, results are reused."""
_SERVICE: dict[str, Any] = {"namespace": "team", "name": "rates", "port": 80}
_RUN_NAMESPACE = "genapps-run"


def child(number: int) -> str:
    """The name of what belongs to an app."""
    return f"finance-converter-{number:04d}-0123456789abcdef"


def caller(number: int) -> Caller:
    """The current pod of an app."""
    return Caller(_RUN_NAMESPACE, child(number), child(number), f"7d0b4c1c-4f5a-4a36-8f6f-{number:012d}")


def record(number: int) -> dict[str, Any]:
    """The AppRecord of an app that may call more often than a load does."""
    pod = caller(number)
    return {
        "metadata": {"name": child(number), "namespace": SYSTEM_NAMESPACE, "resourceVersion": "7"},
        "record": {
            "app": {"namespace": "finance", "name": f"converter-{number:04d}", "uid": f"c0ffee-{number}"},
            "namespaceUid": "0ddba11",
            "owner": {"team": "finance-tools"},
            "budget": BUDGET,
            "runNamespace": _RUN_NAMESPACE,
            "tier": {"name": "small", "toolCallsPerAction": 20, "callsPerMinute": 100_000},
            "violationPolicy": {"threshold": 3, "window": "10m"},
            "envelope": {"digest": "sha256:" + "a" * 64, "connectors": [CONNECTOR, MODEL, "ledger"]},
            "pod": {"namespace": pod.namespace, "name": pod.pod_name, "uid": pod.pod_uid},
        },
    }


def budget() -> Envelope:
    """The budget of all of them. Its limits are none: there is no API server that could give a lease."""
    return Envelope(BUDGET, "2026-11", datetime.max.replace(tzinfo=UTC), UNLIMITED, enforced=True)


_LIMITS: dict[str, Any] = {
    "callsPerMinute": 1_000_000,
    "concurrency": 1000,
    "perApp": {"callsPerMinute": 100_000, "concurrency": 1000},
}


def connector() -> dict[str, Any]:
    """A Service that is asked for a rate, with a contract for arguments and result."""
    return {
        "metadata": {"name": CONNECTOR, "resourceVersion": "8"},
        "spec": {
            "type": "HTTP",
            "endpoint": {"service": _SERVICE},
            "namespaces": ["finance"],
            "limits": _LIMITS,
            "tools": [{**RATE_TOOL, "name": CALLED}, {**RATE_TOOL, "name": REUSED, "cache": "1h"}],
        },
    }


def model() -> dict[str, Any]:
    """A model's server at the same Service."""
    return {
        "metadata": {"name": MODEL, "resourceVersion": "8"},
        "spec": {
            "type": "Model",
            "endpoint": {"service": _SERVICE},
            "namespaces": ["finance"],
            "limits": _LIMITS,
            "models": ["small"],
            "maxTokens": 1000,
        },
    }


def addresses(port: int, name: str = CONNECTOR) -> dict[str, Any]:
    """The slice that the operator would write for a connector: this host is the Service's pod."""
    return {
        "metadata": {
            "name": f"connector-{name}",
            "labels": {LABEL_CONNECTOR: name},
            "annotations": {ANNOTATION_SERVICE: service_reference(**_SERVICE)},
        },
        "ports": [{"port": port}],
        "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
    }
