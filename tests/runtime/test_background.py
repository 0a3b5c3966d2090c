# SPDX-License-Identifier: Apache-2.0
"""An app of workload class background: what its callers see, and what survives its process."""

import json
import os
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from genapps_runtime.serve.background.entries import FOLDER, EntryFile
from genapps_runtime.serve.background.queue import BackgroundQueue
from tests.runtime.harness import Pod, until
from tests.runtime.lanes_world import Asked, LanesWorld
from tests.runtime.telling_language import TellingLanguage

SOURCE = """
import asyncio, typing
from genapps import app, state

host = typing.sys.modules["genapps.logs"].host

@app.post("/add")
async def add(request):
    number = await state.get("number", 0) + 1
    await state.put("number", number)
    return number

@app.get("/number")
async def number(request):
    return await state.get("number", 0)

@app.post("/wait")
async def wait(request):
    await asyncio.sleep(60)

@app.post("/compute")
async def compute(request):
    while host.now_millis() < 1:
        pass
    return "computed"

@app.post("/hold")
async def hold(request):
    await state.sql("CREATE TABLE held (n)")
    await asyncio.sleep(0.001)

@app.post("/abort")
async def abort(request):
    typing.sys.modules["_signal"].raise_signal(6)
"""
STATIC = {"static": {"status": 200, "contentType": "text/plain", "body": "later"}, "lastGood": False, "export": False}


@pytest.fixture
async def world(telling_language: TellingLanguage, tmp_path: Path) -> AsyncIterator[LanesWorld]:
    (tmp_path / "facets").mkdir()
    world = LanesWorld(
        telling_language, tmp_path / "facets", SOURCE, entries=EntryFile.open(str(tmp_path)), background=True,
        time={"actionMillis": 60_000}, fallback=STATIC,
    )  # fmt: skip
    await queue_of(world).recover()
    queue_of(world).admit(True)
    yield world
    await queue_of(world).drain(0)
    await world.close()


def queue_of(world: LanesWorld) -> BackgroundQueue:
    assert world.app.queue is not None
    return world.app.queue


async def ask(world: LanesWorld, path: str, method: str = "GET") -> Asked:
    asked = world.ask(path, method)
    await world.answered(asked)
    return asked


async def accept(world: LanesWorld, path: str) -> str:
    reply = (await ask(world, path, "POST")).reply
    assert reply is not None
    assert reply.status == 202
    return dict(reply.headers)[b"location"].decode()


async def status(world: LanesWorld, location: str) -> dict[str, Any]:
    found: dict[str, Any] = (await ask(world, location)).answer
    return found


async def until_ended(world: LanesWorld) -> None:
    await until(lambda: world.app.idle_since is not None)


async def test_what_runs_in_the_background_changes_the_state_and_leaves_its_answer(world: LanesWorld) -> None:
    location = await accept(world, "/add")
    await until_ended(world)
    assert (await status(world, location))["state"] == "Succeeded"
    assert (await ask(world, f"{location}/result")).answer == 1
    assert (await ask(world, "/number")).answer == 1


async def test_a_queue_that_is_not_empty_keeps_the_app_awake(world: LanesWorld) -> None:
    location = await accept(world, "/wait")
    assert world.app.idle_since is None
    await ask(world, location, "DELETE")
    await until_ended(world)
    assert (await status(world, location))["state"] == "Cancelled"


async def test_callers_are_answered_while_it_computes_and_may_end_it(
    world: LanesWorld, telling_language: TellingLanguage
) -> None:
    location = await accept(world, "/compute")
    await world.computing(1)
    assert (await status(world, location))["state"] == "Running"
    await ask(world, location, "DELETE")
    await until_ended(world)
    assert (await status(world, location))["state"] == "Cancelled"
    second = await accept(world, "/compute")
    await world.computing(1)
    telling_language.tell()
    await until_ended(world)
    assert (await ask(world, f"{second}/result")).answer == "computed"


