# SPDX-License-Identifier: Apache-2.0
"""Connectors for tests of contracts."""

from typing import Any

from genapps.api.connector import Connector

CURRENCY = {"type": "string", "pattern": "^[A-Z]{3}$"}
LATEST: dict[str, Any] = {
    "name": "latest",
    "method": "GET",
    "path": "/v1/{currency}",
    "effect": "Read",
    "input": {
        "type": "object",
        "additionalProperties": False,
        "required": ["currency"],
        "properties": {"currency": CURRENCY, "limit": {"type": "integer", "minimum": 1, "maximum": 100}},
    },
    "output": {"type": "object", "required": ["rate"], "properties": {"rate": {"type": "number"}}},
}


def tool(**changes: Any) -> dict[str, Any]:
    """The tool `latest` with changes; None removes a field."""
    return {name: value for name, value in (LATEST | changes).items() if value is not None}


def connector(*tools: dict[str, Any], **spec: Any) -> Connector:
    """A connector of type HTTP with these tools, or with `latest`."""
    basis = {"type": "HTTP", "endpoint": {"url": "https://rates.example.com"}, "namespaces": ["finance"]}
    content = basis | {"tools": [*tools] or [LATEST]} | spec
    return Connector.model_validate({"metadata": {"name": "fx-rates"}, "spec": content})
