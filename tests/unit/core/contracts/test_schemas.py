# SPDX-License-Identifier: Apache-2.0
"""Which schemas a contract may hold."""

from typing import Any

import pytest

from genapps.core.contracts.patterns import PATTERN_CHARACTERS, REPETITIONS
from genapps.core.contracts.schemas import DIALECT, LEVELS, STEPS, SUBSCHEMAS, schema_faults
from genapps.core.contracts.values import SCHEMA

WHOLE = "(the whole)"


def _faults(schema: object) -> list[str]:
    return [str(fault) for fault in schema_faults(schema)]


def _doubling(levels: int) -> dict[str, Any]:
    """Each definition names the next one twice: 2**levels schemas when references are followed."""
    definitions: dict[str, Any] = {
        f"d{level}": {"allOf": [{"$ref": f"#/$defs/d{level + 1}"}, {"$ref": f"#/$defs/d{level + 1}"}]}
        for level in range(levels)
    }
    return {"$ref": "#/$defs/d0", "$defs": definitions | {f"d{levels}": {"type": "string"}}}


def _chain(links: int) -> dict[str, Any]:
    definitions: dict[str, Any] = {f"d{link}": {"$ref": f"#/$defs/d{link + 1}"} for link in range(links)}
    return {"$ref": "#/$defs/d0", "$defs": definitions | {f"d{links}": {"type": "string"}}}


