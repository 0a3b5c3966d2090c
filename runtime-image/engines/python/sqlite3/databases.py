# SPDX-License-Identifier: Apache-2.0
"""What a connection is connected to: the app's own database, or one in memory."""

import gc
import os
from sqlite3.errors import NotSupportedError, error_of
from sqlite3.transactions import MemoryTransaction, Transaction, transaction
from typing import Any

from genapps.actions import current
from genapps.calls import ToolError
from genapps.immediate import ask_memory, ask_sql, step_memory
from genapps.sql import SqlError

_SHARED = "connections cannot share a database in memory: use one connection for it, or the app's own database"


class AppDatabase:
    """Part of the app's state: each request is a transaction of it."""

    in_memory = False

    @property
    def transaction(self) -> Transaction:
        """That of the running request."""
        return transaction()

    def run(self, text: str, parameters: Any, point: int) -> str:
        """The result of a statement, see `ask_sql`."""
        return ask_sql(text, parameters, point)

    def let_go(self, owner: int) -> None:
        """Undo what this connection has not committed."""
        if current.action.transaction is not None and transaction().points and transaction().owner == owner:
            transaction().roll_back()


class MemoryDatabase:
    """One of this instance. It is nobody else's, and gone with its connection."""

    in_memory = True

    def __init__(self) -> None:
        """Open it. Raises Error."""
        try:
            self._number = _opened()
        except (SqlError, ToolError) as error:
            raise error_of(error) from None
        self.transaction = MemoryTransaction(self._number)

    def run(self, text: str, parameters: Any, point: int) -> str:
        """The result of a statement. Raises SqlError."""
        try:
            return ask_memory(self._number, text, parameters, point)
        except SqlError:
            self.transaction.note_end()
            raise

    def let_go(self, owner: int) -> None:
        """Give its memory back."""
        step_memory(self._number, "close", 0)


APP = AppDatabase()
Database = AppDatabase | MemoryDatabase


def name_of(given: Any) -> str:
    """The name that `connect` was given. Raises TypeError."""
    name = os.fspath(given)
    return name.decode() if isinstance(name, bytes) else name


def is_in_memory(name: str) -> bool:
    """Whether the name is that of a database in memory. Without a name SQLite makes a temporary one: here too."""
    return not name or name == ":memory:" or (name.startswith("file:") and (":memory:" in name or _memory_mode(name)))


def database_of(name: str) -> Database:
    """The database with this name. Raises Error."""
    if not is_in_memory(name):
        return APP
    if "cache=shared" in name:
        raise NotSupportedError(_SHARED)
    return MemoryDatabase()


def _memory_mode(name: str) -> bool:
    return "mode=memory" in name.partition("?")[2].split("&")


def _opened() -> str:
    """The number of a new one."""
    try:
        return str(step_memory("0", "open", 0))
    except (SqlError, ToolError):
        gc.collect()  # connections that nobody has any more may be in circles
        return str(step_memory("0", "open", 0))
