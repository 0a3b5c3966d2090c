# SPDX-License-Identifier: Apache-2.0
"""An app of the background with tenants: whose state an entry changes, and who waits for whom."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from genapps_runtime.guest.engine import Language
from genapps_runtime.serve.messages import Reply
from genapps_runtime.state.facet_files import path_of
from genapps_runtime.state.tenant_names import last_call, name_file
from tests.runtime.harness import until
from tests.runtime.tenants_world import World

SOURCE = """
import asyncio
from genapps import app, state

@app.post("/add")
async def add(request):
    words = await state.get("words", []) + [(await request.body()).decode()]
    await state.put("words", words)
    return words

@app.post("/headers")
async def headers(request):
    return sorted(request.headers)

@app.post("/wait")
async def wait(request):
    await asyncio.sleep(60)

@app.get("/words")
async def words(request):
    return await state.get("words", [])
"""


@pytest.fixture
async def world(engine: Path) -> AsyncIterator[World]:
    world = await World(Language(str(engine)), SOURCE, seconds=3600, background=True, quota=100_000).begin()
    yield world
    await world.close()


async def accept(world: World, tenant: str, path: str = "/add", word: str = "", key: str = "") -> str:
    reply = await world.ask("POST", path, tenant, word, key=key)
    assert reply.status == 202, reply
    return dict(reply.headers)[b"location"].decode()


async def told(world: World, tenant: str, path: str) -> Any:
    return body(await world.ask("GET", path, tenant))


def body(reply: Reply) -> Any:
    return json.loads(reply.body)


def remove(path: str) -> None:
    Path(path).unlink()


def is_there(path: str) -> bool:
    return Path(path).exists()


async def until_ended(world: World) -> None:
    await until(lambda: world.app.idle_since is not None)


async def test_each_entry_changes_the_state_of_its_tenant_and_nobody_else_sees_its_result(world: World) -> None:
    locations = {tenant: await accept(world, tenant, word=f"of {tenant}") for tenant in ("a", "b", "A")}
    await until_ended(world)
    for tenant, location in locations.items():
        assert await told(world, tenant, "/words") == [f"of {tenant}"]
        assert await told(world, tenant, f"{location}/result") == [f"of {tenant}"]
        for other in locations.keys() - {tenant}:
            for path in (location, f"{location}/result"):
                assert (await told(world, other, path))["code"] == "EntryNotFound"
    assert await told(world, "nobody", "/words") == []


async def test_keys_of_tenants_are_apart_and_each_counts_once(world: World) -> None:
    for _ in range(2):
        for tenant in ("a", "b"):
            await accept(world, tenant, word=f"of {tenant}", key="order 1")
    await until_ended(world)
    assert [await told(world, tenant, "/words") for tenant in ("a", "b")] == [["of a"], ["of b"]]


async def test_callers_are_served_while_all_that_may_runs(world: World) -> None:
    """Of two instances one is left, also when everything is asked for by others."""
    locations = [await accept(world, tenant, "/wait") for tenant in ("a", "b", "c")]
    await until(lambda: world.app._begun > 0)
    assert await told(world, "caller", "/words") == []
    assert await told(world, "another", "/words") == []
    for location, tenant in zip(locations, ("a", "b", "c"), strict=True):
        await world.ask("DELETE", location, tenant)
    await until_ended(world)
    assert (await told(world, "a", locations[0]))["state"] == "Cancelled"


async def test_what_waits_counts_in_the_quota_of_the_state(world: World) -> None:
    world.queue.admit(admitted=False)
    location = await accept(world, "a", "/wait", "x" * 60_000)
    (facet,) = [facet for facet in world.facets._open.values() if facet.tenant == "a"]
    assert facet._room == 100_000 - world.facets.beside["a"] < 40_000
    refused = await world.ask("POST", "/add", "a", "x" * 60_000)
    assert (refused.status, body(refused)["code"]) == (507, "StateFull")
    await world.ask("DELETE", location, "a")
    await world.ask("DELETE", location, "a")
    assert facet._room == 100_000
    await accept(world, "a", word="x" * 60_000)
    assert (await world.ask("POST", "/add", "b", "x" * 60_000)).status == 202, "others have a quota of their own"


async def test_a_state_that_grows_finds_less_room_while_entries_are_kept(world: World) -> None:
    for _ in range(2):
        await accept(world, "a", word="x" * 30_000)
    await until_ended(world)
    found = [entry.entry.code for entry in await world.queue.entries_of("a")]
    assert found == ["", "StateFull"]


async def test_who_is_deleted_goes_with_all_entries_and_does_not_come_back(world: World, engine: Path) -> None:
    for tenant in ("gone", "here"):
        await accept(world, tenant, word="kept")
    await until_ended(world)
    world.queue.admit(admitted=False)
    for tenant in ("gone", "here"):
        await accept(world, tenant, word="waiting")
    folder = str(world.directory / "facets")
    for facet in world.facets._open.values():
        facet.asked = False
    os.utime(name_file(path_of(folder, "gone")), (0, 0))
    assert await world.forgotten() == 1
    assert world.queue.tenants == {"here"}
    assert await world.queue.entries_of("gone") == []
    await world.stop()
    again = await World(Language(str(engine)), SOURCE, directory=world.directory, background=True).begin()
    await until_ended(again)
    assert again.facets.known == 1
    assert await told(again, "here", "/words") == ["kept", "waiting"]
    assert await told(again, "gone", "/words") == []
    await again.stop()


async def test_an_entry_whose_tenant_is_gone_makes_no_new_one(world: World) -> None:
    world.queue.admit(admitted=False)
    await accept(world, "a", word="x")
    (facet,) = [facet for facet in world.facets._open.values() if facet.tenant == "a"]
    for tenant in ("b", "c", "d"):
        await told(world, tenant, "/words")
    assert world.facets.find("a") is None, "three are open at most"
    remove(facet.path)
    world.queue.admit(admitted=True)
    await until_ended(world)
    (found,) = await world.queue.entries_of("a")
    assert (found.entry.state, found.entry.code) == ("Failed", "TenantGone")
    assert not is_there(facet.path)


async def test_work_for_a_tenant_is_no_call_of_theirs(world: World) -> None:
    world.queue.admit(admitted=False)
    await accept(world, "a", word="x")
    for tenant in ("b", "c", "d"):
        await told(world, tenant, "/words")
    path = path_of(str(world.directory / "facets"), "a")
    os.utime(name_file(path), (0, 0))
    world.queue.admit(admitted=True)
    await until_ended(world)
    for tenant in ("b", "c", "d"):
        await told(world, tenant, "/words")
    assert last_call(path) == 0