async def test_a_crash_is_told_and_no_fallback_stands_for_it(world: LanesWorld) -> None:
    location = await accept(world, "/abort")
    await until_ended(world)
    found = await status(world, location)
    assert (found["state"], found["code"], found["status"]) == ("Failed", "GuestTrapped", 502)


async def test_it_never_keeps_the_state_while_it_waits(world: LanesWorld) -> None:
    location = await accept(world, "/hold")
    await until(lambda: "Busy" in world.metrics.render().decode())
    found = await status(world, location)
    assert (found["state"], found["attempts"]) == ("Queued", 1)
    await ask(world, location, "DELETE")


async def test_what_had_changed_the_state_does_not_change_it_again_when_its_end_was_not_noted(
    telling_language: TellingLanguage, tmp_path: Path
) -> None:
    (tmp_path / "facets").mkdir()

    async def opened() -> LanesWorld:
        entries = EntryFile.open(str(tmp_path))
        world = LanesWorld(telling_language, tmp_path / "facets", SOURCE, entries=entries, background=True)
        await queue_of(world).recover()
        queue_of(world).admit(True)
        return world

    first = await opened()
    location = await accept(first, "/add")
    await until_ended(first)
    await queue_of(first).drain(0)
    await first.close()
    # As a process leaves it that is killed between its last two commits.
    with closing(sqlite3.connect(tmp_path / "background" / "queue.sqlite3")) as connection:
        connection.execute("UPDATE entries SET state='Running', ended=NULL, status=NULL, reply=NULL")
        connection.commit()
    second = await opened()
    await until_ended(second)
    found = await status(second, location)
    assert (found["state"], found["attempts"]) == ("Succeeded", 2)
    assert (await ask(second, f"{location}/result")).answer == 1
    assert (await ask(second, "/number")).answer == 1
    await second.close()


async def test_a_repeat_with_its_key_is_accepted_again_and_changes_nothing(world: LanesWorld) -> None:
    locations = []
    for _ in range(2):
        asked = world.ask("/add", "POST", key="order 1")
        await world.answered(asked)
        assert asked.reply is not None
        locations.append(dict(asked.reply.headers)[b"location"].decode())
    await until_ended(world)
    assert [(await ask(world, f"{location}/result")).answer for location in locations] == [1, 1]
    assert (await ask(world, "/number")).answer == 1


async def test_an_app_of_another_class_has_no_such_paths(telling_language: TellingLanguage, tmp_path: Path) -> None:
    world = LanesWorld(telling_language, tmp_path, SOURCE)
    assert (await ask(world, "/add", "POST")).answer == 1
    assert (await ask(world, "/.genapps/background/x")).code == "RouteNotFound"
    await world.close()


async def test_a_kill_loses_an_attempt_and_no_request(pod: Pod) -> None:
    pod.write(SOURCE, background=True, time={"actionMillis": 60_000, "napMillis": 200})
    await pod.start()
    first = await pod.call("POST", "/wait")
    second = await pod.call("POST", "/add")
    assert [first.status, second.status] == [202, 202]

    async def found(location: str) -> dict[str, Any]:
        answered: dict[str, Any] = (await pod.call("GET", location)).json()
        return answered

    os.kill(pod.worker(), signal.SIGKILL)
    await pod.until_log("background resumed")
    await pod.until_ready()
    entry = await found(first.headers["location"])
    assert (entry["state"], entry["attempts"]) == ("Running", 2)
    assert (await pod.call("DELETE", first.headers["location"])).status == 202
    await pod.until_log("napping")  # not before its queue is empty
    assert (await found(second.headers["location"]))["state"] == "Succeeded"
    assert json.loads((await pod.call("GET", "/number")).body) == 1
    await pod.stop()
    pod.write(SOURCE + "\n# of another class")
    await pod.start()
    assert pod.log("background queue removed")
    assert not (pod.directory / "state" / FOLDER).exists(), "nobody would remove what is in it"
