# SPDX-License-Identifier: Apache-2.0
"""Actions that have the state to themselves, one after the other: for those that got in each other's way.

A snapshot that many actions read and then write lets only the first of them commit. So an action that runs again after
a conflict, and one whose path had a conflict a moment ago, waits here for its turn. While it runs, nobody else's
writes are stored. The next one sees its writes before they are, and all of them are stored in one commit (a chain).
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from genapps_runtime.guest.turns import Done
from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.action import Action
from genapps_runtime.serve.commits import Commits, Group
from genapps_runtime.state.facet import Facet
from genapps_runtime.state.transaction import Commit
from genapps_runtime.state.view import Overlaid, Snapshot, View

CHAIN = 16
CHAIN_SECONDS = 0.002
"""When a chain is stored, whoever else waits: its callers wait for their replies."""
HOLD_SECONDS = 2.0
"""How long an action may keep the state while it waits for tools."""
HOT_SECONDS = 1.0
HOT_PATHS = 256


class Serial:
    """The line of actions, and the one whose turn it is.

    `begin` gets an action whose turn has come. `refuse` gets one that cannot be served, with the problem.
    """

    def __init__(
        self,
        facet: Facet,
        commits: Commits,
        begin: Callable[[Action], None],
        refuse: Callable[[Action, ProblemError], None],
    ) -> None:
        self._facet = facet
        self._commits = commits
        self._begin = begin
        self._refuse = refuse
        self._waiting: deque[Action] = deque()
        self._running: Action | None = None
        self._chain: Group = []
        self._chain_ends = 0.0
        self._after: Commit | None = None
        self._writes: dict[str, str | None] = {}
        self._snapshot: Snapshot | None = None
        self._alone = 0
        """How many of the next actions get a chain of their own."""
        self._hot: dict[tuple[str, str], float] = {}
        self._expiry: asyncio.TimerHandle | None = None
        self._patience: asyncio.TimerHandle | None = None

    @property
    def busy(self) -> bool:
        """Whether an action has the state for itself, or waits for it."""
        return self._facet.holding

    @property
    def waiting(self) -> int:
        """How many actions wait for their turn."""
        return len(self._waiting)

    def wanted(self, action: Action) -> bool:
        """Whether this new action should wait here from the start: its path had a conflict a moment ago."""
        if not self._hot:
            return False
        request = action.exchange.request
        return self._hot.get((request.method, request.path), 0.0) > time.monotonic()

    def conflicted(self, action: Action) -> None:
        """Note a conflict of this action's path, and let the action run again in its turn."""
        request = action.exchange.request
        if len(self._hot) >= HOT_PATHS:
            self._hot.clear()
        self._hot[request.method, request.path] = time.monotonic() + HOT_SECONDS
        if action.serial:
            self._alone += 1  # what the one before it wrote was not stored: chains would fail again and again
        action.begin_again()
        self.join(action)

    def join(self, action: Action) -> None:
        """Wait for the turn, until the action's deadline."""
        action.serial = True
        self._waiting.append(action)
        if self._expiry is None:
            self._expire()
        if not self._facet.holding:
            self._facet.hold(self._next)

    def done(self, action: Action, done: Done) -> None:
        """The action has ended: what it wrote and what it answers go into the chain.

        Raises ProblemError when it had lost its turn.
        """
        if action is not self._running:
            raise _lost(action)
        self._chain.append((action, done))
        self._writes.update(done.writes)
        self._leave()

    def failed(self, action: Action) -> None:
        """The action has failed, and stores nothing."""
        if action is self._running:
            self._leave()

    def waits(self, action: Action) -> None:
        """The action waits for tools: those before it are stored meanwhile, and it keeps its turn for HOLD_SECONDS."""
        if action is self._running and self._patience is None:
            self._store()
            self._patience = asyncio.get_running_loop().call_later(HOLD_SECONDS, self._leave)

    def _leave(self) -> None:
        """The turn of the running action is over."""
        self._running = None
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
            self._end_chain()
        elif self._alone or len(self._chain) >= CHAIN or time.monotonic() >= self._chain_ends:
            self._end_chain()
        else:
            self._next()

    def _next(self) -> None:
        """Begin the next action. The facet is held."""
        if not self._chain and self._snapshot is None:
            self._chain_ends = time.monotonic() + CHAIN_SECONDS
        if not self._waiting:
            self._end_chain()
            return
        self._running = action = self._waiting.popleft()
        self._alone = max(0, self._alone - 1)
        writes = self._writes
        action.see = lambda: Overlaid(View(self._chain_snapshot), writes)
        self._begin(action)

    def _chain_snapshot(self) -> Snapshot:
        if self._snapshot is None:
            self._snapshot = self._facet.snapshot()
        return self._snapshot

    def _end_chain(self) -> None:
        """Store the chain, let others store theirs, and go on with the next chain after that."""
        self._store()
        self._after, self._writes = None, {}
        snapshot, self._snapshot = self._snapshot, None
        if snapshot is not None:
            snapshot.end_sharing()
        self._facet.release()
        if self._waiting:
            self._facet.hold(self._next)

    def _store(self) -> None:
        chain, self._chain = self._chain, []
        if chain:
            self._after = self._commits.add_serial(chain, self._after)

    def _expire(self) -> None:
        """Refuse those whose turn has not come until their deadline."""
        self._expiry = None
        now = time.monotonic()
        for action in [action for action in self._waiting if action.deadline <= now]:
            self._waiting.remove(action)
            self._refuse(action, ProblemError("Busy", "other requests were changing the same state"))
        if self._waiting:
            earliest = min(action.deadline for action in self._waiting)
            self._expiry = asyncio.get_running_loop().call_later(earliest - now, self._expire)


def _lost(action: Action) -> ProblemError:
    if action.succeeded_tools:
        return ProblemError("StateConflict", "the app waited too long for its tools while it changed its state")
    return ProblemError("Busy", "the app waited too long for its tools while others waited for its state")
