# SPDX-License-Identifier: Apache-2.0
"""The parameters and the body of an OpenAPI operation as arguments of a tool, each with its place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from genapps.cli.connector.refusals import Path, RefusedError, items, mapping, text
from genapps.cli.connector.schema_import import SchemaImport
from genapps.core.contracts.tool_faults import SCALARS, is_of_the_gateway

JSON = re.compile(r"application/(json|[-.+a-z0-9]+\+json)\s*(;.*)?", re.IGNORECASE)
_TEMPLATE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")
_HEADER = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?")
_KEY = "idempotency-key"
_PLAIN_OBJECT = frozenset({"type", "properties", "required", "additionalProperties", "title", "description", "$defs"})
BODY = "body"
"""The argument for a body that is no plain object."""


class Arguments:
    """What is known of a tool's arguments so far."""

    def __init__(self) -> None:
        self._properties: dict[str, Any] = {}
        self._required: list[str] = []
        self._definitions: dict[str, Any] = {}
        self._in_path: dict[str, str] = {}
        self._query: list[str] = []
        self._headers: list[dict[str, str]] = []
        self._body: str | None = None
        self._has_key = False
        self._rest_in_query = True

    def add(self, name: str, schema: dict[str, Any], path: Path, *, required: bool) -> None:
        """One more argument. Raises RefusedError when its name is taken."""
        if name in self._properties:
            raise RefusedError(path, f"two arguments would be called '{name}'")
        self.add_definitions(schema.get("$defs", {}))
        self._properties[name] = {keyword: value for keyword, value in schema.items() if keyword != "$defs"}
        if required:
            self._required.append(name)

    def add_definitions(self, definitions: Mapping[str, Any]) -> None:
        """What arguments refer to; all are of one document, so equal names are equal definitions."""
        self._definitions |= definitions

    def holds(self, names: Sequence[str]) -> bool:
        """Whether one of the names is taken."""
        return not self._properties.keys().isdisjoint(names)

    def in_path(self, written: str, name: str) -> None:
        """The parameter stands in the path under another name."""
        self._in_path[written] = name

    def in_query(self, name: str) -> None:
        """The argument goes into the query."""
        self._query.append(name)

    def in_header(self, name: str, header: str) -> None:
        """The argument goes into a header."""
        self._headers.append({"argument": name, "header": header})

    def has_key(self) -> None:
        """The service takes a key for repeated calls."""
        self._has_key = True

    def rest_is_body(self, argument: str | None) -> None:
        """The operation has a body: the rest, or one argument."""
        self._rest_in_query = False
        self._body = argument

    def template(self, path: str) -> str:
        """The path with the names of the arguments."""
        return re.sub(r"\{([^{}]*)\}", lambda found: f"{{{self._in_path.get(found[1], found[1])}}}", path)

    def fields(self) -> dict[str, Any]:
        """The fields of the tool that tell all this."""
        found: dict[str, Any] = {}
        if self._query and not self._rest_in_query:
            found["query"] = self._query
        if self._headers:
            found["headers"] = self._headers
        if self._body is not None:
            found["body"] = self._body
        if self._has_key:
            found["idempotency"] = "Key"
        if self._properties:
            schema: dict[str, Any] = {"type": "object", "additionalProperties": False}
            schema |= {"required": self._required} if self._required else {}
            schema |= {"properties": self._properties}
            schema |= {"$defs": dict(sorted(self._definitions.items()))} if self._definitions else {}
            found["input"] = schema
        return found


def parameters_into(
    arguments: Arguments,
    document: Mapping[str, Any],
    schemas: SchemaImport,
    places: Sequence[tuple[Path, Mapping[str, Any]]],
) -> None:
    """The parameters of a path and of an operation; the latter win. Optional ones that no argument can be are left out.

    Raises RefusedError.
    """
    found: dict[tuple[str, str], tuple[dict[str, Any], Path]] = {}
    for at, holder in places:
        for number, value in enumerate(items(holder.get("parameters"), at)):
            value, path = component(document, value, (*at, number), "parameters")
            parameter = mapping(value, path)
            name, place = parameter.get("name"), parameter.get("in")
            if not isinstance(name, str) or not isinstance(place, str):
                raise RefusedError(path, "a parameter has a name and a place")
            found[name, place] = (parameter, path)
    for (name, place), (parameter, path) in found.items():
        required = parameter.get("required") is True
        try:
            _parameter(arguments, schemas, name, place, parameter, path)
        except RefusedError:
            if required:
                raise


