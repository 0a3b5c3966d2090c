# SPDX-License-Identifier: Apache-2.0
"""What one tool of a connector may not say: its schemas, its effect, and where its arguments go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from genapps.api.connector import IdempotencyHeader, Tool
from genapps.core.contracts.model_tools import INPUTS
from genapps.core.contracts.paths import PathTemplate, TemplateError
from genapps.core.contracts.placement import BODY_METHODS
from genapps.core.contracts.pointers import ContractFault, pointer
from genapps.core.contracts.schemas import definition, schema_faults

SCALARS = frozenset({"string", "number", "integer", "boolean"})
MIRROR_PREFIX = "mcp-param-"
"""Of headers in which an MCP server wants arguments, too."""
_MIRRORED = frozenset({"string", "integer", "boolean", "null"})
_CHANGING = frozenset({"PUT", "PATCH", "DELETE"})
_OF_THE_GATEWAY = frozenset(
    {
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "idempotency-key",
        "keep-alive",
        "range",
        "te",
        "traceparent",
        "tracestate",
        "trailer",
        "transfer-encoding",
        "txn-token",
        "upgrade",
        "via",
    }
)
_OF_THE_GATEWAY_PREFIXES = ("content-", "proxy-", "sec-", "x-forwarded-", "x-http-method")


def tool_faults(connector_type: str, tool: Tool) -> Iterator[ContractFault]:
    """The faults of a tool, with pointers that begin in it."""
    schemas = [fault for side in ("input", "output") for fault in _side_faults(side, getattr(tool, side))]
    yield from schemas
    if not schemas and tool.input is not None and tool.input.get("type") != "object":
        yield ContractFault("/input/type", "arguments are an object; write type: object")
    yield from _effect_faults(tool)
    if connector_type == "HTTP":
        yield from _http_faults(tool, None if schemas else tool.input or {})
    else:
        for name in ("method", "path", "query", "body", "stream"):
            if getattr(tool, name):
                yield ContractFault(f"/{name}", "the field is for connectors of type HTTP; remove it")
    if connector_type == "MCP":
        yield from _mcp_faults(tool, None if schemas else tool.input or {})
    if connector_type == "Model":
        yield from _model_faults(tool)


def _mcp_faults(tool: Tool, schema: Mapping[str, Any] | None) -> Iterator[ContractFault]:
    if isinstance(tool.idempotency, IdempotencyHeader):
        yield ContractFault("/idempotency", "an MCP server gets the key in _meta; write Key")
    seen: set[str] = set()
    for number, entry in enumerate(tool.headers):
        name = entry.header.lower()
        if not name.startswith(MIRROR_PREFIX) or name in seen:
            where = pointer(("headers", number, "header"))
            yield ContractFault(where, "write Mcp-Param-<name> with the name of x-mcp-header, once for each")
        seen.add(name)
        types = None if schema is None else _types(schema, entry.argument)
        if schema is not None and (types is None or not types <= _MIRRORED):
            where = pointer(("headers", number, "argument"))
            yield ContractFault(where, "must be a property of input that is a string, an integer or a boolean")


def _model_faults(tool: Tool) -> Iterator[ContractFault]:
    if tool.headers:
        yield ContractFault("/headers", "the field is for connectors of types HTTP and MCP; remove it")
    if tool.name not in INPUTS:
        yield ContractFault("/name", f"a connector of type Model has the tools {', '.join(INPUTS)}")
    if tool.effect != "Read":
        yield ContractFault("/effect", "a model changes nothing; write effect: Read")
    for name in ("input", "output"):
        if getattr(tool, name) is not None:
            yield ContractFault(f"/{name}", "the platform has the schema of a model's tools; remove it")


def _side_faults(side: str, schema: dict[str, Any] | None) -> Iterator[ContractFault]:
    if schema is not None:
        yield from (fault.below(f"/{side}") for fault in schema_faults(schema))


def _effect_faults(tool: Tool) -> Iterator[ContractFault]:
    if tool.effect == "Read" and tool.method in _CHANGING:
        yield ContractFault("/effect", f"{tool.method} changes something; write effect: Write")
    if tool.effect == "Read" and tool.idempotency not in {None, "None"}:
        yield ContractFault("/idempotency", "a Read may be repeated anyway; remove the field")
    if tool.stream is not None:
        yield from _stream_faults(tool)
    if tool.effect == "Write" and tool.cache is not None:
        yield ContractFault("/cache", "the result of a Write is never reused; remove the field")


def _stream_faults(tool: Tool) -> Iterator[ContractFault]:
    if tool.effect == "Write" or tool.method == "HEAD":
        yield ContractFault("/stream", "only the answer of a Read is taken piece by piece, and HEAD has none")
    if tool.cache is not None:
        yield ContractFault("/cache", "what is taken piece by piece is never reused; remove the field")
    if tool.stream == "Text" and tool.output is not None:
        yield ContractFault("/output", "a schema is for lines of JSON; write stream: Lines, or remove the field")


def _http_faults(tool: Tool, schema: Mapping[str, Any] | None) -> Iterator[ContractFault]:
    """Also whether the arguments can be placed, where the schemas have no faults."""
    if tool.method is None or tool.path is None:
        yield ContractFault("", "a tool of type HTTP needs method and path")
        return
    try:
        in_path = PathTemplate.parse(tool.path).parameters
    except TemplateError as error:
        yield ContractFault("/path", str(error))
        return
    if schema is None:
        return
    for name in in_path:
        if problem := _path_argument_problem(schema, name):
            yield ContractFault("/path", f"the parameter {{{name}}} {problem}")
    yield from _placement_faults(tool, schema, set(in_path))


def _path_argument_problem(schema: Mapping[str, Any], name: str) -> str | None:
    types = _types(schema, name)
    if types is None:
        return "is no property of input, or has no type there"
    if not types <= SCALARS:
        return "must be a string, a number, an integer or a boolean"
    return None if name in schema.get("required", ()) else "must be in required of input"


def _placement_faults(tool: Tool, schema: Mapping[str, Any], placed: set[str]) -> Iterator[ContractFault]:
    places: list[tuple[tuple[str | int, ...], str]] = [
        (("query", number), name) for number, name in enumerate(tool.query)
    ]
    places += [(("headers", number, "argument"), entry.argument) for number, entry in enumerate(tool.headers)]
    places += [(("body",), tool.body)] if tool.body is not None else []
    for path, name in places:
        if name not in schema.get("properties", {}):
            yield ContractFault(pointer(path), "this is no property of input")
        elif name in placed:
            yield ContractFault(pointer(path), "the argument has another place already")
        elif path != ("body",) and "object" in (_types(schema, name) or ()):
            yield ContractFault(pointer(path), "an object can stand in a body only")
        placed.add(name)
    if tool.body is not None and tool.method not in BODY_METHODS:
        yield ContractFault("/body", f"{tool.method} has no body")
    yield from _header_faults(tool)


def _header_faults(tool: Tool) -> Iterator[ContractFault]:
    key = tool.idempotency.header.lower() if isinstance(tool.idempotency, IdempotencyHeader) else None
    seen: set[str] = set()
    if key is not None and is_of_the_gateway(key) and key != "idempotency-key":
        yield ContractFault("/idempotency/header", "the gateway sets this header itself")
    for number, entry in enumerate(tool.headers):
        name = entry.header.lower()
        if name == key or is_of_the_gateway(name):
            yield ContractFault(pointer(("headers", number, "header")), "the gateway sets this header itself")
        if name in seen:
            yield ContractFault(pointer(("headers", number, "header")), "two arguments are sent in this header")
        seen.add(name)


def is_of_the_gateway(header: str) -> bool:
    """Whether the gateway sets a header (in lower case) itself, so that no argument may."""
    return header in _OF_THE_GATEWAY or header.startswith(_OF_THE_GATEWAY_PREFIXES)


def _types(schema: Mapping[str, Any], name: str) -> set[str] | None:
    """The types that a property says it has, references followed; None where it says none."""
    found = schema.get("properties", {}).get(name)
    while isinstance(found, dict) and "type" not in found and "$ref" in found:
        found = definition(schema, found["$ref"])
    types = found.get("type") if isinstance(found, dict) else None
    return {types} if isinstance(types, str) else set(types) if isinstance(types, list) else None
