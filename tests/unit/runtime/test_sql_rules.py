# SPDX-License-Identifier: Apache-2.0
"""What SQL of an app may do. Each statement runs on a connection whose transaction must be there afterwards."""

import sqlite3
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from genapps_runtime.state import sql_rules
from genapps_runtime.state.connection import REMEMBERED_CHARACTERS, Connection
from genapps_runtime.state.errors import SqlError, SqlWritesError
from genapps_runtime.state.tables import UNKNOWN

ENDLESS = "WITH RECURSIVE r(n) AS (VALUES(1) UNION ALL SELECT n + 1 FROM r)"
DOUBLED = "".join(f", a{i} AS (SELECT 1 FROM a{i - 1} UNION ALL SELECT 1 FROM a{i - 1})" for i in range(1, 30))

REFUSED = [
    "ATTACH 'x' AS y", "DETACH main", "PRAGMA user_version = 9", "PRAGMA writable_schema = 1",
    "PRAGMA table_info(genapps_facet)", "PRAGMA index_list(genapps_entries)", "PRAGMA integrity_check",
    "PRAGMA hard_heap_limit = 0", "SELECT * FROM pragma_table_info('t')", "SELECT count(*) FROM pragma_database_list",
    "CREATE TEMP TABLE q (a)", "CREATE TABLE temp.q (a)", "CREATE TEMP TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END",
    "CREATE VIEW v AS SELECT 1", "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END",
    "CREATE VIRTUAL TABLE f USING fts5(a)", "CREATE VIRTUAL TABLE f USING rtree(a, b, c)",
    "SELECT * FROM genapps_entries", "SELECT * FROM main.GenApps_Entries", "INSERT INTO genapps_facet VALUES (1)",
    "CREATE INDEX z ON genapps_entries (key)", "ALTER TABLE t RENAME TO genapps_x", "CREATE TABLE genapps_x (a)",
    "DROP TABLE genapps_entries", "CREATE INDEX genapps_i ON t (a)", "RELEASE genapps_action",
    "BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT x", "ROLLBACK TO x", "ANALYZE",
    "SELECT load_extension('x')", "SELECT fts3_tokenizer('x')", "SELECT sqlite_compileoption_get(0)",
    "SELECT json_patch('{}', '{}')", "SELECT * FROM dbstat", "SELECT count(*) FROM sqlite_stmt",
    "CREATE TABLE json_each (a)", 'CREATE TABLE main."JSON_Tree" AS SELECT 1', "CREATE TABLE pragma_module_list (name)",
    "ALTER TABLE t RENAME TO json_each", "ALTER TABLE t RENAME TO [Json_Tree]", "ALTER TABLE t RENAME TO'dbstat'",
    "ALTER TABLE t RENAME TO/**/`PRAGMA_module_list`", "CREATE TABLE dbstat (a)",
]  # fmt: skip
INVALID = [
    "VACUUM", "VACUUM INTO '/tmp/copy'", "UPDATE sqlite_master SET sql = 'x'", "DELETE FROM sqlite_schema",
    "INSERT INTO sqlite_sequence_ VALUES (1)", "CREATE TABLE sqlite_x (a)", "DROP TABLE sqlite_master",
    "SELECT sqlite_rename_table(1, 2, 3, 4, 5, 6, 7)", "SELECT readfile('/etc/passwd')", "SELECT 1; SELECT 2",
    "SELECT", "SELECT ?", "SELECT :a", "SELECT " + "abs(" * 101 + "1" + ")" * 101, "SELECT " + "+".join("1" * 500),
    " UNION ALL ".join(["SELECT 1"] * 51), "SELECT " + ",".join("1" * 101), "SELECT max(" + ",".join("1" * 33) + ")",
    "SELECT ?1001", "SELECT 'a' LIKE '" + "%a" * 26 + "'", "SELECT CAST(x'ff' AS TEXT)",
]  # fmt: skip
TOO_LARGE = [
    "SELECT zeroblob(900000000)", "SELECT randomblob(262145)", "SELECT length(hex(zeroblob(200000)))",
    "SELECT group_concat(zeroblob(200000)) FROM json_each('[1, 2]')", "SELECT 1 -- " + "x" * sql_rules.TEXT_CHARACTERS,
    f"SELECT n FROM ({ENDLESS} SELECT n FROM r LIMIT 10001)", f"WITH a0 AS (SELECT 1){DOUBLED} SELECT 1 FROM a29",
    f"SELECT z FROM ({ENDLESS} SELECT zeroblob(200000) AS z FROM r LIMIT 6)",
]  # fmt: skip
TOO_SLOW = [f"{ENDLESS} SELECT count(*) FROM r", f"{ENDLESS} SELECT count(*) FROM r a, r b"]


