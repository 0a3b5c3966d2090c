# SPDX-License-Identifier: Apache-2.0
"""What a new version widens."""

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from genapps.core.contracts.changes import connector_changes, widenings
from genapps.core.contracts.contract import contract_of
from genapps.core.contracts.narrowing import takes_no_more
from genapps.core.contracts.schemas import schema_faults
from genapps.gateway.contracts.checker import SchemaChecker
from tests.unit.core.contracts.connectors import LATEST, connector, tool
from tests.unit.gateway.contracts.schemas import SCHEMAS, VALUES

CLOSED = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 5}}, "additionalProperties": False}
OPEN = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 5}}}


def _changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return [str(change) for change in connector_changes(connector(**old).spec, connector(**new).spec)]


def _tool_changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return _changes({"tools": [tool(**old)]}, {"tools": [tool(**new)]})


MODEL: dict[str, Any] = {"type": "Model", "tools": [], "models": ["a"]}


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ({}, {}, []),
        ({}, {"description": "Rates"}, []),
        ({}, {"tools": [LATEST, tool(name="all", path="/v1/{currency}/all")]}, ["wider: tools: all is new"]),
        ({}, {"tools": []}, ["narrower: tools: latest is withdrawn"]),
        ({}, {"namespaces": ["finance", "sales"]}, ["wider: namespaces: sales is new"]),
        ({}, {"namespaces": []}, ["narrower: namespaces: finance is withdrawn"]),
        ({}, {"minimumRiskClass": "high"}, ["narrower: minimumRiskClass: low becomes high"]),
        ({"minimumRiskClass": "high"}, {}, ["wider: minimumRiskClass: high becomes low"]),
        ({}, {"endpoint": {"url": "https://b.example.com"}}, ["changed: endpoint: calls go to another address"]),
        (
            {},
            {"credential": {"secretName": "s", "key": "k", "as": {"header": "X-Key"}}},
            ["changed: credential: calls carry another credential, or carry it otherwise"],
        ),
        (
            {},
            {"stepToken": {"audience": "rates"}},
            ["changed: stepToken: calls carry step tokens for another audience, begin to, or stop to"],
        ),
        (MODEL, MODEL | {"models": ["b"]}, ["narrower: models: a is withdrawn", "wider: models: b is new"]),
        (MODEL, MODEL | {"maxTokens": 5}, ["narrower: maxTokens: 4096 becomes 5"]),
        (MODEL | {"maxTokens": 5}, MODEL, ["wider: maxTokens: 5 becomes 4096"]),
        (MODEL | {"maxTokens": 5}, MODEL | {"maxTokens": 6}, ["wider: maxTokens: 5 becomes 6"]),
        (MODEL | {"maxTokens": 5}, MODEL | {"maxTokens": 4}, ["narrower: maxTokens: 5 becomes 4"]),
        (
            MODEL,
            MODEL | {"type": "MCP", "models": []},
            [
                "changed: type: Model becomes MCP",
                "narrower: models: a is withdrawn",
                "wider: maxTokens: 4096 becomes no bound",
                "narrower: tools: chat is withdrawn",
                "narrower: tools: embeddings is withdrawn",
                "narrower: tools: responses is withdrawn",
            ],
        ),
    ],
)
def test_a_change_of_a_connector_is_named(old: dict[str, Any], new: dict[str, Any], changes: list[str]) -> None:
    assert _changes(old, new) == changes


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ({}, {"description": "x", "cost": {"usd": "1"}, "cache": "60s"}, []),
        ({}, {"effect": "Write"}, ["wider: latest.effect: Read becomes Write"]),
        ({"effect": "Write"}, {}, ["changed: latest.effect: Write becomes Read"]),
        ({}, {"method": "HEAD"}, ["changed: latest.method: this is another call"]),
        ({}, {"path": "/v2/{currency}"}, ["changed: latest.path: this is another call"]),
        ({}, {"stream": "Lines"}, ["changed: latest.stream: this is another call"]),
        ({}, {"query": ["limit"]}, ["changed: latest.query: this is another call"]),
        ({"timeout": "9s"}, {}, ["wider: latest.timeout: 9s becomes 10s"]),
        ({}, {"timeout": "9s"}, ["narrower: latest.timeout: 10s becomes 9s"]),
        ({"output": OPEN}, {"output": CLOSED}, ["narrower: latest.output: it takes less than before"]),
        ({"output": CLOSED}, {"output": OPEN}, ["wider: latest.output: it takes more than before"]),
        ({}, {"output": None}, ["wider: latest.output: it takes more than before"]),
        ({"input": CLOSED}, {"input": None}, ["changed: latest.input: it may take more than before; review it"]),
        ({"input": CLOSED}, {"input": CLOSED | {"description": "x"}}, []),
        ({"input": CLOSED}, {"input": {"$ref": "#/$defs/a", "type": "object", "$defs": {"a": CLOSED}}}, []),
        (
            {"input": OPEN | {"not": {"required": ["b"]}}},
            {"input": OPEN | {"not": {"required": ["c"]}}},
            ["changed: latest.input: it may take more than before; review it"],
        ),
    ],
)
def test_a_change_of_a_tool_is_named(old: dict[str, Any], new: dict[str, Any], changes: list[str]) -> None:
    assert _tool_changes({"path": "/v1"} | old, {"path": "/v1"} | new) == changes


