# SPDX-License-Identifier: Apache-2.0
"""A value against the structural schema of a CRD, as the API server judges it: defaults, shape, then rules."""

from collections.abc import Iterator, Mapping
from typing import Any

from genapps.api.fields import INT_OR_STRING, RULES
from genapps.cli.check.documents import FieldPath
from genapps.cli.check.findings import Code, Problem
from genapps.cli.check.rules import holds, matches_pattern

Schema = Mapping[str, Any]
_UNKNOWN_KEPT = "x-kubernetes-preserve-unknown-fields"
_INT64 = 2**63


def with_defaults(value: Any, schema: Schema) -> Any:
    """The value with the defaults that the API server writes; the value itself is left as it is."""
    if isinstance(value, dict):
        properties, rest = schema.get("properties", {}), schema.get("additionalProperties", {})
        given = {
            name: with_defaults(part, properties.get(name, rest))
            for name, part in value.items()
            if part is not None or "default" not in properties.get(name, rest)
        }
        missing = {name: part for name, part in properties.items() if name not in given and "default" in part}
        return given | {name: with_defaults(part["default"], part) for name, part in missing.items()}
    if isinstance(value, list):
        return [with_defaults(item, schema.get("items", {})) for item in value]
    return value


def problems(value: Any, schema: Schema, path: FieldPath = ()) -> list[Problem]:
    """What does not fit, in the order of the fields; a value of the wrong shape is not asked for its rules."""
    wanted = _types(schema)
    if wanted and _type(value) not in wanted:
        return [Problem(path, Code.TYPE, f"must be of type {','.join(wanted)}, not {_type(value)}")]
    found = list(_bounds(value, schema, path))
    if isinstance(value, dict):
        found += _properties(value, schema, path)
    elif isinstance(value, list):
        found += _items(value, schema, path)
    if not found:
        found += [
            Problem(path, Code.INVALID, rule["message"])
            for rule in schema.get(RULES, ())
            if not holds(rule["rule"], value)
        ]
    return found


def _types(schema: Schema) -> tuple[str, ...]:
    if schema.get(INT_OR_STRING):
        return ("integer", "string")
    return (schema["type"],) if "type" in schema else ()


def _type(value: Any) -> str:
    if value is None:
        return "null"
    # A bool is an int in Python, and not in JSON.
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "unknown")


def _bounds(value: Any, schema: Schema, path: FieldPath) -> Iterator[Problem]:
    if "enum" in schema and value not in schema["enum"]:
        supported = ", ".join(f'"{one}"' for one in schema["enum"])
        yield Problem(path, Code.NOT_SUPPORTED, f"Unsupported value: supported values: {supported}")
    if isinstance(value, str):
        yield from _text(value, schema, path)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield from _number(value, schema, path)
    elif isinstance(value, list):
        yield from _size(len(value), schema, path, "Items")
    elif isinstance(value, dict):
        yield from _size(len(value), schema, path, "Properties")


def _text(value: str, schema: Schema, path: FieldPath) -> Iterator[Problem]:
    if len(value) > schema.get("maxLength", len(value)):
        message = f"Too long: may not be more than {schema['maxLength']} characters, it has {len(value)}"
        yield Problem(path, Code.TOO_LONG, message)
    if len(value) < schema.get("minLength", 0):
        yield Problem(path, Code.INVALID, f"should be at least {schema['minLength']} chars long")
    pattern = schema.get("pattern")
    # Most patterns are rules as well, and those say what to write.
    said = any(rule["rule"] == f"self.matches('{pattern}')" for rule in schema.get(RULES, ()))
    if pattern is not None and not said and not matches_pattern(pattern, value):
        yield Problem(path, Code.INVALID, f"should match '{pattern}'")


def _number(value: int, schema: Schema, path: FieldPath) -> Iterator[Problem]:
    if value < schema.get("minimum", -_INT64):
        yield Problem(path, Code.INVALID, f"should be greater than or equal to {schema.get('minimum', -_INT64)}")
    if value > schema.get("maximum", _INT64 - 1):
        yield Problem(path, Code.INVALID, f"should be less than or equal to {schema.get('maximum', _INT64 - 1)}")


def _size(size: int, schema: Schema, path: FieldPath, what: str) -> Iterator[Problem]:
    if size > schema.get(f"max{what}", size):
        message = f"Too many: must have at most {schema[f'max{what}']} {what.lower()}, not {size}"
        yield Problem(path, Code.TOO_MANY, message)
    if size < schema.get(f"min{what}", 0):
        yield Problem(path, Code.INVALID, f"should have at least {schema[f'min{what}']} {what.lower()}")


def _properties(value: dict[str, Any], schema: Schema, path: FieldPath) -> Iterator[Problem]:
    properties, rest = schema.get("properties", {}), schema.get("additionalProperties")
    for name in schema.get("required", ()):
        if name not in value:
            yield Problem((*path, name), Code.REQUIRED, "Required value")
    for name, part in value.items():
        below = properties.get(name, rest)
        if below is not None:
            yield from problems(part, below, (*path, name))
        elif properties and not schema.get(_UNKNOWN_KEPT):
            yield Problem((*path, name), Code.UNKNOWN, "unknown field")


def _items(value: list[Any], schema: Schema, path: FieldPath) -> Iterator[Problem]:
    below, kind = schema.get("items", {}), schema.get("x-kubernetes-list-type")
    keys = schema.get("x-kubernetes-list-map-keys", ())
    seen: list[Any] = []
    for index, item in enumerate(value):
        yield from problems(item, below, (*path, index))
        key = [item.get(name) for name in keys] if kind == "map" and isinstance(item, dict) else item
        if kind in {"set", "map"} and key in seen:
            yield Problem((*path, index), Code.DUPLICATE, "Duplicate value")
        seen.append(key)
