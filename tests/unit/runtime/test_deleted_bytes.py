# SPDX-License-Identifier: Apache-2.0
"""Nothing of what has expired, or was deleted, is left in the files after a pass."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.unit.runtime.expiring_facet import (
    LATE,
    LONG,
    NEEDLE,
    RETENTION,
    Clock,
    Opens,
    left,
    remove,
    sql,
    step,
    store,
)

TABLE = "CREATE TABLE notes (id INTEGER PRIMARY KEY, v, retained_since INTEGER NOT NULL DEFAULT (unixepoch()))"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def opens(tmp_path: Path, clock: Clock) -> AsyncIterator[Opens]:
    made = Opens(tmp_path, clock)
    yield made
    await made.last.close()


@pytest.mark.parametrize("value", ['"' + NEEDLE + '"', LONG], ids=["short", "long"])
async def test_nothing_is_left_in_the_files_of_what_has_expired(
    opens: Opens, clock: Clock, tmp_path: Path, value: str
) -> None:
    facet = opens()
    await store(facet, {"a": value, f"b{NEEDLE}": "1"})
    sql(facet, TABLE, f"INSERT INTO notes VALUES (1, '{value}', {int(clock.now)})", "CREATE INDEX i ON notes (v)")
    await remove(facet)
    assert left(tmp_path) == ["lite"]  # it is there, and not in the log any more
    clock.now += RETENTION + LATE
    await remove(facet)
    assert left(tmp_path) == []


@pytest.mark.parametrize("value", ['"' + NEEDLE + '"', LONG], ids=["short", "long"])
async def test_nothing_is_left_of_what_an_app_deletes_or_replaces(opens: Opens, tmp_path: Path, value: str) -> None:
    facet = opens(0)
    await store(facet, {"a": value, "b": value})
    sql(facet, "CREATE TABLE t (v)", f"INSERT INTO t VALUES ('{value}')", f"INSERT INTO t VALUES ('{value}')")
    await store(facet, {"a": None, "b": '"other"'})
    sql(facet, "UPDATE t SET v = 'other' WHERE rowid = 1", "DELETE FROM t WHERE rowid = 2")
    assert "-wal" in left(tmp_path)
    await remove(facet)
    assert left(tmp_path) == []


async def test_a_full_disk_keeps_its_log_if_the_file_would_have_to_grow(
    opens: Opens, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facet = opens(0)
    await store(facet, {"a": LONG})
    with monkeypatch.context() as patched:
        patched.setattr("os.statvfs", lambda _: SimpleNamespace(f_bavail=0, f_frsize=4096))
        await remove(facet)
        assert left(tmp_path) == ["-wal"]
        patched.undo()
        await remove(facet)
        assert left(tmp_path) == ["lite"]
        await store(facet, {"a": "1"})
        patched.setattr("os.statvfs", lambda _: SimpleNamespace(f_bavail=0, f_frsize=4096))
        await remove(facet)
    assert left(tmp_path) == []


async def test_the_log_is_emptied_when_nobody_reads_what_was_there_before(opens: Opens, tmp_path: Path) -> None:
    facet = opens(0)
    await store(facet, {"a": f'"{NEEDLE}"'})
    view = facet.view()
    view.get("a")
    facet.end_batch()
    await store(facet, {"a": None})
    await remove(facet)
    assert "-wal" in left(tmp_path)
    view.close()
    await remove(facet)
    assert left(tmp_path) == []
    assert not await step(facet)  # nothing was stored since then
