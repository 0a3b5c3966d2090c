# SPDX-License-Identifier: Apache-2.0
"""A facet whose app has used up the memory that SQLite may take: others store and read what they want."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from genapps_runtime.state.errors import SqlError, StateUnavailableError
from genapps_runtime.state.facet import DEFAULT_TENANT, Facet
from genapps_runtime.state.transaction import Commit
from genapps_runtime.state.view import View

TERM = "SELECT " + ",".join(["abs(1)"] * 30)
"""About 10 KiB when it is prepared."""
SORT = (
    "SELECT length(z) FROM (WITH RECURSIVE r(n) AS (VALUES(1) UNION ALL SELECT n + 1 FROM r) "
    "SELECT zeroblob(200000) AS z, n FROM r, sqlite_schema LIMIT 1000) ORDER BY z, n"
)


@pytest.fixture
async def facet(tmp_path: Path) -> AsyncIterator[Facet]:
    made = Facet(str(tmp_path), DEFAULT_TENANT, 10_000_000, 8)
    yield made
    await made.close()


async def store(facet: Facet, value: str) -> Exception | None:
    stored = asyncio.Event()
    commit = Commit(None, [("key", value)])
    facet.commit([commit], lambda _: stored.set())
    await stored.wait()
    return commit.verdict


def hoard(facet: Facet) -> list[View]:
    """Views that have read until there was no memory left, also for small statements."""
    views = []
    for terms in (50, 20, 8, 3, 1):
        views.append(facet.view())
        text = " UNION ALL ".join([TERM] * terms)
        with pytest.raises((SqlError, StateUnavailableError), match="memory"):
            read_all(views[-1], [f"{text} LIMIT {number}" for number in range(48)])
        facet.end_batch()
    return views


def read_all(view: View, texts: list[str]) -> None:
    for text in texts:
        view.sql(text, [], time.thread_time() + 10)


async def test_a_request_that_hoards_memory_loses_what_it_has_read_and_others_store(facet: Facet) -> None:
    views = hoard(facet)
    value = "x" * 250_000
    assert await store(facet, value) is None
    with pytest.raises(StateUnavailableError, match="used up its memory"):
        views[0].get("key")
    for view in views:
        view.close()
    assert facet.view().get("key") == value
    facet.end_batch()


async def test_a_transaction_for_sql_begins_also_when_readers_hold_the_memory(facet: Facet) -> None:
    views = hoard(facet)
    facet._writer.exhausted = True  # it has to be opened anew, which takes memory
    transaction = facet.open()
    opened = transaction.begin_action(None)
    assert opened is not None
    opened.sql("CREATE TABLE t (a)", [], time.thread_time() + 10)
    transaction.end_action([])
    transaction.commit()
    facet.figures = transaction.figures
    for view in views:
        view.close()


async def test_a_snapshot_that_ended_without_memory_is_no_later_one(facet: Facet) -> None:
    assert await store(facet, "1") is None
    views = [facet.view(), facet.view()]
    assert [view.get("key") for view in views] == ["1", "1"]
    with pytest.raises(SqlError, match="too much memory"):
        views[0].sql(SORT, [], time.thread_time() + 30)
    assert await store(facet, "2") is None
    for view in views:
        with pytest.raises(StateUnavailableError):
            view.get("key")
    assert facet.view().get("key") == "2"  # also in the same batch
    for view in views:
        view.close()
    facet.end_batch()


async def test_a_statement_that_needs_too_much_takes_no_snapshot_of_others(facet: Facet) -> None:
    assert await store(facet, "1") is None
    view = facet.view()
    assert view.get("key") == "1"
    facet.end_batch()
    transaction = facet.open()
    opened = transaction.begin_action(None)
    assert opened is not None
    doubled = "".join(f", a{i} AS (SELECT 1 FROM a{i - 1} UNION ALL SELECT 1 FROM a{i - 1})" for i in range(1, 30))
    with pytest.raises(SqlError, match="too much memory"):
        opened.sql(f"WITH a0 AS (SELECT 1){doubled} SELECT 1 FROM a29", [], time.thread_time() + 10)
    transaction.end_action([("key", "2")])
    stored = asyncio.Event()
    commit = Commit(None, [])
    facet.commit_open(transaction, [commit], lambda _: stored.set())
    await stored.wait()
    assert commit.verdict is None
    assert view.get("key") == "1"
    view.close()
