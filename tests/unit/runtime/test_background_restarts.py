# SPDX-License-Identifier: Apache-2.0
"""What becomes of the queue of the background when its process ends or cannot serve, and what it is opened on."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from genapps_runtime.serve.background.entries import ATTEMPTS, FOLDER, EntryFile
from genapps_runtime.serve.messages import Reply
from genapps_runtime.state.errors import StateUnavailableError
from tests.unit.runtime.background_world import World, config, finish


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = await World(tmp_path, config()).begin()
    yield world
    await world.close()


async def test_a_process_that_dies_loses_an_attempt_and_no_entry(tmp_path: Path) -> None:
    first = await World(tmp_path, config()).begin()
    locations = [await first.accept("/a"), await first.accept("/b")]
    await first.begun()
    for attempt in range(2, ATTEMPTS + 1):
        # As after SIGKILL: nobody closes the file of the process before.
        world = await World(tmp_path, config()).begin()
        assert (await world.begun()).request.path == "/a"
        assert await world.state(locations[0]) == ("Running", attempt, "")
    world = await World(tmp_path, config()).begin()
    assert await world.state(locations[0]) == ("Failed", ATTEMPTS, "AttemptsLost")
    exchange = await world.begun()
    assert exchange.request.path == "/b"
    finish(exchange)
    assert (await world.state(locations[1]))[0] == "Succeeded"
    await world.close()


async def test_a_stop_that_was_asked_for_loses_no_attempt(tmp_path: Path) -> None:
    for _ in range(ATTEMPTS + 1):
        world = await World(tmp_path, config()).begin()
        if not world.queue.busy:
            location = await world.accept()
        await world.begun()
        assert await world.state(location) == ("Running", 1, "")
        await world.close()


async def test_what_was_cancelled_does_not_come_back_after_a_stop(tmp_path: Path) -> None:
    world = await World(tmp_path, config()).begin()
    location = await world.accept()
    await world.begun()
    await world.ask("DELETE", location)
    await world.close()
    after = await World(tmp_path, config()).begin()
    assert (await after.state(location), after.queue.busy) == (("Cancelled", 1, ""), False)
    await after.close()


async def test_a_stop_waits_for_what_runs_and_begins_no_more(tmp_path: Path) -> None:
    world = await World(tmp_path, config()).begin()
    locations = [await world.accept(), await world.accept()]
    exchange = await world.begun()
    closing = asyncio.create_task(world.close(60))
    await asyncio.sleep(0)
    assert (await world.ask("POST", "/work")).status == 503
    finish(exchange)
    await closing
    assert world.running == []
    after = await World(tmp_path, config()).begin(admit=False)
    assert [(await after.state(location))[0] for location in locations] == ["Succeeded", "Queued"]
    await after.close()


async def test_a_stop_waits_also_when_others_have_ended_before(tmp_path: Path) -> None:
    world = await World(tmp_path, config()).begin()
    await world.accept()
    finish(await world.begun())
    location = await world.accept()
    exchange = await world.begun()
    draining = asyncio.create_task(world.queue.drain(60))
    await asyncio.sleep(0)
    finish(exchange)
    await draining
    assert await world.state(location) == ("Succeeded", 1, "")
    await world.queue.close()


async def test_another_revision_does_not_run_what_it_has_not_accepted(tmp_path: Path) -> None:
    world = await World(tmp_path, config()).begin()
    locations = [await world.accept(), await world.accept(), await world.accept()]
    finish(await world.begun())
    await world.begun()
    await world.close()
    other = await World(tmp_path, replace(config(), revision="b" * 12)).begin()
    states = [await other.state(location) for location in locations]
    assert states == [("Succeeded", 1, ""), ("Cancelled", 0, "RevisionChanged"), ("Cancelled", 0, "RevisionChanged")]
    assert not other.queue.busy
    await other.close()


@pytest.mark.parametrize(
    ("code", "tried", "attempts"),
    [("Busy", False, 0), ("BreakerOpen", False, 0), ("Busy", True, 1), ("AppRestarted", True, 1)],
)
async def test_what_the_platform_could_not_serve_waits_again(
    world: World, code: str, tried: bool, attempts: int
) -> None:
    location = await world.accept()
    finish(await world.begun(), code, Reply(503, [], b""), tried=tried)
    assert await world.state(location) == ("Queued", attempts, "")
    assert world.queue.busy
    world.rested()
    finish(await world.begun())
    assert (await world.state(location))[0] == "Succeeded"


async def test_what_could_not_be_served_in_all_its_attempts_has_failed(world: World) -> None:
    location = await world.accept()
    for attempt in range(1, ATTEMPTS + 1):
        finish(await world.begun(), "Busy", Reply(503, [], b""))
        assert await world.state(location) == (
            ("Queued", attempt, "") if attempt < ATTEMPTS else ("Failed", ATTEMPTS, "Busy")
        )
        world.rested()


async def test_an_attempt_that_had_ended_before_its_end_was_noted_is_a_success(world: World) -> None:
    location = await world.accept()
    finish(await world.begun(), "ResponseNotKept", Reply(409, [], b""))
    assert await world.state(location) == ("Succeeded", 1, "ResultNotKept")


async def test_nothing_runs_while_the_app_may_get_no_requests(tmp_path: Path) -> None:
    world = await World(tmp_path, config()).begin(admit=False)
    location = await world.accept()
    assert (await world.state(location), world.running) == (("Queued", 0, ""), [])
    world.queue.admit(True)
    finish(await world.begun())
    await world.close()


@pytest.mark.parametrize("spoil", [lambda path: path.symlink_to("/tmp"), lambda path: path.write_text("x")])
async def test_a_folder_that_is_none_is_refused(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    spoil(tmp_path / FOLDER)
    with pytest.raises(StateUnavailableError):
        EntryFile.open(str(tmp_path))


async def test_a_file_of_a_newer_runtime_or_of_nobody_is_refused(tmp_path: Path) -> None:
    file = EntryFile.open(str(tmp_path))
    file._connection.execute("PRAGMA user_version=2")
    file.close()
    with pytest.raises(StateUnavailableError, match="newer runtime"):
        EntryFile.open(str(tmp_path))
    (tmp_path / FOLDER / "queue.sqlite3").write_bytes(b"no database" * 1000)
    with pytest.raises(StateUnavailableError):
        EntryFile.open(str(tmp_path))