@pytest.fixture
def connection() -> Iterator[Connection]:
    made = Connection(":memory:")
    made.execute("CREATE TABLE genapps_entries (key TEXT PRIMARY KEY)")
    made.execute("CREATE TABLE t (a TEXT, b INTEGER UNIQUE)")
    made.execute("BEGIN IMMEDIATE")
    yield made
    made.close()


def fails(connection: Connection, text: str, seconds: float = 5.0) -> str:
    with pytest.raises(SqlError) as error:
        connection.run(text, [], time.thread_time() + seconds)
    return error.value.code


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_allowed_is_refused(connection: Connection, text: str) -> None:
    assert fails(connection, text) == sql_rules.REFUSED
    assert connection.in_transaction


@pytest.mark.parametrize("text", INVALID)
def test_what_sqlite_refuses_is_an_error_of_the_statement(connection: Connection, text: str) -> None:
    assert fails(connection, text) == sql_rules.INVALID
    assert connection.in_transaction


@pytest.mark.parametrize("text", TOO_LARGE)
def test_what_is_too_large_is_an_error_of_the_statement(connection: Connection, text: str) -> None:
    assert fails(connection, text) == sql_rules.TOO_LARGE


@pytest.mark.parametrize("text", TOO_SLOW)
def test_a_statement_ends_when_its_time_is_over(connection: Connection, text: str) -> None:
    assert fails(connection, text, sql_rules.STATEMENT_SECONDS) == sql_rules.TOO_SLOW
    assert connection.in_transaction


def test_memory_for_a_sort_is_bounded_and_the_connection_says_so(connection: Connection) -> None:
    text = f"SELECT length(z) FROM ({ENDLESS} SELECT zeroblob(200000) AS z, n FROM r LIMIT 1000) ORDER BY z, n"
    assert fails(connection, text, 30) == sql_rules.TOO_LARGE
    assert connection.exhausted


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE u (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT DEFAULT (upper('x')) CHECK (length(a) < 9))",
        "CREATE INDEX i ON t (lower(a)) WHERE b > 1", "ALTER TABLE t ADD COLUMN c", "ALTER TABLE t RENAME TO v",
        "ALTER TABLE t RENAME COLUMN a TO z", "ALTER TABLE t DROP COLUMN a", "REINDEX t", "DROP TABLE t",
        "DROP TABLE IF EXISTS missing", "CREATE TABLE entries (a)", "CREATE TABLE w AS SELECT * FROM t",
        "INSERT INTO t VALUES ('a', 1), ('b', 2) ON CONFLICT (b) DO UPDATE SET a = excluded.a RETURNING a",
        "REPLACE INTO t VALUES ('a', 1)", "DELETE FROM t",
        "WITH x AS (SELECT 1 AS n) UPDATE t SET b = (SELECT n FROM x)",
        "SELECT name, sql FROM sqlite_schema", "SELECT key FROM json_each('[1]')", "SELECT a ->> '$.x' FROM t",
        "SELECT row_number() OVER (ORDER BY b), sum(b) FILTER (WHERE b > 1) OVER () FROM t",
        "SELECT date('now'), strftime('%Y', current_timestamp), round(sqrt(2), 2)",
        "EXPLAIN QUERY PLAN SELECT * FROM t",
        "VALUES (1)", "",
    ],
)  # fmt: skip
def test_what_apps_need_runs(connection: Connection, text: str) -> None:
    connection.run(text, [], time.thread_time() + 5)


