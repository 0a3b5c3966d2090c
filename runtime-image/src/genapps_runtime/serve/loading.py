# SPDX-License-Identifier: Apache-2.0
"""SQL of code that loads (`conn.execute("CREATE TABLE IF NOT EXISTS ...")` at the top of a file): a transaction of its
own, which is stored when the load succeeds and taken back when it fails.

It runs once for each guest. Most of the time it finds its tables and only reads. The first statement that writes takes
the facet, if nobody else has it; if somebody has, this load fails, and the next request tries again.
"""

import time
from collections.abc import Callable

from genapps_runtime.guest.immediate import Immediate
from genapps_runtime.guest.turns import Call
from genapps_runtime.problems import ProblemError, call_problem
from genapps_runtime.serve.meter import Meter
from genapps_runtime.serve.statements import run_statement
from genapps_runtime.serve.tools import Outcome
from genapps_runtime.state.errors import (
    FILE_ERRORS,
    StateBusyError,
    StateFullError,
    StateUnavailableError,
    TransactionLostError,
    TurnLostError,
    write_error,
)
from genapps_runtime.state.facet import Facet
from genapps_runtime.state.open_transaction import OpenTransaction, OpenView
from genapps_runtime.state.sql_rules import STATEMENT_SECONDS
from genapps_runtime.state.view import Snapshot, View

HOLD_SECONDS = 2.0
"""How long a load that writes may keep others from it."""
_BUSY = "the app writes by SQL while it loads, and a request had the state to itself; try again"
_TOO_LONG = f"the app loaded for more than {HOLD_SECONDS:g} s after it had written by SQL"
_NO_KEYS = "state is read and written while the app answers a request, not while it loads"


class LoadSql:
    """The SQL of one load. `freed` is called when it has held the facet and lets go of it."""

    def __init__(self, facet: Facet, freed: Callable[[], None], hold_seconds: float = HOLD_SECONDS) -> None:
        self._facet = facet
        facet.users += 1
        self._needs_facet = True
        self._freed = freed
        self._hold_seconds = hold_seconds
        self._immediate = Immediate()
        self._view: View = View(self._snapshot)
        self._transaction: OpenTransaction | None = None
        self._until = 0.0

    def answer(self, text: bytes) -> bytes:
        """Answer what the code asks while it loads; given to the guest's call."""
        return self._immediate.answer(text, self._run)

    @property
    def problem(self) -> str:
        """Why the load cannot succeed any more; nothing when it can."""
        return str(self._immediate.ended.detail) if isinstance(self._immediate.ended, ProblemError) else ""

    def check_time(self) -> None:
        """Take back what it has written, if it has kept others for too long."""
        if self._transaction is not None and time.monotonic() >= self._until:
            self.undo()
            self._immediate.ended = ProblemError("AppUnavailable", _TOO_LONG)

    def store(self) -> None:
        """The load has succeeded: store what it has written. `problem` says whether that failed."""
        if self._immediate.ended is not None:
            self.undo()
        self._view.close()
        self._spare()
        transaction, self._transaction = self._transaction, None
        if transaction is None:
            return
        try:
            transaction.end_action([])
            failed = self._facet.store_now(transaction)
        except (StateFullError, StateUnavailableError, TransactionLostError) as error:
            transaction.roll_back()
            failed = error
        if failed is not None:
            self._immediate.ended = ProblemError("AppUnavailable", str(failed) or "its writes by SQL were not stored")
        self._release()

    def undo(self) -> None:
        """The load has failed: take back what it has written."""
        self._view.close()
        self._spare()
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            transaction.roll_back()
            self._release()

    def _spare(self) -> None:
        """The load is over: the facet may be closed."""
        if self._needs_facet:
            self._needs_facet = False
            self._facet.users -= 1

    def _run(self, call: Call) -> Outcome | None:
        if call.kind not in ("sql", "point"):
            return {"problem": call_problem("NoAction", _NO_KEYS)}
        try:
            if call.kind == "point" or call.id != "0":
                self._point(str(call.payload.get("step", "begin")), int(call.id))
            if call.kind == "point":
                return {"ok": None}
            outcome = self._statement(call)
            if outcome is None:
                self._take()
                outcome = self._statement(call)
        except (StateFullError, StateUnavailableError, TransactionLostError, TurnLostError) as error:
            raise ProblemError("AppUnavailable", str(error) or _TOO_LONG) from None
        return outcome

    def _point(self, step: str, number: int) -> None:
        if isinstance(self._view, OpenView):
            self._view.point(step, number)

    def _statement(self, call: Call) -> Outcome | None:
        until = time.thread_time() + STATEMENT_SECONDS
        return run_statement(self._view, call.payload, until, self._facet.writing_texts, Meter())

    def _take(self) -> None:
        """Open a transaction. Raises ProblemError when it is not to be had."""
        reads = self._view.reads
        self._view.close()
        if self._facet.holding or self._facet.storing:
            raise ProblemError("AppUnavailable", _BUSY)
        self._facet.hold(lambda: None)
        self._until = time.monotonic() + self._hold_seconds
        view, why = None, _BUSY
        try:
            self._transaction = self._facet.open()
            view = self._transaction.begin_action(reads)
        except StateBusyError as error:
            why = str(error)
        except FILE_ERRORS as error:
            why = str(write_error(error))
        if view is None:
            if self._transaction is None:
                self._release()
            self.undo()
            raise ProblemError("AppUnavailable", why)
        self._view = view

    def _snapshot(self) -> Snapshot:
        """One of its own: requests of the same moment read another one, without what is written here."""
        snapshot = self._facet.snapshot()
        snapshot.shared = False
        return snapshot

    def _release(self) -> None:
        self._facet.release()
        self._freed()
