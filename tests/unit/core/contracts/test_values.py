# SPDX-License-Identifier: Apache-2.0
"""Bounds of JSON values, at each bound and one past it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps.core.contracts.values import EXACT, Bounds, _surely_within, value_fault

BOUNDS = Bounds(depth=3, values=10, string=5, text=20)


def _nested(levels: int) -> Any:
    value: Any = 0
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        EXACT,
        -EXACT,
        1e300,
        _nested(3),
        [0] * 9,
        {str(number): number for number in range(9)},
        "x" * 5,
        ["x" * 5] * 4,
        {"x" * 5: "x" * 5, "y" * 5: "y" * 5},
    ],
)
def test_a_value_at_a_bound_is_taken(value: object) -> None:
    assert value_fault(value, BOUNDS) is None


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (_nested(4), "/0/a/0: there are more than 3 levels of lists and objects"),
        ([0] * 10, "(the whole): there are more than 10 values"),
        ([[0] * 5, [0] * 5], "(the whole): there are more than 10 values"),
        (["x" * 6], "/0: the string has more than 5 characters"),
        ({"a": {"x" * 6: 1}}, "/a: a name is no string of at most 5 characters"),
        ({1: 1}, "(the whole): a name is no string of at most 5 characters"),
        (["x" * 5] * 4 + ["x"], "(the whole): the strings have more than 20 characters together"),
        ({f"{number}xxxx": "" for number in range(5)}, "(the whole): the strings have more than 20"),
        ({"a/b": {"c": EXACT + 1}}, "/a~1b/c: the integer is beyond 2^53 - 1; send it as a string"),
        ([-EXACT - 1], "/0: the integer is beyond"),
        ([10**400], "/0: the integer is beyond"),
        ([0, float("nan")], "/1: the number is not finite"),
        ([float("-inf")], "/0: the number is not finite"),
        ([b"x"], "/0: the value is none of JSON"),
        ([(1,)], "/0: the value is none of JSON"),
    ],
    ids=lambda part: str(part)[:40],
)
def test_a_value_past_a_bound_is_refused_and_the_place_is_named(value: object, fault: str) -> None:
    assert str(value_fault(value, BOUNDS)).startswith(fault)


class _Counted(list[Any]):
    """Tells how many of its items were looked at."""

    seen = 0

    def __iter__(self) -> Any:
        for item in super().__iter__():
            type(self).seen += 1
            yield item


def test_the_work_ends_at_the_bound_however_large_the_value_is() -> None:
    assert value_fault([_Counted([0] * 100_000)], BOUNDS) is not None
    assert _Counted.seen == 0


def test_a_value_as_deep_as_memory_allows_is_no_recursion() -> None:
    assert value_fault(_nested(200_000), Bounds(depth=300_000, values=300_000, string=5, text=300_000)) is None


ANY = st.recursive(
    st.none() | st.booleans() | st.integers(EXACT - 2, EXACT + 2) | st.floats() | st.text(max_size=7),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@given(ANY)
def test_both_ways_of_looking_say_the_same(value: object) -> None:
    """Below 32 values each is looked at alone."""
    assert _surely_within(value, BOUNDS) == (value_fault(value, BOUNDS) is None)


def test_a_fault_among_many_values_has_its_place() -> None:
    bounds = Bounds(depth=3, values=1_000, string=5, text=1_000)
    many: list[Any] = [{"a": number} for number in range(400)]
    assert value_fault(many, bounds) is None
    many[200] = {"a": EXACT + 1}
    assert str(value_fault(many, bounds)).startswith("/200/a: the integer is beyond")
