# SPDX-License-Identifier: Apache-2.0
"""What actions read: a snapshot of the facet, and a note of everything that was read from it.

The actions of one batch share a snapshot, because a read transaction costs more than a read. An action that waits for
a tool keeps the snapshot of its batch until it ends.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from genapps_runtime.state.connection import STEPS, Connection, Parameters, Result
from genapps_runtime.state.errors import FILE_ERRORS, SnapshotOldError, SqlError, StateFullError, StateUnavailableError
from genapps_runtime.state.sql_rules import STATEMENT_SECONDS
from genapps_runtime.state.tables import ALL, TableChanges

LIST_BYTES = 1024 * 1024
LISTINGS = 1000
"""Different ones of an action: each is held, and read again when the action has to be checked."""
_FROM = "SELECT {} FROM main.genapps_entries WHERE key >= ? AND +version > ? ORDER BY key LIMIT ?"


@dataclass(slots=True)
class Reads:
    """What an action has seen: versions of keys (0: absent), and of its listings (prefix, first key, limit) a hash of
    keys and versions: an app could otherwise fill the memory with them.

    `sequence` is the number of the last commit that the snapshot is known to hold.
    """

    sequence: int
    keys: dict[str, int] = field(default_factory=dict)
    lists: dict[tuple[str, str, int], int] = field(default_factory=dict)
    tables: set[str] = field(default_factory=set)
    """What it has read by SQL: names of tables, or `tables.ALL`."""

    def without(self, written: Iterable[str]) -> "Reads":
        """What others must not have changed once these keys were stored: all but they, and listings of them."""
        keys = set(written)
        lists = {one: seen for one, seen in self.lists.items() if not any(key.startswith(one[0]) for key in keys)}
        return Reads(
            self.sequence, {key: seen for key, seen in self.keys.items() if key not in keys}, lists, self.tables
        )


class Snapshot:
    """A read transaction of one connection, held by any number of views. It begins with the first read in it."""

    __slots__ = ("_changes", "_give_back", "connection", "ended", "holders", "renewable", "sequence", "shared")

    def __init__(
        self,
        connection: Connection,
        sequence: int,
        changes: TableChanges,
        give_back: Callable[[Connection], None],
    ) -> None:
        """Begin the transaction, with the last commit's number and the last changes of tables. `give_back` gets the
        connection at its end. Raises sqlite3.Error."""
        self.connection = connection
        self.sequence = sequence
        self._changes = changes
        self.holders = 0
        self.shared = True
        """Whether more views may still join."""
        self.renewable = False
        """Whether it may be ended before its readers are done: they go on in a newer one."""
        self.ended = False
        """Whether it was."""
        self._give_back = give_back
        connection.execute("BEGIN")

    @property
    def lost(self) -> bool:
        """Whether it was ended by SQLite, which had no memory, or by the facet: what is read now is newer."""
        try:
            return self.ended or not self.connection.in_transaction
        except sqlite3.ProgrammingError:  # closed
            return True

    def holds(self, reads: Reads) -> bool:
        """Whether what was read in an older snapshot is here too. Raises sqlite3.Error."""
        if reads.sequence == self.sequence:
            return True
        if self._changes.touched_since(reads.tables, reads.sequence):
            return False
        for key, version in reads.keys.items():
            row = self.connection.execute("SELECT version FROM main.genapps_entries WHERE key = ?", (key,)).fetchone()
            if (row[0] if row is not None else 0) != version:
                return False
        return all(listing(self.connection, *asked) == seen for asked, seen in reads.lists.items())

    def end_sharing(self) -> None:
        """No more views may join: it ends with the last that reads in it."""
        self.shared = False
        self.close_unless_held()

    def close_unless_held(self) -> None:
        """End the transaction when nobody reads in it any more, or may begin to."""
        if not (self.holders or self.shared or self.ended):
            self._end()

    def end(self) -> None:
        """End the transaction before its readers are done. Only of one that is `renewable`."""
        if not self.ended:
            self.ended = True
            self._end()

    def _end(self) -> None:
        try:
            self.connection.execute("COMMIT")
        except FILE_ERRORS:
            self.connection.exhausted = True
        self._give_back(self.connection)


class View:
    """What one action sees: the facet as it was at the first read. `reads` is for the commit's check."""

    __slots__ = ("_old", "_snapshot", "_take", "reads")

    def __init__(self, take: Callable[[], Snapshot]) -> None:
        """`take` gives the snapshot at the first read: it raises sqlite3.Error."""
        self._take = take
        self._snapshot: Snapshot | None = None
        self._old = False
        """Whether the snapshot was there already when somebody looked for old ones."""
        self.reads: Reads | None = None

    def get(self, key: str) -> str | None:
        """The JSON text under `key`, or None. Raises StateUnavailableError."""
        try:
            connection, reads = self._begin()
            row = connection.execute("SELECT value, version FROM main.genapps_entries WHERE key = ?", (key,)).fetchone()
        except FILE_ERRORS as error:
            raise _unreadable(error) from None
        if row is None or row[1] <= connection.expired:
            reads.keys[key] = 0
            return None
        reads.keys[key] = row[1]
        value: str = row[0]
        return value

    def list(self, prefix: str, limit: int, after: str = "") -> dict[str, str]:
        """At most `limit` keys that start with `prefix` and follow `after`, with their JSON texts, sorted by key.

        Raises StateFullError when they take more than LIST_BYTES, or after LISTINGS others, and StateUnavailableError.
        """
        found: dict[str, str] = {}
        seen: list[tuple[str, int]] = []
        size = 0
        start = max(prefix, after + "\0") if after else prefix
        try:
            connection, reads = self._begin()
            if (prefix, start, limit) not in reads.lists and len(reads.lists) == LISTINGS:
                raise StateFullError(f"a request may make at most {LISTINGS} different listings of the state")
            rows = _rows_among_expired if connection.expired else _rows
            for key, value, version in rows(connection, start, limit):
                if not key.startswith(prefix):
                    break
                found[key] = value
                seen.append((key, version))
                size += len(value)
                if size > LIST_BYTES:
                    raise _too_long()
        except FILE_ERRORS as error:
            raise _unreadable(error) from None
        reads.lists[prefix, start, limit] = hash(tuple(seen))
        return found

    def sql(self, text: str, parameters: Parameters, until: float) -> Result:
        """What a statement reads; as `Connection.run`. Raises StateUnavailableError for sqlite3.Error."""
        try:
            connection, reads = self._begin()
            found = connection.run(text, parameters, until)
        except SqlError:
            reads.tables.add(ALL)  # the error tells something of the tables, too
            raise
        except FILE_ERRORS as error:
            raise _unreadable(error) from None
        reads.tables |= found.touched.read
        return found

    def close(self) -> None:
        """Let go of the snapshot. `reads` stays, and a later read adds to it in a newer snapshot."""
        snapshot, self._snapshot = self._snapshot, None
        if snapshot is not None:
            snapshot.holders -= 1
            snapshot.close_unless_held()

    def renew(self) -> None:
        """Let go of the snapshot: later reads see what has changed since, and what was read stays as it was noted."""
        self.close()
        self._old = False

    def grow_old(self) -> None:
        """Let go of a snapshot that was there the last time already. A later read finds what was read, or raises
        SnapshotOldError."""
        if self._snapshot is not None:
            if self._old:
                self.close()
            self._old = True

    def _begin(self) -> tuple[Connection, Reads]:
        if self._snapshot is not None and self._snapshot.ended:
            self._snapshot, self._old = None, True
        if self._snapshot is None or self.reads is None:
            self._snapshot = snapshot = self._take()
            snapshot.holders += 1
            if self.reads is None:
                self.reads = Reads(snapshot.sequence)
            elif self._old:
                self._old = False
                if not snapshot.holds(self.reads):
                    raise SnapshotOldError
                self.reads.sequence = snapshot.sequence
        elif self._snapshot.lost:
            raise StateUnavailableError("SQL of the app has used up its memory, and what the request had read with it")
        return self._snapshot.connection, self.reads