def test_counts_and_errors_are_those_of_the_statement(connection: Connection) -> None:
    made = connection.run("INSERT INTO t VALUES (?, ?), ('b', 2)", ["a", 1], time.thread_time() + 5)
    assert (made.rowcount, made.lastrowid, made.columns, made.rows) == (2, 2, [], [])
    found = connection.run("SELECT a, b FROM t WHERE b = :b", {"b": 2}, time.thread_time() + 5)
    assert (found.rowcount, found.lastrowid, found.columns, found.rows) == (-1, None, ["a", "b"], [("b", 2)])
    assert fails(connection, "INSERT INTO t VALUES ('c', 2)") == sql_rules.CONSTRAINT
    connection.execute("PRAGMA query_only=ON")
    with pytest.raises(SqlWritesError):
        connection.run("DELETE FROM t", [], time.thread_time() + 5)


def test_a_search_in_a_large_text_takes_no_product_of_lengths(connection: Connection) -> None:
    text, wanted = "a" * 260_000, "a" * 130_000 + "b"
    until = time.thread_time() + 5
    assert connection.run("SELECT instr(?1, ?2), length(replace(?1, ?2, ''))", [text, wanted], until).rows == [
        (0, 260_000)
    ]
    with pytest.raises(SqlError):
        connection.run("SELECT trim(?, ?)", [text, wanted], until)


def test_a_table_that_hides_one_of_sqlite_widens_no_rule(tmp_path: Path) -> None:
    file = str(tmp_path / "state")
    with closing(sqlite3.connect(file)) as foreign:
        foreign.execute("CREATE TABLE pragma_module_list (name)")
        foreign.execute("INSERT INTO pragma_module_list VALUES (NULL)")
        foreign.commit()
    with closing(Connection(file)) as connection:
        assert fails(connection, "SELECT * FROM dbstat") == sql_rules.REFUSED


@pytest.mark.parametrize(("inserted", "length"), [(1, 262_144), (2, None), (4096, None)])
def test_a_replacement_is_made_only_when_a_value_may_be_so_long(
    connection: Connection, inserted: int, length: int | None
) -> None:
    text, parameters = "SELECT length(replace(?, 'a', ?))", ["a" * 262_144, "b" * inserted]
    tracemalloc.start()
    try:
        if length is not None:
            assert connection.run(text, parameters, time.thread_time() + 5).rows == [(length,)]
        else:
            with pytest.raises(SqlError) as error:
                connection.run(text, parameters, time.thread_time() + 5)
            assert error.value.code == sql_rules.TOO_LARGE
        assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_a_statement_of_few_steps_does_not_begin_when_the_time_is_over(connection: Connection) -> None:
    assert connection.run("SELECT 1", [], time.thread_time()).rows == [(1,)]
    assert fails(connection, "SELECT 1", -sql_rules.SHORT_SECONDS) == sql_rules.TOO_SLOW
    assert connection.in_transaction


def test_long_texts_are_not_kept_with_what_they_touch(connection: Connection) -> None:
    long = f"SELECT b FROM t -- {'x' * REMEMBERED_CHARACTERS}"
    assert connection.run(long, [], time.thread_time() + 5).touched.read == {"t"}
    assert connection.run(long, [], time.thread_time() + 5).touched == UNKNOWN
    assert not connection._touched


VALUES = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet="ab \u00e4\U0001f600", max_size=8)
)


@given(VALUES, VALUES, VALUES)
def test_the_functions_in_their_place_give_what_those_of_sqlite_do(text: object, other: object, third: object) -> None:
    statement = (
        "SELECT instr(?1, ?2), replace(?1, ?2, ?3), trim(?1), ltrim(?1), rtrim(?1), trim(?1, ?2), ltrim(?1, ?2), "
        "rtrim(?1, ?2)"
    )
    with closing(sqlite3.connect(":memory:")) as original, closing(Connection(":memory:")) as ours:
        assume(other != "" or isinstance(text, str | None))  # older versions give the number, newer ones its text
        values = (text, other, third)
        assert ours.execute(statement, values).fetchone() == original.execute(statement, values).fetchone()
