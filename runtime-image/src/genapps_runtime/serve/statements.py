# SPDX-License-Identifier: Apache-2.0
"""Statements of SQL that a guest asks for, and their results as JSON (docs/contracts/results.schema.json)."""

import base64
import math
from typing import Any, Protocol

import orjson

from genapps_runtime.guest.turns import Call
from genapps_runtime.problems import call_problem
from genapps_runtime.serve.meter import Meter
from genapps_runtime.serve.tools import Outcome
from genapps_runtime.state.connection import Result, makes
from genapps_runtime.state.errors import SqlError, SqlWritesError, StateFullError
from genapps_runtime.state.open_transaction import OpenView
from genapps_runtime.state.sql_functions import Value
from genapps_runtime.state.view import Overlaid, View

LIST_KEYS = 2000
MOST_TEXTS = 256
_PLAIN = frozenset({type(None), int, str})
"""Types whose values are the same in JSON."""


class Statement(Protocol):
    """A statement that waits for its action's turn."""

    def cancel(self) -> object:
        """Nobody waits for it any more."""


def run_statement(
    view: View | Overlaid, payload: dict[str, Any], until: float, writing_texts: set[int], meter: Meter
) -> Outcome | None:
    """The outcome of a statement; None when it writes and `view` may only read.

    `payload` is the call's. `until` is as for `Connection.run`. `writing_texts` are hashes of texts that were found to
    write: they are not tried again. `meter` takes what it used. Raises StateUnavailableError, StateFullError,
    TransactionLostError, TurnLostError.
    """
    text = payload["text"]
    if hash(text) in writing_texts and not isinstance(view, OpenView):
        return None
    try:
        result = view.sql(text, payload["parameters"], until)
    except SqlWritesError:
        if not makes(text):
            if len(writing_texts) >= MOST_TEXTS:
                writing_texts.clear()
            writing_texts.add(hash(text))
        return None
    except SqlError as error:
        return {"problem": call_problem(error.code, str(error))}
    outcome = json_of(result)
    meter.ran(result, outcome, payload["parameters"])
    return {"ok": outcome}


def json_of(result: Result) -> str:
    """The result of one statement, as the guest gets it."""
    rows: list[Any] = result.rows
    if not all(type(value) in _PLAIN for row in rows for value in row):
        rows = [[_value(value) for value in row] for row in rows]
    return orjson.dumps((result.columns, rows, result.rowcount, result.lastrowid)).decode()


def _value(value: Value) -> Any:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    return value


def read_keys(view: View | Overlaid, call: Call) -> Outcome:
    """The outcome of a call that reads keys. Raises one of the errors of state but StateFullError."""
    try:
        if call.kind == "get":
            return {"ok": view.get(call.payload["key"])}
        limit, after = min(call.payload["limit"], LIST_KEYS), call.payload.get("after", "")
        return {"ok": view.list(call.payload["prefix"], limit, after)}
    except StateFullError as error:
        return {"problem": call_problem("StateFull", str(error))}
