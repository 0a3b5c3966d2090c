# SPDX-License-Identifier: Apache-2.0
"""An OpenAPI 3.0 or 3.1 document: its server, and a tool for each operation, or why there is none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from genapps.cli.connector.arguments import JSON, Arguments, body_into, component, parameters_into
from genapps.cli.connector.refusals import TOOL_NAME, Offer, Path, RefusedError, items, mapping, text
from genapps.cli.connector.schema_import import SchemaImport

METHODS = ("get", "head", "post", "put", "patch", "delete")
_WORDS = re.compile(r"[^A-Za-z0-9]+")
_SEPARATORS = re.compile(r"[./: ]+")
_SUCCESS = re.compile(r"2([0-9]{2}|XX)", re.IGNORECASE)


class OpenApi:
    """Reads one document."""

    def __init__(self, document: Any) -> None:
        """Raises RefusedError for what is no OpenAPI 3.0 or 3.1 document."""
        self._document = mapping(document, ())
        version = self._document.get("openapi")
        if not isinstance(version, str) or not re.fullmatch(r"3\.[01]\.\d+(-.*)?", version):
            raise RefusedError(("openapi",), "only OpenAPI 3.0 and 3.1 are read")
        self._schemas = SchemaImport(self._document, ("components", "schemas"))

    def description(self) -> str | None:
        """What the service is. Raises RefusedError."""
        info = mapping(self._document.get("info", {}), ("info",))
        return text(info.get("description"), ("info", "description")) or text(info.get("title"), ("info", "title"))

    def server(self) -> tuple[str, str]:
        """The origin of the first server (empty if it has none), and the path before those of the operations.

        Raises RefusedError.
        """
        servers = items(self._document.get("servers"), ("servers",))
        if not servers:
            return "", ""
        server = mapping(servers[0], ("servers", 0))
        variables = mapping(server.get("variables", {}), ("servers", 0, "variables"))
        url = server.get("url")
        for name, variable in variables.items():
            default = variable.get("default") if isinstance(variable, dict) else None
            if isinstance(url, str) and isinstance(default, str):
                url = url.replace(f"{{{name}}}", default)
        if not isinstance(url, str) or "{" in url:
            raise RefusedError(("servers", 0, "url"), "must be an address, and its variables must have defaults")
        try:
            parts = urlsplit(url)
        except ValueError as error:
            raise RefusedError(("servers", 0, "url"), "must be an address") from error
        origin = f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
        return origin, parts.path.rstrip("/")

    def tools(self, base_path: str) -> Iterator[Offer]:
        """A tool for each operation, in the order of the document, or why there is none. Raises RefusedError."""
        for path, path_item in mapping(self._document.get("paths"), ("paths",)).items():
            for method in METHODS:
                if isinstance(path_item, dict) and method in path_item:
                    at: Path = ("paths", path, method)
                    try:
                        yield Offer(at, self._tool(base_path, path, method, path_item))
                    except RefusedError as error:
                        yield Offer(at, None, error.fault)

    def _tool(self, base_path: str, path: str, method: str, path_item: Mapping[str, Any]) -> dict[str, Any]:
        at: Path = ("paths", path, method)
        operation = mapping(path_item[method], at)
        if "$ref" in path_item:
            raise RefusedError(("paths", path, "$ref"), "references of paths are not supported")
        arguments = Arguments()
        places = [(("paths", path, "parameters"), path_item), ((*at, "parameters"), operation)]
        parameters_into(arguments, self._document, self._schemas, places)
        if "requestBody" in operation:
            body_into(arguments, self._document, self._schemas, operation["requestBody"], (*at, "requestBody"), method)
        tool: dict[str, Any] = {"name": _name(operation, path, method, at)}
        if description := _description(operation, at):
            tool["description"] = description
        tool |= {"method": method.upper(), "path": base_path + arguments.template(path)}
        tool |= {"effect": "Read" if method in {"get", "head"} else "Write"}
        tool |= arguments.fields()
        if output := self._output(operation, at):
            tool["output"] = output
        return tool

    def _output(self, operation: Mapping[str, Any], at: Path) -> dict[str, Any] | None:
        """The schema of results; None where a success may have no JSON."""
        found = []
        for status, response in mapping(operation.get("responses", {}), (*at, "responses")).items():
            if not _SUCCESS.fullmatch(str(status)):
                continue
            place: Path = (*at, "responses", status)
            response, place = component(self._document, response, place, "responses")
            content = mapping(mapping(response, place).get("content") or {}, (*place, "content"))
            media = next((name for name in content if JSON.fullmatch(name)), None)
            schema = content[media].get("schema") if media is not None and isinstance(content[media], dict) else None
            if schema is None:
                return None
            found.append(self._schemas.whole(schema, (*place, "content", media or "", "schema"), "output"))
        if not found:
            return None
        if all(schema == found[0] for schema in found):
            return found[0]
        definitions = {name: part for schema in found for name, part in schema.pop("$defs", {}).items()}
        return {"anyOf": found} | ({"$defs": definitions} if definitions else {})


def _name(operation: Mapping[str, Any], path: str, method: str, at: Path) -> str:
    """The operation's id as a name of a tool; without one, method and path make it. Raises RefusedError."""
    given = operation.get("operationId")
    if given is None:
        name, place = f"{method}_{_WORDS.sub('_', path).strip('_')}".rstrip("_"), at
    else:
        name, place = _SEPARATORS.sub("_", str(given)), (*at, "operationId")
    if not TOOL_NAME.fullmatch(name):
        raise RefusedError(place, "makes no name of a tool: at most 63 letters, digits, '-' and '_', a letter first")
    return name


def _description(operation: Mapping[str, Any], at: Path) -> str | None:
    summary = text(operation.get("summary"), (*at, "summary"))
    return summary or text(operation.get("description"), (*at, "description"))
