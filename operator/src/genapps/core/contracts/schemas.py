# SPDX-License-Identifier: Apache-2.0
"""Which JSON Schemas a contract may hold: 2020-12, whole in itself, and with a bounded number of steps to check.

A keyword that is not listed is refused, because a misspelt one would restrict nothing. `$ref` leads to a definition
at the root (`#/$defs/name`) and never back to where it stands. So a schema unfolds into a tree, each part of the tree
looks at a value once, and a check takes at most (parts of the tree) times (values) steps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs

from genapps.core.contracts.engine import compiled
from genapps.core.contracts.patterns import pattern_problem
from genapps.core.contracts.pointers import ContractFault, pointer
from genapps.core.contracts.values import SCHEMA, value_fault

SUBSCHEMAS = 512
"""Schemas in a document, each counted where it is written."""
STEPS = 2_048
"""Schemas and listed values of a document, counted each time that a reference leads to them."""
LEVELS = 64
"""Schemas inside each other, references followed."""
DIALECT = "https://json-schema.org/draft/2020-12/schema"

ONE = frozenset({"additionalProperties", "items", "contains", "propertyNames", "not", "if", "then", "else"})
"""Keywords that hold one schema."""
MANY = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
"""Keywords that hold a list of schemas."""
NAMED = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs"})
"""Keywords that hold schemas by name."""
ANNOTATIONS = frozenset(
    {
        "$comment",
        "$schema",
        "contentEncoding",
        "contentMediaType",
        "default",
        "deprecated",
        "description",
        "examples",
        "format",
        "readOnly",
        "title",
        "writeOnly",
    }
)
"""Keywords that tell and do not check. In 2020-12 `format` is one of them: write `pattern` beside it."""
ASSERTIONS = frozenset(
    {
        "$ref",
        "const",
        "dependentRequired",
        "enum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "maxContains",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minContains",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "multipleOf",
        "pattern",
        "required",
        "type",
        "uniqueItems",
    }
)
_KEYWORDS = ONE | MANY | NAMED | ANNOTATIONS | ASSERTIONS
_INSTEAD: Mapping[str, str] = {
    "$anchor": "write $ref: '#/$defs/<name>'",
    "$dynamicAnchor": "write $ref: '#/$defs/<name>'",
    "$dynamicRef": "write $ref: '#/$defs/<name>'",
    "$id": "a contract is whole in itself",
    "$recursiveRef": "write $ref: '#/$defs/<name>'",
    "$vocabulary": "a contract is of one dialect",
    "additionalItems": "write items beside prefixItems",
    "definitions": "write $defs",
    "dependencies": "write dependentRequired or dependentSchemas",
    "nullable": "write 'null' into type",
    "unevaluatedItems": "write items",
    "unevaluatedProperties": "write additionalProperties",
}
_REFERENCE = re.compile(r"#/\$defs/([A-Za-z0-9._-]{1,128})")


def schema_faults(schema: object) -> Iterator[ContractFault]:
    """What of an input or output may not be there. A document past a bound is looked at no further."""
    if fault := value_fault(schema, SCHEMA):
        yield fault
        return
    if not isinstance(schema, dict):
        yield ContractFault("", "a schema is an object")
        return
    faults = [*_written(schema)] or [*_metaschema(schema)] or [*_unfolded(schema)]
    yield from faults


def subschemas(schema: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """The schemas directly in a schema, with their paths in it; those of `$defs` too."""
    for keyword, value in schema.items():
        if keyword in ONE:
            yield (keyword,), value
        elif keyword in MANY and isinstance(value, list):
            yield from (((keyword, number), inner) for number, inner in enumerate(value))
        elif keyword in NAMED and isinstance(value, dict):
            yield from (((keyword, name), inner) for name, inner in value.items())


def patterns(schema: object) -> set[str]:
    """The patterns that stand anywhere in a schema, whatever else is wrong with it."""
    found: set[str] = set()
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            found.update(text for text in (part.get("pattern"),) if isinstance(text, str))
            named = part.get("patternProperties")
            found.update(named if isinstance(named, dict) else ())
            waiting.extend(inner for _, inner in subschemas(part))
    return found


def definition(root: Mapping[str, Any], reference: str) -> Any:
    """What a reference leads to. Raises LookupError."""
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        raise LookupError(reference)
    return root["$defs"][found.group(1)]


def _written(root: dict[str, Any]) -> Iterator[ContractFault]:
    """Faults that are seen in the document as it is written."""
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), root)]
    count = 0
    while waiting:
        path, schema = waiting.pop()
        count += 1
        if count > SUBSCHEMAS:
            yield ContractFault("", f"there are more than {SUBSCHEMAS} schemas in it")
            return
        if isinstance(schema, dict):
            for keyword, value in schema.items():
                if problem := _keyword_problem(root, path, keyword, value):
                    yield ContractFault(pointer((*path, keyword)), problem)
            waiting.extend(((*path, *inner), found) for inner, found in subschemas(schema))


def _keyword_problem(root: dict[str, Any], path: tuple[str | int, ...], keyword: str, value: Any) -> str | None:
    if keyword not in _KEYWORDS:
        return f"the keyword is not supported; {_INSTEAD.get(keyword, 'remove it')}"
    if keyword == "$schema" and value != DIALECT:
        return f"only {DIALECT} is supported"
    if keyword == "$defs" and path:
        return "definitions stand at the root of a schema only"
    if keyword == "$ref":
        return _reference_problem(root, value)
    if keyword == "pattern" and isinstance(value, str):
        return pattern_problem(value)
    if keyword == "patternProperties" and isinstance(value, dict):
        return next(filter(None, map(pattern_problem, value)), None)
    return None


def _reference_problem(root: dict[str, Any], reference: object) -> str | None:
    try:
        definition(root, reference if isinstance(reference, str) else "")
    except (LookupError, TypeError):
        return "a reference leads to '#/$defs/<name>' of the same schema, and that must be there"
    return None


def _metaschema(root: dict[str, Any]) -> Iterator[ContractFault]:
    """Whether the engine takes it: keywords have values of their kind."""
    try:
        compiled(root)
    except jsonschema_rs.ValidationError as error:
        yield ContractFault(pointer(error.instance_path), "this is no valid JSON Schema 2020-12")
    except ValueError:
        yield ContractFault("", "this is no valid JSON Schema 2020-12")


def _unfolded(root: dict[str, Any]) -> Iterator[ContractFault]:
    """Faults of the tree that references make of it."""
    try:
        steps, _ = _Unfolding(root).measured(root, 0)
    except _UnfoldsError as error:
        yield error.fault
        return
    if steps > STEPS:
        yield ContractFault("", f"with its references followed it has more than {STEPS} schemas and listed values")


class _UnfoldsError(Exception):
    """The tree is too deep, or has no end."""

    def __init__(self, pointer: str, problem: str) -> None:
        super().__init__(problem)
        self.fault = ContractFault(pointer, problem)


class _Unfolding:
    """Measures the tree of a schema, each definition once."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._known: dict[str, tuple[int, int]] = {}
        self._open: set[str] = set()

    def measured(self, schema: Any, level: int) -> tuple[int, int]:
        """The schemas and listed values in a schema that stands at a level of the tree, and its own levels."""
        if not isinstance(schema, dict):
            return 1, 1
        parts = [self.measured(found, level + 1) for path, found in subschemas(schema) if path[0] != "$defs"]
        if "$ref" in schema:
            parts.append(self._referred(schema["$ref"].rpartition("/")[2], level + 1))
        levels = 1 + max((inner for _, inner in parts), default=0)
        if level + levels > LEVELS:
            raise _UnfoldsError("", f"with its references followed it has more than {LEVELS} levels")
        listed = sum(len(schema[keyword]) for keyword in ("enum", "required", "dependentRequired") if keyword in schema)
        return 1 + listed + sum(steps for steps, _ in parts), levels

    def _referred(self, name: str, level: int) -> tuple[int, int]:
        if name in self._open:
            problem = "the definition leads back to itself; write out the levels that are needed"
            raise _UnfoldsError(pointer(("$defs", name)), problem)
        if level > LEVELS:
            raise _UnfoldsError("", f"with its references followed it has more than {LEVELS} levels")
        if name not in self._known:
            self._open.add(name)
            self._known[name] = self.measured(self._root["$defs"][name], level)
            self._open.remove(name)
        return self._known[name]
