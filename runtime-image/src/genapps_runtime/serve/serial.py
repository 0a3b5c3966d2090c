# SPDX-License-Identifier: Apache-2.0
"""Actions that have the state to themselves, one after the other: for those that got in each other's way, and for
those that write by SQL.

A snapshot that many actions read and then write lets only the first of them commit. So an action that runs again after
a conflict, and one whose path had a conflict a moment ago, waits here for its turn. While it runs, nobody else's
writes are stored. The next one sees its writes before they are, and all of them are stored in one commit (a chain).

An action that wants to write by SQL waits here in the middle, with its first statement that writes. If what it has
read is still there when its turn comes, it goes on, in an open transaction; if not, it runs again from its beginning. A
chain has one open transaction for all its actions, or none.
"""

import asyncio
import time
from collections import deque
from functools import partial

from genapps_runtime.guest.turns import Call, Written
from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.action import Action
from genapps_runtime.serve.commits import Commits, Group
from genapps_runtime.serve.endings import lost_turn
from genapps_runtime.serve.hot_paths import HotPaths
from genapps_runtime.serve.messages import BACKGROUND
from genapps_runtime.serve.open_chain import OpenChain, QueuedStatement, Runner
from genapps_runtime.state.errors import TurnLostError
from genapps_runtime.state.facet import Facet
from genapps_runtime.state.transaction import Commit
from genapps_runtime.state.view import Overlaid, Snapshot, View

CHAIN = 16
CHAIN_SECONDS = 0.002
"""When a chain is stored, whoever else waits: its callers wait for their replies."""
HOLD_SECONDS = 2.0
"""How long an action may keep the state while it waits for tools; one of the background may not at all."""


