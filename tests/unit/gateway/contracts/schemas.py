# SPDX-License-Identifier: Apache-2.0
"""Schemas and values for properties: small, so that values often come near what a schema asks for."""

from typing import Any

from hypothesis import strategies as st

_NAMES = st.sampled_from(["a", "b", "c"])
_COUNTS = st.integers(0, 3)
_NUMBERS = st.integers(-3, 3) | st.sampled_from([0.5, 1.0, -1.5])
_SCALARS = st.none() | st.booleans() | _NUMBERS | st.sampled_from(["", "a", "ab", "abc", "\U0001f600"])
_TYPES = st.sampled_from(["string", "number", "integer", "boolean", "null", "object", "array"])

VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=8,
)

_LEAVES: dict[str, st.SearchStrategy[Any]] = {
    "type": _TYPES | st.lists(_TYPES, min_size=1, max_size=3, unique=True),
    "enum": st.lists(VALUES, min_size=1, max_size=3),
    "const": VALUES,
    "minimum": _NUMBERS,
    "maximum": _NUMBERS,
    "exclusiveMinimum": _NUMBERS,
    "exclusiveMaximum": _NUMBERS,
    "multipleOf": st.integers(1, 3),
    "minLength": _COUNTS,
    "maxLength": _COUNTS,
    "pattern": st.sampled_from(["^a", "b$", "[bc]", "^a{1,2}$"]),
    "minItems": _COUNTS,
    "maxItems": _COUNTS,
    "uniqueItems": st.booleans(),
    "minProperties": _COUNTS,
    "maxProperties": _COUNTS,
    "required": st.lists(_NAMES, max_size=2, unique=True),
    "dependentRequired": st.dictionaries(_NAMES, st.lists(_NAMES, max_size=2, unique=True), max_size=2),
    "$ref": st.sampled_from(["#/$defs/x", "#/$defs/y"]),
}


def _applicators(inner: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    some = st.lists(inner, min_size=1, max_size=3)
    named = st.dictionaries(_NAMES, inner, max_size=3)
    one = ("additionalProperties", "items", "contains", "not", "if", "then", "else")
    return {
        **dict.fromkeys(one, inner),
        **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), some),
        "properties": named,
        "dependentSchemas": named,
        "patternProperties": st.dictionaries(st.sampled_from(["^a", "b"]), inner, max_size=2),
        "propertyNames": inner,
        "minContains": _COUNTS,
        "maxContains": _COUNTS,
    }


def _some_of(keywords: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    chosen = st.lists(st.sampled_from(sorted(keywords)), max_size=3, unique=True)
    return chosen.flatmap(lambda names: st.fixed_dictionaries({name: keywords[name] for name in names}))


_LEAF_SCHEMAS = st.booleans() | _some_of(_LEAVES)
_SCHEMAS = st.recursive(_LEAF_SCHEMAS, lambda inner: _some_of(_LEAVES | _applicators(inner)), max_leaves=8)

SCHEMAS = st.builds(
    lambda root, x, y: {**(root if isinstance(root, dict) else {"allOf": [root]}), "$defs": {"x": x, "y": y}},
    _SCHEMAS,
    _SCHEMAS,
    _SCHEMAS,
)
"""Whole schemas with two definitions; some have loops of references, which contracts may not have."""
