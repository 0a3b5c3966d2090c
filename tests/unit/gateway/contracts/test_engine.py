# SPDX-License-Identifier: Apache-2.0
"""The engine says what the reference implementation in Python says, in a bounded number of steps."""

from copy import deepcopy
from typing import Any

import jsonschema
import jsonschema_rs
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from genapps.core.contracts.schemas import _Unfolding, schema_faults, subschemas
from genapps.gateway.contracts.checker import SchemaChecker
from genapps.gateway.contracts.wording import FAULT_CHARACTERS, fault_text
from tests.unit.gateway.contracts.schemas import SCHEMAS, VALUES


@settings(max_examples=150, deadline=None)
@given(SCHEMAS, st.lists(VALUES, min_size=1, max_size=5))
def test_the_engine_and_the_reference_agree(schema: dict[str, Any], values: list[Any]) -> None:
    assume(not list(schema_faults(schema)))
    ours, reference = SchemaChecker(schema), jsonschema.Draft202012Validator(schema)
    for value in values:
        fault = ours.fault(value)
        assert (fault is None) == reference.is_valid(value)
        assert fault is None or len(fault_text(fault)) <= FAULT_CHARACTERS


class _Steps:
    """A keyword that is in every schema of a document, and counts how often one of them is looked at."""

    taken = 0

    def __init__(self, parent_schema: dict[str, Any], value: Any, schema_path: list[str | int]) -> None:
        pass

    def validate(self, instance: object) -> None:
        _Steps.taken += 1


def _counted(schema: Any) -> Any:
    """The same schema, whose parts count."""
    if not isinstance(schema, dict):
        return {"allOf": [schema], "count": True}
    counted = deepcopy(schema)
    for path, inner in subschemas(schema):
        place: Any = counted
        for part in path[:-1]:
            place = place[part]
        place[path[-1]] = _counted(inner)
    return {**counted, "count": True}


def _values(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + (len(value) if isinstance(value, dict) else 0) + sum(map(_values, inner))


def _steps(schema: dict[str, Any], value: Any) -> int:
    _Steps.taken = 0
    engine = jsonschema_rs.Draft202012Validator(_counted(schema), keywords={"count": _Steps})
    engine.is_valid(value)
    return _Steps.taken


@settings(max_examples=150, deadline=None)
@given(SCHEMAS, VALUES)
def test_a_check_takes_no_more_steps_than_parts_times_values(schema: dict[str, Any], value: Any) -> None:
    """Names of members count as values: `propertyNames` looks at them."""
    assume(not list(schema_faults(schema)))
    assert _steps(schema, value) <= _Unfolding(schema).measured(schema, 0)[0] * _values(value)


@pytest.mark.parametrize("size", [10, 100, 1_000])
def test_steps_grow_with_the_value_and_not_faster(size: int) -> None:
    forms = [{"type": "string"}, {"items": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/x"}]}}]
    schema = {"items": {"oneOf": forms}, "$defs": {"x": {"properties": {"a": {"not": {"type": "null"}}}}}}
    assert list(schema_faults(schema)) == []
    once = _steps(schema, [[{"a": 1}, "x"]])
    assert once == 9
    assert _steps(schema, [[{"a": 1}, "x"]] * size) == (once - 1) * size + 1
