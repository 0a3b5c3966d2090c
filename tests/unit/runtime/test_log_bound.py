# SPDX-License-Identifier: Apache-2.0
"""How large the log of a facet (WAL) gets, and what gives way when somebody reads an older state."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from genapps_runtime.state.errors import SnapshotOldError, StateBusyError
from genapps_runtime.state.facet import Facet
from genapps_runtime.state.log_bound import LEAST_BYTES, MIB, MOST_BYTES, log_bytes
from genapps_runtime.state.transaction import Commit
from tests.runtime.harness import until

MOST = 256 * 1024
VALUE = '"' + "x" * 40_000 + '"'


@pytest.fixture
async def facet(tmp_path: Path) -> AsyncIterator[Facet]:
    facet = Facet(str(tmp_path), "default", MIB, 4)
    facet.log.most = MOST
    await stored(facet, "seen", "1")
    yield facet
    await facet.close()


async def stored(facet: Facet, key: str, value: str) -> Exception | None:
    """The verdict on a commit."""
    commit = Commit(None, [(key, value)])
    done = asyncio.Event()
    facet.commit([commit], lambda _: done.set())
    await done.wait()
    await until(lambda: not facet.storing)
    return commit.verdict


def size(facet: Facet) -> int:
    log = Path(f"{facet.path}-wal")
    return log.stat().st_size if log.exists() else 0


def test_the_bound_is_a_quarter_of_the_tenants_share_within_limits() -> None:
    assert [log_bytes(size * MIB) for size in (1, 64, 1024)] == [LEAST_BYTES, 16 * MIB, MOST_BYTES]


async def test_one_byte_more_than_it_may_have_empties_it(facet: Facet) -> None:
    assert await stored(facet, "a", VALUE) is None
    found = size(facet)
    facet.log.most = found
    facet.log.look(facet._writer)
    assert (size(facet), facet.log.full) == (found, False)
    facet.log.most = found - 1
    facet.log.look(facet._writer)
    assert (size(facet), facet.log.full) == (0, False)


async def test_a_reader_of_an_older_state_gives_way_and_reads_on_in_the_new_one(facet: Facet) -> None:
    view, other = facet.view(), facet.view()
    assert view.get("seen") == "1"
    assert other.get("seen") == "1"
    assert other.get("changed") is None
    facet.end_batch()
    largest = 0
    for number in range(40):
        assert await stored(facet, f"key/{number % 10}", VALUE) is None
        largest = max(largest, size(facet))
    assert largest < 2 * MOST, "which 40 commits would have exceeded many times"
    assert view.get("key/9") == VALUE
    assert view.get("seen") == "1"
    facet.end_batch()
    assert await stored(facet, "changed", "2") is None
    with pytest.raises(SnapshotOldError):
        other.get("seen")
    view.close()
    other.close()
    facet.end_batch()
    assert not facet.readers.lent


async def test_writers_are_refused_while_a_snapshot_that_cannot_end_is_in_the_way(facet: Facet) -> None:
    snapshot = facet.snapshot()
    assert snapshot.connection.execute("SELECT count(*) FROM genapps_entries").fetchone() == (1,)
    verdicts = [await stored(facet, "key", VALUE) for _ in range(20)]
    kept = verdicts.index(next(one for one in verdicts if one is not None))
    assert kept > 1
    assert all(isinstance(one, StateBusyError) for one in verdicts[kept:])
    assert MOST < size(facet) < 2 * MOST
    facet.hold(lambda: None)
    with pytest.raises(StateBusyError):
        facet.open()
    facet.release()
    assert facet.view().get("seen") == "1", "reads are served"
    facet.end_batch()
    snapshot.end_sharing()
    assert await stored(facet, "key", VALUE) is None
    assert size(facet) < MOST


async def test_who_writes_by_sql_is_served_again_without_anybody_elses_commit(facet: Facet) -> None:
    snapshot = facet.snapshot()
    snapshot.connection.execute("SELECT count(*) FROM genapps_entries").fetchone()
    while await stored(facet, "key", VALUE) is None:
        pass
    snapshot.end_sharing()
    facet.hold(lambda: None)
    with pytest.raises(StateBusyError):
        facet.open()
    await until(lambda: not (facet.storing or facet.log.full))
    facet.open().roll_back()
    facet.release()


async def test_a_log_that_cannot_be_looked_at_refuses_nobody(facet: Facet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facet.log, "_log", Path("/nowhere"))
    facet.log.full = True
    assert await stored(facet, "key", VALUE) is None
