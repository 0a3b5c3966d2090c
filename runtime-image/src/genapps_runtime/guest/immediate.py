# SPDX-License-Identifier: Apache-2.0
"""Calls that the host answers at once, inside the guest's own call (docs/contracts/immediate-calls.md).

The text is a hostile program's: it is bounded before it is copied, and what is wrong with it is an answer. A guest gets
one character that says what follows.
"""

from collections.abc import Callable
from typing import Any, Protocol

import orjson

from genapps_runtime.guest.turns import Call, read_call, read_parameters
from genapps_runtime.problems import ProblemError, call_problem

CALL_BYTES = 2 * 1024 * 1024
MOST_CALLS = 20_000
"""Of one request, or one load."""
POINTS = 16
"""Savepoints of one request at once."""
KINDS = frozenset({"get", "list", "sql", "tool"})
_NUMBERS = {b"%d" % number: str(number) for number in range(POINTS + 1)}
STEPS = frozenset({"begin", "undo"})
MEMORY = b"mem\0"
"""Calls that begin with it are about the instance's databases in memory, and no part of the action."""
ENDED = b"."
"""The code cannot go on: whatever it answers from here on is ignored."""

Answer = Callable[[bytes], bytes]
Outcome = dict[str, Any]
"""`{"ok": value}` or `{"problem": {...}}`, as of calls in turns."""


class Databases(Protocol):
    """The databases in memory of one instance."""

    def answer(self, call: bytes) -> bytes:
        """Answer a call that begins with MEMORY."""

    def close(self) -> None:
        """Give their memory back."""


class TurnWantedError(Exception):
    """The code wants to write, and its action has not got the state to itself: it has to run again."""


class ToolWantedError(Exception):
    """The code calls a tool, which takes time: it has to run again when that has answered."""

    def __init__(self, call: Call) -> None:
        super().__init__()
        self.call = call


Ended = ProblemError | TurnWantedError | ToolWantedError


class Immediate:
    """Answers the calls of one attempt. `ended` is why the attempt cannot go on, once that is so."""

    __slots__ = ("_count", "ended")

    def __init__(self) -> None:
        self._count = 0
        self.ended: Ended | None = None

    def answer(self, text: bytes, run: Callable[[Call], Outcome | None]) -> bytes:
        """The answer to one call.

        `run` gives its outcome, or None when it writes and may not. It raises ProblemError or ToolWantedError when the
        attempt ends with it. It is not kept: each action would wait for the collector of circles.
        """
        if self.ended is not None:
            return ENDED
        self._count += 1
        if self._count > MOST_CALLS:
            detail = f"the app made more than {MOST_CALLS} calls that do not wait"
            return self._end(ProblemError("AppFailed", detail))
        try:
            call = parse_call(text)
        except (KeyError, TypeError, ValueError, AttributeError):
            return problem_answer("CallInvalid", "the call is malformed")
        try:
            outcome = run(call)
        except (ProblemError, ToolWantedError) as why:
            return self._end(why)
        return self._end(TurnWantedError()) if outcome is None else answer_of(outcome)

    def _end(self, why: Ended) -> bytes:
        self.ended = why
        return ENDED


def parse_call(text: bytes) -> Call:
    """Read a call. Its id is the number of a savepoint, 0 for none.

    Raises KeyError, TypeError, ValueError or AttributeError.
    """
    if text[:4] == b"sql\0":
        _, point, parameters, statement = text.split(b"\0", 3)
        payload = {"text": statement.decode(), "parameters": read_parameters(orjson.loads(parameters))}
        return Call(_NUMBERS[point], "sql", payload)
    if text[:4] == b"get\0":
        _, point, key = text.split(b"\0", 2)
        return Call(_NUMBERS[point], "get", {"key": key.decode()})
    raw = orjson.loads(text)
    if "point" in raw:
        if raw["point"] not in STEPS or len(raw) != 2 or type(raw["id"]) is not int or not 1 <= raw["id"] <= POINTS:
            raise ValueError
        return Call(str(raw["id"]), "point", {"step": raw["point"]})
    if KINDS.isdisjoint(raw):
        raise ValueError
    call = read_call(raw)
    if call.id != "0":
        raise ValueError
    return call


def nobody_answers(_call: bytes) -> bytes:
    """The answer while no action runs."""
    return problem_answer("NoAction", "no request runs: nothing can be read or written")


def too_long() -> bytes:
    """The answer to a call that has more than CALL_BYTES."""
    return problem_answer("SqlTooLarge", f"a call may have at most {CALL_BYTES} bytes")


def answer_of(outcome: Outcome) -> bytes:
    """An outcome as the guest gets it."""
    if "problem" in outcome:
        return b"!" + orjson.dumps(outcome["problem"])
    value = outcome["ok"]
    if value is None:
        return b"-"
    return b"=" + (value.encode() if isinstance(value, str) else orjson.dumps(value))


def problem_answer(code: str, detail: str) -> bytes:
    """What was refused, and why, as the guest gets it."""
    return b"!" + orjson.dumps(call_problem(code, detail))
