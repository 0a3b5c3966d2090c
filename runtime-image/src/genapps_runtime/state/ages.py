# SPDX-License-Identifier: Apache-2.0
"""When the keys of a facet were written: nothing is kept for each key, for its version says it.

Versions are numbers of commits. A row of `genapps_ages` says that the commits after this one, up to that of the next
row, were made before `until`. So a key expires at most one period late, and never early. The rows are written by the
way, before a commit: one for each period in which something was stored.
"""

import math
import time
from collections.abc import Callable

from genapps_runtime.state.connection import Connection

TABLE = "CREATE TABLE main.genapps_ages (sequence INTEGER PRIMARY KEY, until INTEGER NOT NULL)"
INDEX = "genapps_by_version"
LEAST_PERIOD_SECONDS = 60
PERIODS = 1000
"""In a retention, about: so many rows there are at most."""
_FORGET = (
    "DELETE FROM main.genapps_ages WHERE sequence < (SELECT max(sequence) FROM main.genapps_ages WHERE sequence <= ?)"
)
_SLACK_SECONDS = 10
"""What a commit takes from its beginning to its end, with time to spare."""


class Ages:
    """Of one facet; without a retention it does nothing."""

    def __init__(self, seconds: int, clock: Callable[[], float]) -> None:
        """A key is kept for so many seconds of `clock` after its last write, and forever if they are 0."""
        self.seconds = seconds
        self._clock = clock
        self._period = max(LEAST_PERIOD_SECONDS, seconds // PERIODS)
        self._due = 0.0

    def prepare(self, connection: Connection) -> None:
        """Get the file ready. What was written before an app had a retention counts from now. Raises sqlite3.Error."""
        if not self.seconds:
            if connection.execute("SELECT 1 FROM main.genapps_ages LIMIT 1").fetchone():
                connection.execute(f"DROP INDEX IF EXISTS main.{INDEX}")
                connection.execute("DELETE FROM main.genapps_ages")
            return
        connection.execute(f"CREATE INDEX IF NOT EXISTS main.{INDEX} ON genapps_entries (version)")
        last = connection.execute("SELECT until FROM main.genapps_ages ORDER BY sequence DESC LIMIT 1").fetchone()
        if last is None:
            self.note(connection, 0)
        else:
            self._due = last[0] - _SLACK_SECONDS

    def note(self, connection: Connection, sequence: int) -> None:
        """Something will be stored after the commit with this number. Call it outside of transactions.

        Raises one of FILE_ERRORS.
        """
        if not self.seconds:
            return
        now = self._clock()
        if self._due - self._period <= now < self._due:
            return
        until = math.ceil(now) + self._period + _SLACK_SECONDS
        # A clock that was set back must not keep everything until the time that it had shown before.
        connection.execute("UPDATE main.genapps_ages SET until = ? WHERE until > ?", (until, until))
        connection.execute("INSERT OR REPLACE INTO main.genapps_ages VALUES (?, ?)", (sequence, until))
        self._due = until - _SLACK_SECONDS

    def expired(self, connection: Connection, sequence: int) -> int:
        """The number of the last commit whose keys have expired; `sequence` is that of the last commit.

        Raises one of FILE_ERRORS.
        """
        if not self.seconds:
            return 0
        since = self._clock() - self.seconds
        text = "SELECT min(sequence) FROM main.genapps_ages WHERE until > ?"
        (first,) = connection.execute(text, (since,)).fetchone()
        return sequence if first is None else int(first)

    def is_over(self, at: object) -> bool:
        """Whether a row has expired that says that it was written then: in seconds since 1970."""
        return isinstance(at, int | float) and at <= self._clock() - self.seconds

    def forget(self, connection: Connection, expired: int) -> None:
        """No key with a version up to `expired` is left. Raises one of FILE_ERRORS."""
        if self.seconds:
            connection.execute(_FORGET, (expired,))


FOREVER = Ages(0, time.time)
"""Those of a facet whose keys do not expire."""
