# SPDX-License-Identifier: Apache-2.0
"""One transaction for the writes of many actions: each action is checked, then all writes are stored together.

An action's writes are stored whole or not at all. An action is checked as if the writes of the earlier ones in the
batch were already there. Statements are what a commit costs, so their number depends on the batch and not on the
actions in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from genapps_runtime.state.connection import Connection
from genapps_runtime.state.errors import FILE_ERRORS, StateConflictError, StateFullError
from genapps_runtime.state.marks import Kept, Mark, Marks
from genapps_runtime.state.tables import TableChanges
from genapps_runtime.state.view import Reads, listing

Writes = list[tuple[str, str | None]]
"""Keys with JSON texts, in the order of writing; None deletes the key."""

_LOOK_UP = "SELECT key, version, length(CAST(value AS BLOB)) FROM main.genapps_entries WHERE key IN ({})"
_SIZES = (1, 4, 16, 64, 256)
"""Numbers of keys that are looked up at once. There are few of them, so that SQLite keeps the statements."""


@dataclass(slots=True)
class Commit:
    """What one action wants to store. `verdict` is set by the transaction: None when it is stored.

    One that has seen the writes of another before those were stored names that one in `after`. `mark` is stored with
    the writes.
    """

    reads: Reads | None
    writes: Writes
    after: "Commit | None" = None
    mark: Mark | None = None
    verdict: Exception | None = None


class Transaction:
    """The check and the writes of one batch. Makes one transaction on `connection`."""

    def __init__(
        self,
        connection: Connection,
        sequence: int,
        size: int,
        limit_bytes: int,
        changes: TableChanges,
        marks: Marks,
        kept: Kept,
    ) -> None:
        """`sequence` is the number of the last commit, `size` the bytes of the facet before this one.

        `changes` are those of the app's tables until now, `kept` the figures of its marks.
        """
        self._connection = connection
        self._limit = limit_bytes
        self._changes = changes
        self._known: dict[str, tuple[int, int]] = {}
        self._pending: dict[str, tuple[str | None, int]] = {}
        self._marks = marks
        self._new_marks: list[Mark] = []
        self.sequence = sequence
        self.size = size
        self.kept = kept

    def run(self, commits: list[Commit]) -> None:
        """Store what passes its check; sets each commit's verdict.

        Raises one of FILE_ERRORS when the transaction fails: then nothing is stored, and the figures mean nothing.
        """
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self.apply(commits)
            self._connection.execute("COMMIT")
        except FILE_ERRORS:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def apply(self, commits: list[Commit]) -> None:
        """The same within a transaction that the caller has begun, and commits."""
        self._look_up(commits)
        for commit in commits:
            commit.verdict = self._add(commit)
        self._store()
        if self._new_marks or self._marks.due(self.kept):
            self.kept = self._marks.store(self._connection, self.kept, self._new_marks)

    def holds(self, reads: Reads) -> bool:
        """Whether what an action has read is still there; within a transaction. Raises sqlite3.Error."""
        self._look_up([Commit(reads, [])])
        return self._current(reads)

    def _look_up(self, commits: list[Commit]) -> None:
        """Note version (0: expired) and length of every key that the batch has read or writes."""
        keys = {key for commit in commits for key, _ in commit.writes}
        for commit in commits:
            if commit.reads is not None:
                keys.update(commit.reads.keys)
        for chunk in _chunks(list(keys)):
            marks = ",".join("?" * len(chunk))
            for key, version, length in self._connection.execute(_LOOK_UP.format(marks), chunk):
                self._known[key] = (version if version > self._connection.expired else 0), length

    def _add(self, commit: Commit) -> Exception | None:
        """Check one action against everything before it, and note its writes; returns what is against them."""
        if not self._current(commit.reads) or (commit.after is not None and commit.after.verdict is not None):
            return StateConflictError()
        size, changed = self._sizes(commit.writes)
        if size > self._limit and size > self.size:
            return StateFullError(f"the state would take {size} bytes; the tier allows {self._limit}")
        self.size = size
        self.sequence += 1
        for key, length in changed.items():
            if length is None:
                self._known.pop(key, None)
            else:
                self._known[key] = self.sequence, length
        for key, value in commit.writes:
            self._pending[key] = value, self.sequence
        if commit.mark is not None:
            self._new_marks.append(commit.mark)
        return None

    def _current(self, reads: Reads | None) -> bool:
        """Whether what was read is still there."""
        if reads is None or reads.sequence == self.sequence:
            return True
        if self._changes.touched_since(reads.tables, reads.sequence):
            return False
        if any(self._version(key) != version for key, version in reads.keys.items()):
            return False
        if reads.lists:
            self._store()  # the listings must see the batch's own writes
        return all(listing(self._connection, *asked) == seen for asked, seen in reads.lists.items())

    def _version(self, key: str) -> int:
        known = self._known.get(key)
        return known[0] if known else 0

    def _sizes(self, writes: Writes) -> tuple[int, dict[str, int | None]]:
        """The facet's bytes after these writes, and the new length of each value (None: deleted)."""
        size = self.size
        changed: dict[str, int | None] = {}
        for key, value in writes:
            known = self._known.get(key)
            before = changed[key] if key in changed else known[1] if known else None
            bytes_of_key = len(key.encode())
            if before is not None:
                size -= bytes_of_key + before
            changed[key] = None if value is None else len(value.encode())
            if value is not None:
                size += bytes_of_key + len(value.encode())
        return size, changed

    def _store(self) -> None:
        """Write what is noted; the last write of a key wins."""
        pending, self._pending = self._pending, {}
        rows = [(key, value, version) for key, (value, version) in pending.items() if value is not None]
        gone = [(key,) for key, (value, _) in pending.items() if value is None]
        if rows:
            self._connection.executemany("INSERT OR REPLACE INTO main.genapps_entries VALUES (?, ?, ?)", rows)
        if gone:
            self._connection.executemany("DELETE FROM main.genapps_entries WHERE key = ?", gone)


def _chunks(keys: list[str]) -> Iterator[list[str]]:
    """The keys in parts whose lengths are in _SIZES; a part that is not full repeats its last key."""
    largest = _SIZES[-1]
    for start in range(0, len(keys), largest):
        part = keys[start : start + largest]
        size = next(size for size in _SIZES if size >= len(part))
        yield part + part[-1:] * (size - len(part))
