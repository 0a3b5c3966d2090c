# SPDX-License-Identifier: Apache-2.0
"""What a facet keeps of requests that name a key (`Idempotency-Key`): a mark for each that was answered, with its
response while there is room for it.

Marks lie in the facet's own file, because then a mark and what the request wrote are stored by one commit. A scope
has one mark: the file refuses a second one, so a request is stored once even if it runs twice. Marks end with their
retention and not before, and when there are too many no further key is taken. Responses have a room of their own: the
oldest go first.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from genapps_runtime.state.connection import Connection

MARK_BYTES = 128
"""What a mark takes on the disk at most, with its entry in the index and without its response."""
SHARE = 8
"""Marks take this part of what the tier allows for the state, beside the state, and responses as much."""
LEAST_MARKS, MOST_MARKS = 10_000, 250_000
LEAST_RESPONSES_BYTES, MOST_RESPONSES_BYTES = 1024 * 1024, 64 * 1024 * 1024
SWEPT = 64
"""Marks that one commit removes at most."""
DAY_SECONDS = 24 * 3600

TABLE = (
    "CREATE TABLE main.genapps_marks (id INTEGER PRIMARY KEY, scope BLOB NOT NULL UNIQUE, digest BLOB NOT NULL, "
    "at INTEGER NOT NULL, response BLOB)"
)
_FIND = "SELECT digest, at, response FROM main.genapps_marks WHERE scope = ?"
_ADD = "INSERT INTO main.genapps_marks VALUES (?, ?, ?, ?, ?)"
_REPLACE = "DELETE FROM main.genapps_marks WHERE scope = ? AND at = ? RETURNING coalesce(length(response), 0)"
_OLDEST = "SELECT id, at, coalesce(length(response), 0) FROM main.genapps_marks ORDER BY id LIMIT ?"
_RESPONSES = "SELECT id, length(response) FROM main.genapps_marks WHERE id > ? AND response IS NOT NULL ORDER BY id"
_FIGURES = (
    "SELECT count(*), coalesce(sum(length(response)), 0), coalesce(max(id), 0), "
    "coalesce(min(CASE WHEN response IS NOT NULL THEN id END), 1) - 1 FROM main.genapps_marks"
)


@dataclass(frozen=True, slots=True)
class Room:
    """How many marks there may be, and how many bytes of responses."""

    marks: int
    responses_bytes: int

    @classmethod
    def beside(cls, limit_bytes: int) -> "Room":
        """In a facet whose state may take `limit_bytes`."""
        share = limit_bytes // SHARE
        marks = min(max(LEAST_MARKS, share // MARK_BYTES), MOST_MARKS)
        return cls(marks, min(max(LEAST_RESPONSES_BYTES, share), MOST_RESPONSES_BYTES))

    @property
    def bytes(self) -> int:
        """All that it takes on the disk."""
        return self.marks * MARK_BYTES + self.responses_bytes


@dataclass(slots=True)
class Mark:
    """A request that was answered: `scope` and `digest` are hashes. Without `response` only that it was is kept.

    `replaces` is the time of a mark of this scope whose retention is over.
    """

    scope: bytes
    digest: bytes
    response: bytes | None
    replaces: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A mark in the file. `at` is when it was stored, in seconds of the calendar's clock."""

    digest: bytes
    at: int
    response: bytes | None


@dataclass(frozen=True, slots=True)
class Kept:
    """Figures of a facet's marks: how many, the bytes of their responses, and the time of the oldest.

    Marks have ascending ids until `last`. Those up to `emptied` have no response any more.
    """

    marks: int = 0
    bytes: int = 0
    oldest: int = 0
    last: int = 0
    emptied: int = 0


class Marks:
    """The rules for the marks of one facet. All methods that take a connection raise those of FILE_ERRORS."""

    def __init__(self, retention_seconds: int, room: Room, clock: Callable[[], float] = time.time) -> None:
        """`clock` is the calendar's: marks outlive processes."""
        self._retention = retention_seconds
        self.room = room
        self._clock = clock

    def expired(self, at: int) -> bool:
        """Whether the retention of a mark of that time is over. One from beyond it is of a clock that went wrong."""
        return abs(self._clock() - at) >= self._retention

    def due(self, kept: Kept) -> bool:
        """Whether there is something to sweep."""
        return kept.marks > 0 and self.expired(kept.oldest)

    def full(self, kept: Kept, running: int) -> bool:
        """Whether there is no room for another mark, beside those of so many requests that are under way."""
        return kept.marks + running >= self.room.marks and not self.due(kept)

    def seconds_left(self, kept: Kept) -> float:
        """Until the oldest mark expires."""
        return max(0.0, kept.oldest + self._retention - self._clock())

    def figures(self, connection: Connection) -> Kept:
        """Read them from the file."""
        marks, size, last, emptied = connection.execute(_FIGURES).fetchone()
        rows = connection.execute(_OLDEST, (1,)).fetchall()
        return Kept(marks, size, rows[0][1] if rows else 0, last, emptied)

    def find(self, connection: Connection, scope: bytes) -> Found | None:
        """The mark of this scope, which may be expired."""
        row = connection.execute(_FIND, (scope,)).fetchone()
        return Found(*row) if row is not None else None

    def store(self, connection: Connection, kept: Kept, marks: Sequence[Mark]) -> Kept:
        """Add these marks within a transaction, and let go of what is too old or too much; returns the new figures.

        Raises sqlite3.IntegrityError for a scope that has a mark.
        """
        if self.due(kept):
            kept = self._sweep(connection, kept)
        if marks:
            kept = self._add(connection, kept, marks)
        return self._make_room(connection, kept) if kept.bytes > self.room.responses_bytes else kept

    def _add(self, connection: Connection, kept: Kept, marks: Sequence[Mark]) -> Kept:
        for mark in marks:
            if mark.replaces is not None:
                for (size,) in connection.execute(_REPLACE, (mark.scope, mark.replaces)).fetchall():
                    kept = replace(kept, marks=kept.marks - 1, bytes=kept.bytes - size)
        now, last = math.ceil(self._clock()), kept.last
        rows = [(last + n, mark.scope, mark.digest, now, mark.response) for n, mark in enumerate(marks, 1)]
        connection.executemany(_ADD, rows)
        size = sum([len(mark.response or b"") for mark in marks])
        oldest = kept.oldest if kept.marks else now
        return Kept(kept.marks + len(marks), kept.bytes + size, oldest, last + len(marks), kept.emptied)

    def _sweep(self, connection: Connection, kept: Kept) -> Kept:
        """Remove the oldest marks whose retention is over."""
        last = size = count = 0
        oldest = kept.oldest
        for number, at, length in connection.execute(_OLDEST, (SWEPT + 1,)).fetchall():
            oldest = at
            if count == SWEPT or not self.expired(at):
                break
            last, size, count = number, size + length, count + 1
        connection.execute("DELETE FROM main.genapps_marks WHERE id <= ?", (last,))
        return Kept(kept.marks - count, kept.bytes - size, oldest, kept.last, max(kept.emptied, last))

    def _make_room(self, connection: Connection, kept: Kept) -> Kept:
        """Let the oldest responses go."""
        left, last = kept.bytes, kept.emptied
        for number, size in connection.execute(_RESPONSES, (kept.emptied,)):
            if left <= self.room.responses_bytes:
                break
            left, last = left - size, number
        where = (kept.emptied, last)
        connection.execute("UPDATE main.genapps_marks SET response = NULL WHERE id > ? AND id <= ?", where)
        return replace(kept, bytes=left, emptied=last)
