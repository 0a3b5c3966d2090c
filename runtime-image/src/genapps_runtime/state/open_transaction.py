# SPDX-License-Identifier: Apache-2.0
"""A transaction in which actions write by SQL, one after the other: each sees what those before it have written.

It runs on the writer's connection and on the loop's thread, while the facet is held. Each action has a savepoint. What
it writes to keys is added at its end. All of them are stored by one commit, which runs in the commit thread.
"""

from dataclasses import dataclass, replace

from genapps_runtime.state.connection import Connection, Parameters, Result, only_reads
from genapps_runtime.state.errors import (
    FILE_ERRORS,
    SqlError,
    SqlWritesError,
    StateConflictError,
    StateFullError,
    StateUnavailableError,
    TransactionLostError,
    TurnLostError,
    write_error,
)
from genapps_runtime.state.marks import Kept, Mark, Marks
from genapps_runtime.state.sql_rules import SCHEMA_BYTES, SCHEMA_ENTRIES
from genapps_runtime.state.tables import SCHEMA, UNKNOWN, TableChanges
from genapps_runtime.state.transaction import Commit, Transaction, Writes
from genapps_runtime.state.view import Reads, View

PAGE_BYTES = 4096
_SCHEMA_SIZE = (
    "SELECT count(*), coalesce(sum(length(CAST(sql AS BLOB))), 0) FROM main.sqlite_schema "
    "WHERE tbl_name NOT GLOB 'genapps_*'"
)


@dataclass(frozen=True, slots=True)
class Figures:
    """Of a facet. `sequence` is the number of the last commit, `changes` tells the last ones that changed tables.

    `size` is in bytes of keys, values and tables; `tables` are the pages of the tables in it. `schema` is SQLite's
    number of the schema. `kept` are the figures of its marks.
    """

    sequence: int
    changes: TableChanges
    size: int
    tables: int
    schema: int
    kept: Kept


class OpenTransaction:
    """One transaction for some actions. `figures` are those of the facet if it is committed now."""

    def __init__(self, connection: Connection, figures: Figures, limit_bytes: int, marks: Marks) -> None:
        """Begin it; raises one of FILE_ERRORS."""
        self._connection = connection
        self._limit = limit_bytes
        self._marks = marks
        self._pages: int | None = None
        """Used by the actions that have ended, once it is known."""
        self._changed: set[str] = set()
        self._view: OpenView | None = None
        self.figures = figures
        connection.execute("BEGIN IMMEDIATE")

    @property
    def lost(self) -> bool:
        """Whether SQLite has given it up, with everything in it."""
        return not self._connection.in_transaction

    def begin_action(self, reads: Reads | None) -> "OpenView | None":
        """What the next action reads and writes with; None when what it has read elsewhere is not there any more.

        Raises TransactionLostError and those of FILE_ERRORS.
        """
        if self.lost:
            raise TransactionLostError
        if reads is not None and not self._holds(reads):
            return None
        self._connection.execute("SAVEPOINT genapps_action")
        if self._pages is None:
            self._pages = self._used_pages()
        self._changed = set()
        self._view = OpenView(self, self._connection)
        return self._view

    def note_changes(self, changed: frozenset[str]) -> bool:
        """The action has run a statement that may have changed these tables; whether it may have changed any."""
        if SCHEMA in changed and schema_of(self._connection) == self.figures.schema:
            changed -= {SCHEMA}  # CREATE TABLE IF NOT EXISTS, and it does
        self._changed |= changed
        return bool(changed)

    def end_action(self, writes: Writes, mark: Mark | None = None) -> None:
        """Add the keys that the action writes and its mark, and keep everything for the commit.

        Raises StateFullError, StateUnavailableError and TransactionLostError: then call `undo_action`.
        """
        try:
            figures, pages = self._ended(writes, mark)
            self._connection.execute("RELEASE genapps_action")
        except FILE_ERRORS as error:
            raise write_error(error) from None
        self.figures, self._pages = figures, pages
        self._leave_view()

    def undo_action(self) -> None:
        """Take back what the action has written, if one has begun."""
        if self._view is None:
            return
        self._leave_view()
        try:
            if not self.lost:
                self._connection.execute("ROLLBACK TO genapps_action")
                self._connection.execute("RELEASE genapps_action")
        except FILE_ERRORS:
            self.roll_back()

    def undo_statement(self) -> None:
        """Take back what the last statement has written, which had a savepoint of its own."""
        try:
            if not self.lost:
                self._connection.execute("ROLLBACK TO genapps_statement")
                self._connection.execute("RELEASE genapps_statement")
        except FILE_ERRORS:
            self.roll_back()

    def commit(self) -> None:
        """Store everything durably; raises one of FILE_ERRORS or StateConflictError: then nothing is stored."""
        if self.lost:
            raise StateConflictError
        try:
            self._connection.execute("COMMIT")
        except FILE_ERRORS:
            self.roll_back()
            raise

    def roll_back(self) -> None:
        """Take back everything. What cannot be taken back is with the connection, which is made anew."""
        try:
            if not self.lost:
                self._connection.execute("ROLLBACK")
        except FILE_ERRORS:
            self._connection.exhausted = True

    def _ended(self, writes: Writes, mark: Mark | None) -> tuple[Figures, int | None]:
        """The figures with what the action has written, and the used pages if they are known."""
        before, pages = self.figures, self._pages
        tables, size, sequence, kept = before.tables, before.size, before.sequence + 1, before.kept
        if self._changed:
            pages = self._used_pages()
            tables += pages - (self._pages or 0)
            size += (tables - before.tables) * PAGE_BYTES
            if size > self._limit and size > before.size:
                raise StateFullError(f"the state would take {size} bytes; the tier allows {self._limit}")
            if tables != before.tables:
                self._connection.execute("UPDATE main.genapps_facet SET tables = ?", (tables,))
        if writes or mark is not None:
            transaction = self._transaction(replace(before, size=size))
            commit = Commit(None, writes, mark=mark)
            transaction.apply([commit])
            if commit.verdict is not None:
                raise commit.verdict
            size, kept, pages = transaction.size, transaction.kept, None
        changes = before.changes.after(self._changed, sequence)
        schema = before.schema
        if SCHEMA in self._changed:
            schema = schema_of(self._connection)
            if excess := schema_excess(self._connection):
                raise StateFullError(excess)
        return Figures(sequence, changes, size, tables, schema, kept), pages

    def _holds(self, reads: Reads) -> bool:
        return self._transaction(self.figures).holds(reads)

    def _transaction(self, figures: Figures) -> Transaction:
        numbers = figures.sequence, figures.size, self._limit
        return Transaction(self._connection, *numbers, figures.changes, self._marks, figures.kept)

    def _used_pages(self) -> int:
        (pages,) = self._connection.execute("PRAGMA main.page_count").fetchone()
        (free,) = self._connection.execute("PRAGMA main.freelist_count").fetchone()
        return int(pages) - int(free)

    def _leave_view(self) -> None:
        if self._view is not None:
            self._view.ended = True
            self._view = None


