# SPDX-License-Identifier: Apache-2.0
"""Actions that write by SQL and actions that write keys end as if each had run alone, one after the other."""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import compress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genapps_runtime.state import sql_rules
from genapps_runtime.state.connection import Connection
from genapps_runtime.state.errors import (
    SqlError,
    StateConflictError,
    StateFullError,
    TransactionLostError,
    TurnLostError,
)
from genapps_runtime.state.layout import prepare
from genapps_runtime.state.marks import Marks, Room
from genapps_runtime.state.open_transaction import OpenTransaction, OpenView
from genapps_runtime.state.transaction import Commit, Transaction, Writes
from genapps_runtime.state.view import Reads, Snapshot, View

LIMIT = 10_000_000
MARKS = Marks(86_400, Room.beside(0))
WHERE = st.sampled_from(["key", "t", "u"])
ACTIONS = st.lists(st.tuples(st.booleans(), WHERE, WHERE), min_size=1, max_size=5)


def soon() -> float:
    return time.thread_time() + 10


class Store:
    """A facet's file with a counter under a key and one in each of two tables."""

    def __init__(self, folder: str, limit: int = LIMIT) -> None:
        self.limit = limit
        self.writer, self.reader = Connection(f"{folder}/state"), Connection(f"{folder}/state")
        self.writer.execute("PRAGMA journal_mode=WAL").fetchall()
        self.reader.execute("PRAGMA query_only=ON")
        self.figures = prepare(self.writer, MARKS)

    def open(self) -> OpenTransaction:
        return OpenTransaction(self.writer, self.figures, self.limit, MARKS)

    def make(self) -> None:
        transaction = self.open()
        view = transaction.begin_action(None)
        assert view is not None
        for table in ("t", "u"):
            view.sql(f"CREATE TABLE {table} (n INTEGER)", [], soon())
            view.sql(f"INSERT INTO {table} VALUES (0)", [], soon())
        transaction.end_action([])
        transaction.commit()
        self.figures = transaction.figures

    def stored(self) -> dict[str, int]:
        keys = self.writer.execute("SELECT value FROM main.genapps_entries").fetchone()
        t, u = self.writer.execute("SELECT t.n, u.n FROM t, u").fetchone()
        return {"key": int(keys[0]) if keys else 0, "t": t, "u": u}

    def close(self) -> None:
        self.reader.close()
        self.writer.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(str(tmp_path), 60_000)
    made.make()
    yield made
    made.close()


def read(view: View, where: str) -> int:
    if where == "key":
        return int(view.get("n") or 0)
    value = view.sql(f"SELECT n FROM {where}", [], soon()).rows[0][0]
    assert isinstance(value, int)
    return value


