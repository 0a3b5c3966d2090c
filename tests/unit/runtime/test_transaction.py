# SPDX-License-Identifier: Apache-2.0
"""A batch of commits ends as if they had been made one after the other."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps_runtime.state.connection import Connection
from genapps_runtime.state.errors import StateConflictError, StateFullError
from genapps_runtime.state.marks import Kept, Marks, Room
from genapps_runtime.state.tables import TableChanges
from genapps_runtime.state.transaction import Commit, Transaction, Writes
from genapps_runtime.state.view import Reads

LIMIT = 60
MARKS = Marks(86_400, Room.beside(0))
KEYS = ["a", "aa", "b", "a\0b", "ä", "\U0001f600"]
VALUES = st.one_of(st.none(), st.text(alphabet="x\0ä\U0001f600", max_size=12))


def database() -> Connection:
    connection = Connection(":memory:")
    connection.execute(
        "CREATE TABLE genapps_entries "
        "(key TEXT PRIMARY KEY, value TEXT NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID"
    )
    return connection


@pytest.fixture
def connection() -> Iterator[Connection]:
    made = database()
    yield made
    made.close()


@dataclass
class Model:
    """The rules, one commit at a time, over a dictionary."""

    entries: dict[str, tuple[str, int]] = field(default_factory=dict)
    sequence: int = 0

    @property
    def size(self) -> int:
        return sum(len(key.encode()) + len(value.encode()) for key, (value, _) in self.entries.items())

    def listed(self, prefix: str, start: str, limit: int) -> int:
        # SQLite sorts texts by their bytes.
        first = sorted((key for key in self.entries if key.encode() >= start.encode()), key=str.encode)[:limit]
        return hash(tuple((key, self.entries[key][1]) for key in first if key.startswith(prefix)))

    def read(self, keys: list[str], prefix: str | None, after: str) -> Reads:
        reads = Reads(self.sequence, {key: self.entries[key][1] if key in self.entries else 0 for key in keys})
        if prefix is not None:
            start = max(prefix, after)
            reads.lists[prefix, start, 3] = self.listed(prefix, start, 3)
        return reads

    def commit(self, reads: Reads | None, writes: Writes) -> type[Exception] | None:
        if reads is not None and reads.sequence != self.sequence:
            versions = {key: self.entries[key][1] if key in self.entries else 0 for key in reads.keys}
            if versions != reads.keys or any(self.listed(*asked) != seen for asked, seen in reads.lists.items()):
                return StateConflictError
        before, size = dict(self.entries), self.size
        self.sequence += 1
        for key, value in writes:
            if value is None:
                self.entries.pop(key, None)
            else:
                self.entries[key] = value, self.sequence
        if self.size > LIMIT and self.size > size:
            self.entries, self.sequence = before, self.sequence - 1
            return StateFullError
        return None


ACTIONS = st.tuples(
    st.booleans(),
    st.lists(st.sampled_from(KEYS), max_size=3),
    st.none() | st.sampled_from(["", "a", "ä"]),
    st.sampled_from(["", "a\0", "aa\0"]),
    st.lists(st.tuples(st.sampled_from(KEYS), VALUES), min_size=1, max_size=4),
)


@given(st.lists(st.lists(ACTIONS, min_size=1, max_size=6), max_size=6))
def test_a_batch_ends_as_its_commits_would_one_after_the_other(
    batches: list[list[tuple[bool, list[str], str | None, str, Writes]]],
) -> None:
    connection, model, sequence, size = database(), Model(), 0, 0
    for batch in batches:
        # All of a batch have read before any of it is stored, as with a shared snapshot.
        reads = [model.read(keys, prefix, after) if looks else None for looks, keys, prefix, after, _ in batch]
        commits = [Commit(seen, writes) for seen, (*_, writes) in zip(reads, batch, strict=True)]
        expected = [model.commit(commit.reads, commit.writes) for commit in commits]
        transaction = Transaction(connection, sequence, size, LIMIT, TableChanges(0), MARKS, Kept())
        transaction.run(commits)
        sequence, size = transaction.sequence, transaction.size
        assert [type(commit.verdict) if commit.verdict else None for commit in commits] == expected
        stored = {key: (value, version) for key, value, version in connection.execute("SELECT * FROM genapps_entries")}
        assert stored == model.entries
        assert (sequence, size) == (model.sequence, model.size)
    connection.close()


@pytest.mark.parametrize("number", [1, 2, 256, 257, 600])
def test_every_key_of_a_large_batch_is_checked(connection: Connection, number: int) -> None:
    writes: Writes = [(f"key {index}", "1") for index in range(number)]
    first = Transaction(connection, 0, 0, 1_000_000, TableChanges(0), MARKS, Kept())
    first.run([Commit(None, writes)])
    seen = {f"key {index}": 1 for index in range(number)}
    current, stale = Reads(0, seen), Reads(0, {**seen, f"key {number - 1}": 0})
    commits = [Commit(current, [("x", "1")]), Commit(stale, [("y", "1")])]
    Transaction(connection, first.sequence, first.size, 1_000_000, TableChanges(0), MARKS, Kept()).run(commits)
    assert commits[0].verdict is None
    assert isinstance(commits[1].verdict, StateConflictError)


def test_a_failed_transaction_stores_nothing(connection: Connection) -> None:
    connection.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON genapps_entries WHEN new.key = 'bad' "
        "BEGIN SELECT raise(FAIL, 'no'); END"
    )
    with pytest.raises(sqlite3.Error):
        Transaction(connection, 0, 0, LIMIT, TableChanges(0), MARKS, Kept()).run(
            [Commit(None, [("a", "1")]), Commit(None, [("bad", "1")])]
        )
    assert connection.execute("SELECT count(*) FROM genapps_entries").fetchone() == (0,)
    assert not connection.in_transaction