class Overlaid:
    """The state as the next of several actions sees it that are stored together: a snapshot and their writes on it.

    It reads like a `View`, and there is nothing to check at the end: the facet is held, so nothing can change.
    """

    __slots__ = ("_view", "_writes")

    reads = None

    def __init__(self, view: View, writes: dict[str, str | None]) -> None:
        """`writes` are those of the earlier actions (None: deleted)."""
        self._view = view
        self._writes = writes

    def get(self, key: str) -> str | None:
        """The JSON text under `key`, or None. Raises StateUnavailableError."""
        return self._writes[key] if key in self._writes else self._view.get(key)

    def list(self, prefix: str, limit: int, after: str = "") -> dict[str, str]:
        """As `View.list`."""
        writes = {key: text for key, text in self._writes.items() if key.startswith(prefix) and key > after}
        found: dict[str, str | None] = dict(self._view.list(prefix, limit + len(writes), after))
        found.update(writes)
        kept = [(key, text) for key, text in sorted(found.items()) if text is not None][:limit]
        if sum(len(text) for _, text in kept) > LIST_BYTES:
            raise _too_long()
        return dict(kept)

    def sql(self, text: str, parameters: Parameters, until: float) -> Result:
        """As `View.sql`: earlier actions of this kind have changed no table."""
        return self._view.sql(text, parameters, until)

    def close(self) -> None:
        """Let go of the snapshot."""
        self._view.close()


def _rows(connection: Connection, start: str, limit: int) -> Iterator[tuple[str, str, int]]:
    """Keys from `start` on with values and versions; raises sqlite3.Error."""
    return connection.execute(_FROM.format("key, value, version"), (start, connection.expired, limit))


def _rows_among_expired(connection: Connection, start: str, limit: int) -> Iterator[tuple[str, str, int]]:
    """The same; raises StateFullError when too many that have expired are among them."""
    until = time.thread_time() + STATEMENT_SECONDS
    connection.set_progress_handler(lambda: time.thread_time() >= until, STEPS)
    try:
        yield from _rows(connection, start, limit)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            raise StateFullError("too many keys have expired and are not removed yet: try again later") from None
        raise
    finally:
        connection.set_progress_handler(None, 0)


def listing(connection: Connection, prefix: str, start: str, limit: int) -> int:
    """What `View.list` notes of the keys from `start` on; raises sqlite3.Error."""
    rows = connection.execute(_FROM.format("key, version"), (start, connection.expired, limit))
    return hash(tuple((key, version) for key, version in rows if key.startswith(prefix)))


def _too_long() -> StateFullError:
    return StateFullError(f"a listing of state may have at most {LIST_BYTES} bytes; use a smaller limit")


def _unreadable(error: Exception) -> StateUnavailableError:
    return StateUnavailableError(f"cannot read the state: {str(error) or 'out of memory'}")