class Both:
    """The store, and a model to which the same actions are applied, one after the other.

    Each action reads a number and writes the next one. Some have read before the others were stored.
    """

    def __init__(self, folder: str) -> None:
        self.store = Store(folder)
        self.store.make()
        self.model = {"key": 0, "t": 0, "u": 0}
        self.written: set[str] = set()

    def look(self, batch: list[tuple[bool, str, str]]) -> list[tuple[Reads | None, int]]:
        """What each has read, from one snapshot."""
        snapshot = Snapshot(
            self.store.reader, self.store.figures.sequence, self.store.figures.changes, lambda _connection: None
        )
        seen: list[tuple[Reads | None, int]] = []
        for before, source, _ in batch:
            view = View(lambda: snapshot)
            number = read(view, source) if before else 0
            seen.append((view.reads, number))
            view.close()
        snapshot.end_sharing()
        self.written = set()
        return seen

    def apply(self, target: str, number: int) -> None:
        self.model[target] = number + 1
        self.written.add(target)

    def store_keys(self, batch: list[tuple[bool, str, str]], seen: list[tuple[Reads | None, int]]) -> None:
        """Those that write keys in one batch, as those do that do not wait for a turn."""
        chosen = [(source, *one) for (_, source, _), one in zip(batch, seen, strict=True)]
        commits = [Commit(reads, [("n", str(number + 1))]) for _, reads, number in chosen]
        before = self.store.figures
        transaction = Transaction(
            self.store.writer, before.sequence, before.size, LIMIT, before.changes, MARKS, before.kept
        )
        transaction.run(commits)
        self.store.figures = replace(before, sequence=transaction.sequence, size=transaction.size)
        for commit, (source, _, number) in zip(commits, chosen, strict=True):
            if commit.verdict is None:
                assert self.model[source] == number
                self.apply("key", number)
            else:
                assert isinstance(commit.verdict, StateConflictError)
                assert source in self.written

    def store_open(self, batch: list[tuple[bool, str, str]], seen: list[tuple[Reads | None, int]]) -> None:
        """The others in one open transaction; who has read what has changed begins again."""
        opened = self.store.open()
        for (_, source, target), (reads, number) in zip(batch, seen, strict=True):
            view = opened.begin_action(reads)
            if view is None:
                assert source in self.written
                view = begun(opened)
                number = read(view, source)
            elif reads is None:
                number = read(view, source)
            assert number == self.model[source]
            if target != "key":
                view.sql(f"UPDATE {target} SET n = ?", [number + 1], soon())
            opened.end_action([("n", str(number + 1))] if target == "key" else [])
            self.apply(target, number)
        opened.commit()
        self.store.figures = opened.figures


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTIONS, max_size=5))
def test_mixed_actions_end_as_if_each_had_run_alone(batches: list[list[tuple[bool, str, str]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        both = Both(folder)
        for batch in batches:
            seen = both.look(batch)
            keys = [before and target == "key" for before, _, target in batch]
            both.store_keys(*_where(batch, seen, keys))
            both.store_open(*_where(batch, seen, [not key for key in keys]))
            assert both.store.stored() == both.model
        both.store.close()


def _where(
    batch: list[tuple[bool, str, str]], seen: list[tuple[Reads | None, int]], chosen: list[bool]
) -> tuple[list[tuple[bool, str, str]], list[tuple[Reads | None, int]]]:
    return list(compress(batch, chosen)), list(compress(seen, chosen))


def begun(transaction: OpenTransaction) -> OpenView:
    view = transaction.begin_action(None)
    assert view is not None
    return view


def test_an_action_that_fails_takes_back_its_rows_and_no_others(store: Store) -> None:
    transaction = store.open()
    begun(transaction).sql("UPDATE t SET n = 1", [], soon())
    transaction.end_action([("n", "1")])
    failing = begun(transaction)
    failing.sql("UPDATE t SET n = 2", [], soon())
    transaction.undo_action()
    with pytest.raises(TurnLostError):
        failing.sql("SELECT 1", [], soon())
    with pytest.raises(TurnLostError):
        failing.get("n")
    assert (begun(transaction).get("n"), transaction.lost) == ("1", False)
    transaction.end_action([])
    transaction.commit()
    assert store.stored() == {"key": 1, "t": 1, "u": 0}


def test_a_statement_that_ends_the_transaction_loses_all_of_it(store: Store) -> None:
    transaction = store.open()
    begun(transaction).sql("CREATE UNIQUE INDEX one ON t (n)", [], soon())
    transaction.end_action([])
    view = begun(transaction)
    with pytest.raises(TransactionLostError):
        view.sql("INSERT OR ROLLBACK INTO t VALUES (0)", [], soon())
    assert transaction.lost
    transaction.undo_action()
    with pytest.raises(TransactionLostError):
        transaction.begin_action(None)
    with pytest.raises(StateConflictError):
        transaction.commit()
    assert store.open().figures == store.figures


def test_tables_count_for_the_limit_together_with_keys(store: Store) -> None:
    transaction = store.open()
    view = begun(transaction)
    view.sql("INSERT INTO t VALUES (zeroblob(30000))", [], soon())
    transaction.end_action([("n", '"' + "x" * 10_000 + '"')])
    before = transaction.figures
    assert 40_000 < before.size <= 60_000
    refused: list[tuple[str, Writes]] = [
        ("INSERT INTO t VALUES (zeroblob(20000))", []),
        ("SELECT 1", [("m", "x" * 20_000)]),
    ]
    for text, writes in refused:
        begun(transaction).sql(text, [], soon())
        with pytest.raises(StateFullError):
            transaction.end_action(writes)
        transaction.undo_action()
        assert transaction.figures == before
    begun(transaction).sql("DELETE FROM t WHERE n <> 0", [], soon())
    transaction.end_action([])
    assert transaction.figures.size < before.size - 28_000
    transaction.commit()
    assert prepare(store.writer, MARKS).size == transaction.figures.size


def test_text_of_an_app_never_runs_what_was_prepared_for_the_runtime(store: Store) -> None:
    text = "SELECT value FROM main.genapps_entries"
    store.writer.execute(text).fetchall()
    transaction = store.open()
    view = begun(transaction)
    with pytest.raises(SqlError):
        view.sql(text, [], soon())
    for spelled in (
        'SELECT 1 FROM "GENAPPS_entries"',
        "SELECT 1 FROM [Genapps_Entries]",
        "SELECT 1 FROM`genapps_facet`",
    ):
        with pytest.raises(SqlError):
            view.sql(spelled, [], soon())
    transaction.undo_action()
    transaction.roll_back()


def test_pages_of_keys_are_not_taken_for_pages_of_tables(store: Store) -> None:
    roomy = OpenTransaction(store.writer, store.figures, LIMIT, MARKS)
    tables = store.figures.tables
    for number in range(3):
        begun(roomy).sql("UPDATE t SET n = n + 1", [], soon())
        roomy.end_action([(f"key {number}", '"' + "x" * 50_000 + '"')])
        assert roomy.figures.tables == tables
    begun(roomy).sql("INSERT INTO t VALUES (zeroblob(41000))", [], soon())
    roomy.undo_action()
    begun(roomy).sql("INSERT INTO t VALUES (zeroblob(41000))", [], soon())
    roomy.end_action([])
    assert roomy.figures.tables == tables + 10
    begun(roomy).sql("DELETE FROM t WHERE typeof(n) = 'blob'", [], soon())
    roomy.end_action([])
    assert roomy.figures.tables == tables
    roomy.commit()
    assert prepare(store.writer, MARKS).size == roomy.figures.size


@pytest.mark.parametrize("returned", ["zeroblob(200000)", "CAST(x'ff' AS TEXT)"])
def test_a_statement_whose_rows_cannot_be_given_has_changed_nothing(store: Store, returned: str) -> None:
    transaction = store.open()
    view = begun(transaction)
    view.sql("INSERT INTO t VALUES (1), (2), (3), (4), (5)", [], soon())
    with pytest.raises(SqlError):
        view.sql(f"UPDATE t SET n = n + 100 RETURNING {returned}", [], soon())
    assert view.sql("SELECT sum(n) FROM t", [], soon()).rows == [(15,)]
    assert view.sql("UPDATE t SET n = n + 1 WHERE n = 5 RETURNING n", [], soon()).rows == [(6,)]
    transaction.end_action([])
    transaction.commit()
    assert store.writer.execute("SELECT sum(n) FROM t").fetchone() == (16,)


def test_the_table_of_sequences_counts_and_conflicts_like_any_other(store: Store) -> None:
    transaction = store.open()
    begun(transaction).sql("CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT)", [], soon())
    transaction.end_action([])
    before = transaction.figures
    view = begun(transaction)
    view.sql("INSERT INTO sqlite_sequence VALUES (zeroblob(20000), 1)", [], soon())
    assert view.wrote
    transaction.end_action([])
    assert transaction.figures.size > before.size + 16_000
    assert transaction.figures.changes.touched_since({"*"}, before.sequence)
    view = begun(transaction)
    view.sql("INSERT INTO sqlite_sequence VALUES (zeroblob(30000), 1)", [], soon())
    with pytest.raises(StateFullError):
        transaction.end_action([])


@pytest.mark.parametrize(
    ("columns", "most"),
    [("a", sql_rules.SCHEMA_ENTRIES - 4), (", ".join(f"c{'x' * 50}{n}" for n in range(100)), 11)],
    ids=["many", "large"],
)
def test_what_every_connection_keeps_of_the_tables_is_bounded(tmp_path: Path, columns: str, most: int) -> None:
    store = Store(str(tmp_path))
    transaction = store.open()
    view = begun(transaction)
    for number in range(most):
        view.sql(f"CREATE TABLE made{number} ({columns})", [], soon())
    transaction.end_action([])
    view = begun(transaction)
    for number in range(5):
        view.sql(f"CREATE TABLE more{number} ({columns})", [], soon())
    with pytest.raises(StateFullError, match="tables and indexes"):
        transaction.end_action([])
    transaction.undo_action()
    begun(transaction).sql("DROP TABLE made0", [], soon())
    transaction.end_action([])
    transaction.commit()
    store.close()
    reopened = Store(str(tmp_path))
    assert reopened.reader.run("SELECT count(*) FROM made1", [], soon()).rows == [(0,)]
    reopened.close()


STEPS = st.lists(st.tuples(st.sampled_from(["write", "begin", "undo"]), st.integers(1, 4)), max_size=14)


@settings(deadline=None)
@given(STEPS)
def test_savepoints_of_an_action_undo_what_was_written_since_then(steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        store.make()
        transaction = store.open()
        view = transaction.begin_action(None)
        assert view is not None
        written, known = 0, dict[int, int]()
        for step, number in steps:
            if step == "write":
                view.sql("UPDATE t SET n = n + ?", [number], soon())
                written += number
            elif step == "begin":
                known = {one: sum_ for one, sum_ in known.items() if one < number} | {number: written}
                view.point(step, number)
            elif number in known:
                written = known[number]
                known = {one: sum_ for one, sum_ in known.items() if one < number}
                view.point(step, number)
            assert read(view, "t") == written
        transaction.end_action([])
        transaction.commit()
        assert store.stored()["t"] == written
        store.close()
