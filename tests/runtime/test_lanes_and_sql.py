# SPDX-License-Identifier: Apache-2.0
"""What comes for an action while it computes: results, its turn to write by SQL, and the end of that turn."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.runtime.harness import until
from tests.runtime.lanes_world import LanesWorld
from tests.runtime.telling_language import TellingLanguage

SOURCE = """
import asyncio, typing
from genapps import app, log, state

host = typing.sys.modules["genapps.logs"].host

def compute(times):
    while host.now_millis() < int(times):
        pass

@app.get("/make")
async def make(request):
    for table in ("t", "u"):
        await state.sql(f"CREATE TABLE {table} (n INTEGER)")
        await state.sql(f"INSERT INTO {table} VALUES (0)")

@app.get("/counts")
async def counts(request):
    return [(await state.sql(f"SELECT n FROM {table}"))[0]["n"] for table in ("t", "u")]

@app.get("/pause")
async def pause(request):
    await asyncio.sleep(0.1)

@app.get("/timer/{times}")
async def timer(request, times):
    task = asyncio.create_task(asyncio.sleep(0.02, "fired"))
    await asyncio.sleep(0.001)
    compute(times)
    return await task

@app.get("/add/{table}/{times}")
async def add(request, table, times):
    await state.sql(f"UPDATE {table} SET n = n + 1")
    compute(times)
    return "added"

@app.get("/read-and-add/{times}/{waits}")
async def read_and_add(request, times, waits):
    n = (await state.sql("SELECT n FROM t"))[0]["n"]
    log.info(f"read {n}")
    task = asyncio.create_task(state.sql("UPDATE t SET n = ?", n + 10))
    await asyncio.sleep(0.001)
    compute(times)
    if waits == "1":
        await task
    return n + 10
"""


@pytest.fixture
async def world(telling_language: TellingLanguage, tmp_path: Path) -> AsyncIterator[LanesWorld]:
    made = LanesWorld(telling_language, tmp_path, SOURCE, time={"actionMillis": 60_000}, limits={"instances": 3})
    made_tables = made.ask("/make")
    await made.answered(made_tables)
    assert made_tables.reply is not None
    assert made_tables.reply.status == 200, made_tables.reply
    yield made
    await made.close()


async def begun(world: LanesWorld, number: int) -> None:
    """Wait until so many actions compute, in instances that have loaded."""
    await until(lambda: sum(held.guest.computing and held.loading is None for held in world.guests._live) == number)


async def computes_again(world: LanesWorld) -> None:
    """Wait until an action computes in its second attempt: the instance of the first one is dropped."""
    calls = world.app._stages.lanes._calls
    await until(lambda: any(call.action and call.action.attempt and not call.loads for call in calls))


async def counts(world: LanesWorld) -> list[int]:
    asked = world.ask("/counts")
    await world.answered(asked)
    found: list[int] = asked.answer
    return found


async def test_a_timer_that_fires_while_its_action_computes_wakes_it_afterwards(world: LanesWorld) -> None:
    computes = world.ask("/timer/1")
    await begun(world, 1)
    await world.answered(world.ask("/pause"))
    world.language.tell()
    await world.answered(computes)
    assert computes.answer == "fired"


@pytest.mark.parametrize("waits", [0, 1], ids=["ends", "waits"])
@pytest.mark.parametrize(("table", "n"), [("u", 10), ("t", 11)], ids=["unchanged", "changed"])
async def test_a_turn_that_comes_while_its_action_computes_is_used_once(
    world: LanesWorld, table: str, n: int, waits: int
) -> None:
    first = world.ask(f"/add/{table}/1")
    await begun(world, 1)
    path = f"/read-and-add/2/{waits}"
    second = world.ask(path)
    await begun(world, 2)
    world.language.tell()
    await world.answered(first)
    assert first.answer == "added"
    if table == "t":
        await computes_again(world)
    world.language.tell()
    await world.answered(second)
    assert second.answer == n
    assert (await counts(world))[0] == n
    await world.computing(0)
    assert world.replied.count(path) == 1
    assert world.app.idle_since is not None


async def test_a_turn_is_lost_with_its_writes_when_its_action_computes_for_too_long(world: LanesWorld) -> None:
    computes = world.ask("/add/t/1")
    await begun(world, 1)
    other = world.ask("/add/t/0")
    await world.answered(other)
    assert computes.reply is None
    assert await counts(world) == [1, 0]
    world.language.tell()
    await world.answered(computes)
    assert computes.code == "Busy"
    assert await counts(world) == [1, 0]


async def test_a_turn_that_has_come_while_its_action_computes_is_lost_as_well(world: LanesWorld) -> None:
    first = world.ask("/add/u/1")
    await begun(world, 1)
    computes = world.ask("/read-and-add/2/1")
    await begun(world, 2)
    world.language.tell()
    await world.answered(first)
    other = world.ask("/add/u/0")
    await world.answered(other)
    assert other.answer == "added"
    assert computes.reply is None
    world.language.tell()
    await world.answered(computes)
    assert computes.code == "Busy"
    assert await counts(world) == [0, 2]
