# SPDX-License-Identifier: Apache-2.0
"""What the last requests of a path did, for a moment: what the next ones should do at once."""

import time

from genapps_runtime.serve.action import Action
from genapps_runtime.serve.messages import SAFE

HOT_SECONDS = 1.0
WAITED_SECONDS = WRITTEN_SECONDS = 60.0
MOST_PATHS = 256


class _Paths:
    """Methods and paths, each with what was noted until a time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: dict[tuple[str, str], tuple[float, bool]] = {}

    def note(self, action: Action, *, writes_tables: bool) -> None:
        """Keep it for this object's time."""
        request = action.exchange.request
        if len(self._until) >= MOST_PATHS:
            self._until.clear()
        self._until[request.method, request.path] = time.monotonic() + self._seconds, writes_tables

    def noted(self, action: Action) -> bool | None:
        """What was noted; None when nothing was, or too long ago."""
        if not self._until:
            return None
        request = action.exchange.request
        until, writes_tables = self._until.get((request.method, request.path), (0.0, False))
        return writes_tables if until > time.monotonic() else None


class HotPaths:
    """Paths with conflicts, and paths whose requests waited outside while they had the state to themselves."""

    def __init__(self) -> None:
        self._conflicts = _Paths(HOT_SECONDS)
        self._waits = _Paths(WAITED_SECONDS)
        self._writes = _Paths(WRITTEN_SECONDS)

    def conflicted(self, action: Action) -> None:
        """Note a conflict."""
        self._conflicts.note(action, writes_tables=action.writes_tables)

    def wrote_at_once(self, action: Action) -> None:
        """Note that it wanted to write inside a call of the guest: it has run in vain until there."""
        noted = self._conflicts if action.exchange.request.method in SAFE else self._writes
        noted.note(action, writes_tables=True)

    def waited(self, action: Action) -> None:
        """Note that it waits outside."""
        self._waits.note(action, writes_tables=True)

    def takes(self, action: Action) -> bool:
        """Whether a new action should have the state to itself: then it is told whether to write by SQL."""
        writes_tables = self._writes.noted(action) or self._conflicts.noted(action)
        if writes_tables:
            action.writes_tables = True
        return writes_tables is not None

    def has_waited(self, action: Action) -> bool:
        """Whether those of its path have waited."""
        return self._waits.noted(action) is not None
