# SPDX-License-Identifier: Apache-2.0
"""Manifests that the API server accepts, ways to spoil them, and what it answers."""

import copy
import json
from typing import Any, NamedTuple

from tools.kubectl import Kubectl, KubectlError

Json = dict[str, Any]
REMOVED = object()
DIGEST = "sha256:" + "0123456789abcdef" * 4
API = "genapps.dev/v1alpha1"

APP: Json = {
    "apiVersion": API,
    "kind": "GeneratedApp",
    "metadata": {"name": "helper", "namespace": "default"},
    "spec": {
        "envelope": {"owner": {"team": "finance-tools"}, "riskClass": "low"},
        "code": {"language": "python", "source": {"inline": "from genapps import app\n"}},
        "tier": "small",
        "budget": "finance",
    },
}
BUDGET: Json = {
    "apiVersion": API,
    "kind": "AppBudget",
    "metadata": {"name": "finance"},
    "spec": {"businessUnit": "finance", "namespaces": ["finance"], "tiers": {"small": {}}},
}
CONNECTOR: Json = {
    "apiVersion": API,
    "kind": "Connector",
    "metadata": {"name": "rates"},
    "spec": {
        "type": "HTTP",
        "endpoint": {"url": "https://rates.example.com"},
        "namespaces": ["finance"],
        "tools": [
            {
                "name": "latest",
                "method": "GET",
                "path": "/v1/{currency}",
                "effect": "Read",
                "input": {"type": "object", "properties": {"currency": {"type": "string"}}, "required": ["currency"]},
            }
        ],
    },
}


class Refusal(NamedTuple):
    """A manifest that must be refused, with the field and the way out that the message must name."""

    title: str
    changes: dict[str, Any]
    field: str
    way_out: str


class Acceptance(NamedTuple):
    """A manifest that must be accepted."""

    title: str
    changes: dict[str, Any]


def changed(base: Json, changes: dict[str, Any]) -> Json:
    """The manifest with values at dotted paths (`spec.tools.0.path`) set, or REMOVED."""
    manifest = copy.deepcopy(base)
    for path, value in changes.items():
        *parents, last = path.split(".")
        part: Any = manifest
        for name in parents:
            part = part[int(name)] if isinstance(part, list) else part.setdefault(name, {})
        if value is REMOVED:
            del part[last]
        elif isinstance(part, list):
            part[int(last)] = value
        else:
            part[last] = value
    return manifest


def refusal(kubectl: Kubectl, manifest: Json) -> str:
    """What the API server says against creating it; empty when it would accept it."""
    try:
        kubectl("create", "--dry-run=server", "-f", "-", given=json.dumps(manifest))
    except KubectlError as refused:
        return str(refused)
    return ""


def stored(kubectl: Kubectl, manifest: Json) -> Json:
    """The object as it would be stored, defaults included."""
    created: Json = json.loads(
        kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", given=json.dumps(manifest))
    )
    return created


def update_refusal(kubectl: Kubectl, manifest: Json) -> str:
    """What the API server says against replacing the stored object by this one; empty when it would accept it."""
    try:
        kubectl("replace", "--dry-run=server", "-f", "-", given=json.dumps(manifest))
    except KubectlError as refused:
        return str(refused)
    return ""
