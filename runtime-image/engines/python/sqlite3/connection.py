# SPDX-License-Identifier: Apache-2.0
"""Connections: to the app's own database, or to one in memory."""

from collections.abc import Callable, Iterable, Iterator
from sqlite3 import errors, texts
from sqlite3.cursor import Cursor, cursor_of
from sqlite3.databases import database_of, name_of
from sqlite3.errors import NotSupportedError, OperationalError, ProgrammingError
from typing import Any, Literal, Never

LEGACY_TRANSACTION_CONTROL = -1
_LEVELS = (None, "", "DEFERRED", "IMMEDIATE", "EXCLUSIVE")


class Connection:
    """As DB-API says, with the attributes that Python's own has."""

    Warning = errors.Warning
    Error = errors.Error
    InterfaceError = errors.InterfaceError
    DatabaseError = errors.DatabaseError
    DataError = errors.DataError
    OperationalError = errors.OperationalError
    IntegrityError = errors.IntegrityError
    InternalError = errors.InternalError
    ProgrammingError = errors.ProgrammingError
    NotSupportedError = errors.NotSupportedError

    _closed = True

    def __init__(
        self,
        database: Any,
        timeout: float = 5.0,
        detect_types: int = 0,
        isolation_level: str | None = "",
        check_same_thread: bool = True,
        cached_statements: int = 128,
        uri: bool = False,
        *,
        autocommit: Any = LEGACY_TRANSACTION_CONTROL,
    ) -> None:
        """`database` is `:memory:`, or any name of a file; `timeout`, threads and the cache mean nothing here."""
        self.row_factory: Any = None
        self.text_factory: Any = str
        self.detect_types = detect_types
        self.total_changes = 0
        self.last_rowid = 0
        self._autocommit = _autocommit(autocommit)
        self._level: str | None = ""
        self.database = database_of(name_of(database))
        self._closed = False
        self.isolation_level = isolation_level

    @property
    def isolation_level(self) -> str | None:
        """None: no transaction begins unless the text says BEGIN."""
        return self._level

    @isolation_level.setter
    def isolation_level(self, level: str | None) -> None:
        if level is not None and not isinstance(level, str):
            raise TypeError("isolation_level must be str or None")
        if level is not None and level.upper() not in _LEVELS:
            raise ValueError("isolation_level string must be '', 'DEFERRED', 'IMMEDIATE', or 'EXCLUSIVE'")
        if level is None and not self._closed and self._level is not None and self.legacy:
            self.commit()
        self._level = level

    @property
    def autocommit(self) -> Any:
        """True, False or LEGACY_TRANSACTION_CONTROL."""
        return self._autocommit

    @autocommit.setter
    def autocommit(self, value: Any) -> None:
        value = _autocommit(value)
        self.check()
        if value is True and self._autocommit is not True:
            self.database.transaction.commit()
        self._autocommit = value

    @property
    def legacy(self) -> bool:
        """Whether `isolation_level` decides when a transaction begins."""
        return self._autocommit == LEGACY_TRANSACTION_CONTROL and self._autocommit is not True

    @property
    def in_transaction(self) -> bool:
        """Whether something is not committed."""
        self.check()
        return self._autocommit is False or bool(self.database.transaction.points)

    def cursor(self, factory: Callable[..., Any] = Cursor) -> Any:
        """A new cursor."""
        self.check()
        made = cursor_of(factory(self))
        if self.row_factory is not None:
            made.row_factory = self.row_factory
        return made

    def execute(self, sql: str, parameters: Any = (), /) -> Cursor:
        """Run one statement with a new cursor."""
        return Cursor(self).execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Cursor:
        """Run one statement for each of the parameters, with a new cursor."""
        made: Cursor = self.cursor()
        return made.executemany(sql, parameters)

    def executescript(self, sql_script: str, /) -> Cursor:
        """Run a script with a new cursor."""
        made: Cursor = self.cursor()
        return made.executescript(sql_script)

    def commit(self) -> None:
        """Keep what was changed: it is stored when the request succeeds."""
        self.check()
        if self._autocommit is not True:
            self.database.transaction.commit()

    def rollback(self) -> None:
        """Undo what was changed since the last commit."""
        self.check()
        if self._autocommit is not True:
            self.database.transaction.roll_back()

    def close(self) -> None:
        """Use it no more. What was not committed is undone."""
        if not self._closed:
            self._closed = True
            self.database.let_go(id(self))

    def interrupt(self) -> None:
        """Nothing: no statement runs while somebody can call this."""
        self.check()

    def iterdump(self, *, filter: str | None = None) -> Iterator[str]:  # noqa: A002  the name is Python's
        """The statements that make the tables and their rows."""
        self.check()
        yield "BEGIN TRANSACTION;"
        listed = "SELECT type, name, sql FROM sqlite_master WHERE sql NOT NULL AND name LIKE ? ORDER BY type DESC, name"
        found = [row for row in Cursor(self).execute(listed, (filter or "%",)) if not row[1].startswith("genapps_")]
        for kind, name, sql in found:
            if kind != "table" or name.startswith("sqlite_"):
                continue
            yield f"{sql};"
            quoted = name.replace('"', '""')
            for row in Cursor(self).execute(f'SELECT * FROM "{quoted}"'):  # noqa: S608
                yield f'INSERT INTO "{quoted}" VALUES({",".join(map(_literal, row))});'
        for kind, _, sql in found:
            if kind != "table":
                yield f"{sql};"
        yield "COMMIT;"

    def check(self) -> None:
        """Raises ProgrammingError when it is closed."""
        if self._closed:
            raise ProgrammingError("Cannot operate on a closed database.")

    def point(self, *, changes: bool) -> int:
        """The number of the savepoint that begins before a statement, 0 for none."""
        implicit = changes and self._level is not None and self.legacy
        if not implicit and self._autocommit is not False:
            return 0
        return 0 if self.database.transaction.points else 1

    def note(self, rowcount: int, rowid: int | None) -> None:
        """A statement has changed rows."""
        self.total_changes += rowcount
        if rowid is not None:
            self.last_rowid = rowid

    def step(self, step: str, name: str) -> None:
        """A statement about the transaction. Raises OperationalError."""
        running = self.database.transaction
        if step == "begin":
            running.begin(id(self))
        elif step == "savepoint":
            running.save(name, id(self))
        elif step == "release":
            running.release(name)
        elif step == "back":
            running.roll_back_to(name)
        elif not step:
            raise OperationalError("a statement about a transaction that is not understood")
        elif not running.points:
            raise OperationalError(f"cannot {step} - no transaction is active")
        elif step == "commit":
            running.commit()
        else:
            running.roll_back()

    def __call__(self, sql: str, /) -> Never:
        """Refused."""
        raise NotSupportedError("statements are run by connection.execute(text)")

    def __enter__(self) -> "Connection":
        self.check()
        return self

    def __exit__(self, kind: Any, *_: object) -> Literal[False]:
        self.check()
        if kind is None:
            self.commit()
        else:
            self.rollback()
        return False

    def __del__(self) -> None:
        self.close()


