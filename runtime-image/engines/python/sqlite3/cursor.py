# SPDX-License-Identifier: Apache-2.0
"""Cursors: a statement runs when it is executed, and its rows are here then."""

from collections.abc import Iterable, Iterator
from itertools import islice
from sqlite3 import pragmas, texts
from sqlite3.columns import names_and_readers
from sqlite3.errors import InterfaceError, ProgrammingError, error_of
from sqlite3.values import parameters_of, received
from typing import TYPE_CHECKING, Any

from genapps.calls import ToolError
from genapps.encoding import from_json
from genapps.sql import SqlError

if TYPE_CHECKING:
    from sqlite3.connection import Connection

_CHANGES = frozenset({"insert", "update", "delete", "replace"})
_OF_TRANSACTIONS = frozenset({"begin", "commit", "end", "rollback", "savepoint", "release"})
_NOTHING = frozenset({"vacuum", "analyze"})


class Cursor:
    """As DB-API says. `rowcount` is -1 unless rows were changed, `lastrowid` that of the last insertion."""

    def __init__(self, connection: "Connection", /) -> None:
        self.connection = connection
        self.row_factory = connection.row_factory
        self.arraysize = 1
        self.names: list[str] | None = None
        """Of the columns; None when there are none."""
        self.rowcount = -1
        self.lastrowid: int | None = None
        self._rows: Iterator[Any] = iter(())
        self._closed = False

    @property
    def description(self) -> tuple[tuple[str, None, None, None, None, None, None], ...] | None:
        """The names of the columns, as DB-API has them."""
        if self.names is None:
            return None
        return tuple([(name, None, None, None, None, None, None) for name in self.names])

    def execute(self, sql: str, parameters: Any = (), /) -> "Cursor":
        """Run one statement. Raises Error."""
        self._begin(sql)
        word = texts.first_word(sql)
        if word in _OF_TRANSACTIONS:
            self.connection.step(*texts.transaction_step(sql))
        elif word == "pragma" and (answered := self._pragma(sql)) is not None:
            self._take(sql, *answered)
        elif word not in _NOTHING:
            changes = word in _CHANGES
            result = self._run(sql, parameters_of(parameters), changes=changes)
            columns, rows, rowcount, rowid = result
            if changes:
                self.rowcount = rowcount
                self.connection.note(rowcount, rowid if word in {"insert", "replace"} else None)
            self.lastrowid = self.connection.last_rowid
            self._take(sql, columns, rows)
        return self

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> "Cursor":
        """Run one statement that changes rows, for each of the parameters. Raises Error."""
        self._begin(sql)
        word = texts.first_word(sql)
        if word not in _CHANGES:
            raise ProgrammingError("executemany() can only execute DML statements.")
        self.rowcount = 0
        for given in parameters:
            _, _, rowcount, rowid = self._run(sql, parameters_of(given), changes=True)
            self.rowcount += rowcount
            self.connection.note(rowcount, rowid if word in {"insert", "replace"} else None)
        return self

    def executescript(self, sql_script: str, /) -> "Cursor":
        """Commit, then run all statements of a script, each for itself. Raises Error."""
        self._begin(sql_script)
        if self.connection.legacy:
            self.connection.commit()
        for text in texts.statements(sql_script):
            word = texts.first_word(text)
            if word in _OF_TRANSACTIONS:
                self.connection.step(*texts.transaction_step(text))
            elif word not in _NOTHING and (word != "pragma" or self._pragma(text) is None):
                self.connection.note(max(0, self._run(text, [], changes=False)[2]), None)
        return self

    def fetchone(self) -> Any:
        """The next row, or None."""
        self._check()
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """The next rows, at most `size`."""
        self._check()
        wanted = self.arraysize if size is None else size
        return list(islice(self._rows, wanted) if wanted > 0 else self._rows)

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        self._check()
        return list(self._rows)

    def close(self) -> None:
        """Use it no more."""
        self._rows, self._closed = iter(()), True

    def setinputsizes(self, sizes: Any, /) -> None:
        """Nothing."""

    def setoutputsize(self, size: int, column: int | None = None, /) -> None:
        """Nothing."""

    def __iter__(self) -> "Cursor":
        self._check()
        return self

    def __next__(self) -> Any:
        self._check()
        return next(self._rows)

    def _check(self) -> None:
        if self._closed:
            raise ProgrammingError("Cannot operate on a closed cursor.")
        self.connection.check()

    def _begin(self, sql: str) -> None:
        self._check()
        if not isinstance(sql, str):
            raise TypeError(f"execute() argument 1 must be str, not {type(sql).__name__}")
        if "\0" in sql:
            raise ProgrammingError("the query contains a null character")
        if not sql.isascii():
            sql.encode()
        self._rows, self.names, self.rowcount = iter(()), None, -1

    def _pragma(self, text: str) -> tuple[list[str], list[tuple[Any, ...]]] | None:
        return pragmas.answer(text, in_memory=self.connection.database.in_memory)

    def _run(self, sql: str, parameters: Any, *, changes: bool) -> tuple[list[str], list[Any], int, int | None]:
        """Columns, rows, count and rowid of one statement."""
        point = self.connection.point(changes=changes)
        if point:
            self.connection.database.transaction.note_begun(id(self.connection))
        try:
            result = self.connection.database.run(sql, parameters, point)
        except (SqlError, ToolError) as error:
            raise error_of(error) from None
        columns, rows, rowcount, rowid = from_json(result)
        if '{"' in result:
            rows = [[received(value) for value in row] for row in rows]
        return columns, rows, rowcount, rowid

    def _take(self, sql: str, columns: list[str], rows: list[Any]) -> None:
        """Note the result of a statement."""
        if not columns:
            return
        connection, factory = self.connection, self.row_factory
        self.names, made = columns, map(tuple, rows)
        if connection.detect_types or connection.text_factory is not str:
            self.names, readers = names_and_readers(connection, sql, columns)
            made = map(tuple, [[read(value) for read, value in zip(readers, row, strict=True)] for row in rows])
        self._rows = iter(made) if factory is None else iter([factory(self, row) for row in made])


def cursor_of(made: Any) -> Cursor:
    """What a factory has made. Raises TypeError when it is no cursor."""
    if not isinstance(made, Cursor):
        raise TypeError(f"factory must return a cursor, not {type(made).__name__}")
    if not hasattr(made, "_closed"):
        raise InterfaceError("Base Cursor.__init__ not called.")
    return made