def test_widenings_are_what_waits_for_a_review() -> None:
    old = contract_of(connector(tool(timeout="9s"), tool(name="pay", path="/v1/{currency}/pay")).spec)
    new = contract_of(connector(tool(timeout="8s", effect="Write")).spec)
    assert [str(change) for change in widenings(old, new)] == ["wider: latest.effect: Read becomes Write"]
    assert widenings(old, old) == ()


@pytest.mark.parametrize(
    ("new", "old"),
    [
        ({"type": "integer"}, {"type": ["number", "string"]}),
        ({"const": "a"}, {"enum": ["a", "b"]}),
        ({"enum": [1, 2.0]}, {"enum": [1.0, 2, 3]}),
        ({"enum": ["a", 1]}, {"type": ["string", "number"]}),
        ({"minimum": 2, "maximum": 3}, {"minimum": 1, "maximum": 3}),
        ({"exclusiveMinimum": 1}, {"minimum": 1}),
        ({"type": "string"}, {"minimum": 5}),
        ({"multipleOf": 6}, {"multipleOf": 3}),
        ({"required": ["a", "b"]}, {"required": ["b"]}),
        (CLOSED, OPEN),
        (CLOSED, {"properties": {"a": {"maxLength": 6}, "b": {"type": "null"}}}),
        ({"properties": {"b": False}}, {"properties": {"b": {"type": "null"}}}),
        ({"additionalProperties": {"type": "null"}}, {"properties": {"b": {"type": ["null", "string"]}}}),
        ({"items": {"type": "integer"}, "maxItems": 3}, {"items": {"type": "number"}}),
        ({"prefixItems": [{"const": 1}], "items": False}, {"items": {"type": "number"}}),
        ({"allOf": [{"maxLength": 3}, {"type": "string"}]}, {"type": "string", "maxLength": 4}),
        ({"type": "string", "maxLength": 3}, {"anyOf": [{"type": "null"}, {"type": "string"}]}),
        ({"anyOf": [{"type": "null"}, {"const": "a"}]}, {"type": ["null", "string"]}),
        ({"anyOf": [{"const": 1}, {"const": 2}], "minimum": 0}, {"anyOf": [{"const": 2}, {"const": 1}, {}]}),
        ({"oneOf": [{"const": 1}, {"const": 2}]}, {"type": "number"}),
        ({"if": {"const": 1}, "then": False, "maximum": 3}, {"if": {"const": 1}, "then": False}),
        ({"pattern": "^a", "maxLength": 3}, {"pattern": "^a"}),
    ],
)
def test_such_a_narrowing_is_proven_and_its_reverse_is_not(new: dict[str, Any], old: dict[str, Any]) -> None:
    assert takes_no_more(new, old)
    assert not takes_no_more(old, new)


@settings(max_examples=60, deadline=None)
@given(SCHEMAS, SCHEMAS, st.lists(VALUES, min_size=1, max_size=10))
def test_what_is_proven_is_true(new: dict[str, Any], old: dict[str, Any], values: list[Any]) -> None:
    assume(not [*schema_faults(new), *schema_faults(old)])
    _judge(new, old, values)
    _judge({"allOf": [new, {"required": ["a"]}], "$defs": new["$defs"]}, new, values)


def _judge(new: dict[str, Any], old: dict[str, Any], values: list[Any]) -> None:
    if takes_no_more(new, old):
        narrow, wide = SchemaChecker(new), SchemaChecker(old)
        assert [value for value in values if narrow.fault(value) is None and wide.fault(value) is not None] == []


def test_a_comparison_that_becomes_too_long_proves_nothing() -> None:
    def forms(inner: str, last: int) -> dict[str, Any]:
        return {"anyOf": [{"properties": {"a": {"$ref": inner}}, "minProperties": form} for form in range(last)]}

    def schema(last: int) -> dict[str, Any]:
        definitions = {"x": forms("#/$defs/y", last), "y": forms("#/$defs/z", last), "z": {"type": "string"}}
        return {"properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": definitions}

    assert list(schema_faults(schema(25))) == []
    assert takes_no_more(schema(5), schema(6))
    assert not takes_no_more(schema(24), schema(25))
