# SPDX-License-Identifier: Apache-2.0
"""Connections to a facet's file. The runtime's statements and the app's run on the same ones, and so in the same
transactions; the app's run under the rules of `sql_rules`.

Python keeps prepared statements by their text, and a prepared one is not checked again. So the app's texts get a
prefix that no statement of the runtime has: neither can ever run a statement that was prepared for the other.
"""

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from typing import Any, NamedTuple

from genapps_runtime.state import sql_rules
from genapps_runtime.state.errors import SqlError, SqlWritesError
from genapps_runtime.state.sql_functions import Value, replace_quadratic
from genapps_runtime.state.tables import UNKNOWN, Noted, Touched

STATEMENTS = 48
"""How many prepared statements a connection keeps, of the runtime and of the app together."""
BUSY_MILLIS = 5000
"""How long a statement of the runtime waits for another connection."""
MOST_TEXTS = 4 * STATEMENTS
REMEMBERED_CHARACTERS = 2000
"""Of a longer text it is not kept which tables it touches, for there may be many: when SQLite knows it, that is all."""
STEPS = 100
"""After so many steps of a statement its time is looked at."""
_PREFIX = "/*app*/"
_FREE_BYTES = 1_000_000_000
_VALUE_OVERHEAD = 8
_READS = ("select", "values", "explain")

Parameters = Sequence[Value] | dict[str, Value]


class Result(NamedTuple):
    """What a statement gave. `rowcount` is how many rows it changed, -1 when it only reads.

    `lastrowid` is the rowid of the last row that it inserted, if it did. `touched` are the tables that it may have read
    and changed.
    """

    columns: list[str]
    rows: list[tuple[Value, ...]]
    rowcount: int
    lastrowid: int | None
    touched: Touched = UNKNOWN


class Connection(sqlite3.Connection):
    """A connection in autocommit mode. `exhausted` says that SQLite had no memory left for it: close it soon."""

    def __init__(self, path: str, statements: int = STATEMENTS) -> None:
        """Open or create the file; raises sqlite3.Error. It keeps so many prepared statements."""
        super().__init__(
            path, BUSY_MILLIS / 1000, isolation_level=None, check_same_thread=False, cached_statements=statements
        )
        self.exhausted = False
        self.expired = 0
        """Keys with a version up to this number have expired: for whoever reads here they do not exist."""
        self._app = False
        self._text = ""
        self._refusal = ""
        self._until = 0.0
        self._noted = Noted()
        self._touched: dict[str, Touched] = {}
        """By texts that were checked: SQLite asks about those that it has prepared no second time."""
        # At their first use SQLite makes these tables, which would look like a change by the statement.
        self.execute("SELECT 1 FROM json_each('[]'), json_tree('[]')").fetchall()
        self.execute("PRAGMA temp_store=MEMORY")
        self.execute(f"PRAGMA hard_heap_limit={sql_rules.HEAP_BYTES}").fetchall()
        self.execute("PRAGMA foreign_keys=OFF")
        replace_quadratic(self)
        for limit, value in sql_rules.LIMITS.items():
            self.setlimit(limit, value)
        self.set_authorizer(self._authorize)

    def run(self, text: str, parameters: Parameters, until: float) -> Result:
        """Run one statement of the app, on the loop's thread, within a transaction.

        `until` is a time of this thread's processor clock, in seconds (`time.thread_time`). Raises SqlError,
        SqlWritesError when it writes and the connection may only read, and sqlite3.Error when the file fails. The
        transaction may be over after an error: see `in_transaction`.
        """
        if time.thread_time() >= until + sql_rules.SHORT_SECONDS:
            raise _too_slow()
        if text not in self._touched:
            _check_text(text)
        prefix = f"/*app {self._schema()}*/" if makes(text) else _PREFIX
        self._app, self._text, self._refusal, self._until = True, text, "", until
        self.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, sql_rules.VALUE_BYTES)
        self.set_progress_handler(self._late, STEPS)
        before = self.total_changes
        cursor = self.cursor()
        try:
            cursor.execute(prefix + text, parameters)
            columns = [column[0] for column in cursor.description or ()]
            rows = _fetched(cursor)
            lastrowid = cursor.lastrowid
        except MemoryError:
            self.exhausted = True
            raise SqlError(sql_rules.TOO_LARGE, "the statement needs too much memory") from None
        except sqlite3.Error as error:
            raise self._meaning(error) from None
        except (OverflowError, UnicodeError, sqlite3.Warning) as error:
            raise SqlError(sql_rules.INVALID, str(error)) from None
        finally:
            cursor.close()
            self.set_progress_handler(None, 0)
            self.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _FREE_BYTES)
            self._app = False
            touched = self._touches(text)
        changed = self.total_changes - before
        return Result(columns, rows, -1 if only_reads(text) else changed, lastrowid if changed else None, touched)

    def _schema(self) -> int:
        """SQLite's number of the schema, which it has read anew.

        A statement that was prepared before the table was there would write.
        """
        self.execute("SELECT 1 FROM main.sqlite_schema LIMIT 0").fetchall()
        (number,) = self.execute("PRAGMA main.schema_version").fetchone()
        return int(number)

    def _touches(self, text: str) -> Touched:
        """The tables of the statement that has just run."""
        noted = self._noted.take()
        if noted is None:
            return self._touched.get(text, UNKNOWN)
        if len(text) <= REMEMBERED_CHARACTERS:
            if len(self._touched) >= MOST_TEXTS:
                self._touched.clear()
            self._touched[text] = noted
        return noted

    def _late(self) -> int:
        return time.thread_time() >= self._until

    def _authorize(self, code: int, first: str | None, second: str | None, database: str | None, _by: Any) -> int:
        if not self._app:
            return sqlite3.SQLITE_OK
        self._noted.add(code, first)
        found = sql_rules.refusal(code, first, second, database, _modules())
        if not found and code == sqlite3.SQLITE_ALTER_TABLE:
            found = sql_rules.refused_words(self._text, _modules())  # SQLite does not tell a table's new name
        if not found:
            return sqlite3.SQLITE_OK
        self._refusal = self._refusal or found
        return sqlite3.SQLITE_DENY

    def _meaning(self, error: sqlite3.Error) -> Exception:
        """What an error of a statement is to its action."""
        if self._refusal:
            return SqlError(sql_rules.REFUSED, self._refusal)
        code = getattr(error, "sqlite_errorcode", None)
        primary = None if code is None else code & 0xFF
        if primary == sqlite3.SQLITE_READONLY:
            return SqlWritesError()
        if primary == sqlite3.SQLITE_INTERRUPT:
            return _too_slow()
        if primary in _OF_THE_FILE:
            return error
        if primary == sqlite3.SQLITE_TOOBIG:
            detail = f"a text, a blob or a row may have at most {sql_rules.VALUE_BYTES} bytes ({error})"
            return SqlError(sql_rules.TOO_LARGE, detail)
        return SqlError(sql_rules.CONSTRAINT if primary == sqlite3.SQLITE_CONSTRAINT else sql_rules.INVALID, str(error))


