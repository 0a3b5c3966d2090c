# SPDX-License-Identifier: Apache-2.0
"""What has expired is invisible at once and gone soon after."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from genapps_runtime.state import removal
from genapps_runtime.state.ages import LEAST_PERIOD_SECONDS
from genapps_runtime.state.errors import StateConflictError, StateFullError, TransactionLostError
from tests.runtime.harness import until
from tests.unit.runtime.expiring_facet import LATE, RETENTION, Clock, Opens, read, remove, rows, sql, step, store


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def opens(tmp_path: Path, clock: Clock) -> AsyncIterator[Opens]:
    made = Opens(tmp_path, clock)
    yield made
    await made.last.close()


async def test_keys_expire_after_their_last_write_and_not_before(opens: Opens, clock: Clock) -> None:
    facet = opens()
    await store(facet, {"old": '"1"', "again": '"1"'})
    clock.now += RETENTION - 300
    await store(facet, {"again": '"2"', "new": '"1"'})
    clock.now += 299
    await remove(facet)
    assert [read(facet, key) for key in ("old", "again", "new")] == ['"1"', '"2"', '"1"']
    clock.now += LATE
    await remove(facet)
    assert [read(facet, key) for key in ("old", "again", "new")] == [None, '"2"', '"1"']
    clock.now += RETENTION
    await remove(facet)
    assert [read(facet, key) for key in ("old", "again", "new")] == [None, None, None]
    assert facet.size == 0


async def test_an_expired_key_is_invisible_at_the_start_before_anything_is_removed(opens: Opens, clock: Clock) -> None:
    facet = opens()
    await store(facet, {"a": '"1"', "b": '"1"'})
    await facet.close()
    clock.now += RETENTION + LATE
    facet = opens()
    assert facet.size > 0
    view = facet.view()
    assert view.get("a") is None
    assert view.list("", 10) == {}
    # Who has read that it is absent may write it, and it counts once.
    assert await store(facet, {"a": '"2"'}, view) is None
    view.close()
    assert read(facet, "a") == '"2"'
    await remove(facet)
    assert facet.size == len("a") + len('"2"')
    assert read(facet, "a") == '"2"'


async def test_who_has_read_a_key_that_expires_meanwhile_runs_again(opens: Opens, clock: Clock) -> None:
    facet = opens()
    await store(facet, {"a": '"1"', "b": '"1"'})
    reads, lists = facet.view(), facet.view()
    assert reads.get("a") == '"1"'
    assert list(lists.list("", 10)) == ["a", "b"]
    facet.end_batch()
    await store(facet, {"other": "1"})
    clock.now += RETENTION + LATE
    facet._removal.look(facet._writer, facet.figures.sequence)
    for view in (reads, lists):
        assert isinstance(await store(facet, {"c": "1"}, view), StateConflictError)
        view.close()


async def test_what_was_written_before_an_app_had_a_retention_counts_from_then(opens: Opens, clock: Clock) -> None:
    facet = opens(0)
    await store(facet, {"a": '"1"'})
    await facet.close()
    clock.now += 10 * RETENTION
    for _ in range(2):
        facet = opens()
        assert read(facet, "a") == '"1"'
        await store(facet, {"b": '"1"'})
        await facet.close()
        clock.now += RETENTION + LATE
        facet = opens()
        assert read(facet, "a") is None
        await remove(facet)
        await store(facet, {"a": '"1"'})
        await facet.close()
        facet = opens(0)  # it has none for a while
        clock.now += 10 * RETENTION
        await remove(facet)
        assert read(facet, "a") == '"1"'
        await store(facet, {"b": '"1"'})
        await facet.close()


async def test_new_keys_of_a_facet_that_was_emptied_are_not_taken_for_old_ones(opens: Opens, clock: Clock) -> None:
    facet = opens()
    for number in range(5):
        await store(facet, {"a": f'"{number}"'})
    clock.now += RETENTION + LATE
    await remove(facet)
    await facet.close()
    facet = opens()
    await store(facet, {"b": '"1"'})
    assert read(facet, "b") == '"1"'
    clock.now += RETENTION - 10
    await remove(facet)
    assert read(facet, "b") == '"1"'


async def test_a_clock_that_was_set_back_keeps_keys_no_longer_than_their_retention(opens: Opens, clock: Clock) -> None:
    facet = opens()
    clock.now += 10_000_000
    await store(facet, {"a": '"1"'})
    clock.now -= 10_000_000
    await store(facet, {"b": '"1"'})
    clock.now += RETENTION - 10
    await remove(facet)
    assert read(facet, "b") == '"1"'
    clock.now += 10 + LATE
    await remove(facet)
    assert [read(facet, key) for key in ("a", "b")] == [None, None]


async def test_there_are_few_ages_however_often_something_is_stored(opens: Opens, clock: Clock) -> None:
    facet = opens()
    for number in range(300):
        clock.now += 30
        await store(facet, {"a": f'"{number}"'})
    await remove(facet)
    (ages,) = facet._writer.execute("SELECT count(*) FROM genapps_ages").fetchone()
    assert RETENTION / LATE - 2 < ages < RETENTION / LEAST_PERIOD_SECONDS + 3


async def test_many_keys_go_in_steps_and_commits_come_between(opens: Opens, clock: Clock) -> None:
    facet = opens()
    await store(facet, {f"k{number}": "1" for number in range(3 * removal.STEP_KEYS + 1)})
    clock.now += RETENTION + LATE
    assert await step(facet)
    assert facet.size > 0
    assert read(facet, "k7") is None
    await store(facet, {"new": '"1"'})
    assert await remove(facet) >= 4
    assert facet.size == len("new") + len('"1"')


async def test_nothing_is_removed_while_somebody_has_the_facet(opens: Opens, clock: Clock) -> None:
    facet = opens()
    await store(facet, {"a": '"1"'})
    clock.now += RETENTION + LATE
    facet.hold(lambda: None)
    facet._removal.now()
    facet._commit_soon()
    await asyncio.sleep(0)
    assert not facet.storing
    transaction = facet.open()
    transaction.roll_back()
    facet.release()
    await until(lambda: not facet.storing)
    assert facet.size == 0


TABLE = "CREATE TABLE notes (id INTEGER PRIMARY KEY, v, Retained_Since INTEGER NOT NULL DEFAULT (unixepoch()))"


async def test_rows_expire_where_their_table_says_when_they_were_written(opens: Opens, clock: Clock) -> None:
    facet = opens()
    now = int(clock.now)
    numbers = "WITH RECURSIVE r(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM r LIMIT 1200)"
    sql(
        facet,
        TABLE,
        'CREATE TABLE "it""s" (v, retained_since)',
        "CREATE TABLE without_time (v)",
        f"INSERT INTO notes SELECT n, 'row', {now} + n FROM ({numbers} SELECT n FROM r)",
        "INSERT INTO notes (id, v) VALUES (5000, 'by the clock of SQLite')",
        f"""INSERT INTO "it""s" VALUES ('a', {now}), ('b', '{now}'), ('c', NULL), ('d', {now}.5), ('e', {now}+9999)""",
        "INSERT INTO without_time VALUES (1)",
    )
    size = facet.size
    clock.now += RETENTION + 700
    assert await remove(facet) >= 4
    assert rows(facet, "SELECT min(id), count(*) FROM notes") == [(701, 501)]
    assert rows(facet, 'SELECT v FROM "it""s"') == [("b",), ("c",), ("e",)]
    assert rows(facet, "SELECT v FROM without_time") == [(1,)]
    clock.now += RETENTION
    await remove(facet)
    assert rows(facet, "SELECT id FROM notes") == [(5000,)]
    assert facet.size < size


async def test_who_has_read_rows_that_are_removed_meanwhile_runs_again(opens: Opens, clock: Clock) -> None:
    facet = opens()
    sql(facet, TABLE, f"INSERT INTO notes VALUES (1, 'a', {int(clock.now)})", "CREATE TABLE other (v)")
    view, other = facet.view(), facet.view()
    view.sql("SELECT v FROM notes", [], time.thread_time() + 5)
    other.sql("SELECT v FROM other", [], time.thread_time() + 5)
    facet.end_batch()
    clock.now += RETENTION + 1
    await remove(facet)
    assert isinstance(await store(facet, {"a": "1"}, view), StateConflictError)
    assert await store(facet, {"b": "1"}, other) is None
    view.close()
    other.close()


async def test_a_table_whose_rows_have_no_numbers_is_named_in_the_log(
    opens: Opens, clock: Clock, capfd: pytest.CaptureFixture[str]
) -> None:
    facet = opens()
    old = int(clock.now)
    sql(
        facet,
        "CREATE TABLE keyed (k PRIMARY KEY, retained_since) WITHOUT ROWID",
        "CREATE TABLE hidden (rowid, _rowid_, oid, retained_since)",
        "CREATE TABLE named (rowid, retained_since)",
        f"INSERT INTO keyed VALUES (1, {old})",
        f"INSERT INTO hidden VALUES (1, 1, 1, {old})",
        f"INSERT INTO named VALUES (1, {old}), (1, {old + 999999})",
    )
    clock.now += RETENTION + 1
    await remove(facet)
    await remove(facet)
    assert rows(facet, "SELECT (SELECT count(*) FROM keyed), (SELECT count(*) FROM hidden)") == [(1, 1)]
    assert rows(facet, "SELECT retained_since FROM named") == [(old + 999999,)]
    told = [line for line in capfd.readouterr().out.splitlines() if "rows are not removed" in line]
    assert len(told) == 2


async def test_a_table_that_goes_meanwhile_stops_nothing(opens: Opens, clock: Clock) -> None:
    facet = opens()
    sql(facet, "CREATE TABLE a (retained_since)", "CREATE TABLE b (retained_since)")
    sql(facet, f"INSERT INTO a VALUES ({int(clock.now)})", f"INSERT INTO b VALUES ({int(clock.now)})")
    clock.now += RETENTION + 1
    while await step(facet):
        if len(rows(facet, "SELECT name FROM sqlite_master WHERE name IN ('a', 'b')")) == 2:
            sql(facet, "DROP TABLE b")
    assert rows(facet, "SELECT count(*) FROM a") == [(0,)]


async def test_without_a_retention_nothing_expires(opens: Opens, clock: Clock) -> None:
    facet = opens(0)
    sql(facet, TABLE, "INSERT INTO notes VALUES (1, 'a', 5)")
    await store(facet, {"a": '"1"'})
    clock.now += 10**9
    await remove(facet)
    assert read(facet, "a") == '"1"'
    assert rows(facet, "SELECT count(*) FROM notes") == [(1,)]


async def test_a_listing_among_too_many_expired_keys_is_refused(
    opens: Opens, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    facet = opens()
    await store(facet, {f"k{number}": "1" for number in range(2000)})
    clock.now += RETENTION + LATE
    await store(facet, {"z": "1"})
    facet._removal.look(facet._writer, facet.figures.sequence - 1)
    view = facet.view()
    assert list(view.list("", 10)) == ["z"]
    monkeypatch.setattr("genapps_runtime.state.view.STATEMENT_SECONDS", -1)
    with pytest.raises(Exception, match="too many keys have expired and are not removed yet"):
        view.list("", 10)
    assert view.get("z") == "1"
    view.close()
    facet.end_batch()


@pytest.mark.parametrize(
    "error",
    [sqlite3.OperationalError("disk"), MemoryError(), StateFullError("full"), TransactionLostError(), OSError()],
)
async def test_a_step_that_fails_stops_no_commit_and_is_tried_again(
    opens: Opens, clock: Clock, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(*_: object) -> None:
        raise error

    facet = opens()
    await store(facet, {"a": '"1"'})
    clock.now += RETENTION + LATE
    with monkeypatch.context() as patched:
        patched.setattr(facet._removal, "_change", fails)
        assert not await step(facet)
    assert await store(facet, {"b": '"1"'}) is None
    assert read(facet, "a") is None
    await remove(facet)
    assert facet.size == len("b") + len('"1"')


async def test_it_begins_by_itself_and_ends_with_the_facet(
    opens: Opens, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "FIRST_SECONDS", 0.001)
    facet = opens()
    await store(facet, {"a": '"1"'})
    clock.now += RETENTION + LATE
    facet.remove_later()
    await until(lambda: facet.size == 0)
    await facet.close()
    assert facet._removal._timer is not None
    assert facet._removal._timer.cancelled()
    facet = opens()
