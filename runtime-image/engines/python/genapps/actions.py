# SPDX-License-Identifier: Apache-2.0
"""The running action: what the app has written, and how much it may still log.

One instance serves many actions, but runs one at a time: the engine sets `current` before each step.
"""

from collections.abc import Coroutine
from typing import Any


class Action:
    """One request.

    `writes` maps a key to its JSON text, or to None for a deletion. `log_left` is in characters. `coroutine` runs
    the handler; with an event loop `task` does, and `ready`, `tasks` and `waiting` are the loop's. `rest` is its
    response: status, headers and the pieces of the body that the host has not got yet. `files` is what it has in
    /tmp, once it uses files (stdlib.tree), `transaction` what `sqlite3` has not committed.
    """

    __slots__ = (
        "calls", "coroutine", "files", "id", "log_left", "ready", "rest", "task", "tasks", "transaction", "waiting",
        "writes", "written",
    )  # fmt: skip

    def __init__(self, number: int, log_left: int) -> None:
        self.id = number
        self.log_left = log_left
        self.writes: dict[str, str | None] = {}
        self.written = 0
        self.calls = 0
        self.coroutine: Coroutine[Any, Any, Any] | None = None
        self.task: Any = None
        self.ready: Any = None
        self.tasks: Any = None
        self.waiting: Any = None
        self.rest: Any = None
        self.files: Any = None
        self.transaction: Any = None


class Current:
    """Holds the running action, so that all modules see the same one, and the event loop of apps that have one."""

    __slots__ = ("action", "loop")

    def __init__(self) -> None:
        self.action = Action(0, 0)
        self.loop: Any = None


current = Current()
