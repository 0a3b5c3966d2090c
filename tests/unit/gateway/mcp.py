# SPDX-License-Identifier: Apache-2.0
"""A connector of type MCP, and a server behind it that answers as a test says."""

from collections.abc import Callable
from typing import Any

import orjson

from genapps.gateway.egress.messages import EgressLimits, OutboundRequest, OutboundResponse, Target
from tests.unit.gateway.connectors import manifest
from tests.unit.gateway.world import Installation, Reply, app_record

FIND: dict[str, Any] = {
    "name": "find_notes",
    "effect": "Read",
    "input": {
        "type": "object",
        "properties": {"words": {"type": "string"}, "limit": {"type": "integer"}, "all": {"type": "boolean"}},
        "additionalProperties": False,
    },
}
ADD: dict[str, Any] = {"name": "add-note", "effect": "Write", "input": {"type": "object"}}
COUNT = FIND | {"name": "count", "output": {"type": "object", "required": ["count"]}}
TEXT: dict[str, Any] = {"type": "text", "text": "two notes"}
LINK = {"type": "resource_link", "uri": "https://evil.example/x", "name": "x"}


def mcp(**spec: Any) -> dict[str, Any]:
    """The connector; `spec` replaces members of its spec."""
    content = {"type": "MCP", "endpoint": {"url": "https://notes.example.com/api/mcp"}, "tools": [FIND, ADD, COUNT]}
    return manifest("notes", **(content | spec))


class Server:
    """Answers requests; `reply` makes the answer from the id of the request."""

    def __init__(self, outside: Installation) -> None:
        self._outside = outside
        self.reply: Callable[[str], OutboundResponse] = lambda id_: as_json(message(id_))
        outside.upstream.send = self.send  # type: ignore[method-assign]
        self.heads: list[dict[str, str]] = []
        self.bodies: list[Any] = []
        self.paths: list[str] = []

    async def send(self, target: Target, request: OutboundRequest, limits: EgressLimits) -> OutboundResponse:
        self.heads.append(dict(request.headers))
        self.bodies.append(orjson.loads(request.body))
        self.paths.append(request.path)
        return self.reply(self.bodies[-1]["id"])

    async def call(self, tool: str = "find_notes", arguments: Any = None, **members: Any) -> Reply:
        content = {"requestId": "r", "step": 1, "connector": "notes", "tool": tool, "arguments": arguments or {}}
        return await self._outside.post("/v1/calls", content | members)


def message(id_: Any, result: Any = None, **members: Any) -> dict[str, Any]:
    """A response; `result` replaces members of its result."""
    whole = {"resultType": "complete", "content": [TEXT], "isError": False} | (result or {})
    return {"jsonrpc": "2.0", "id": id_, "result": whole} | members


def error(id_: Any, code: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id_, "error": {"code": code, "message": "secret"}}


def as_json(content: Any, status: int = 200) -> OutboundResponse:
    return OutboundResponse(status, {"content-type": "application/json"}, orjson.dumps(content))


def typed(media_type: str, body: bytes) -> OutboundResponse:
    return OutboundResponse(200, {"content-type": media_type}, body)


def stream(*messages: Any, end: bytes = b"\r\n\r\n") -> OutboundResponse:
    body = b"".join(b"event: message\r\ndata: " + orjson.dumps(content) + end for content in messages)
    return OutboundResponse(200, {"content-type": "text/event-stream; charset=utf-8"}, body)


NOTIFICATION = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "x"}}
CHANGED = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
SAMPLING = {"jsonrpc": "2.0", "id": "1", "method": "sampling/createMessage", "params": {}}


def installed(gateway: Installation) -> Server:
    """The connector in the catalogue, and an app that may use it."""
    gateway.records.changed(app_record(envelope={"digest": "sha256:" + "a" * 64, "connectors": ["notes"]}))
    gateway.catalogue.changed(mcp())
    return Server(gateway)
