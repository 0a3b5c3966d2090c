# SPDX-License-Identifier: Apache-2.0
"""The answer of an MCP server to `tools/list`: a tool for each, or why there is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from genapps.cli.connector.refusals import TOOL_NAME, Offer, Path, RefusedError, items, mapping, text
from genapps.cli.connector.schema_import import SchemaImport, Side

_MIRROR = "x-mcp-header"


def mcp_tools(document: Any, *, trust_hints: bool) -> Iterator[Offer]:
    """The tools of the answer, also inside its JSON-RPC envelope. The names stay as they are: calls carry them.

    Each tool is a Write, unless hints are trusted and say that it only reads. Raises RefusedError.
    """
    answer, at = mapping(document, ()), ()
    start: Path = at
    if "result" in answer:
        answer, start = mapping(answer["result"], ("result",)), ("result",)
    if "tools" not in answer:
        raise RefusedError((*start, "tools"), "this is no answer to tools/list")
    if answer.get("nextCursor"):
        raise RefusedError((*start, "nextCursor"), "the list goes on; put all its pages into one list of tools")
    for number, tool in enumerate(items(answer["tools"], (*start, "tools"))):
        place: Path = (*start, "tools", number)
        try:
            yield Offer(place, _tool(mapping(tool, place), place, trust_hints=trust_hints))
        except RefusedError as error:
            yield Offer(place, None, error.fault)


def _tool(tool: dict[str, Any], at: Path, *, trust_hints: bool) -> dict[str, Any]:
    name = tool.get("name")
    if not isinstance(name, str) or not TOOL_NAME.fullmatch(name):
        raise RefusedError((*at, "name"), "a name is at most 63 letters, digits, '-' and '_', a letter first")
    found: dict[str, Any] = {"name": name}
    if description := text(tool.get("description"), (*at, "description")):
        found["description"] = description
    hints = mapping(tool.get("annotations") or {}, (*at, "annotations"))
    found["effect"] = "Read" if trust_hints and hints.get("readOnlyHint") is True else "Write"
    if mirrored := _mirrored(tool.get("inputSchema"), (*at, "inputSchema")):
        found["headers"] = mirrored
    found["input"] = _schema(tool.get("inputSchema"), (*at, "inputSchema"), "input")
    if tool.get("outputSchema") is not None:
        found["output"] = _schema(tool["outputSchema"], (*at, "outputSchema"), "output")
    return found


def _mirrored(schema: Any, at: Path) -> list[dict[str, str]]:
    """The arguments that the server wants in a header, too."""
    found = []
    for path, inner in _schemas(schema, at):
        if _MIRROR not in inner:
            continue
        header = inner[_MIRROR]
        if path[:-1] != (*at, "properties") or not isinstance(header, str):
            raise RefusedError((*path, _MIRROR), "only an argument itself can be wanted in a header, by a name")
        found.append({"argument": str(path[-1]), "header": f"Mcp-Param-{header}"})
    return found


def _schemas(value: Any, at: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every object in a schema, with its place."""
    if isinstance(value, dict):
        yield at, value
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _schemas(inner, (*at, key))


def _schema(schema: Any, path: Path, side: Side) -> dict[str, Any]:
    """Servers write definitions under the name of any draft."""
    schema = mapping(schema, path)
    definitions = "definitions" if "definitions" in schema else "$defs"
    return SchemaImport(schema, (definitions,)).whole(schema, path, side)
