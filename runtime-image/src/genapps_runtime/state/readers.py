# SPDX-License-Identifier: Apache-2.0
"""The connections for reading of one facet, as snapshots borrow them."""

from collections.abc import Callable

from genapps_runtime.state.connection import Connection
from genapps_runtime.state.tables import TableChanges
from genapps_runtime.state.view import Snapshot


class Readers:
    """Keeps at most so many connections that `connect` makes."""

    def __init__(self, connect: Callable[[], Connection], most: int) -> None:
        self._connect = connect
        self._most = most
        self._idle: list[Connection] = []
        self._lent: dict[Connection, Snapshot] = {}

    @property
    def lent(self) -> bool:
        """Whether somebody reads."""
        return bool(self._lent)

    def snapshot(self, sequence: int, changes: TableChanges, expired: int) -> Snapshot:
        """A snapshot; `expired` is as for `Connection`. Raises sqlite3.Error."""
        connection = self._idle.pop() if self._idle else self._connect()
        connection.expired = expired
        found = self._lent[connection] = Snapshot(connection, sequence, changes, self._give_back)
        return found

    def end_snapshots(self) -> None:
        """End those whose readers can go on in newer ones."""
        for snapshot in list(self._lent.values()):
            if snapshot.renewable:
                snapshot.end()

    def close_idle(self) -> None:
        """Close those in which nobody reads."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    def close_all(self) -> None:
        """Close all. Who reads in one fails when they read again."""
        self.close_idle()
        for connection in self._lent:
            connection.close()
        self._lent.clear()

    def _give_back(self, connection: Connection) -> None:
        self._lent.pop(connection, None)
        if connection.exhausted:
            # Prepared statements of all connections may be what takes the memory.
            self.close_idle()
        if connection.exhausted or len(self._idle) >= self._most:
            connection.close()
        else:
            self._idle.append(connection)
