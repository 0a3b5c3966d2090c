# SPDX-License-Identifier: Apache-2.0
"""Connectors and admitted calls for the gateway's tests."""

from __future__ import annotations

from typing import Any

from genapps.api.connector import Connector
from genapps.gateway.callers.records import App
from genapps.gateway.catalogue import Catalogue
from genapps.gateway.decision import Admit, Question, admit
from genapps.gateway.messages import ToolCall
from tests.unit.gateway.world import app

LATEST: dict[str, Any] = {
    "name": "latest",
    "method": "GET",
    "path": "/v1/latest/{currency}",
    "effect": "Read",
    "timeout": "2s",
    "input": {
        "type": "object",
        "required": ["currency"],
        "additionalProperties": False,
        "properties": {"currency": {"type": "string", "pattern": "^[A-Z]{3}$"}},
    },
    "output": {"type": "object", "required": ["rate"], "properties": {"rate": {"type": "number"}}},
}
BOOK: dict[str, Any] = {"name": "book", "method": "POST", "path": "/v1/bookings", "effect": "Write", "timeout": "2s"}
KEYED: dict[str, Any] = BOOK | {"name": "book-once", "idempotency": "Key"}


def manifest(name: str = "rates", **spec: Any) -> dict[str, Any]:
    """A Connector as the watch delivers it; `spec` replaces members of its spec."""
    content = {
        "type": "HTTP",
        "endpoint": {"url": "https://rates.example.com/api"},
        "namespaces": ["finance"],
        "tools": [LATEST, BOOK, KEYED],
    } | spec
    return {"metadata": {"name": name, "resourceVersion": "8"}, "spec": content}


def connector(name: str = "rates", **spec: Any) -> Connector:
    """The same as a model."""
    return Connector.model_validate(manifest(name, **spec))


def call(tool: str = "latest", arguments: dict[str, Any] | None = None, **members: Any) -> ToolCall:
    """A tool call; the arguments of `latest` unless told."""
    given = {"currency": "EUR"} if arguments is None else arguments
    content = {"requestId": "r1", "step": 0, "connector": "rates", "tool": tool, "arguments": given} | members
    return ToolCall.model_validate(content)


def admitted(of: Connector, asked: ToolCall | None = None, *, child: str = "", **record: Any) -> Admit:
    """A call that the rules admit. `record` replaces members of the app's record."""
    catalogue = Catalogue()
    catalogue.changed(of.model_dump(by_alias=True, exclude_none=True, mode="json"))
    whose = app(envelope={"digest": "sha256:" + "a" * 64, "connectors": ["rates"]}, **record)
    asked = asked or call()
    decided = admit(Question(App(child or whose.child, whose.record), False, asked, catalogue.find(asked.connector)))
    assert isinstance(decided, Admit), decided
    return decided
