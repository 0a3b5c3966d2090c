# SPDX-License-Identifier: Apache-2.0
"""What has expired leaves the file, and what was deleted leaves the log of the file (WAL), in steps of milliseconds.

SQLite overwrites what is deleted with zeros (`secure_delete`), but older pages stay in the log until it is emptied.

Rows expire in tables that have a column RETAINED_SINCE: the app says there when a row was written. Such a table is read
row by row, in the order of its row numbers, so that no index is needed.
"""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from genapps_runtime import logs
from genapps_runtime.state.ages import Ages
from genapps_runtime.state.connection import Connection
from genapps_runtime.state.errors import (
    FILE_ERRORS,
    StateConflictError,
    StateFullError,
    StateUnavailableError,
    TransactionLostError,
)
from genapps_runtime.state.log_bound import empty_log
from genapps_runtime.state.marks import Marks
from genapps_runtime.state.open_transaction import PAGE_BYTES, Figures, OpenTransaction
from genapps_runtime.state.transaction import Writes

RETAINED_SINCE = "retained_since"
STEP_KEYS = 200
STEP_ROWS = 500
STEP_SECONDS = 0.002
"""For reading rows, in one step."""
PASS_SECONDS = 60.0
PAUSE_SECONDS = 0.05
"""Between two steps of a pass."""
FIRST_SECONDS = 1.0
"""From the opening of the facet to the first pass: a nap may follow soon."""
_KEYS = "SELECT key FROM main.genapps_entries INDEXED BY genapps_by_version WHERE version <= ? LIMIT ?"
_ROWS = "SELECT {0}, retained_since FROM {1} WHERE {0} > ? ORDER BY {0} LIMIT ?"
_REMOVE = "DELETE FROM {1} WHERE {0} = ?"
MOST_TOLD = 100
"""Tables that the log names, in a process."""
REMOVAL_ERRORS = (
    *FILE_ERRORS,
    OSError,
    StateConflictError,
    StateFullError,
    StateUnavailableError,
    TransactionLostError,
)
_ROW_NUMBERS = ("rowid", "_rowid_", "oid")
_OVER = object()


@dataclass(frozen=True, slots=True)
class _Table:
    """One whose rows expire. `row_number` is a name of the number of a row."""

    name: str
    row_number: str

    @property
    def names(self) -> tuple[str, str]:
        """Of the row's number and of the table, in SQL."""
        escaped = self.name.replace('"', '""')
        return self.row_number, f'main."{escaped}"'


