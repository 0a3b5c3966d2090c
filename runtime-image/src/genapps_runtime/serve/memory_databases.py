# SPDX-License-Identifier: Apache-2.0
"""What a guest asks of its databases in memory (docs/contracts/immediate-calls.md).

They belong to the instance: no other one can name them, they end with it, and what becomes of a request is nothing to
them. So they are there while code loads, and while it cleans up after a request that was cancelled.
"""

import time

import orjson

from genapps_runtime.guest.immediate import POINTS, answer_of, problem_answer
from genapps_runtime.guest.turns import read_parameters
from genapps_runtime.serve.statements import json_of
from genapps_runtime.state import sql_rules
from genapps_runtime.state.errors import SqlError
from genapps_runtime.state.memory_database import (
    INSTANCE_DATABASES,
    PROCESS_DATABASES,
    PROCESS_PAGES,
    MemoryDatabase,
    Pages,
)

_POINTS = {b"%d" % number: number for number in range(POINTS + 1)}
_STEPS = {b"begin": "begin", b"undo": "undo", b"commit": "commit"}
_STATEMENT, _STEP = 5, 4
"""Parts of a call."""


class MemoryDatabases:
    """Those of one instance, by numbers that are given once."""

    def __init__(self, instances: int) -> None:
        """`instances` are so many as the process may have at once: each has the same share."""
        self._most = min(INSTANCE_DATABASES, max(1, PROCESS_DATABASES // instances))
        self._pages = Pages(PROCESS_PAGES // instances)
        self._open: dict[bytes, MemoryDatabase] = {}
        self._last = 0

    def answer(self, call: bytes) -> bytes:
        """Answer one call. What is wrong with it is an answer."""
        try:
            return answer_of({"ok": self._run(call)})
        except SqlError as error:
            return problem_answer(error.code, str(error))
        except (KeyError, TypeError, ValueError, AttributeError):
            return problem_answer("CallInvalid", "the call is malformed")

    def close(self) -> None:
        """Give the memory of all of them back."""
        while self._open:
            self._open.popitem()[1].close()

    def _run(self, call: bytes) -> str | bool | None:
        parts = call.split(b"\0", _STATEMENT - 1)
        if len(parts) == _STATEMENT:
            _, number, point, parameters, text = parts
            database, begins = self._known(number), _POINTS[point]
            values, statement = read_parameters(orjson.loads(parameters)), text.decode()
            if begins:
                database.point("begin", begins)
            until = time.thread_time() + sql_rules.STATEMENT_SECONDS
            return json_of(database.run(statement, values, until))
        if len(parts) != _STEP:
            raise ValueError
        _, number, step, point = parts
        if step == b"open":
            return self._begin()
        if step == b"close":
            if number in self._open:
                self._open.pop(number).close()
            return None
        database = self._known(number)
        if step == b"transaction":
            return database.in_transaction
        if not _POINTS[point]:
            raise ValueError
        database.point(_STEPS[step], _POINTS[point])
        return None

    def _begin(self) -> str:
        if len(self._open) >= self._most:
            detail = f"an instance of the app may have {self._most} databases in memory at once: close one"
            raise SqlError(sql_rules.INVALID, detail)
        self._last += 1
        self._open[b"%d" % self._last] = MemoryDatabase(self._pages)
        return str(self._last)

    def _known(self, number: bytes) -> MemoryDatabase:
        found = self._open.get(number)
        if found is None:
            raise SqlError(sql_rules.INVALID, "there is no database in memory with this number")
        return found
