# SPDX-License-Identifier: Apache-2.0
"""Calls that the host answers at once, for code that cannot await (docs/contracts/immediate-calls.md)."""

from typing import Any

from wit_world.imports import host

from genapps.actions import current
from genapps.calls import ToolError
from genapps.encoding import from_json, to_dense_json, to_json
from genapps.sql import SqlError


class RequestEndedError(BaseException):
    """The host ignores what this attempt at the request still does: it ends, or begins again in its turn.

    No `except Exception` of an app should take it for an error of its own.
    """

    def __init__(self) -> None:
        super().__init__("the request begins again, or has ended")


def ask(call: str) -> Any:
    """The answer to one call: a text, or None. Raises ToolError."""
    answer = host.answer(call)
    kind = answer[:1]
    if kind == "=":
        return answer[1:]
    if kind == "-":
        return None
    if kind == "!":
        raise ToolError(from_json(answer[1:]))
    raise RequestEndedError


def ask_list(payload: dict[str, Any]) -> dict[str, str]:
    """JSON texts by their keys."""
    found: dict[str, str] = from_json(ask(f'{{"id":0,"list":{to_json(payload)}}}'))
    return found


def ask_sql(text: str, parameters: list[Any] | dict[str, Any], point: int = 0) -> str:
    """The result of one statement as JSON. `point` is a savepoint that begins before it, if it is not 0.

    Raises SqlError and ToolError.
    """
    result: str = _ask(f"sql\0{point}\0{dense(parameters)}\0{text}")
    return result


def ask_memory(database: str, text: str, parameters: list[Any] | dict[str, Any], point: int) -> str:
    """The same on a database in memory, by its number."""
    result: str = _ask(f"mem\0{database}\0{point}\0{dense(parameters)}\0{text}")
    return result


def step_memory(database: str, step: str, point: int) -> Any:
    """Open one, close it, begin, undo or commit, or ask for its transaction. Raises SqlError and ToolError."""
    return _ask(f"mem\0{database}\0{step}\0{point}")


def ask_point(step: str, point: int) -> None:
    """Begin the savepoint with this number, or undo what was written since then."""
    ask(f'{{"id":{point},"point":"{step}"}}')


def ask_tool(payload: dict[str, Any]) -> Any:
    """What a tool has answered. The request begins again when that is not known yet. Raises ToolError."""
    return from_json(ask(f'{{"id":0,"tool":{to_json(payload)}}}'))


def _ask(call: str) -> Any:
    try:
        return ask(call)
    except ToolError as error:
        if not error.code.startswith("Sql"):
            raise
        raise SqlError(error.code, error.detail) from None


def dense(parameters: list[Any] | dict[str, Any]) -> str:
    """Parameters of SQL as JSON: mostly a few numbers and texts, for which an encoder need not be made."""
    if type(parameters) is list:
        return f"[{','.join([to_dense_json(value) for value in parameters])}]"
    return to_dense_json(parameters)


def in_request(what: str = "state is read and written") -> None:
    """Raises RuntimeError while the app loads."""
    if not current.action.id:
        raise RuntimeError(f"{what} while the app answers a request, not while it loads")
