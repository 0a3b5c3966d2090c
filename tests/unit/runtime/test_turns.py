# SPDX-License-Identifier: Apache-2.0
"""Turns come from a hostile program, as JSON or in the compact form."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from genapps_runtime.guest.turns import (
    HEADER_BYTES,
    HEADERS,
    PIECE_BYTES,
    Call,
    Calls,
    Done,
    ResponseInvalidError,
    TurnInvalidError,
    Wait,
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


FIELDS = st.sampled_from(
    [
        b"200", b"599", b"600", b"get", b"sql", b"timer", b"",
        b"[]", b"7", b'[["a","1"]]', b'[["a",null]]', b"null", b"{}",
        b"\xff",
        b"[", b"x" * PIECE_BYTES, b"x" * (PIECE_BYTES + 1), b'[["x","' + b"y" * HEADER_BYTES + b'"]]', b"\xed\xa0\x80",
    ]
) | st.binary(max_size=8)  # fmt: skip


@settings(max_examples=1000)
@given(st.lists(FIELDS, max_size=6))
@example([b"200", b"[]", b"", b"\xc3\xbc"])
@example([b"get", b"1", b"key"])
@example([b"sql", b"1", b"[1]", b"SELECT ?"])
@example([b"timer", b"1", b"7"])
def test_any_compact_bytes_are_a_turn_within_the_limits_or_refused(fields: list[bytes]) -> None:
    try:
        turn = parse_turn(b"\0".join(fields))
    except (TurnInvalidError, ResponseInvalidError):
        return
    if isinstance(turn, Calls):
        assert [call.kind for call in turn.calls] in (["get"], ["sql"], ["timer"])
        assert turn.calls[0].id == str(int(turn.calls[0].id))
        return
    assert isinstance(turn, Done)
    assert 200 <= turn.status <= 599
    assert len(turn.piece) <= PIECE_BYTES
    turn.piece.decode()
    assert len(turn.headers) <= HEADERS
    assert sum(len(name) + len(value) for name, value in turn.headers) <= HEADER_BYTES
    assert all(isinstance(key, str) and isinstance(value, str | None) for key, value in turn.writes)


@pytest.mark.parametrize(
    "turn",
    [
        b"200\0[]\0", b"200\0[]", b"20\0[]\0\0", b"2000\0[]\0\0", b"+20\0[]\0\0", b"200\0\0\0", b"200\0{}\0\0",
        b"200\0[]\0{}\0", b'200\0[]\0[["a"]]\0', b'200\0[]\0[["a",1]]\0', b"200\0[]\0\0\xff",
        b"200\0[]\0\0\xed\xa0\x80", b"200\0[]\0\0" + b"x" * (PIECE_BYTES + 1), b"\xd9\xa2\0\0[]\0\0",
        b"get\0" + b"1" * 19 + b"\0a", b"get\0" + b"01\0a", b"get\0-1\0a", b"get\0\0a", b"get\0" + b"1",
        b"get\0" + b"1\0\xff", b"put\0" + b"1\0a", b"GET\0" + b"1\0a",
        b"sql\0" + b"1\0[]", b"sql\0" + b"01\0[]\0a", b"sql\0" + b"1\0\0a", b"sql\0" + b"1\0[\0a",
        b"sql\0" + b"1\0[]\0\xff", b"sql\0" + b"1\0[[]]\0a", b"sql\0" + b"1\0null\0a", b"sql\0" + b'1\0"a"\0a',
        b"sql\0" + b'1\0[{"base64":"*"}]\0a', b"sql\0" + b'1\0[{"more":"aa"}]\0a', b"sql\0" + b"1\0[NaN]\0a",
        b"sql\0" + b'1\0["\xff"]\0a', b"sql\0" + b'1\0{"a":{}}\0a',
        b"timer\0" + b"1", b"timer\0" + b"1\0", b"timer\0" + b"1\0" + b"0", b"timer\0" + b"1\0" + b"01",
        b"timer\0" + b"1\0-1", b"timer\0" + b"1\0" + b"86400001", b"timer\0" + b"1\0" + b"1e3",
        b"timer\0" + b"1\0" + b"7\0", b"timer\0" + b"01\0" + b"7", b"timer\0\0" + b"7", b"timer\0" + b"1\0" + b"7\n",
        b"timer\0" + b"1\0" + b"9" * 5000, b"timer\0" + b"1\0\xd9\xa2", b"timer", b"time\0" + b"1\0" + b"7",
        b"tim\0" + b"1\0" + b"7",
    ],
)  # fmt: skip
def test_a_compact_turn_that_is_not_by_the_contract_is_refused(turn: bytes) -> None:
    with pytest.raises(TurnInvalidError):
        parse_turn(turn)


def test_a_compact_timer_lasts_a_day_at_most() -> None:
    turn = parse_turn(b"timer\0" + b"12\0" + b"86400000")
    assert turn == Calls([Call("12", "timer", {"millis": 86_400_000})])


def test_a_piece_is_good_up_to_its_size_and_may_hold_what_separates_fields() -> None:
    piece = b"\0" * PIECE_BYTES
    turn = parse_turn(b"200\0[]\0\0" + piece)
    assert isinstance(turn, Done)
    assert turn.piece == piece


@pytest.mark.parametrize("blanks", [0, 2000])
def test_headers_that_were_refused_once_are_refused_again_and_known_ones_cannot_be_changed(blanks: int) -> None:
    pad = b" " * blanks
    for _ in range(3):
        with pytest.raises(ResponseInvalidError):
            parse_turn(b'200\0[["Connection","close"]%s]\0\0' % pad)
        turn = parse_turn(b'200\0[["X-Team","a"]%s]\0\0' % pad)
        assert isinstance(turn, Done)
        assert turn.headers == [(b"x-team", b"a")]
        turn.headers.append((b"connection", b"close"))


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
        [["genapps-request-id", "mine"]], [["Idempotent-Replayed", "true"]], [["x", "y" * 20_000]], [["x", "1"]] * 65,
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


def test_a_wait_has_new_calls_those_given_up_and_those_to_wake() -> None:
    turn = parse_turn(b'{"wait": {"calls": [{"id": 3, "timer": {"millis": 5}}], "cancel": [1, 2], "wake": [9]}}')
    assert turn == Wait([Call("3", "timer", {"millis": 5})], ["1", "2"], [9])


@pytest.mark.parametrize("millis", [0, -1, 1.5, True, "5", 86_400_001])
def test_a_timer_has_a_length_within_a_day(millis: object) -> None:
    parse_turn(json.dumps({"calls": [{"id": 1, "timer": {"millis": 86_400_000}}]}).encode())
    with pytest.raises(TurnInvalidError):
        parse_turn(json.dumps({"calls": [{"id": 1, "timer": {"millis": millis}}]}).encode())


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
