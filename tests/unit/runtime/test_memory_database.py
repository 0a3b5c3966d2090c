# SPDX-License-Identifier: Apache-2.0
"""Databases in memory: what a hostile app can take by them, and that a statement that fails changes nothing."""

import time
from collections.abc import Iterator

import pytest

from genapps_runtime.state import sql_rules
from genapps_runtime.state.connection import Result
from genapps_runtime.state.errors import SqlError
from genapps_runtime.state.facet import Facet
from genapps_runtime.state.memory_database import MemoryDatabase, Pages, close_all
from genapps_runtime.state.open_transaction import PAGE_BYTES

ENDLESS = "WITH RECURSIVE r(n) AS (VALUES(1) UNION ALL SELECT n + 1 FROM r)"
KIB_200 = f"INSERT INTO x {ENDLESS} SELECT zeroblob(1024) FROM r LIMIT 200"


@pytest.fixture
def pages() -> Pages:
    return Pages(100)


@pytest.fixture
def database(pages: Pages) -> Iterator[MemoryDatabase]:
    made = MemoryDatabase(pages)
    run(made, "CREATE TABLE x (v)")
    yield made
    made.close()


def run(database: MemoryDatabase, text: str, seconds: float = 5.0) -> Result:
    return database.run(text, [], time.thread_time() + seconds)


def count(database: MemoryDatabase) -> object:
    return run(database, "SELECT count(*) FROM x").rows[0][0]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("ATTACH ':memory:' AS y", sql_rules.REFUSED),
        ("ATTACH '/tmp/x' AS y", sql_rules.REFUSED),
        ("BEGIN", sql_rules.REFUSED),
        ("/* */ COMMIT", sql_rules.REFUSED),
        ("ROLLBACK TO genapps_statement", sql_rules.REFUSED),
        ("PRAGMA max_page_count = 100000", sql_rules.REFUSED),
        ("PRAGMA hard_heap_limit = 0", sql_rules.REFUSED),
        ("CREATE VIRTUAL TABLE f USING fts5(a)", sql_rules.REFUSED),
        ("CREATE TEMP TABLE q (a)", sql_rules.REFUSED),
        ("VACUUM INTO '/tmp/copy'", sql_rules.INVALID),
        ("SELECT zeroblob(900000000)", sql_rules.TOO_LARGE),
        ("INSERT INTO x VALUES (zeroblob(262145))", sql_rules.TOO_LARGE),
        (f"INSERT INTO x {ENDLESS} SELECT n FROM r LIMIT 20000 RETURNING v", sql_rules.TOO_LARGE),
        ("/* */ INSERT INTO x VALUES (1), (2) RETURNING abs(-9223372036854775808)", sql_rules.INVALID),
    ],
)
def test_what_is_refused_on_the_facet_is_refused_in_memory_and_changes_nothing(
    database: MemoryDatabase, text: str, code: str
) -> None:
    with pytest.raises(SqlError) as error:
        run(database, text)
    assert error.value.code == code
    assert not database.in_transaction
    assert count(database) == 0


@pytest.mark.parametrize("began", [True, False])
@pytest.mark.parametrize("text", [f"{ENDLESS} SELECT count(*) FROM r", f"INSERT INTO x {ENDLESS} SELECT n FROM r, x"])
def test_an_endless_statement_ends_with_its_transaction_and_says_so(
    database: MemoryDatabase, text: str, began: bool
) -> None:
    run(database, "INSERT INTO x VALUES (1)")
    if began:
        database.point("begin", 1)
        run(database, "INSERT INTO x VALUES (2)")
    with pytest.raises(SqlError) as error:
        run(database, text, seconds=0.02)
    assert error.value.code == sql_rules.TOO_SLOW
    lost = began and text.startswith("INSERT")
    assert ("its transaction was rolled back" in str(error.value)) == lost
    assert database.in_transaction == (began and not lost)
    assert count(database) == (2 if database.in_transaction else 1)


def test_a_page_bomb_ends_at_the_instances_share(database: MemoryDatabase, pages: Pages) -> None:
    full = "database or disk is full: all databases in memory of the process may have 6 MiB"
    with pytest.raises(SqlError, match=full):
        _ = [run(database, KIB_200) for _ in range(100)]
    stored = int(str(count(database)))
    assert 0 < stored * 1024 <= pages.most * PAGE_BYTES
    assert stored % 200 == 0
    assert pages.most - 100 < pages.taken <= pages.most


def test_what_one_database_has_the_others_of_the_instance_have_not(database: MemoryDatabase, pages: Pages) -> None:
    run(database, KIB_200)
    other, neighbour = MemoryDatabase(pages), MemoryDatabase(Pages(100))
    run(other, "CREATE TABLE x (v)")
    with pytest.raises(SqlError, match="is full"):
        run(other, KIB_200)
    run(neighbour, "CREATE TABLE x (v)")
    run(neighbour, KIB_200)
    before = pages.taken
    database.close()
    assert pages.taken <= before - 50
    run(other, KIB_200)
    assert count(other) == 200


def test_room_of_deleted_rows_is_used_again(database: MemoryDatabase, pages: Pages) -> None:
    for _ in range(20):
        run(database, KIB_200)
        run(database, "DELETE FROM x")
    assert pages.taken < pages.most


def test_definitions_are_bounded(database: MemoryDatabase, pages: Pages) -> None:
    pages.most = 500
    for number in range(sql_rules.SCHEMA_ENTRIES - 1):
        run(database, f"CREATE INDEX i{number} ON x (v)")
    with pytest.raises(SqlError, match=f"there would be {sql_rules.SCHEMA_ENTRIES + 1} tables and indexes"):
        run(database, "CREATE TABLE one_more (a)")
    run(database, "DROP INDEX i0")
    run(database, "CREATE TABLE one_more (a)")


def test_forged_steps_change_nothing_and_break_nothing(database: MemoryDatabase) -> None:
    for step, number in (("undo", 1), ("undo", 7), ("commit", 3), ("begin", 9), ("begin", 9), ("undo", 12)):
        database.point(step, number)
    assert database.in_transaction
    run(database, "INSERT INTO x VALUES (1)")
    database.point("begin", 12)
    database.point("begin", 3)
    assert database.in_transaction
    assert count(database) == 1
    database.point("undo", 1)
    assert count(database) == 1
    database.point("commit", 1)
    database.point("undo", 3)
    assert count(database) == 1


async def test_memory_goes_to_the_state_first(database: MemoryDatabase, pages: Pages, tmp_path: object) -> None:
    facet = Facet(str(tmp_path), "default", 1_000_000, 1)
    facet._make_room()
    assert pages.taken == 0
    with pytest.raises(SqlError, match="the database in memory is gone: SQL of the app had used up its memory"):
        run(database, "SELECT 1")
    with pytest.raises(SqlError, match="is gone"):
        database.point("begin", 1)
    await facet.close()


def test_those_of_all_instances_are_closed_together(database: MemoryDatabase) -> None:
    other = MemoryDatabase(Pages(10))
    close_all()
    for one in (database, other):
        with pytest.raises(SqlError, match="is gone"):
            run(one, "SELECT 1")
    other.close()