class Removal:
    """Of one facet. Steps run in the commit thread, while nobody has the facet."""

    def __init__(self, ages: Ages, limit_bytes: int, marks: Marks) -> None:
        """The other arguments are the facet's."""
        self.expired = 0
        """Keys with a version up to this number have expired, and nobody may see them any more."""
        self._ages = ages
        self._limit = limit_bytes
        self._marks = marks
        self._steps: Iterator[None] | None = None
        self._emptied_at = -1
        """The number of the last commit when the log was emptied last."""
        self._told: set[str] = set()
        self._connection: Connection
        self._figures: Figures
        self._is_read = False
        self.due = False
        """Whether a step is to be done, as soon as nobody has the facet."""
        self._wake: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, wake: Callable[[], None]) -> None:
        """Steps are `due` from time to time from now on; `wake` is called then, on the loop."""
        self._wake = wake
        self._timer = asyncio.get_running_loop().call_later(FIRST_SECONDS, self.now)

    def later(self) -> None:
        """Wait for the next step after one was done, if it has begun."""
        if self._wake is not None:
            seconds = PASS_SECONDS if self._steps is None else PAUSE_SECONDS
            self._timer = asyncio.get_running_loop().call_later(seconds, self.now)

    def now(self) -> None:
        """A step is due."""
        self.due = True
        if self._wake is not None:
            self._wake()

    def stop(self) -> None:
        """Nothing is due any more."""
        self._wake, self.due = None, False
        if self._timer is not None:
            self._timer.cancel()

    def step(self, connection: Connection, figures: Figures, *, is_read: bool) -> Figures:
        """Do a part of a pass; returns the facet's figures after it. `is_read` says that a snapshot is open.

        Raises one of REMOVAL_ERRORS: then the pass is over.
        """
        self._connection, self._figures, self._is_read, self.due = connection, figures, is_read, False
        steps, self._steps = self._steps or self._pass(), None
        if next(steps, _OVER) is not _OVER:
            self._steps = steps
        return self._figures

    def look(self, connection: Connection, sequence: int) -> None:
        """Find out what has expired by now. Raises one of FILE_ERRORS."""
        self.expired = connection.expired = self._ages.expired(connection, sequence)

    def _pass(self) -> Iterator[None]:
        self.look(self._connection, self._figures.sequence)
        if self._ages.seconds:
            while keys := self._connection.execute(_KEYS, (self.expired, STEP_KEYS)).fetchall():
                self._change([(key, None) for (key,) in keys])
                yield
            self._ages.forget(self._connection, self.expired)
            for table in self._tables():
                yield from self._rows(table)
        yield from self._empty_log()

    def _rows(self, table: _Table) -> Iterator[None]:
        """Remove what has expired of one table."""
        last: int | None = -(2**63)
        while last is not None:
            try:
                last, gone = self._read(table, last)
                if gone:
                    self._change([], table, gone)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
                    raise
                return  # the app has dropped or changed the table meanwhile
            yield

    def _read(self, table: _Table, last: int) -> tuple[int | None, list[int]]:
        """Rows from the one after `last` on: the number of the last one that was read, and of those that are over."""
        ends, gone = time.monotonic() + STEP_SECONDS, list[int]()
        with closing(self._connection.execute(_ROWS.format(*table.names), (last, STEP_ROWS))) as rows:
            for left, (number, at) in zip(range(STEP_ROWS - 1, -1, -1), rows, strict=False):
                if self._ages.is_over(at):
                    gone.append(number)
                if not left or time.monotonic() >= ends:
                    return number, gone
        return None, gone

    def _tables(self) -> list[_Table]:
        found = []
        listed = "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
        for name, without_rowid in self._connection.execute(listed).fetchall():
            if name.startswith(("genapps_", "sqlite_")):
                continue
            columns = self._connection.execute("SELECT lower(name) FROM pragma_table_info(?)", (name,)).fetchall()
            names = {column for (column,) in columns}
            if RETAINED_SINCE not in names:
                continue
            number = next((one for one in _ROW_NUMBERS if one not in names), None)
            if not without_rowid and number is not None:
                found.append(_Table(name, number))
            elif name not in self._told and len(self._told) < MOST_TOLD:
                self._told.add(name)
                why = "it has no row numbers: leave out WITHOUT ROWID"
                logs.write("rows are not removed", level="warning", table=name[:200], why=why)
        return found

    def _change(self, writes: Writes, table: _Table | None = None, rows: list[int] | None = None) -> None:
        """Delete keys, or rows of a table: a commit as of an action that writes by SQL."""
        transaction = OpenTransaction(self._connection, self._figures, self._limit, self._marks)
        try:
            transaction.begin_action(None)
            if table is not None and rows is not None:
                self._connection.executemany(_REMOVE.format(*table.names), [(number,) for number in rows])
                transaction.note_changes(frozenset({table.name.lower()}))
            transaction.end_action(writes)
            transaction.commit()
        except BaseException:
            transaction.roll_back()
            raise
        self._figures = transaction.figures

    def _empty_log(self) -> Iterator[None]:
        """Empty it if something was stored, and nobody reads an older state of the file.

        Not where the file would have to grow and cannot: a part of that would take the last bytes of a full disk.
        """
        if self._emptied_at == self._figures.sequence or self._is_read or not self._fits():
            return
        if empty_log(self._connection):
            self._emptied_at = self._figures.sequence
        yield

    def _fits(self) -> bool:
        """Whether the disk has room for what the log adds to the file."""
        (pages,) = self._connection.execute("PRAGMA main.page_count").fetchone()
        (_, _, path) = self._connection.execute("PRAGMA database_list").fetchone()
        disk = os.statvfs(path)
        growth: int = pages * PAGE_BYTES - Path(path).stat().st_size
        return growth <= disk.f_bavail * disk.f_frsize
