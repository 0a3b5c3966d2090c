"""The action that is being executed: what the app's coroutine has written and may still log.

One instance serves many actions, but only one runs at a time: the engine sets `current` before each step.
"""

from collections.abc import Coroutine
from typing import Any


class Action:
    """One request on its way through the app. `writes` maps a key to its JSON text, or to None for a deletion."""

    __slots__ = ("calls", "coroutine", "id", "log_left", "response", "writes", "written")

    def __init__(self, number: int, log_left: int) -> None:
        self.id = number
        self.log_left = log_left
        self.writes: dict[str, str | None] = {}
        self.written = 0
        self.calls = 0
        self.coroutine: Coroutine[Any, Any, Any] | None = None
        self.response: Any = None


class Current:
    """Holder of the current action, so that every module reads the same one."""

    __slots__ = ("action",)

    def __init__(self) -> None:
        self.action = Action(0, 0)


current = Current()
