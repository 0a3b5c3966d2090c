# SPDX-License-Identifier: Apache-2.0
"""The open transaction of a chain of actions that have the state to themselves, and what they write by SQL in it.

An action comes from its beginning, or it has waited in the middle with statements that write.
"""

import time
from collections.abc import Callable
from typing import Protocol

from genapps_runtime.guest.turns import Call, Written
from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.action import Action
from genapps_runtime.serve.hot_paths import HotPaths
from genapps_runtime.serve.tools import Outcome
from genapps_runtime.state.errors import (
    FILE_ERRORS,
    StateBusyError,
    StateFullError,
    StateUnavailableError,
    TransactionLostError,
    write_error,
)
from genapps_runtime.state.facet import Facet
from genapps_runtime.state.open_transaction import OpenTransaction
from genapps_runtime.state.sql_rules import STATEMENT_SECONDS


class Runner(Protocol):
    """What runs the actions (`stages`)."""

    def begin(self, action: Action) -> None:
        """The turn of this action has come."""

    def answer(self, action: Action, call: str, outcome: Outcome) -> None:
        """A statement that has waited for the turn has this outcome."""

    def is_outside(self, action: Action) -> bool:
        """Whether the action still waits for something, or computes."""

    def begin_again(self, action: Action) -> None:
        """Let the guest forget what it has done for this action, wherever it is."""

    def refuse(self, action: Action, problem: ProblemError) -> None:
        """This action cannot be served; calls `failed`."""


class QueuedStatement:
    """A statement that waits for its action's turn."""

    def __init__(self, action: Action, call: Call, cancelled: Callable[[Action, Call], None]) -> None:
        self._action = action
        self._call = call
        self._cancelled = cancelled

    def cancel(self) -> None:
        """Nobody waits for it any more."""
        self._cancelled(self._action, self._call)


class OpenChain:
    """The transaction, while there is one: it is true then."""

    def __init__(self, facet: Facet, runner: Runner, hot: HotPaths) -> None:
        self._facet = facet
        self._runner = runner
        self._hot = hot
        self._transaction: OpenTransaction | None = None

    def __bool__(self) -> bool:
        return self._transaction is not None

    @property
    def lost(self) -> bool:
        """Whether SQLite has given it up, with everything in it."""
        return self._transaction is not None and self._transaction.lost

    def enter(self, action: Action) -> None:
        """Give the running action its place in the transaction, which begins with the first. Raises ProblemError."""
        begun = bool(action.statements)
        try:
            if self._transaction is None:
                self._transaction = self._facet.open()
            view = self._transaction.begin_action(action.reads if begun else action.relied_on)
            if view is None:
                self.take_back(action)
                view = self._transaction.begin_action(None)
        except TransactionLostError:
            raise ProblemError("AppRestarted") from None
        except StateBusyError as error:
            raise ProblemError("Busy", str(error)) from None
        except FILE_ERRORS as error:
            raise ProblemError("StateUnavailable", str(write_error(error))) from None
        assert view is not None  # noqa: S101  nothing was read
        entered = view
        action.take_turn(lambda: entered)

    def take_back(self, action: Action) -> None:
        """What the action has read has changed: it begins again, and has its turn already. Raises ProblemError."""
        self._hot.conflicted(action)
        if action.wrote_by_tool is not None or action.fixed:
            why = action.fixed if action.wrote_by_tool is None else f"the app had called {action.wrote_by_tool}"
            raise ProblemError("StateConflict", f"{why} before it wrote by SQL, and what it had read has changed")
        action.conflicts += 1
        self._runner.begin_again(action)

    def go_on(self, action: Action) -> None:
        """Run what the action has waited with, or let it begin. Raises ProblemError."""
        if not action.statements:
            self._runner.begin(action)
            return
        calls, action.statements = action.statements, []
        until = time.thread_time() + STATEMENT_SECONDS
        for call in calls:
            outcome = action.run_sql(call, until)
            assert outcome is not None  # noqa: S101  it has its turn
            self._runner.answer(action, call.id, outcome)

    def end_action(self, action: Action, done: Written) -> None:
        """Add the keys and the mark of the running action. Raises ProblemError when its writes do not fit."""
        assert self._transaction is not None  # noqa: S101  asked before
        try:
            self._transaction.end_action(done.writes, action.mark(done))
        except StateFullError as error:
            raise ProblemError("StateFull", str(error)) from None
        except StateUnavailableError as error:
            raise ProblemError("StateUnavailable", str(error)) from None

    def undo_action(self) -> None:
        """Take back what the running action has written, if there is a transaction."""
        if self._transaction is not None:
            self._transaction.undo_action()

    def take(self) -> OpenTransaction | None:
        """The transaction, which the caller ends: the next action gets another one."""
        taken, self._transaction = self._transaction, None
        return taken