def _nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"not": schema}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"$schema": DIALECT, "type": "object", "properties": {"$id": {"type": "string"}, "a": True}},
        {
            "properties": {"a": {"$ref": "#/$defs/a", "description": "beside it"}},
            "$defs": {"a": {"enum": [1, {"$ref": 1}]}},
        },
        {"if": {"const": {"unknown": 1}}, "then": False, "else": {"items": {"pattern": r"^\d{4}-\d{2}$"}}},
        {
            "patternProperties": {"^[^/]{1,256}$": {}},
            "propertyNames": {"maxLength": 3},
            "dependentRequired": {"a": ["b"]},
        },
        {"enum": list(range(STEPS - 1))},
        {"allOf": [{}] * (SUBSCHEMAS - 1)},
        {"description": "x" * SCHEMA.string},
        {"pattern": "a" * PATTERN_CHARACTERS},
        {"pattern": f"a{{{REPETITIONS}}}"},
        _doubling(8),
        _chain(LEVELS - 2),
        _nested(LEVELS - 1),
    ],
    ids=lambda schema: str(schema)[:40],
)
def test_such_a_schema_may_stand_in_a_contract(schema: dict[str, Any]) -> None:
    assert _faults(schema) == []


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        ([], f"{WHOLE}: a schema is an object"),
        (True, f"{WHOLE}: a schema is an object"),
        ({"$ref": "https://example.com/s"}, "/$ref: a reference leads to '#/$defs/<name>'"),
        ({"$ref": "other.json"}, "/$ref: a reference leads to"),
        ({"$ref": "#"}, "/$ref: a reference leads to"),
        ({"$ref": "#/properties/a", "properties": {"a": {}}}, "/$ref: a reference leads to"),
        ({"$ref": "#/$defs/a"}, "/$ref: a reference leads to"),
        ({"$ref": "#/$defs/a", "$defs": {"b": {}}}, "/$ref: a reference leads to"),
        ({"$ref": "#/$defs/a%25", "$defs": {"a%": {}}}, "/$ref: a reference leads to"),
        ({"$ref": 1}, "/$ref: a reference leads to"),
        ({"items": {"$dynamicRef": "#x"}}, "/items/$dynamicRef: the keyword is not supported; write $ref"),
        ({"$id": "https://example.com/s"}, "/$id: the keyword is not supported; a contract is whole"),
        ({"$anchor": "a"}, "/$anchor: the keyword is not supported"),
        ({"$schema": "https://example.com/meta"}, f"/$schema: only {DIALECT} is supported"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, f"/$schema: only {DIALECT}"),
        ({"$vocabulary": {}}, "/$vocabulary: the keyword is not supported"),
        ({"items": {"$defs": {}}}, "/items/$defs: definitions stand at the root"),
        ({"definitions": {}}, "/definitions: the keyword is not supported; write $defs"),
        ({"properties": {"a/b": {"maxlength": 1}}}, "/properties/a~1b/maxlength: the keyword is not supported; remove"),
        ({"unevaluatedProperties": False}, "/unevaluatedProperties: the keyword is not supported; write additional"),
        ({"anyOf": [{}, {"nullable": True}]}, "/anyOf/1/nullable: the keyword is not supported"),
        ({"contentSchema": {}}, "/contentSchema: the keyword is not supported"),
        ({"pattern": "(?=a)b"}, "/pattern: the pattern is invalid, too large, or needs look-around"),
        ({"pattern": r"(a)\1"}, "/pattern: the pattern is invalid"),
        ({"pattern": "("}, "/pattern: the pattern is invalid"),
        ({"pattern": "(a{1,1000}){1,1000}"}, "/pattern: the pattern is invalid, too large"),
        ({"pattern": f"a{{{REPETITIONS + 1}}}"}, "/pattern: the pattern repeats something more than"),
        ({"pattern": f"a{{1,{10**30}}}"}, "/pattern: the pattern repeats something more than"),
        ({"pattern": "a" * (PATTERN_CHARACTERS + 1)}, "/pattern: the pattern has more than"),
        ({"patternProperties": {"(?!a)": {}}}, "/patternProperties: the pattern is invalid"),
        ({"properties": {"a": {"type": "text"}}}, "/properties/a/type: this is no valid JSON Schema 2020-12"),
        ({"properties": []}, "/properties: this is no valid JSON Schema"),
        ({"allOf": []}, "/allOf: this is no valid JSON Schema"),
        ({"items": [{}]}, "/items: this is no valid JSON Schema"),
        ({"minLength": -1}, "/minLength: this is no valid JSON Schema"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, "/$defs/a: the definition leads back to itself"),
        (
            {
                "$ref": "#/$defs/a",
                "$defs": {"a": {"items": {"$ref": "#/$defs/b"}}, "b": {"not": {"$ref": "#/$defs/a"}}},
            },
            "/$defs/a: the definition leads back to itself",
        ),
        ({"enum": list(range(STEPS))}, f"{WHOLE}: with its references followed it has more than {STEPS}"),
        (_doubling(10), f"{WHOLE}: with its references followed it has more than {STEPS}"),
        (_doubling(60), f"{WHOLE}: with its references followed it has more than {LEVELS} levels"),
        (_doubling(30), f"{WHOLE}: with its references followed it has more than {STEPS}"),
        (_chain(LEVELS), f"{WHOLE}: with its references followed it has more than {LEVELS} levels"),
        (_chain(400), f"{WHOLE}: with its references followed it has more than {LEVELS} levels"),
        (_nested(LEVELS + 1), "there are more than 64 levels of lists and objects"),
        ({"allOf": [{}] * SUBSCHEMAS}, f"{WHOLE}: there are more than {SUBSCHEMAS} schemas"),
        ({"const": [0] * SCHEMA.values}, f"{WHOLE}: there are more than {SCHEMA.values} values"),
        ({"description": "x" * (SCHEMA.string + 1)}, "/description: the string has more than"),
        ({"examples": ["x" * SCHEMA.string] * 8}, f"{WHOLE}: the strings have more than {SCHEMA.text} characters"),
        ({"const": 2**53}, "/const: the integer is beyond 2^53 - 1"),
        ({"maximum": float("inf")}, "/maximum: the number is not finite"),
    ],
    ids=lambda part: str(part)[:50],
)
def test_such_a_schema_is_refused_and_the_place_is_named(schema: object, fault: str) -> None:
    faults = _faults(schema)
    assert len(faults) == 1
    assert fault in faults[0]


def test_all_faults_that_are_written_are_told_at_once() -> None:
    schema = {"properties": {"a": {"$id": "a"}, "b": {"pattern": "("}}, "nullable": True}
    assert {fault.pointer for fault in schema_faults(schema)} == {
        "/nullable",
        "/properties/a/$id",
        "/properties/b/pattern",
    }


def test_an_engine_that_panics_refuses_the_schema_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def panic(*_: object, **__: object) -> None:
        raise type("PanicException", (BaseException,), {})

    monkeypatch.setattr("jsonschema_rs.Draft202012Validator", panic)
    assert _faults({"type": "string"}) == [f"{WHOLE}: this is no valid JSON Schema 2020-12"]


def test_what_ends_the_process_is_not_taken_for_a_schema_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("jsonschema_rs.Draft202012Validator", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _faults({"type": "string"})