def body_into(
    arguments: Arguments, document: Mapping[str, Any], schemas: SchemaImport, body: Any, path: Path, method: str
) -> None:
    """The body of an operation: its members as arguments where it is a plain object, else one argument.

    Raises RefusedError.
    """
    body, path = component(document, body, path, "requestBodies")
    content = mapping(mapping(body, path).get("content"), (*path, "content"))
    media = next((name for name in content if JSON.fullmatch(name)), None)
    if media is None or method not in {"post", "put", "patch"}:
        if body.get("required") is not True and method not in {"post", "put", "patch"}:
            return
        raise RefusedError((*path, "content"), "only a JSON body of POST, PUT or PATCH is supported")
    at: Path = (*path, "content", media, "schema")
    whole = schemas.whole(mapping(content[media], at[:-1]).get("schema", {}), at, "input")
    required = body.get("required") is True
    plain = whole
    if set(whole) == {"$ref", "$defs"}:
        definitions = dict(whole["$defs"])
        target = definitions.pop(whole["$ref"].rpartition("/")[2])
        plain = {**target, "$defs": definitions} if isinstance(target, dict) else whole
    if required and _is_plain(plain) and not arguments.holds(list(plain["properties"])):
        arguments.rest_is_body(None)
        for name, schema in plain["properties"].items():
            inner = schema if isinstance(schema, dict) else {} if schema else {"not": {}}
            arguments.add(name, inner, (*at, "properties", name), required=name in plain.get("required", ()))
        arguments.add_definitions(plain.get("$defs", {}))
    else:
        arguments.rest_is_body(BODY)
        arguments.add(BODY, whole, at, required=required)


def component(document: Mapping[str, Any], value: Any, path: Path, kind: str) -> tuple[Any, Path]:
    """A component of the document, or the value itself where it is no reference. Raises RefusedError."""
    if not (isinstance(value, dict) and "$ref" in value):
        return value, path
    start = f"#/components/{kind}/"
    reference = value["$ref"]
    name = reference.removeprefix(start) if isinstance(reference, str) and reference.startswith(start) else None
    components = mapping(document.get("components", {}), ("components",)).get(kind, {})
    if name is None or not isinstance(components, dict) or name not in components:
        raise RefusedError((*path, "$ref"), f"a reference leads to {start}<name> of the same document")
    return components[name], ("components", kind, name)


def _parameter(
    arguments: Arguments, schemas: SchemaImport, name: str, place: str, parameter: Mapping[str, Any], path: Path
) -> None:
    if place == "header" and name.lower() == _KEY:
        arguments.has_key()
        return
    if "schema" not in parameter:
        raise RefusedError(path, "a parameter has a schema; content is not supported")
    schema = schemas.whole(parameter["schema"], (*path, "schema"), "input")
    if description := text(parameter.get("description"), (*path, "description")):
        schema = {"description": description} | schema
    _judge_shape(schemas, place, parameter, path)
    required = parameter.get("required") is True or place == "path"
    if place == "path":
        argument = re.sub(r"[^A-Za-z0-9_-]", "_", name)
        if not _TEMPLATE_NAME.fullmatch(argument):
            raise RefusedError((*path, "name"), "a parameter in the path is letters, digits, '-' and '_'")
        arguments.in_path(name, argument)
        arguments.add(argument, schema, path, required=required)
    elif place == "query":
        arguments.add(name, schema, path, required=required)
        arguments.in_query(name)
    elif place == "header":
        if is_of_the_gateway(name.lower()):
            raise RefusedError((*path, "name"), "the gateway sets this header itself")
        if not _HEADER.fullmatch(name):
            raise RefusedError((*path, "name"), "the name of a header is at most 63 letters, digits and '-'")
        arguments.add(name, schema, path, required=required)
        arguments.in_header(name, name)
    else:
        raise RefusedError((*path, "in"), "only path, query and header are supported")


def _judge_shape(schemas: SchemaImport, place: str, parameter: Mapping[str, Any], path: Path) -> None:
    """Raises RefusedError for what has no form in its place: the gateway writes scalars, and lists in a query."""
    resolved, _ = schemas.resolved(parameter["schema"], (*path, "schema"))
    kinds = resolved.get("type") if isinstance(resolved, dict) else None
    kinds = set(map(str, kinds)) if isinstance(kinds, list) else {str(kinds)} if kinds is not None else set()
    if place == "query" and "array" in kinds:
        if parameter.get("style", "form") != "form" or parameter.get("explode", True) is not True:
            raise RefusedError(path, "a list in a query repeats its name (style form, explode true)")
        kinds.remove("array")
    if not kinds <= SCALARS | {"null"} or (place == "path" and not kinds):
        raise RefusedError((*path, "schema"), "a parameter is a scalar, or in a query a list")


def _is_plain(schema: Mapping[str, Any]) -> bool:
    """Whether it is an object with known members, so that each of them can be an argument."""
    closed = schema.get("additionalProperties", False) is False
    known = set(schema) <= _PLAIN_OBJECT and isinstance(schema.get("required", []), list)
    return known and closed and isinstance(schema.get("properties"), dict) and bool(schema["properties"])
