# SPDX-License-Identifier: Apache-2.0
"""Turns are JSON from a hostile program."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps_runtime.guest.turns import (
    HEADER_BYTES,
    HEADERS,
    Calls,
    Done,
    ResponseInvalidError,
    TurnInvalidError,
    parse_turn,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
KINDS = st.sampled_from(["calls", "emit", "done", "failed"])


@given(st.binary())
def test_any_bytes_are_a_turn_or_refused(content: bytes) -> None:
    with pytest.raises(TurnInvalidError):
        parse_turn(content)


@given(KINDS, JSON)
def test_any_json_is_a_turn_or_refused(kind: str, value: Any) -> None:
    try:
        parse_turn(json.dumps({kind: value}).encode())
    except (TurnInvalidError, ResponseInvalidError):
        return
    assert kind in ("calls", "emit", "done", "failed")


def _done(**response: Any) -> bytes:
    whole = {"status": 200, "headers": [], "body": {"text": ""}} | response
    return json.dumps({"done": {"response": whole, "writes": []}}).encode()


@pytest.mark.parametrize(
    "headers",
    [
        [["x\r\ny", "1"]], [["x", "1\n"]], [["x", "\0"]], [["", "1"]], [["x y", "1"]], [["x", "\u20ac"]],
        [["Content-Length", "0"]], [["transfer-encoding", "chunked"]], [["Connection", "close"]],
        [["genapps-request-id", "mine"]], [["x", "y" * 20_000]], [["x", "1"]] * 65,
    ],
)  # fmt: skip
def test_a_header_that_would_change_the_response_is_refused(headers: list[list[str]]) -> None:
    with pytest.raises(ResponseInvalidError):
        parse_turn(_done(headers=headers))


def test_header_names_are_lowered_and_values_kept() -> None:
    turn = parse_turn(_done(headers=[["X-Team", "a\u00e9"], ["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]]))
    assert isinstance(turn, Done)
    assert turn.headers == [(b"x-team", b"a\xe9"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]


@pytest.mark.parametrize("status", [100, 101, 199, 600, 10**30])
def test_a_status_that_is_not_an_answer_is_refused(status: int) -> None:
    with pytest.raises((ResponseInvalidError, TurnInvalidError)):
        parse_turn(_done(status=status))


def test_calls_keep_their_order_and_payload() -> None:
    turn = parse_turn(b'{"calls": [{"id": 2, "get": {"key": "a"}}, {"id": 1, "list": {"prefix": "", "limit": 5}}]}')
    assert isinstance(turn, Calls)
    assert [(call.id, call.kind, call.payload) for call in turn.calls] == [
        ("2", "get", {"key": "a"}),
        ("1", "list", {"prefix": "", "limit": 5}),
    ]


@pytest.mark.parametrize("times", [1, 3])
def test_headers_are_good_up_to_their_number_and_size_and_no_further(times: int) -> None:
    for _ in range(times):
        turn = parse_turn(_done(headers=[["x", "1"]] * HEADERS))
        assert isinstance(turn, Done)
        assert len(turn.headers) == HEADERS
        with pytest.raises(ResponseInvalidError):
            parse_turn(_done(headers=[["x", "1"]] * (HEADERS + 1)))
        assert isinstance(parse_turn(_done(headers=[["x", "y" * (HEADER_BYTES - 1)]])), Done)
        with pytest.raises(ResponseInvalidError):
            parse_turn(_done(headers=[["x", "y" * HEADER_BYTES]]))
        with pytest.raises(ResponseInvalidError, match="not a valid header"):
            parse_turn(_done(headers=[["te ", "refused each time"]]))
