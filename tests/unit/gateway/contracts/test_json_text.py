# SPDX-License-Identifier: Apache-2.0
"""JSON that two readers could read differently is refused."""

import inspect
import json
import sys

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps.core.contracts.values import EXACT
from genapps.gateway.contracts.json_text import AmbiguousJsonError, read_answer, read_json

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-EXACT, EXACT)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_what_one_reader_alone_would_read_is_read(value: object) -> None:
    content = json.dumps(value).encode() if _is_text(value) else b"null"
    assert read_json(content) == orjson.loads(content)


def _is_text(value: object) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True


@given(JSON)
def test_what_runtimes_write_is_read(value: object) -> None:
    content = orjson.dumps(value) if _is_text(value) else b"null"
    assert read_json(content) == orjson.loads(content)


@pytest.mark.parametrize(
    "content",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b'{"a":1,"b":{"c":{},"c":{}}}',
        b'[{"a":1},{"a":1,"\\u0061":2}]',
        b'{"":1,"":2}',
        b'{"a":"\\":","a":1}',
    ],
)
def test_a_name_that_stands_twice_is_refused(content: bytes) -> None:
    with pytest.raises(AmbiguousJsonError, match="a name stands twice"):
        read_json(content)


@pytest.mark.parametrize(
    "content",
    [
        b'{"a":{"a":1},"b":[{"a":1},{"a":1}]}',
        b'{"a":":,\\"a\\":","A":1}',
        b'["a","a"]',
        b"[1.5e300, 0.12345678901234567890]",
    ],
)
def test_what_looks_like_it_is_read(content: bytes) -> None:
    assert read_json(content) == orjson.loads(content)


def test_the_largest_integers_are_read_and_one_more_is_not() -> None:
    assert read_json(f"[{EXACT},-{EXACT}]".encode()) == [EXACT, -EXACT]
    for digits in (str(EXACT + 1), f"-{EXACT + 1}", str(2**64), "9" * 300):
        with pytest.raises(AmbiguousJsonError, match="an integer is beyond"):
            read_json(f'{{"a":[{digits}]}}'.encode())


def test_what_is_nested_beyond_a_reader_is_refused() -> None:
    nested = b"[" * 200 + b"]" * 200
    assert read_json(nested)
    for levels in (1_025, 100_000):
        with pytest.raises(ValueError, match="depth limit"):
            read_json(b"[" * levels + b"]" * levels)
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 100)
    try:
        assert read_json(nested), "as orjson would write it: nothing was lost, and nobody reads it again"
        with pytest.raises(AmbiguousJsonError, match="nested too deeply"):
            read_json(b" " + nested)
    finally:
        sys.setrecursionlimit(before)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"NaN", b"[Infinity]", b"1e400", b'"\\ud800"', b'"\xff"', b"\xff\xfe{\x00}\x00", b"{}{}", b"[1,]"],
)
def test_what_is_no_json_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  orjson says what, in its own words
        read_json(content)
    assert not isinstance(refused.value, AmbiguousJsonError)


@pytest.mark.parametrize(
    "number",
    [
        "18446744073709551616",
        "-9223372036854775809",
        "-9999999999999999999",
        "-340282366920938463463374607431768211456",
        "[1, 1" + "0" * 30 + "]",
    ],
)
def test_an_integer_of_an_answer_does_not_become_a_float(number: str) -> None:
    with pytest.raises(AmbiguousJsonError, match="send it as a string"):
        read_answer(b'{"id": %b}' % number.encode())


@pytest.mark.parametrize(
    "text",
    [
        "9999999999999999999",
        "-999999999999999999",
        '"18446744073709551616"',
        "0.18446744073709551616123",
        "1.5e300",
        "12345678901234567890.5",
    ],
)
def test_digits_that_are_no_such_integer_are_read(text: str) -> None:
    assert read_answer(text.encode()) == orjson.loads(text)


def test_an_answer_of_many_digits_and_levels_is_refused() -> None:
    # Which of the two is said depends on how deep the interpreter may go, which other tests of a run change.
    with pytest.raises(AmbiguousJsonError, match=r"too deeply|send it as a string"):
        read_answer(b"[" * 1000 + b"1" * 21 + b"]" * 1000)