def schema_of(connection: Connection) -> int:
    """SQLite's number of the schema; raises one of FILE_ERRORS."""
    (number,) = connection.execute("PRAGMA main.schema_version").fetchone()
    return int(number)


def schema_excess(connection: Connection) -> str:
    """What is against the definitions of a database's tables and indexes: nothing, or a sentence.

    Raises one of FILE_ERRORS.
    """
    entries, size = connection.execute(_SCHEMA_SIZE).fetchone()
    if entries <= SCHEMA_ENTRIES and size <= SCHEMA_BYTES:
        return ""
    found = f"there would be {entries} tables and indexes with definitions of {size} bytes"
    return f"{found}; there may be {SCHEMA_ENTRIES} with {SCHEMA_BYTES} bytes"


class OpenView(View):
    """What an action reads and writes in an open transaction, until `ended`. There is nothing to check at the end.

    All methods raise TurnLostError when the transaction went on without the action.
    """

    __slots__ = ("_noted", "_points", "_transaction", "_writer", "ended", "wrote")

    def __init__(self, transaction: OpenTransaction, writer: Connection) -> None:
        self.reads = None
        self.ended = False
        self.wrote = False
        """Whether it has run a statement that may have written."""
        self._points: list[int] = []
        """Numbers of savepoints within that of the action, in order."""
        self._noted = Reads(0)
        self._transaction = transaction
        self._writer = writer

    def sql(self, text: str, parameters: Parameters, until: float) -> Result:
        """Run a statement; raises SqlError.

        The action cannot go on after TransactionLostError, StateFullError and StateUnavailableError.
        """
        writer, _ = self._begin()
        returns = "returning" in text.lower()  # it has changed everything before it gives its first row
        try:
            if returns:
                writer.execute("SAVEPOINT genapps_statement")
            result = writer.run(text, parameters, until)
            if returns:
                writer.execute("RELEASE genapps_statement")
            self.wrote |= self._transaction.note_changes(result.touched.changed)
        except SqlError as error:
            if returns:
                self._transaction.undo_statement()
            if not only_reads(text):  # OR FAIL keeps the rows before the one that failed
                self.wrote |= self._transaction.note_changes(UNKNOWN.changed)
            if self._transaction.lost:
                raise TransactionLostError(f"{error}; what the request had written is not stored") from None
            raise
        except SqlWritesError:
            raise StateUnavailableError("the file of the state may not be written") from None
        except FILE_ERRORS as error:
            raise write_error(error) from None
        return result

    def point(self, step: str, number: int) -> None:
        """Begin the savepoint with this number, or undo what was written since then.

        Either way the one that had the number ends, and those with higher ones. One that is not known began when the
        action had written nothing. Raises TransactionLostError and StateUnavailableError.
        """
        writer, _ = self._begin()
        if self._transaction.lost:
            raise TransactionLostError("the transaction is gone; what the request had written is not stored")
        outer = [one for one in self._points if one < number]
        try:
            if step == "undo" and number not in self._points:
                outer = []
                writer.execute("ROLLBACK TO genapps_action")
            elif step == "undo":
                writer.execute(f"ROLLBACK TO genapps_{number}")
                writer.execute(f"RELEASE genapps_{number}")
            elif self.wrote:
                if outer != self._points:
                    writer.execute(f"RELEASE genapps_{self._points[len(outer)]}")
                writer.execute(f"SAVEPOINT genapps_{number}")
                outer.append(number)
        except FILE_ERRORS as error:
            raise write_error(error) from None
        self._points = outer

    def close(self) -> None:
        """Nothing: the transaction goes on."""

    def _begin(self) -> tuple[Connection, Reads]:
        if self.ended:
            raise TurnLostError
        return self._writer, self._noted
