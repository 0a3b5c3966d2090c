# SPDX-License-Identifier: Apache-2.0
"""Compiled tools: what they say about arguments and results."""

from typing import Any

import jsonschema_rs
import pytest

from genapps.core.contracts.contract import contract_of
from genapps.core.contracts.engine import deny
from genapps.core.contracts.force import in_force
from genapps.core.contracts.values import ARGUMENTS, EXACT, RESULT
from genapps.gateway.contracts.checker import CheckFailedError, SchemaChecker, checker
from genapps.gateway.contracts.compiled import CompiledTool, compile_contract, compile_tools
from genapps.gateway.contracts.wording import FAULT_CHARACTERS, fault_text
from tests.unit.core.contracts.connectors import connector, tool

SECRET = "sk-canary-0123456789"


def _compiled(**changes: Any) -> CompiledTool:
    return compile_tools(connector(tool(path="/v1", **changes)))["latest"]


def _told(schema: dict[str, Any], value: object) -> str | None:
    fault = checker(schema).fault(value)
    return None if fault is None else fault_text(fault)


def test_good_arguments_and_results_have_no_fault() -> None:
    compiled = compile_tools(connector())["latest"]
    assert compiled.argument_fault({"currency": "CHF", "limit": 100}) is None
    assert compiled.result_fault({"rate": 1.1, "more": [1]}) is None


def test_a_fault_names_the_place_and_what_to_send() -> None:
    compiled = compile_tools(connector())["latest"]
    assert compiled.argument_fault({"currency": "CHF", "limit": 101}) == "/limit: must be at most 100"
    assert compiled.argument_fault({}) == "(the whole): the member 'currency' is missing"
    assert compiled.result_fault({"rate": "1.1"}) == "/rate: must be of type number"


def test_a_tool_without_input_takes_no_arguments_and_without_output_gives_anything() -> None:
    compiled = _compiled(input=None, output=None)
    assert compiled.argument_fault({}) is None
    assert compiled.argument_fault({"a": 1}) == "(the whole): must have at most 0 members"
    assert compiled.result_fault([None, "x"]) is None


def test_bounds_hold_whatever_the_schema_allows() -> None:
    compiled = _compiled(input={"type": "object"}, output=None)
    deep: Any = 0
    for _ in range(ARGUMENTS.depth):
        deep = [deep]
    assert compiled.argument_fault({"a": [0] * (ARGUMENTS.values - 2)}) is None
    assert (
        compiled.argument_fault({"a": [0] * (ARGUMENTS.values - 1)}) == "(the whole): there are more than 10000 values"
    )
    assert str(compiled.argument_fault({"a": deep})).endswith("there are more than 32 levels of lists and objects")
    assert compiled.argument_fault({"a": EXACT + 1}) == "/a: the integer is beyond 2^53 - 1; send it as a string"
    assert compiled.argument_fault({"a": float("nan")}) == "/a: the number is not finite"
    assert compiled.result_fault([0] * RESULT.values) == "(the whole): there are more than 100000 values"