class Serial:
    """The line of actions, and the one whose turn it is."""

    def __init__(self, facet: Facet, commits: Commits, runner: Runner) -> None:
        self._facet = facet
        self._commits = commits
        self._runner = runner
        self._hot = HotPaths()
        self._waiting: deque[Action] = deque()
        self._running: Action | None = None
        self._chain: Group = []
        self._chain_ends = 0.0
        self._open = OpenChain(facet, runner, self._hot)
        self._after: Commit | None = None
        self._writes: dict[str, str | None] = {}
        self._snapshot: Snapshot | None = None
        self._midway = False
        """Whether the chain was stored while the running action waits to write by SQL."""
        self._alone = 0
        """How many of the next actions get a chain of their own."""
        self._expiry: asyncio.TimerHandle | None = None
        self._patience: asyncio.TimerHandle | None = None

    @property
    def busy(self) -> bool:
        """Whether an action has the state for itself, or waits for it."""
        return self._facet.holding

    @property
    def waiting(self) -> int:
        """How many actions wait for their turn before they begin."""
        return sum(1 for action in self._waiting if not action.statements) if self._waiting else 0

    def wanted(self, action: Action) -> bool:
        """Whether this new action should wait here from the start: its path had a conflict a moment ago."""
        return self._hot.takes(action)

    def conflicted(self, action: Action) -> None:
        """Note a conflict of this action's path, and let the action run again in its turn."""
        self._hot.conflicted(action)
        if action.serial:
            self._alone += 1  # what the one before it wrote was not stored: chains would fail again and again
        action.begin_again()
        self.join(action)

    def wanted_at_once(self, action: Action) -> None:
        """The action wants to write inside a call of the guest: note it, and give up the turn that it may have."""
        action.writes_tables = True
        self._hot.wrote_at_once(action)
        self.failed(action)

    def freed(self) -> None:
        """A load has held the facet: who has come meanwhile waits for it now."""
        if self._waiting:
            self._hold()

    def join(self, action: Action) -> None:
        """Wait for the turn, until the action's deadline."""
        action.serial = True
        self._waiting.append(action)
        if self._expiry is None:
            self._expire()
        self._hold()

    def queue(self, action: Action, call: Call) -> QueuedStatement:
        """Note a statement that writes; call `wait_turn` when the action waits for it outside the guest."""
        action.statements.append(call)
        action.writes_tables = True
        return QueuedStatement(action, call, self._forget)

    def wait_turn(self, action: Action) -> None:
        """Run the statements of this action when its turn comes, which may be at once."""
        if action is self._running:
            # What the chain has written is stored first: the transaction has to hold it.
            self._midway = True
            self._store()
            self._facet.hold(self._open_for_running)
        elif action not in self._waiting:
            self._waiting.append(action)
            self._hold()

    def done(self, action: Action, done: Written) -> None:
        """The action has ended, or begins to answer: what it wrote goes into the chain.

        Raises ProblemError when it had lost its turn, or its writes do not fit.
        """
        if action is not self._running:
            raise lost_turn(action.wrote_by_tool)
        if self._open:
            self._open.end_action(action, done)
        else:
            self._writes.update(done.writes)
        self._chain.append((action, done))
        self._leave(end=bool(self._open) and action.wrote_by_tool is not None)  # it could not run again

    def failed(self, action: Action) -> None:
        """The action has failed, and stores nothing."""
        if action is self._running:
            self._open.undo_action()
            self._leave()
        elif action in self._waiting:
            self._waiting.remove(action)

    def restarted(self, action: Action) -> None:
        """The action begins again, in another guest; it keeps its turn. Raises ProblemError."""
        if action is self._running and self._open:
            self._open.undo_action()
            self._open.enter(action)

    def waits(self, action: Action) -> None:
        """The action waits for tools: those before it are stored meanwhile, and it keeps its turn for HOLD_SECONDS.

        Those before it in an open transaction wait as well. So the next action of its path gets a chain of its own.
        """
        if action is self._running and self._patience is None:
            if self._open:
                self._hot.waited(action)
            else:
                self._store()
            seconds = 0.0 if action.exchange.internal == BACKGROUND else HOLD_SECONDS
            self._patience = asyncio.get_running_loop().call_later(seconds, self._lose)

    def _hold(self) -> None:
        if not self._facet.holding:
            self._facet.hold(self._next)

    def _lose(self) -> None:
        action = self._running
        if action is not None and action.statements:
            self._runner.refuse(action, lost_turn(action.wrote_by_tool))
            return
        self._open.undo_action()
        self._leave()

    def _leave(self, *, end: bool = False) -> None:
        """The turn of the running action is over; `end` stores the chain now."""
        self._running = None
        if self._patience is not None or self._midway:
            if self._patience is not None:
                self._patience.cancel()
            self._patience, self._midway = None, False
            self._end_chain()
        elif end or self._alone or len(self._chain) >= CHAIN or time.monotonic() >= self._chain_ends or self._open.lost:
            self._end_chain()
        else:
            self._next()

    def _next(self) -> None:
        """Begin the next action. The facet is held, and no commit is running."""
        if not self._chain and self._snapshot is None and not self._open:
            self._chain_ends = time.monotonic() + CHAIN_SECONDS
        if not self._waiting:
            self._end_chain()
            return
        action = self._waiting[0]
        wants_open = bool(action.statements) or action.writes_tables
        if self._chain and ((wants_open and not self._open) or self._hot.has_waited(action)):
            self._end_chain()
            return
        self._running = self._waiting.popleft()
        action.serial = True
        self._alone = max(0, self._alone - 1)
        if wants_open or self._open:
            self._enter_and_go_on(action)
            return
        writes = self._writes
        action.see = lambda: Overlaid(View(partial(self._chain_snapshot, action)), writes)
        self._runner.begin(action)

    def _enter_and_go_on(self, action: Action) -> None:
        try:
            self._open.enter(action)
            self._go_on(action)
        except ProblemError as problem:
            self._refuse_soon(action, problem)

    def _go_on(self, action: Action) -> None:
        self._open.go_on(action)
        if self._runner.is_outside(action):
            self.waits(action)

    def _refuse_soon(self, action: Action, problem: ProblemError) -> None:
        """Not at once: the next one may have to be refused as well, and so on."""

        def refuse() -> None:
            if action is self._running:
                self._runner.refuse(action, problem)

        asyncio.get_running_loop().call_soon(refuse)

    def _open_for_running(self) -> None:
        """The chain before the running action is stored: open a transaction for it, and go on in it."""
        action = self._running
        if action is None or not action.statements:
            return
        failed = self._after is not None and self._after.verdict is not None
        self._after, self._writes, self._midway = None, {}, False
        self._drop_snapshot()
        try:
            if failed:  # it has seen what is not stored
                self._open.take_back(action)
            self._open.enter(action)
            self._go_on(action)
        except ProblemError as problem:
            self._refuse_soon(action, problem)

    def _forget(self, action: Action, call: Call) -> None:
        """Nobody waits for this statement any more."""
        if call in action.statements:
            action.statements.remove(call)
            if not action.statements and action in self._waiting:
                self._waiting.remove(action)

    def _chain_snapshot(self, action: Action) -> Snapshot:
        if action is not self._running:
            raise TurnLostError
        if self._snapshot is None:
            self._snapshot = self._facet.snapshot()
        return self._snapshot

    def _drop_snapshot(self) -> None:
        snapshot, self._snapshot = self._snapshot, None
        if snapshot is not None:
            snapshot.renewable = True  # who has lost the turn may still compute with it
            snapshot.end_sharing()

    def _end_chain(self) -> None:
        """Store the chain, let others store theirs, and go on with the next chain after that."""
        self._store()
        self._after, self._writes = None, {}
        self._drop_snapshot()
        self._facet.release()
        if self._waiting:
            self._hold()

    def _store(self) -> None:
        chain, self._chain = self._chain, []
        opened = self._open.take()
        if opened is not None and chain:
            self._commits.add_open(chain, opened)
        elif opened is not None:
            opened.roll_back()
        elif chain:
            self._after = self._commits.add_serial(chain, self._after)

    def _expire(self) -> None:
        """Refuse those whose turn has not come until their deadline. Those that have begun expire in `waiting`."""
        self._expiry = None
        now = time.monotonic()
        for action in [action for action in self._waiting if action.deadline <= now and not action.statements]:
            self._waiting.remove(action)
            self._runner.refuse(action, ProblemError("Busy", "other requests were changing the same state"))
        deadlines = [action.deadline for action in self._waiting if not action.statements]
        if deadlines:
            self._expiry = asyncio.get_running_loop().call_later(max(0.0, min(deadlines) - now), self._expire)
