# SPDX-License-Identifier: Apache-2.0
"""What an action sees that waits for so long that its snapshot is taken from it."""

import asyncio
import json
from pathlib import Path

import pytest

from genapps_runtime.serve import serial, waiting
from tests.runtime.harness import until
from tests.runtime.lanes_world import SOURCE as LANES
from tests.runtime.lanes_world import LanesWorld
from tests.runtime.streaming_world import Serving
from tests.runtime.telling_language import TellingLanguage

SOURCE = """
import asyncio
from genapps import app, state

go_on = {}

@app.get("/wait/{name}/{then}")
async def wait(request, name, then):
    before = await state.get(name)
    listed = [key for key, _ in await state.list("listed/")]
    rows = [list(row) for row in await state.sql("SELECT name FROM seen")]
    go_on[name] = asyncio.Event()
    await asyncio.gather(go_on[name].wait(), asyncio.sleep(0.3))
    return [before, listed, rows, await state.get(then)]

@app.post("/go/{name}")
async def go(request, name):
    go_on[name].set()

@app.post("/create")
async def create(request):
    await state.sql("CREATE TABLE IF NOT EXISTS seen (name)")

@app.post("/insert")
async def insert(request):
    await state.sql("INSERT INTO seen VALUES ('x')")

@app.post("/set/{key:path}")
async def set_key(request, key):
    await state.put(key, "new")
"""

COMPUTES = """
@app.get("/computes")
async def computes_by_number(request):
    number = await state.get("number", 0)
    compute(number + 1)
    again = await state.get("number", 0)
    await state.put("number", number + 1)
"""


@pytest.mark.parametrize(
    ("changed", "status"),
    [("/set/other", 200), ("/set/a", 409), ("/set/listed/x", 409), ("/insert", 409), ("", 200)],
)
async def test_what_was_read_must_still_be_so_when_the_snapshot_has_ended(
    serving: Serving, changed: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "AGING_SECONDS", 0.02)
    async with serving(SOURCE, time={"actionMillis": 60_000}) as world:
        caller, other = await world.connect(), await world.connect()
        await other.got("/create", "POST")
        caller.ask("/wait/a/b")
        facet = world.lanes.facet
        await until(lambda: facet.readers.lent)
        await until(lambda: not facet.readers.lent)  # nobody reads an old state of the file any more
        if changed:
            assert (await other.got(changed, "POST"))[0] == 200
        assert (await other.got("/go/a", "POST"))[0] == 200
        found, fields = await caller.head()
        body = await caller.reader.readexactly(int(fields["content-length"]))
        assert found == status
        if status == 409:
            assert json.loads(body)["code"] == "StateConflict"
        else:
            assert json.loads(body) == [None, [], [], None]


async def test_an_action_that_reads_soon_keeps_its_snapshot(serving: Serving) -> None:
    async with serving(SOURCE, time={"actionMillis": 60_000}) as world:
        caller, other = await world.connect(), await world.connect()
        await other.got("/create", "POST")
        caller.ask("/wait/a/b")
        await until(lambda: world.lanes.facet.readers.lent)
        await other.got("/set/b", "POST")
        async with asyncio.timeout(30):
            while (await other.got("/go/a", "POST"))[0] != 200:
                pass
        _, fields = await caller.head()
        assert json.loads(await caller.reader.readexactly(int(fields["content-length"])))[3] is None


async def test_a_request_that_computes_gives_its_old_snapshot_up_for_others(
    telling_language: TellingLanguage, tmp_path: Path
) -> None:
    world = LanesWorld(telling_language, tmp_path, limits={"instances": 2})
    world.facet.log.most = 0
    counts = world.ask("/count/1")
    await until(lambda: world.facet.readers.lent)
    await world.answered(world.ask("/create"))
    await until(lambda: not world.facet.readers.lent)
    await world.answered(world.ask("/write"))
    telling_language.tell()
    await world.answered(counts)
    assert counts.code == "StateConflict", "the other one has written what it had read"
    again = world.ask("/count/1")
    await world.answered(again)
    assert again.answer == [1, 1]
    await world.close()


async def test_whoever_computes_after_having_lost_their_turn_keeps_no_snapshot(
    telling_language: TellingLanguage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serial, "HOLD_SECONDS", 0.2)
    world = LanesWorld(telling_language, tmp_path, LANES + COMPUTES, limits={"instances": 2})
    await world.answered(world.ask("/create"))
    computes = world.ask("/computes")
    await until(lambda: world.facet.readers.lent)
    await world.answered(world.ask("/write"))
    telling_language.tell()  # its commit fails, and it computes once more, in its turn
    await until(lambda: world.facet.holding)
    await until(lambda: not world.facet.holding)
    world.facet.log.most = 0
    await world.answered(world.ask("/write"))
    await until(lambda: not world.facet.readers.lent)
    telling_language.tell()
    await world.answered(computes)
    assert computes.code == "Busy"
    await world.close()


async def test_while_the_log_is_full_writers_are_told_to_come_again(serving: Serving) -> None:
    async with serving(SOURCE) as world:
        caller = await world.connect()
        assert (await caller.got("/create", "POST"))[0] == 200
        facet = world.lanes.facet
        facet.log.most = 0
        snapshot = facet.snapshot()
        snapshot.connection.execute("SELECT count(*) FROM seen").fetchone()
        assert (await caller.got("/set/a", "POST"))[0] == 200, "this one has filled it"
        for path in ("/set/a", "/insert"):
            status, fields, body = await caller.got(path, "POST")
            assert (status, fields["retry-after"], json.loads(body)["code"]) == (503, "1", "Busy")
        snapshot.end_sharing()
        await until(lambda: not facet.storing)
        assert (await caller.got("/set/a", "POST"))[0] == 200
        assert (await caller.got("/insert", "POST"))[0] == 200