@pytest.mark.parametrize(
    ("schema", "value", "says"),
    [
        ({"type": ["string", "null"]}, 1, "(the whole): must be of type null or string"),
        ({"enum": ["a", 1, None]}, SECRET, '(the whole): must be one of "a", 1, null'),
        ({"const": {"a": 1}}, SECRET, '(the whole): must be {"a":1}'),
        ({"pattern": "^x"}, SECRET, "(the whole): must match ^x"),
        ({"minLength": 3}, "ab", "(the whole): must have at least 3 characters"),
        ({"maxLength": 3}, SECRET, "(the whole): must have at most 3 characters"),
        ({"minItems": 1}, [], "(the whole): must have at least 1 items"),
        ({"maxItems": 1}, [1, SECRET], "(the whole): must have at most 1 items"),
        ({"uniqueItems": True}, [SECRET, SECRET], "(the whole): must not have equal items"),
        ({"minProperties": 1}, {}, "(the whole): must have at least 1 members"),
        ({"maxProperties": 0}, {"a": SECRET}, "(the whole): must have at most 0 members"),
        ({"minimum": 1}, 0, "(the whole): must be at least 1"),
        ({"exclusiveMinimum": 1}, 1, "(the whole): must be above 1"),
        ({"exclusiveMaximum": 1}, 1, "(the whole): must be below 1"),
        ({"multipleOf": 2}, 3, "(the whole): must be a multiple of 2"),
        (
            {"contains": {"type": "string"}},
            [1],
            "(the whole): does not have the number of items that contains asks for",
        ),
        ({"not": {"type": "string"}}, SECRET, "(the whole): fits what is not allowed"),
        ({"properties": {"a": False}}, {"a": SECRET}, "/a: is not allowed, or has a member that is not"),
        ({"propertyNames": {"maxLength": 1}}, {"ab": SECRET}, "(the whole): has a member whose name is not allowed"),
        ({"dependentRequired": {"a": ["b"]}}, {"a": SECRET}, "(the whole): the member 'b' is missing"),
        (
            {"additionalProperties": False, "properties": {"a": {}}},
            {"ab": SECRET},
            "(the whole): has the unknown member 'ab'",
        ),
        ({"items": {"anyOf": [{"type": "string"}, {"type": "null"}]}}, ["a", 1], "/1: must fit one of 2 forms"),
        ({"oneOf": [True, True]}, SECRET, "(the whole): must fit exactly one of 2 forms"),
        ({"if": {"type": "string"}, "then": {"maxLength": 1}}, SECRET, "(the whole): must have at most 1 characters"),
        (
            {"anyOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"properties": {"a": {"type": "null"}}}}},
            {"a": SECRET},
            "(the whole): must fit one of 1 forms",
        ),
    ],
    ids=lambda part: str(part)[:40],
)
def test_each_keyword_has_its_words_and_no_value_is_told(schema: dict[str, Any], value: object, says: str) -> None:
    assert _told(schema, value) == says
    assert SECRET not in says


def test_a_fault_is_short_and_harmless_whatever_names_and_lists_are_in_it() -> None:
    hostile = "\x1b[2J\u202e" + "n" * 5_000
    schema: dict[str, Any] = {
        "properties": {"e": {"enum": ["x" * 300] * 20}, "p": {"pattern": "x" * 300}},
        "additionalProperties": {"additionalProperties": False, "required": ["r" * 4_000]},
    }
    values: list[object] = [{"e": 1}, {"p": "y"}, {hostile: {hostile: 1}}, {hostile: {}}, {"a": {hostile: 1}}]
    for value in values:
        told = _told(schema, value)
        assert told is not None
        assert len(told) <= FAULT_CHARACTERS
        assert told.isprintable()


def test_the_errors_of_nested_forms_do_not_multiply_with_the_value() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(20):
        schema = {"anyOf": [schema, {"type": "null"}]}
    assert _told({"properties": {"a": schema}}, {"a": [{"x" * 50: 1}] * 4_000}) == "/a: must fit one of 2 forms"


def test_arguments_pass_both_inputs_and_results_both_outputs() -> None:
    frozen = contract_of(connector(tool(output={"type": "object", "maxProperties": 1})).spec)
    narrow = {"type": "object", "properties": {"currency": {"const": "CHF"}}, "required": ["currency"]}
    current = contract_of(connector(tool(input=narrow)).spec)
    compiled = compile_contract(in_force(frozen, current))["latest"]
    assert compiled.argument_fault({"currency": "CHF"}) is None
    assert compiled.argument_fault({"currency": "EUR"}) == '/currency: must be "CHF"'
    assert compiled.argument_fault({"currency": "CHF", "more": 1}) == "(the whole): has the unknown member 'more'"
    assert compiled.result_fault({"rate": 1}) is None
    assert compiled.result_fault({"date": 1}) == "(the whole): the member 'rate' is missing"
    assert compiled.result_fault({"rate": 1, "date": 1}) == "(the whole): must have at most 1 members"


def test_equal_schemas_are_compiled_once() -> None:
    first, second = compile_tools(connector())["latest"], compile_tools(connector(tool(name="other")))["other"]
    assert first.inputs[0] is second.inputs[0]
    assert first.inputs[0] is not first.outputs[0]


class _Panicking:
    def is_valid(self, value: object) -> bool:
        raise type("PanicException", (BaseException,), {})


class _Failing:
    def is_valid(self, value: object) -> bool:
        raise ValueError("Unsupported type")


class _Interrupted:
    def is_valid(self, value: object) -> bool:
        raise KeyboardInterrupt


class _Contradicting:
    def is_valid(self, value: object) -> bool:
        return False


@pytest.mark.parametrize("engine", [_Panicking(), _Failing(), _Contradicting()])
def test_a_check_that_did_not_run_is_no_answer(engine: object, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = SchemaChecker({"type": "object"})
    monkeypatch.setattr(schema, "_validator", engine)
    with pytest.raises(CheckFailedError):
        schema.fault({})


@pytest.mark.parametrize("kind", ["BacktrackLimitExceeded", "Referencing", "RegexEngineFailure"])
def test_an_engine_that_could_not_decide_says_nothing_about_the_value(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Undecided:
        def validate(self, value: object) -> None:
            raise jsonschema_rs.ValidationError("no", "no", [], [], [], type(kind, (), {})(), value)

    schema = SchemaChecker({"type": "object"})
    monkeypatch.setattr(schema, "_telling", Undecided())
    with pytest.raises(CheckFailedError):
        schema.fault([])


def test_what_ends_the_process_is_not_taken_for_a_failed_check(monkeypatch: pytest.MonkeyPatch) -> None:
    schema = SchemaChecker({"type": "object"})
    monkeypatch.setattr(schema, "_validator", _Interrupted())
    with pytest.raises(KeyboardInterrupt):
        schema.fault({})


@pytest.mark.parametrize(
    "schema", [{"$ref": "https://example.com/s"}, {"$ref": "file:///etc/passwd"}, {"pattern": "(?=a)"}, {"type": 1}]
)
def test_what_cannot_be_compiled_is_no_checker_and_nothing_is_fetched(schema: dict[str, Any]) -> None:
    with pytest.raises(CheckFailedError):
        checker(schema)
    with pytest.raises(LookupError, match="no schema is fetched"):
        deny("https://example.com/s")
