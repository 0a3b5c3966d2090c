# SPDX-License-Identifier: Apache-2.0
"""Calls that are answered inside a guest's call: read, bounded, and ended, whatever a hostile program sends."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from genapps_runtime.guest.immediate import (
    ENDED,
    MOST_CALLS,
    Immediate,
    Outcome,
    ToolWantedError,
    TurnWantedError,
    parse_call,
)
from genapps_runtime.guest.turns import Call
from genapps_runtime.problems import ProblemError

SQL = b"sql\x000\x00[1]\x00SELECT ?"


def answered(_call: Call) -> Outcome | None:
    return {"ok": None}


@pytest.mark.parametrize(
    ("text", "call"),
    [
        (SQL, Call("0", "sql", {"text": "SELECT ?", "parameters": [1]})),
        (b"sql\x0016\x00{}\x00a\x00b", Call("16", "sql", {"text": "a\x00b", "parameters": {}})),
        (b"get\x000\x00a\x00b", Call("0", "get", {"key": "a\x00b"})),
        (b'{"id":0,"list":{"prefix":"a","limit":2}}', Call("0", "list", {"prefix": "a", "limit": 2})),
        (
            b'{"id":0,"tool":{"connector":"a","tool":"b","arguments":{"c":1}}}',
            Call("0", "tool", {"connector": "a", "tool": "b", "arguments": {"c": 1}}),
        ),
        (b'{"id":1,"point":"undo"}', Call("1", "point", {"step": "undo"})),
    ],
)
def test_a_call_is_read(text: bytes, call: Call) -> None:
    assert parse_call(text) == call


@given(st.binary(max_size=60) | st.text(max_size=40).map(str.encode))
@example(b"sql\x00")
@example(b'{"id":[],"point":{}}')
@example(b'{"id":1,"point":[]}')
@example(b"get\x000\x00\xff")
@example(b"sql\x000\x00[]\x00\xff")
def test_any_bytes_are_answered(text: bytes) -> None:
    answer = Immediate().answer(text, answered)
    assert answer == b"-" or json.loads(answer[1:])["code"] == "CallInvalid"


def test_an_outcome_is_told_by_its_first_character() -> None:
    outcomes: list[Outcome] = [{"ok": "\u00e4"}, {"ok": {"a": "1"}}, {"ok": None}, {"problem": {"code": "SqlInvalid"}}]
    immediate = Immediate()
    answers = [immediate.answer(SQL, lambda _call: outcomes.pop(0)) for _ in range(4)]
    assert answers == ["=\u00e4".encode(), b'={"a":"1"}', b"-", b'!{"code":"SqlInvalid"}']
    assert immediate.ended is None


def test_nothing_runs_after_a_statement_that_needs_the_turn() -> None:
    ran: list[Call] = []

    def run(call: Call) -> Outcome | None:
        ran.append(call)
        return None

    immediate = Immediate()
    assert [immediate.answer(SQL, run) for _ in range(3)] == [ENDED] * 3
    assert len(ran) == 1
    assert isinstance(immediate.ended, TurnWantedError)


def test_nothing_runs_after_a_tool_that_has_not_answered() -> None:
    ran: list[Call] = []

    def run(call: Call) -> Outcome | None:
        ran.append(call)
        raise ToolWantedError(call)

    immediate = Immediate()
    tool = b'{"id":0,"tool":{"connector":"a","tool":"b","arguments":{}}}'
    assert [immediate.answer(text, run) for text in (tool, SQL, b"?")] == [ENDED] * 3
    assert isinstance(immediate.ended, ToolWantedError)
    assert ran == [immediate.ended.call]


def test_nothing_runs_after_a_problem_of_the_request() -> None:
    def run(_call: Call) -> Outcome | None:
        raise ProblemError("StateUnavailable", "gone")

    immediate = Immediate()
    assert [immediate.answer(SQL, run) for _ in range(2)] == [ENDED] * 2
    assert isinstance(immediate.ended, ProblemError)
    assert immediate.ended.code == "StateUnavailable"


def test_a_call_too_many_ends_the_request() -> None:
    immediate = Immediate()
    assert {immediate.answer(b"?", answered) for _ in range(MOST_CALLS)} != {ENDED}
    assert immediate.ended is None
    assert immediate.answer(SQL, answered) == ENDED
    assert isinstance(immediate.ended, ProblemError)
    assert immediate.ended.code == "AppFailed"
