# SPDX-License-Identifier: Apache-2.0
"""Whether a schema takes nothing that another one refuses: proven keyword by keyword, or not proven.

The question has no general answer, so only the common cases are proven: fewer types or listed values, tighter bounds,
more required members, closed objects, members and items compared one by one, `allOf` and `anyOf` taken apart. "Not
proven" is no claim that the schema takes more. Work is bounded by the number of comparisons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from genapps.api.digests import canonical
from genapps.core.contracts.schemas import ANNOTATIONS, MANY, NAMED, ONE, definition

COMPARISONS = 4_000
"""Pairs of schemas that are looked at for one answer."""

Schema = Mapping[str, Any]
_ALL_TYPES = frozenset({"string", "number", "boolean", "null", "object", "array"})
_TYPE_OF: Mapping[type, str] = {str: "string", bool: "boolean", type(None): "null", dict: "object", list: "array"}

_APPLIES_TO: Mapping[str, str] = {
    **dict.fromkeys(("minLength", "maxLength", "pattern"), "string"),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), "number"),
    **dict.fromkeys(("minItems", "maxItems", "uniqueItems", "items", "prefixItems"), "array"),
    **dict.fromkeys(("contains", "minContains", "maxContains"), "array"),
    **dict.fromkeys(("minProperties", "maxProperties", "required", "dependentRequired", "properties"), "object"),
    **dict.fromkeys(("additionalProperties", "patternProperties", "propertyNames", "dependentSchemas"), "object"),
}
"""The type of value that a keyword says something about."""

_BOUNDS: Mapping[str, Callable[[Any, Any], bool]] = {
    **dict.fromkeys(
        ("minLength", "minItems", "minProperties", "minimum", "exclusiveMinimum"), lambda new, old: new >= old
    ),
    **dict.fromkeys(
        ("maxLength", "maxItems", "maxProperties", "maximum", "exclusiveMaximum"), lambda new, old: new <= old
    ),
    "uniqueItems": lambda new, old: new or not old,
    "multipleOf": lambda new, old: isinstance(new, int) and isinstance(old, int) and new % old == 0,
    "required": lambda new, old: set(old) <= set(new),
    "pattern": lambda new, old: new == old,
    "dependentRequired": lambda new, old: all(set(names) <= set(new.get(name, ())) for name, names in old.items()),
}
"""Keywords that are compared by themselves: whether the new value asks for as much as the old one."""
_EXCLUSIVE = {"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"}


def takes_no_more(new: Schema, old: Schema) -> bool:
    """True: whatever passes `new` passes `old`. Both are whole schemas without faults (`schema_faults`)."""
    try:
        return _Comparison().within(_unfolded(new, new), _unfolded(old, old))
    except _TooManyError:
        return False


class _TooManyError(Exception):
    """The comparison became too long; nothing is proven."""


class _Comparison:
    def __init__(self) -> None:
        self._left = COMPARISONS

    def within(self, new: Any, old: Any) -> bool:
        """Whether what passes `new` passes `old`."""
        self._left -= 1
        if self._left < 0:
            raise _TooManyError
        if new is False or old is True or _equal(new, old):
            return True
        if old is False:
            return False
        new = {} if new is True else new
        if all(self._asks(new, keyword, old) for keyword in old if keyword not in {"then", "else"}):
            return True
        return self._each_form_within(new, old)

    def _each_form_within(self, new: Schema, old: Schema) -> bool:
        """Whether each form of one `anyOf` or `oneOf` of the new schema, with the rest of it, is within the old one."""
        for keyword in ("anyOf", "oneOf"):
            if keyword in new:
                rest = {name: value for name, value in new.items() if name != keyword}
                return all(self.within({"allOf": [rest, form]}, old) for form in new[keyword])
        return False

    def _asks(self, new: Schema, keyword: str, old: Schema) -> bool:
        """Whether the new schema asks for all that one keyword of the old one asks for."""
        if keyword in _APPLIES_TO and _APPLIES_TO[keyword] not in _types(new):
            return True
        if keyword == "type":
            return _types(new, exact=True) <= _types(old, exact=True)
        if keyword in {"enum", "const"}:
            allowed = {canonical(value) for value in _listed(old, keyword)}
            return any({canonical(value) for value in values} <= allowed for values in _lists(new))
        if keyword == "allOf":
            return all(self.within(new, part) for part in old["allOf"])
        if keyword == "anyOf":
            return any(self.within(new, form) for form in old["anyOf"])
        return any(self._part_asks(part, keyword, old) for part in _parts(new))

    def _part_asks(self, part: Schema, keyword: str, old: Schema) -> bool:
        if keyword in _BOUNDS:
            stricter = _EXCLUSIVE.get(keyword, keyword)
            return any(name in part and _BOUNDS[keyword](part[name], old[keyword]) for name in (keyword, stricter))
        if keyword in {"properties", "additionalProperties", "patternProperties"}:
            return self._members_within(part, old)
        if keyword in {"items", "prefixItems"}:
            return self._items_within(part, old)
        if keyword == "propertyNames":
            return self.within(part.get(keyword, True), old[keyword])
        together = ("if", "then", "else") if keyword == "if" else ("contains", "minContains", "maxContains")
        names = together if keyword in together else (keyword,)
        return all(_equal(part.get(name), old.get(name)) for name in names)

    def _members_within(self, new: Schema, old: Schema) -> bool:
        if not _equal(new.get("patternProperties", {}), old.get("patternProperties", {})):
            return False
        ours, theirs = new.get("properties", {}), old.get("properties", {})
        if new.get("patternProperties") and ours.keys() != theirs.keys():
            return False
        ours_else, theirs_else = new.get("additionalProperties", True), old.get("additionalProperties", True)
        return self.within(ours_else, theirs_else) and all(
            self.within(ours.get(name, ours_else), theirs.get(name, theirs_else))
            for name in ours.keys() | theirs.keys()
        )

    def _items_within(self, new: Schema, old: Schema) -> bool:
        ours, theirs = new.get("prefixItems", []), old.get("prefixItems", [])
        ours_else, theirs_else = new.get("items", True), old.get("items", True)
        return self.within(ours_else, theirs_else) and all(
            self.within(
                ours[place] if place < len(ours) else ours_else, theirs[place] if place < len(theirs) else theirs_else
            )
            for place in range(max(len(ours), len(theirs)))
        )


def _unfolded(schema: Any, root: Schema) -> Any:
    """The schema without annotations and definitions, each reference replaced by what it leads to."""
    if not isinstance(schema, dict):
        return schema
    found: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in ONE:
            found[keyword] = _unfolded(value, root)
        elif keyword in MANY:
            found[keyword] = [_unfolded(inner, root) for inner in value]
        elif keyword in NAMED and keyword != "$defs":
            found[keyword] = {name: _unfolded(inner, root) for name, inner in value.items()}
        elif keyword not in ANNOTATIONS and keyword not in {"$defs", "$ref"}:
            found[keyword] = value
    if "$ref" not in schema:
        return found
    target = _unfolded(definition(root, schema["$ref"]), root)
    return {"allOf": [target, found]} if found else target


def _parts(schema: Schema) -> Iterator[Schema]:
    """The schemas that must all be passed: the schema itself, and those of its `allOf`."""
    yield schema
    for part in schema.get("allOf", ()):
        yield from _parts(part if isinstance(part, dict) else {})


def _lists(schema: Schema) -> Iterator[list[Any]]:
    """The lists of values, of one of which a value must be."""
    for part in _parts(schema):
        yield from (_listed(part, keyword) for keyword in ("enum", "const") if keyword in part)


def _listed(schema: Schema, keyword: str) -> list[Any]:
    return list(schema["enum"]) if keyword == "enum" else [schema["const"]]


def _types(schema: Schema, *, exact: bool = False) -> frozenset[str]:
    """The types that a value may have; `integer` is told apart from `number` only where it is asked for."""
    found = _ALL_TYPES | {"integer"}
    for part in _parts(schema):
        if "type" in part:
            found &= _widened({part["type"]} if isinstance(part["type"], str) else set(part["type"]))
    for values in _lists(schema):
        found &= _widened({_TYPE_OF.get(type(value), "number") for value in values})
    return found if exact else found - {"integer"} | ({"number"} if "integer" in found else frozenset())


def _widened(types: set[str]) -> frozenset[str]:
    """A number may be an integer."""
    return frozenset(types | {"integer"} if "number" in types else types)


def _equal(one: Any, other: Any) -> bool:
    """As they are written: 1 and 1.0 count as different here, 1 and true are."""
    return orjson.dumps(one, option=orjson.OPT_SORT_KEYS) == orjson.dumps(other, option=orjson.OPT_SORT_KEYS)
