# SPDX-License-Identifier: Apache-2.0
"""Connectors of type MCP: tools of a server that speaks the Model Context Protocol over streamable HTTP.

Version 2026-07-28, which has no sessions: each call is one POST that says everything. What a tool takes and gives is
in the Connector; the gateway never asks a server for its tools, so a server that changes them changes nothing here.
"""

from __future__ import annotations

import base64
import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from genapps.api.connector import ConnectorSpec
from genapps.core.contracts.contract import ToolContract
from genapps.core.contracts.paths import scalar_text
from genapps.core.contracts.placement import HEADER_CHARACTERS
from genapps.core.text import plain
from genapps.gateway.connectors.exchange import (
    JSON,
    CallFailedError,
    Health,
    Outcome,
    Prepared,
    arguments_invalid,
    outcome_unknown,
    result_invalid,
    status_failed,
    upstream_failed,
)
from genapps.gateway.connectors.mcp_answer import EVENTS, answer, error_of
from genapps.gateway.egress.messages import OutboundRequest, OutboundResponse
from genapps.gateway.messages import ToolCall
from genapps.gateway.problems import Code, Problem

VERSION = "2026-07-28"
METHOD = "tools/call"
KEY = "dev.genapps/idempotency-key"
"""In `_meta`: the protocol has no keys of its own, and a repeated request has another id."""
_SERVICE_PATH = "/mcp"
_META: Final = {
    "io.modelcontextprotocol/protocolVersion": VERSION,
    "io.modelcontextprotocol/clientInfo": {"name": "genapps-gateway", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
"""No capabilities: nobody here can be asked, and no model can be borrowed."""
_HEADERS: Final = (
    ("accept", f"{JSON}, {EVENTS}"),
    ("content-type", JSON),
    ("mcp-protocol-version", VERSION),
    ("mcp-method", METHOD),
)
_ENCODED = re.compile(r"=\?base64\?.*\?=", re.DOTALL)
_BLOCKS = frozenset({"text", "image", "audio", "resource", "resource_link"})
_SAID = 300
"""Characters of what a tool says about its failure."""

_ERROR_STATUSES = (400, 404)
"""With which a server answers errors of the protocol."""
_REFUSALS: Final[Mapping[int, tuple[str, Health]]] = {
    -32700: ("cannot read the request", Health.BAD),
    -32600: ("cannot read the request", Health.BAD),
    -32601: ("has no tools", Health.BAD),
    -32602: ("does not know the tool, or refuses its arguments", Health.GOOD),
    -32020: ("wants other headers: the tool has changed since it was imported", Health.BAD),
    -32021: ("wants to ask people or models, which the gateway does not allow", Health.BAD),
    -32022: (f"does not speak version {VERSION} of MCP", Health.BAD),
}
"""Errors that come before a tool runs: what they say, and what that says about the connector."""


class McpTool:
    """One tool of a server."""

    def __init__(self, contract: ToolContract, spec: ConnectorSpec) -> None:
        self._name = contract.name
        self._writes = contract.effect == "Write"
        self._keyed = contract.key_header is not None
        self._in_header = tuple((entry.argument, entry.header) for entry in contract.headers)
        url = spec.endpoint.url
        self._path = _SERVICE_PATH if url is None else urlsplit(url).path or "/"

    def prepare(self, connector: str, call: ToolCall) -> Prepared:
        """One attempt of a call, with an id of its own. Raises CallFailedError for arguments that make none."""
        request_id = uuid.uuid4().hex
        meta = {**_META, KEY: call.key} if self._keyed and call.key else _META
        params = {"name": self._name, "arguments": call.arguments, "_meta": meta}
        body = orjson.dumps({"jsonrpc": "2.0", "id": request_id, "method": METHOD, "params": params})
        headers = (*_HEADERS, ("mcp-name", self._name), *self._mirrored(call.arguments))
        request = OutboundRequest("POST", self._path, headers, body)
        return Prepared(request, lambda response: Outcome(self._result(connector, response, request_id)))

    def _mirrored(self, arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Arguments that the server wants in a header, too. It compares both."""
        for name, header in self._in_header:
            if arguments.get(name) is None:
                continue
            value = _header_value(scalar_text(arguments[name]) or "")
            if len(value) > HEADER_CHARACTERS:
                raise arguments_invalid(self._name, f"/{name}: has more characters than a header can hold")
            yield header, value

    def _result(self, connector: str, response: OutboundResponse, request_id: str) -> Any:
        if response.status != 200:
            code = error_of(response, request_id) if response.status in _ERROR_STATUSES else None
            if code is not None and code in _REFUSALS:
                raise _refused(connector, code)
            raise status_failed(connector, response.status, response.headers.get("retry-after"), wrote=self._writes)
        answered = answer(connector, response, request_id)
        if answered is None:
            raise self._unanswered(connector, "ended its stream before it answered")
        if answered.error is not None and answered.error in _REFUSALS:
            raise _refused(connector, answered.error)
        if answered.result is None:
            raise self._unanswered(connector, f"answered with the error {answered.error}")
        return self._value(connector, answered.result)

    def _unanswered(self, connector: str, why: str) -> CallFailedError:
        return outcome_unknown(connector, why) if self._writes else upstream_failed(connector, why)

    def _value(self, connector: str, result: Mapping[str, Any]) -> Any:
        """What the app gets: the structured content if there is one, else the text, else the blocks as they are."""
        kind = result.get("resultType", "complete")
        if kind == "input_required":
            raise result_invalid(connector, "asks the gateway for input")
        failed = result.get("isError", False)
        if kind != "complete" or not isinstance(failed, bool):
            raise result_invalid(connector, "is of an unknown type")
        blocks = _blocks(connector, result.get("content"))
        texts = [block["text"] for block in blocks if block["type"] == "text"]
        if failed:
            raise self._failed(connector, " ".join(texts))
        if "structuredContent" in result:
            return result["structuredContent"]
        if not blocks:
            return None
        return "\n".join(texts) if len(texts) == len(blocks) else blocks

    def _failed(self, connector: str, said: str) -> CallFailedError:
        """The tool itself says that it failed. How far it came before that, it does not say."""
        said = f": {plain(said, _SAID)}" if said else ""
        detail = f"The tool '{self._name}' of the connector '{connector}' failed{said}"
        if self._writes:
            detail = f"{detail}. It may have been executed in part. Look at the connector before you try again."
            return CallFailedError(Problem(Code.OUTCOME_UNKNOWN, detail), Health.GOOD)
        return CallFailedError(Problem(Code.UPSTREAM_REFUSED, detail), Health.GOOD)


def _blocks(connector: str, content: Any) -> list[dict[str, Any]]:
    """The content, whose blocks are of known types. Links in them are data: nobody follows them."""
    if not isinstance(content, list):
        raise result_invalid(connector, "has no content")
    for block in content:
        kind = block.get("type") if isinstance(block, dict) else None
        if not isinstance(kind, str) or kind not in _BLOCKS or (kind == "text" and type(block.get("text")) is not str):
            raise result_invalid(connector, "has content of an unknown type")
    return content


def _refused(connector: str, code: int) -> CallFailedError:
    why, health = _REFUSALS[code]
    problem = Problem(Code.UPSTREAM_REFUSED, f"The connector '{connector}' {why}. Nothing was executed.")
    return CallFailedError(problem, health)


def _header_value(text: str) -> str:
    """A value as the protocol has it in headers: in base64 where it could be read as something else."""
    if text.isascii() and text.isprintable() and text == text.strip() and not _ENCODED.fullmatch(text):
        return text
    return f"=?base64?{base64.b64encode(text.encode()).decode('ascii')}?="
