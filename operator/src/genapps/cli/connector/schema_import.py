# SPDX-License-Identifier: Apache-2.0
"""Schemas of OpenAPI 3.0, 3.1 and of MCP as a contract has them: JSON Schema 2020-12, whole in itself.

References become definitions of the schema that needs them. What OpenAPI adds and what checks nothing is left out
(`example`, `discriminator`, `xml`, `x-…`); `nullable` and the bounds of 3.0 are translated; members that are read-only
are no arguments, and members that are write-only are no results. All else is taken as it is, and judged as a contract.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from genapps.cli.connector.refusals import Path, RefusedError, mapping, text
from genapps.core.contracts.schemas import MANY, NAMED, ONE
from genapps.core.contracts.values import EXACT

Side = Literal["input", "output"]

_LEFT_OUT = frozenset({"$comment", "discriminator", "example", "examples", "externalDocs", "nullable", "xml"})
_DESCRIPTION = 200
"""Characters of a description in a schema: descriptions are most of the text of large documents."""
_OTHER_SIDE: Mapping[Side, str] = {"input": "readOnly", "output": "writeOnly"}
_BOUNDS = {"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}


class SchemaImport:
    """Translates the schemas of one description."""

    def __init__(self, document: Mapping[str, Any], prefix: Path) -> None:
        """`prefix`: where the definitions are, such as `("components", "schemas")`; references lead there only."""
        self._document = document
        self._prefix = prefix
        self._references = "#/" + "/".join(map(str, prefix)) + "/"

    def whole(self, schema: Any, path: Path, side: Side) -> dict[str, Any]:
        """A schema with the definitions that it needs. Raises RefusedError."""
        definitions: dict[str, Any] = {}
        needed: list[str] = []
        found = self._one(schema, path, side, needed)
        if isinstance(found, bool):
            found = {} if found else {"not": {}}
        while needed:
            name = needed.pop()
            if _defined(name) not in definitions:
                target = self.definition(name, path)
                definitions[_defined(name)] = True
                definitions[_defined(name)] = self._one(target, (*self._prefix, name), side, needed)
        return {**found, "$defs": dict(sorted(definitions.items()))} if definitions else found

    def resolved(self, schema: Any, path: Path) -> tuple[Any, Path]:
        """The schema that a reference leads to, and where it stands. Raises RefusedError."""
        for _ in range(16):
            if not (isinstance(schema, dict) and "$ref" in schema):
                return schema, path
            name = self._name(schema["$ref"], (*path, "$ref"))
            schema, path = self.definition(name, path), (*self._prefix, name)
        raise RefusedError(path, "references lead from one to the next without end")

    def definition(self, name: str, path: Path) -> Any:
        """One of the description's definitions. Raises RefusedError."""
        found: Any = self._document
        for part in (*self._prefix, name):
            if not isinstance(found, dict) or part not in found:
                raise RefusedError(path, f"the definition '{name}' is missing")
            found = found[part]
        return found

    def _name(self, reference: Any, path: Path) -> str:
        if not isinstance(reference, str) or not reference.startswith(self._references):
            raise RefusedError(path, f"a reference leads to {self._references}<name> of the same document")
        name = reference.removeprefix(self._references).replace("~1", "/").replace("~0", "~")
        if not re.fullmatch(r"[A-Za-z0-9 ._\[\]«»,/~-]{1,128}", name):
            raise RefusedError(path, "the name of a definition holds letters, digits, '.', '_' and '-'")
        return name

    def _one(self, schema: Any, path: Path, side: Side, needed: list[str]) -> Any:
        if isinstance(schema, bool):
            return schema
        schema = mapping(schema, path)
        found: dict[str, Any] = {}
        for keyword, value in schema.items():
            if keyword in _LEFT_OUT or keyword.startswith("x-") or keyword == self._prefix[-1] or keyword == "$schema":
                continue
            found[keyword] = self._keyword(keyword, value, (*path, keyword), side, needed)
        _translate_bounds(found)
        if schema.get("nullable") is True:
            _allow_null(found)
        _leave_out(found, _OTHER_SIDE[side])
        return found

    def _keyword(self, keyword: str, value: Any, path: Path, side: Side, needed: list[str]) -> Any:
        if keyword == "$ref":
            name = self._name(value, path)
            needed.append(name)
            return f"#/$defs/{_defined(name)}"
        if keyword == "description" and isinstance(value, str):
            return text(value, path, _DESCRIPTION) or ""
        if keyword in ONE:
            return self._one(value, path, side, needed)
        if keyword in MANY and isinstance(value, list):
            return [self._one(inner, (*path, number), side, needed) for number, inner in enumerate(value)]
        if keyword in NAMED and isinstance(value, dict):
            return {name: self._one(inner, (*path, name), side, needed) for name, inner in value.items()}
        return value


def _defined(name: str) -> str:
    """The name of a definition in the contract."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)


def _translate_bounds(schema: dict[str, Any]) -> None:
    """OpenAPI 3.0 says by true that a bound is exclusive. Bounds of 64 bits go: a value is within 2^53 - 1 anyway."""
    for exclusive, bound in _BOUNDS.items():
        if schema.get(exclusive) is True and bound in schema:
            schema[exclusive] = schema.pop(bound)
        elif isinstance(schema.get(exclusive), bool):
            del schema[exclusive]
    for keyword in ("minimum", "maximum", *_BOUNDS):
        if isinstance(schema.get(keyword), int) and abs(schema[keyword]) > EXACT:
            del schema[keyword]


def _allow_null(schema: dict[str, Any]) -> None:
    """OpenAPI 3.0 says by `nullable` beside a type that null is allowed."""
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
        if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]


def _leave_out(schema: dict[str, Any], marker: str) -> None:
    """Members that the other side alone has."""
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return
    gone = [name for name, inner in properties.items() if isinstance(inner, dict) and inner.get(marker) is True]
    if gone:
        schema["properties"] = {name: inner for name, inner in properties.items() if name not in gone}
        if isinstance(schema.get("required"), list):
            schema["required"] = [name for name in schema["required"] if name not in gone]
