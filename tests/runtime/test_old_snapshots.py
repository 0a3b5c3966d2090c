# SPDX-License-Identifier: Apache-2.0
"""What an action sees that waits for so long that its snapshot is taken from it."""

import asyncio
import json

import pytest

from genapps_runtime.serve import waiting
from tests.runtime.harness import until
from tests.runtime.streaming_world import Serving

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
        await until(lambda: bool(facet._lent))
        await until(lambda: not facet._lent)  # nobody reads an old state of the file any more
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
        await until(lambda: bool(world.lanes.facet._lent))
        await other.got("/set/b", "POST")
        async with asyncio.timeout(30):
            while (await other.got("/go/a", "POST"))[0] != 200:
                pass
        _, fields = await caller.head()
        assert json.loads(await caller.reader.readexactly(int(fields["content-length"])))[3] is None
