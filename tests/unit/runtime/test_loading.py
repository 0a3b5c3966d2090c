# SPDX-License-Identifier: Apache-2.0
"""SQL of code that loads: stored when the load succeeds, taken back when it fails, and never beside a request."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from genapps_runtime.guest.immediate import ENDED
from genapps_runtime.serve.loading import LoadSql
from genapps_runtime.state.facet import Facet


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """No statement here is slow, but the process of all unit tests may be."""
    monkeypatch.setattr("genapps_runtime.serve.loading.STATEMENT_SECONDS", 10)


@pytest.fixture
async def facet(tmp_path: Path) -> AsyncIterator[Facet]:
    facet = Facet(str(tmp_path), "default", 1024 * 1024, 4)
    yield facet
    facet.holding = False
    await facet.close()


class Load:
    """A load, and how often it has told that the facet is free."""

    def __init__(self, facet: Facet, hold_seconds: float = 60) -> None:
        self.freed = 0
        self.sql = LoadSql(facet, self._free, hold_seconds)

    def _free(self) -> None:
        self.freed += 1

    def run(self, text: str, point: int = 0) -> Any:
        """Rows, the code of a problem, or None when the load has ended."""
        return told(self.sql.answer(f"sql\0{point}\0[]\0{text}".encode()))

    def point(self, step: str, number: int) -> Any:
        return told(self.sql.answer(json.dumps({"id": number, "point": step}).encode()))


def told(answer: bytes) -> Any:
    if answer == ENDED:
        return None
    if answer == b"-":
        return []
    content = json.loads(answer[1:])
    return content["code"] if answer[:1] == b"!" else content[1]


def tables(facet: Facet) -> list[str]:
    load = Load(facet)
    found = load.run("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    load.sql.store()
    return [name for (name,) in found if not name.startswith("genapps")]


async def test_what_a_load_writes_is_stored_at_its_end(facet: Facet) -> None:
    load = Load(facet)
    assert load.run("CREATE TABLE IF NOT EXISTS t (n)") == []
    assert load.run("INSERT INTO t VALUES (1)") == []
    assert load.run("SELECT n FROM t") == [[1]]
    assert facet.holding
    assert tables(facet) == []
    load.sql.store()
    assert (facet.holding, load.freed, load.sql.problem) == (False, 1, "")
    assert tables(facet) == ["t"]


async def test_a_load_that_finds_its_tables_takes_nothing(facet: Facet) -> None:
    first = Load(facet)
    first.run("CREATE TABLE IF NOT EXISTS t (n)")
    first.sql.store()
    again = Load(facet)
    assert again.run("CREATE TABLE IF NOT EXISTS t (n)") == []
    assert not facet.holding
    again.sql.store()
    assert again.freed == 0


async def test_what_a_load_that_fails_has_written_is_taken_back(facet: Facet) -> None:
    load = Load(facet)
    load.run("CREATE TABLE t (n)")
    load.sql.undo()
    assert (facet.holding, load.freed) == (False, 1)
    assert tables(facet) == []


async def test_a_load_that_writes_fails_while_somebody_has_the_state(facet: Facet) -> None:
    facet.hold(lambda: None)
    load = Load(facet)
    assert load.run("SELECT 1") == [[1]]
    assert load.run("CREATE TABLE t (n)") is None
    assert "try again" in load.sql.problem
    load.sql.store()
    assert facet.holding  # by the one who had it
    facet.release()
    assert load.freed == 0
    assert tables(facet) == []


async def test_a_load_that_ignores_its_end_stores_nothing(facet: Facet) -> None:
    load = Load(facet, hold_seconds=0)
    load.run("CREATE TABLE t (n)")
    load.sql.check_time()
    assert "for more than" in load.sql.problem
    assert load.run("SELECT 1") is None
    load.sql.store()
    assert (facet.holding, load.freed) == (False, 1)
    assert tables(facet) == []


async def test_a_load_that_keeps_to_its_time_goes_on(facet: Facet) -> None:
    load = Load(facet)
    load.run("CREATE TABLE t (n)")
    load.sql.check_time()
    load.sql.store()
    assert tables(facet) == ["t"]


async def test_a_load_has_savepoints(facet: Facet) -> None:
    load = Load(facet)
    load.run("CREATE TABLE t (n)")
    load.run("INSERT INTO t VALUES (1)", point=1)
    load.point("begin", 2)
    load.run("INSERT INTO t VALUES (2)")
    load.point("undo", 2)
    assert load.run("SELECT n FROM t") == [[1]]
    load.sql.store()
    assert tables(facet) == ["t"]


async def test_a_load_has_no_keys(facet: Facet) -> None:
    load = Load(facet)
    assert told(load.sql.answer(b"get\x000\x00a")) == "NoAction"
    load.sql.store()


async def test_a_load_that_takes_too_much_room_is_not_stored(facet: Facet) -> None:
    load = Load(facet)
    load.run("CREATE TABLE t (raw BLOB)")
    for _ in range(8):
        load.run("INSERT INTO t VALUES (zeroblob(200000))")
    load.sql.store()
    assert "allows" in load.sql.problem
    assert tables(facet) == []