def _refuse(name: str, told: str) -> Callable[..., Never]:
    def refused(self: Connection, *_: Any, **__: Any) -> Never:
        raise NotSupportedError(f"connection.{name} is not available: {told}")

    return refused


_IN_PYTHON = "SQL cannot call functions of the app; do it in Python, with the rows"
for _names, _told in {
    ("create_function", "create_aggregate", "create_window_function", "create_collation"): _IN_PYTHON,
    ("backup", "serialize", "deserialize", "blobopen"): "a database is read and filled by statements",
    ("enable_load_extension", "load_extension"): "there are no extensions",
    ("set_authorizer", "set_progress_handler", "set_trace_callback"): "the app has no part in running a statement",
    ("setlimit", "getlimit", "setconfig", "getconfig"): "the limits are the same for all apps",
}.items():
    for _name in _names:
        setattr(Connection, _name, _refuse(_name, _told))


def _autocommit(value: Any) -> Any:
    if value is True or value is False or value == LEGACY_TRANSACTION_CONTROL:
        return value
    raise ValueError("autocommit must be True, False, or sqlite3.LEGACY_TRANSACTION_CONTROL")


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"X'{value.hex().upper()}'"
    return "'{}'".format(value.replace("'", "''")) if isinstance(value, str) else repr(value)


def complete_statement(statement: str) -> bool:
    """Whether the text ends with the end of a statement."""
    return texts.is_complete(statement)