_OF_THE_FILE = frozenset(
    {
        sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PROTOCOL,
    }
)  # fmt: skip


@cache
def _modules() -> frozenset[str]:
    """The virtual tables that this SQLite has without anybody creating them. No file of an app is asked for them."""
    with closing(sqlite3.connect(":memory:")) as connection:
        return frozenset(name.lower() for (name,) in connection.execute("SELECT name FROM pragma_module_list"))


def only_reads(text: str) -> bool:
    """Whether the text of a statement says at once that it changes nothing. Others may change nothing as well."""
    return text[:200].lstrip().lower().startswith(_READS)


def _too_slow() -> SqlError:
    millis = int(sql_rules.STATEMENT_SECONDS * 1000)
    advice = "use an index, or fewer rows at once"
    return SqlError(sql_rules.TOO_SLOW, f"the statement took more than {millis} ms of processor time; {advice}")


def makes(text: str) -> bool:
    """Whether the text of a statement begins with CREATE: it writes once, if it says IF NOT EXISTS."""
    return text[:200].lstrip()[:6].lower() == "create"


def _check_text(text: str) -> None:
    if len(text) > sql_rules.TEXT_CHARACTERS:
        detail = f"a statement may have at most {sql_rules.TEXT_CHARACTERS} characters; use parameters for values"
        raise SqlError(sql_rules.TOO_LARGE, detail)
    if sql_rules.RESERVED in text.lower():  # a name has no other spelling: SQL knows no escapes
        raise SqlError(sql_rules.REFUSED, sql_rules.reserved())


def _fetched(cursor: sqlite3.Cursor) -> list[tuple[Value, ...]]:
    rows = []
    size = 0
    for row in cursor:
        rows.append(row)
        for value in row:
            size += _VALUE_OVERHEAD + (len(value) if isinstance(value, str | bytes) else 0)
        if size > sql_rules.RESULT_BYTES or len(rows) > sql_rules.RESULT_ROWS:
            detail = f"a result may have at most {sql_rules.RESULT_BYTES} bytes and {sql_rules.RESULT_ROWS} rows"
            raise SqlError(sql_rules.TOO_LARGE, f"{detail}; use LIMIT")
    return rows
