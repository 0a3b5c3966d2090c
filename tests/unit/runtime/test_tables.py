# SPDX-License-Identifier: Apache-2.0
"""Which tables a statement touches, and which commits are a conflict for those who have read them."""

import time
from collections.abc import Iterator

import pytest

from genapps_runtime.state.connection import MOST_TEXTS, Connection
from genapps_runtime.state.errors import SqlError
from genapps_runtime.state.layout import prepare
from genapps_runtime.state.marks import Marks, Room
from genapps_runtime.state.open_transaction import OpenTransaction
from genapps_runtime.state.tables import ALL, MOST_NAMES, SCHEMA, UNKNOWN, TableChanges, Touched

MARKS = Marks(86_400, Room.beside(0))
NONE: frozenset[str] = frozenset()


@pytest.fixture
def connection() -> Iterator[Connection]:
    made = Connection(":memory:")
    prepare(made, MARKS)
    for table in ("t", "Other"):
        made.execute(f"CREATE TABLE {table} (a TEXT, b INTEGER UNIQUE)")
    made.execute("BEGIN IMMEDIATE")
    yield made
    made.close()


def touched(connection: Connection, text: str) -> Touched:
    return connection.run(text, [], time.thread_time() + 5).touched


@pytest.mark.parametrize(
    ("text", "read", "changed"),
    [
        ("SELECT 1", "", ""),
        ("SELECT a FROM T AS x", "t", ""),
        ("SELECT count(*) FROM t", "t", ""),
        ("SELECT 1 FROM t", "t", ""),
        ("SELECT EXISTS (SELECT 1 FROM other)", "other", ""),
        ("WITH x AS (SELECT a FROM t) SELECT count(*) FROM x, OTHER", "t other", ""),
        ("SELECT value FROM json_each('[1]')", "json_each", ""),
        ("SELECT name FROM sqlite_schema", ALL, ""),
        ("PRAGMA table_info(t)", ALL, ""),
        ("INSERT INTO t VALUES ('a', 1)", "", "t"),
        ("INSERT INTO t SELECT a, b FROM other", "other", "t"),
        ("WITH x AS (SELECT 1 AS n) UPDATE t SET b = (SELECT n FROM x)", "", "t"),
        ("UPDATE t SET b = o.b FROM other AS o WHERE o.a = t.a", "t other", "t"),
        ("REPLACE INTO t VALUES ('a', 1)", "", "t"),
        ('DELETE FROM "OTHER"', "", "other"),
        ("CREATE TABLE more (a)", None, SCHEMA),
        ("CREATE INDEX i ON t (a)", None, SCHEMA),
        ("ALTER TABLE t ADD COLUMN c", None, SCHEMA),
        ("ALTER TABLE t RENAME TO v", None, SCHEMA),
        ("DROP TABLE t", None, SCHEMA),
        ("REINDEX t", None, SCHEMA),
    ],
)
def test_a_statement_says_which_tables_it_touches_also_when_sqlite_knows_it(
    connection: Connection, text: str, read: str | None, changed: str
) -> None:
    first = touched(connection, text)
    if read is None:
        assert SCHEMA in first.changed
        return
    assert first == (frozenset(read.split()), frozenset(changed.split()))
    if not changed:
        assert touched(connection, text) == first


def test_the_tables_of_a_text_follow_the_schema(connection: Connection) -> None:
    assert touched(connection, "SELECT a FROM t").read == {"t"}
    touched(connection, "ALTER TABLE t RENAME TO v")
    touched(connection, "CREATE TABLE t (a)")
    assert touched(connection, "SELECT a FROM t").read == {"t"}
    touched(connection, "INSERT INTO v VALUES ('a', 1)")
    touched(connection, "DROP TABLE t")
    with pytest.raises(SqlError):
        touched(connection, "SELECT a FROM t")


def test_what_is_not_known_of_a_text_is_any_table(connection: Connection) -> None:
    touched(connection, "SELECT a FROM t")
    for number in range(MOST_TEXTS):
        connection._touched[str(number)] = UNKNOWN
    touched(connection, "SELECT b FROM t")  # makes room, and SQLite keeps both statements
    assert touched(connection, "SELECT a FROM t") == UNKNOWN


def test_a_commit_is_a_conflict_for_those_who_have_read_its_tables() -> None:
    changes = TableChanges(3).after({"t"}, 5).after({"u"}, 7).after(NONE, 8)
    assert changes.touched_since({"t"}, 4)
    assert not changes.touched_since({"t"}, 5)
    assert not changes.touched_since({"v"}, 4)
    assert not changes.touched_since(set(), 0)
    assert changes.touched_since({ALL}, 6)
    assert not changes.touched_since({ALL}, 7)
    assert changes.touched_since({"v"}, 2)
    for name in (ALL, SCHEMA):
        assert changes.after({name}, 9).touched_since({"v"}, 8)
    assert changes.touched_since({"t", "v"}, 4)


def test_many_names_are_taken_together() -> None:
    changes = TableChanges(0)
    for number in range(MOST_NAMES):
        changes = changes.after({f"t{number}"}, number + 1)
    assert not changes.touched_since({"t0"}, 1)
    changes = changes.after({"one more"}, MOST_NAMES + 1)
    assert changes.touched_since({"t0"}, 1)
    assert len(changes.named) <= MOST_NAMES


def test_a_table_that_is_there_already_is_not_made_again(connection: Connection) -> None:
    connection.execute("COMMIT")
    before = prepare(connection, MARKS)
    transaction = OpenTransaction(connection, before, 1_000_000, MARKS)
    view = transaction.begin_action(None)
    assert view is not None
    until = time.thread_time() + 5
    view.sql("CREATE TABLE IF NOT EXISTS t (a)", [], until)
    view.sql("SELECT a FROM t", [], until)
    assert not view.wrote
    transaction.end_action([])
    assert transaction.figures.changes == before.changes
    view = transaction.begin_action(None)
    assert view is not None
    view.sql("CREATE TABLE IF NOT EXISTS more (a)", [], until)
    assert view.wrote
    transaction.end_action([])
    assert transaction.figures.changes.touched_since({"t"}, before.sequence)
    assert transaction.figures.schema != before.schema
    transaction.commit()
