# SPDX-License-Identifier: Apache-2.0
"""The quick JSON and queries of the Python engine give what Python's own functions give."""

import json
import math
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.engine_modules import engine_module

ENCODING, PLAIN = engine_module("encoding"), engine_module("plain").plain
KEYS = st.text(max_size=4) | st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none()
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


class Whole(int):
    def __repr__(self) -> str:
        return "no number"


class Texts(str):
    __slots__ = ()


def _circle() -> list[Any]:
    circle: list[Any] = []
    circle.append({"again": circle})
    return circle


def _outcome(function: Any, *values: Any, **options: Any) -> Any:
    try:
        found = function(*values, **options)
    except Exception as error:
        return type(error), str(error)
    return repr(found)


@settings(max_examples=400)
@given(VALUES)
@example(Whole(5))
@example(True)
@example(Texts("a"))
@example(math.inf)
@example([math.nan])
@example({"a": object()})
@example({(1, 2): 3})
@example(_circle())
@example({1, 2})
def test_values_become_the_text_that_json_dumps_writes(value: Any) -> None:
    dense = {"allow_nan": False, "separators": (",", ":"), "default": PLAIN}
    for _ in range(2):  # an error leaves nothing behind
        assert _outcome(ENCODING.to_json, value) == _outcome(json.dumps, value, allow_nan=False, default=PLAIN)
        assert _outcome(ENCODING.to_dense_json, value) == _outcome(json.dumps, value, **dense)


@settings(max_examples=400)
@given(st.text(st.sampled_from('\ud800\udbff\udc00\udfff\\ud8a\u20ac0"'), max_size=8))
def test_half_a_character_becomes_the_replacement_character_and_two_halves_one_character(text: str) -> None:
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    for encoded in (ENCODING.to_json(text), ENCODING.to_dense_json([text])[1:-1]):
        assert json.loads(encoded) == whole


def test_a_value_is_no_circle_because_it_is_encoded_while_it_is_encoded() -> None:
    class Nested(dict[str, int]):
        def items(self) -> Any:
            return [("inner", len(ENCODING.to_json(shared)))]

    shared = [1, 2]
    assert ENCODING.to_json([shared, Nested(a=1)]) == json.dumps([shared, {"inner": 6}])


@settings(max_examples=400)
@given(VALUES.map(repr) | st.text('0123456789-+.eE"\\u[]{}:, \n\ufefftrufalsn', max_size=12))
@example("")
@example("007")
@example("\u0662")
@example(" 1 ")
@example("1 2")
@example("1 \t\n\r")
@example("1 \x0b")
@example("NaN")
@example('"\x01"')
def test_texts_become_the_value_that_json_loads_returns(text: str) -> None:
    assert _outcome(ENCODING.from_json, text) == _outcome(json.loads, text)


@settings(max_examples=300)
@given(VALUES)
def test_what_was_stored_is_read_again(value: Any) -> None:
    try:
        text = json.dumps(value, separators=(",", ":"), allow_nan=False, default=PLAIN)
    except (TypeError, ValueError):
        return
    assert ENCODING.to_dense_json(value) == text
    assert repr(ENCODING.from_json(text)) == repr(json.loads(text))


@settings(max_examples=1000)
@given(st.text("ab=&;%+20\u00e9\u20ac\0# ", max_size=20) | st.text(max_size=20))
@pytest.mark.parametrize("times", [1, 50])
def test_a_query_is_parsed_as_parse_qsl_does(times: int, query: str) -> None:
    assert ENCODING.query_pairs(query * times) == parse_qsl(query * times, keep_blank_values=True)
