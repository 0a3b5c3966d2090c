# SPDX-License-Identifier: Apache-2.0
"""Databases in memory, which apps open by `sqlite3.connect(":memory:")`: no part of the state, and never stored.

An instance of the app has its own ones. Statements run under the rules and the limits of those on the facet. The memory
is that of SQLite in this process (`sql_rules.HEAP_BYTES`), so that all of them together stay well below it: a
transaction that changes every page holds each of them up to three times.
"""

import sqlite3
from contextlib import suppress
from weakref import WeakSet

from genapps_runtime.state import sql_rules
from genapps_runtime.state.connection import Connection, Parameters, Result, only_reads
from genapps_runtime.state.errors import FILE_ERRORS, SqlError
from genapps_runtime.state.open_transaction import PAGE_BYTES, schema_excess
from genapps_runtime.state.tables import ALL, SCHEMA

PROCESS_PAGES = 6 * 1024 * 1024 // PAGE_BYTES
"""Of all databases in memory of this process together."""
PROCESS_DATABASES = 32
"""An empty one takes about 100 KiB."""
INSTANCE_DATABASES = 8
STATEMENTS = 8
"""How many prepared statements each of them keeps."""
_PLAIN_CHANGES = ("insert", "update", "delete", "replace")
_GONE = "the database in memory is gone: SQL of the app had used up its memory. Open it again, and fill it"
_LIVE: "WeakSet[MemoryDatabase]" = WeakSet()


class Pages:
    """What the databases of one instance may take, and have taken."""

    __slots__ = ("most", "taken")

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0


class MemoryDatabase:
    """One database. Its transactions are real ones of its own: no request begins or ends them.

    Nothing can be done with it after `close`. All methods but that raise SqlError.
    """

    __slots__ = ("__weakref__", "_connection", "_granted", "_pages", "_points", "_taken")

    def __init__(self, pages: Pages) -> None:
        """`pages` are those that it shares."""
        self._pages = pages
        self._taken = self._granted = 0
        self._points: list[int] = []
        """Numbers of savepoints in order. The first one is the transaction."""
        try:
            self._connection: Connection | None = Connection(":memory:", STATEMENTS)
        except FILE_ERRORS as error:
            raise _failed(error) from None
        _LIVE.add(self)

    @property
    def in_transaction(self) -> bool:
        """Whether something is not committed."""
        return self._open().in_transaction

    def run(self, text: str, parameters: Parameters, until: float) -> Result:
        """Run one statement; a statement that fails changes nothing. `until` is as for `Connection.run`."""
        connection = self._open()
        began = connection.in_transaction
        try:
            if only_reads(text):
                return connection.run(text, parameters, until)
            return self._write(connection, text, parameters, until)
        except SqlError as error:
            raise self._told(error, began) from None
        except FILE_ERRORS as error:
            raise self._told(_failed(error), began) from None

    def point(self, step: str, number: int) -> None:
        """Begin the savepoint with this number, undo what was written since then, or commit.

        The first one begins the transaction, and to undo it rolls that back. Either way the one that had the number
        ends, and those with higher ones. To undo one that is not known does nothing: SQLite has rolled it back.
        """
        connection = self._open()
        if not connection.in_transaction:
            self._points = []
        outer = [one for one in self._points if one < number] if step != "commit" else []
        try:
            if step == "begin":
                if outer != self._points:
                    connection.execute(f"RELEASE genapps_{self._points[len(outer)]}" if outer else "COMMIT")
                connection.execute(f"SAVEPOINT genapps_{number}" if outer else "BEGIN")
                outer.append(number)
            elif outer == self._points:
                return
            elif not outer:
                connection.execute("COMMIT" if step == "commit" else "ROLLBACK")
            else:
                connection.execute(f"ROLLBACK TO genapps_{number}")
                connection.execute(f"RELEASE genapps_{number}")
        except FILE_ERRORS as error:
            raise _failed(error) from None
        self._points = outer

    def close(self) -> None:
        """Give its memory back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            _LIVE.discard(self)
            connection.close()
            self._pages.taken -= self._taken

    def _open(self) -> Connection:
        if self._connection is None:
            raise SqlError(sql_rules.INVALID, _GONE)
        return self._connection

    def _write(self, connection: Connection, text: str, parameters: Parameters, until: float) -> Result:
        self._grant(connection)
        guarded = "returning" in text.lower() or not text.lstrip().lower().startswith(_PLAIN_CHANGES)
        try:
            if guarded:
                connection.execute("SAVEPOINT genapps_statement")
            result = connection.run(text, parameters, until)
            if not result.touched.changed.isdisjoint({SCHEMA, ALL}):
                _check_schema(connection)
            if guarded:
                connection.execute("RELEASE genapps_statement")
        except (SqlError, *FILE_ERRORS):
            if guarded:
                self._undo_statement(connection)
            raise
        finally:
            self._count()
        return result

    def _undo_statement(self, connection: Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK TO genapps_statement")
                connection.execute("RELEASE genapps_statement")
        except FILE_ERRORS:
            self.close()

    def _grant(self, connection: Connection) -> None:
        """Let it have what the others have left."""
        granted = max(1, self._pages.most - self._pages.taken + self._taken)
        if granted != self._granted:
            connection.execute(f"PRAGMA main.max_page_count={granted}").fetchall()
            self._granted = granted

    def _count(self) -> None:
        if self._connection is not None:
            with suppress(*FILE_ERRORS):  # without memory: it is counted the next time
                (taken,) = self._connection.execute("PRAGMA main.page_count").fetchone()
                self._pages.taken += taken - self._taken
                self._taken = taken

    def _told(self, error: SqlError, began: bool) -> SqlError:
        """The error, which says also what became of the transaction that had begun before."""
        if self._connection is None:
            return SqlError(sql_rules.INVALID, _GONE)
        if not began or self._connection.in_transaction:
            return error
        return SqlError(error.code, f"{error}; its transaction was rolled back")


def close_all() -> None:
    """Close those of the whole process, on the loop's thread: the state comes first when memory is short."""
    for database in list(_LIVE):
        database.close()


def _check_schema(connection: Connection) -> None:
    if excess := schema_excess(connection):
        raise SqlError(sql_rules.TOO_LARGE, excess)


def _failed(error: Exception) -> SqlError:
    """What one of FILE_ERRORS means to the app."""
    if isinstance(error, MemoryError):
        return SqlError(sql_rules.TOO_LARGE, "the statement needs too much memory")
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL:
        detail = f"all databases in memory of the process may have {PROCESS_PAGES * PAGE_BYTES // 2**20} MiB together"
        return SqlError(sql_rules.INVALID, f"{error}: {detail}, and each instance its share")
    return SqlError(sql_rules.INVALID, str(error))
