# SPDX-License-Identifier: Apache-2.0
"""The log of a facet's file (WAL) is emptied when it has more than it may.

SQLite puts the log into the file from time to time on its own, and begins it anew. It cannot while somebody reads an
older state: then the log grows with each commit.
"""

from pathlib import Path

from genapps_runtime.state.connection import BUSY_MILLIS, Connection
from genapps_runtime.state.errors import FILE_ERRORS, StateBusyError
from genapps_runtime.state.transaction import Commit

MIB = 1024 * 1024
LEAST_BYTES, MOST_BYTES = 8 * MIB, 32 * MIB
SHARE = 4


def log_bytes(limit_bytes: int) -> int:
    """How many bytes the log of a facet with this limit may have: a quarter of it, between 8 and 32 MiB."""
    return min(max(LEAST_BYTES, limit_bytes // SHARE), MOST_BYTES)


def empty_log(connection: Connection) -> bool:
    """Put the log into the file and empty it; False when somebody reads an older state. Raises sqlite3.Error."""
    connection.execute("PRAGMA busy_timeout=0").fetchall()
    try:
        (busy, *_) = connection.execute("PRAGMA main.wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.execute(f"PRAGMA busy_timeout={BUSY_MILLIS}").fetchall()
    return not busy


class LogBound:
    """Of one facet. Everything runs in the commit thread, but for reading `full`."""

    def __init__(self, path: str, limit_bytes: int) -> None:
        self._log = Path(f"{path}-wal")
        self.most = log_bytes(limit_bytes)
        """Beyond so many bytes it is emptied, after the commit that has brought them."""
        self.full = False
        """Whether it has more, and somebody's snapshot is in the way."""

    def look(self, writer: Connection) -> None:
        """A commit is done: empty the log if it has more than it may."""
        try:
            self.full = self._log.stat().st_size > self.most and not empty_log(writer)
        except (FileNotFoundError, *FILE_ERRORS):
            self.full = False  # a disk that is full is no reason to refuse what deletes

    @property
    def refusal(self) -> StateBusyError:
        """What writers get while it is full."""
        return StateBusyError()

    def refuses(self, batch: list[Commit]) -> bool:
        """Whether it is full. Then that is the verdict on each commit."""
        for commit in batch if self.full else ():
            commit.verdict = self.refusal
        return self.full
