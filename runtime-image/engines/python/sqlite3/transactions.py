# SPDX-License-Identifier: Apache-2.0
"""The transaction of a request, as connections see it: savepoints of the host, within the request's own transaction.

All connections of a request are one database, so they share this.
"""

from sqlite3.errors import OperationalError, error_of
from typing import Any

from genapps.actions import current
from genapps.calls import ToolError
from genapps.immediate import ask_point, step_memory
from genapps.sql import SqlError

MOST = 16


class Transaction:
    """Names of savepoints in order: the first is empty when BEGIN made it. `owner` is the connection that began."""

    __slots__ = ("owner", "points")

    def __init__(self) -> None:
        self.points: list[str] = []
        self.owner = 0

    def begin(self, owner: int) -> None:
        """BEGIN. Raises OperationalError within a transaction."""
        if self.points:
            raise OperationalError("cannot start a transaction within a transaction")
        self._ask("begin", 1)
        self.note_begun(owner)

    def note_begun(self, owner: int) -> None:
        """The host begins with the next statement."""
        self.points.append("")
        self.owner = owner

    def commit(self) -> None:
        """Keep everything: the host keeps what nobody undoes."""
        self.points.clear()

    def roll_back(self) -> None:
        """Undo everything. Nothing outside a transaction."""
        if self.points:
            self._ask("undo", 1)
            self.points.clear()

    def save(self, name: str, owner: int) -> None:
        """SAVEPOINT name. Raises OperationalError when there are too many."""
        if len(self.points) >= MOST:
            raise OperationalError(f"a request may have at most {MOST} savepoints at once")
        self._ask("begin", len(self.points) + 1)
        if not self.points:
            self.owner = owner
        self.points.append(name)

    def release(self, name: str) -> None:
        """RELEASE name. Raises OperationalError for one that is not known."""
        del self.points[self._number(name) - 1 :]

    def roll_back_to(self, name: str) -> None:
        """ROLLBACK TO name, which goes on to exist. Raises OperationalError for one that is not known."""
        number = self._number(name)
        self._ask("undo", number)
        self._ask("begin", number)
        del self.points[number:]

    def _ask(self, step: str, number: int) -> None:
        ask_point(step, number)

    def _number(self, name: str) -> int:
        for number in range(len(self.points), 0, -1):
            if self.points[number - 1] == name:
                return number
        raise OperationalError(f"no such savepoint: {name}")


class MemoryTransaction(Transaction):
    """That of a database in memory: a real one, which the host has to be told of."""

    __slots__ = ("_database",)

    def __init__(self, database: str) -> None:
        super().__init__()
        self._database = database

    def commit(self) -> None:
        """Keep everything."""
        if self.points:
            self._ask("commit", 1)
            self.points.clear()

    def release(self, name: str) -> None:
        """RELEASE name, which commits when it is the outermost. Raises OperationalError for one that is not known."""
        super().release(name)
        if not self.points:
            self._ask("commit", 1)

    def note_end(self) -> None:
        """A statement has failed: SQLite may have rolled back everything."""
        if self.points:
            try:
                goes_on = step_memory(self._database, "transaction", 0) == "true"
            except (SqlError, ToolError):
                goes_on = False
            if not goes_on:
                self.points.clear()

    def _ask(self, step: str, number: int) -> None:
        try:
            step_memory(self._database, step, number)
        except (SqlError, ToolError) as error:
            raise error_of(error) from None


def transaction() -> Transaction:
    """That of the running action, or of the load."""
    action: Any = current.action
    if action.transaction is None:
        action.transaction = Transaction()
    found: Transaction = action.transaction
    return found
