# SPDX-License-Identifier: Apache-2.0
"""The queue of the background, with an app that answers when the test says so."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from genapps_runtime.config import RuntimeConfig, parse_config
from genapps_runtime.metrics import Metrics
from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.background.entries import ATTEMPTS, FOLDER, EntryFile
from genapps_runtime.serve.background.pages import PREFIX
from genapps_runtime.serve.background.queue import QUEUED, BackgroundQueue
from genapps_runtime.serve.messages import Answer, Exchange, Headers, Reply, Request, Streamed, Whole
from genapps_runtime.state.errors import StateUnavailableError
from tests.runtime.harness import runtime_config, sha256, until

TENANT = "default"
BYTES = 1024 * 1024
"""What all entries of a queue may have here: with 32 MiB the disk would take most of the time."""
DONE = Reply(200, [(b"content-type", b"text/plain"), (b"x-own", b"1")], b"done")


def config(**changes: Any) -> RuntimeConfig:
    return parse_config(orjson.dumps(runtime_config(sha256(b""), background=True, **changes)))


class World:
    """`running` has the requests that the app has got and not answered."""

    def __init__(self, directory: Path, settings: RuntimeConfig) -> None:
        self.now = 1_000_000.0
        self.running: list[Exchange] = []
        self.metrics = Metrics()
        self.queue = BackgroundQueue(
            EntryFile.open(str(directory)),
            settings,
            self.metrics,
            _respond,
            self.running.append,
            lambda: self.now,
            BYTES,
        )

    async def begin(self, *, admit: bool = True) -> "World":
        await self.queue.recover()
        self.queue.admit(admit)
        return self

    async def ask(self, method: str, path: str, body: bytes = b"", headers: Headers | None = None) -> Whole:
        replies: list[Answer] = []
        exchange = Exchange(Request("r", method, path, "a=1", headers or [], body), 0.0, replies.append)
        assert self.queue.takes(exchange, TENANT)
        await until(lambda: bool(replies))
        assert not isinstance(replies[0], Streamed)
        return replies[0]

    async def accept(self, path: str = "/work", **options: Any) -> str:
        """Ask for work; the path of its status."""
        reply = await self.ask("POST", path, **options)
        assert isinstance(reply, Reply)
        assert reply.status == 202, reply
        (location,) = (value.decode() for name, value in reply.headers if name == b"location")
        return location

    async def status(self, location: str) -> dict[str, Any]:
        reply = await self.ask("GET", location)
        assert reply.status in (200, 404), reply
        found: dict[str, Any] = json.loads(bytes(reply.body))
        return found

    async def begun(self) -> Exchange:
        await until(lambda: bool(self.running))
        return self.running.pop(0)

    async def state(self, location: str) -> tuple[str, int, str]:
        found = await self.status(location)
        return found.get("state", ""), found.get("attempts", 0), found.get("code", "")

    async def close(self, seconds: float = 0.0) -> None:
        await self.queue.drain(seconds)
        await self.queue.close()


def _respond(exchange: Exchange, outcome: Answer | ProblemError) -> None:
    exchange.reply(Reply(outcome.status, [], outcome.body("r")) if isinstance(outcome, ProblemError) else outcome)


def finish(exchange: Exchange, code: str = "ok", reply: Reply = DONE, *, tried: bool = True) -> None:
    exchange.code, exchange.tried = code, tried
    exchange.reply(reply)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = await World(tmp_path, config()).begin()
    yield world
    await world.close()


async def test_a_request_is_accepted_runs_and_leaves_its_result(world: World) -> None:
    location = await world.accept(body=b"input", headers=[(b"content-type", b"text/plain")])
    assert world.queue.busy
    exchange = await world.begun()
    request = exchange.request
    assert (request.method, request.path, request.query, request.body) == ("POST", "/work", "a=1", b"input")
    assert request.headers == [(b"content-type", b"text/plain")]
    assert await world.state(location) == ("Running", 1, "")
    assert (await world.ask("GET", f"{location}/result")).status == 404
    finish(exchange)
    found = await world.status(location)
    assert (found["state"], found["status"]) == ("Succeeded", 200)
    assert await world.ask("GET", found["result"]) == DONE
    assert not world.queue.busy


async def test_work_goes_on_with_its_callers_trace_and_nothing_that_only_has_its_name(world: World) -> None:
    trace = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    await world.accept(headers=[(b"traceparent", trace), (b"tracestate", b"a=1")])
    begun = await world.begun()
    first = begun.request
    finish(begun)
    assert (first.traced, first.headers) == (True, [(b"traceparent", trace)])
    await world.accept(headers=[(b"traceparent", b"s3cret")])
    second = (await world.begun()).request
    assert (second.traced, second.headers) == (False, [])


async def test_who_only_looks_is_not_queued(world: World) -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        exchange = Exchange(Request("r", method, "/work", "", [], b""), 0.0, lambda _reply: None)
        assert not world.queue.takes(exchange, TENANT)


async def test_nothing_that_proves_who_called_is_stored(world: World, tmp_path: Path) -> None:
    secrets = [
        (b"authorization", b"Bearer s3cret"), (b"cookie", b"session=s3cret"), (b"x-api-key", b"s3cret"),
        (b"proxy-authorization", b"s3cret"), (b"genapps-tenant", b"s3cret"), (b"accept", b"text/html"),
    ]  # fmt: skip
    await world.accept(headers=secrets)
    assert (await world.begun()).request.headers == [(b"accept", b"text/html")]
    for file in (tmp_path / FOLDER).iterdir():
        assert b"s3cret" not in file.read_bytes()


@pytest.mark.parametrize(
    ("code", "status", "state"),
    [
        ("ok", 404, "Succeeded"),
        ("ok", 500, "Failed"),
        ("BadRequest", 400, "Failed"),
        ("GuestTrapped", 502, "Failed"),
        ("ActionTimeout", 504, "Failed"),
    ],
)
async def test_an_answer_of_the_app_below_500_is_a_success(world: World, code: str, status: int, state: str) -> None:
    location = await world.accept()
    finish(await world.begun(), code, Reply(status, [], b""))
    assert await world.state(location) == (state, 1, "" if code == "ok" else code)


async def test_entries_run_in_their_order_and_one_at_a_time(world: World) -> None:
    for number in range(3):
        await world.accept(f"/{number}")
    for number in range(3):
        exchange = await world.begun()
        assert (exchange.request.path, world.running) == (f"/{number}", [])
        finish(exchange)


async def test_as_many_run_at_once_as_the_tier_has_instances(tmp_path: Path) -> None:
    world = await World(tmp_path, config(limits={"instances": 2})).begin()
    for _ in range(3):
        await world.accept()
    await until(lambda: len(world.running) == 2)
    await asyncio.sleep(0)
    assert len(world.running) == 2
    await world.close()


async def test_one_more_than_may_wait_is_refused(tmp_path: Path) -> None:
    world = await World(tmp_path, config()).begin(admit=False)
    replies = await asyncio.gather(*(world.ask("POST", "/work") for _ in range(QUEUED + 1)))
    assert sorted(reply.status for reply in replies) == [202] * QUEUED + [503]
    assert b"QueueFull" in bytes(replies[-1].body)
    await world.close()


async def test_one_byte_more_than_may_wait_is_refused(tmp_path: Path) -> None:
    world = await World(tmp_path, config()).begin(admit=False)
    size = BYTES // 8 - 2048
    for _ in range(8):
        await world.accept(body=bytes(size))
    reply = await world.ask("POST", "/work", bytes(16 * 1024))
    assert (reply.status, b"StateFull" in bytes(reply.body)) == (507, True)
    await world.close()


async def test_results_that_ended_first_make_room(world: World) -> None:
    large = Reply(200, [], bytes(BYTES // 3))
    locations = []
    for _ in range(4):
        locations.append(await world.accept())
        finish(await world.begun(), reply=large)
    assert [(await world.state(location))[0] for location in locations] == ["", "", "Succeeded", "Succeeded"]


async def test_a_result_that_fits_nowhere_is_told_as_such(world: World) -> None:
    location = await world.accept()
    finish(await world.begun(), reply=Reply(200, [], bytes(BYTES)))
    assert await world.state(location) == ("Succeeded", 1, "ResultNotKept")
    assert (await world.ask("GET", f"{location}/result")).status == 404


async def test_results_are_kept_for_their_retention_and_no_longer(world: World) -> None:
    location = await world.accept()
    finish(await world.begun())
    world.now += 86400
    assert await world.state(location) == ("Succeeded", 1, "")
    world.now += 1
    assert (await world.ask("GET", location)).status == 404


async def test_what_waits_too_long_has_failed(tmp_path: Path) -> None:
    world = await World(tmp_path, config()).begin(admit=False)
    location = await world.accept()
    world.now += 86401
    world.queue.admit(True)
    await until(lambda: not world.queue.busy)
    world.now -= 86401
    assert await world.state(location) == ("Failed", 0, "Expired")
    await world.close()


@pytest.mark.parametrize("path", ["", "x", "../x", "x/result", "x/result/y"])
async def test_an_id_that_nobody_was_given_opens_nothing(world: World, path: str) -> None:
    location = await world.accept()
    assert (await world.ask("GET", PREFIX + path)).status == 404
    assert (await world.ask("GET", f"{location}/other")).status == 404
    other = Exchange(Request("r", "GET", location, "", [], b""), 0.0, lambda reply: statuses.append(reply.status))
    statuses: list[int] = []
    assert world.queue.takes(other, "another tenant")
    assert statuses == [404]
    assert (await world.ask("PUT", location)).status == 405


async def test_an_entry_that_waits_is_cancelled_and_never_runs(world: World) -> None:
    await world.accept("/first")
    location = await world.accept("/second")
    assert (await world.ask("DELETE", location)).status == 200
    assert await world.state(location) == ("Cancelled", 0, "")
    finish(await world.begun())
    await until(lambda: not world.queue.busy)
    assert world.running == []
    assert (await world.ask("DELETE", location)).status == 204
    assert (await world.ask("GET", location)).status == 404


async def test_one_that_runs_is_told_to_end(world: World) -> None:
    location = await world.accept()
    exchange = await world.begun()
    left: list[bool] = []
    exchange.on_gone = lambda: left.append(True)
    assert (await world.ask("DELETE", location)).status == 202
    assert (left, exchange.ends_when_gone) == ([True], True)
    finish(exchange, "CallerGone", Reply(499, [], b""))
    assert await world.state(location) == ("Cancelled", 1, "")


async def test_what_had_ended_before_it_was_cancelled_has_ended_so(world: World) -> None:
    location = await world.accept()
    exchange = await world.begun()
    await world.ask("DELETE", location)
    finish(exchange)
    assert await world.state(location) == ("Succeeded", 1, "")


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
    world.queue._go_on()
    finish(await world.begun())
    assert (await world.state(location))[0] == "Succeeded"


async def test_what_could_not_be_served_in_all_its_attempts_has_failed(world: World) -> None:
    location = await world.accept()
    for attempt in range(1, ATTEMPTS + 1):
        finish(await world.begun(), "Busy", Reply(503, [], b""))
        assert await world.state(location) == (
            ("Queued", attempt, "") if attempt < ATTEMPTS else ("Failed", ATTEMPTS, "Busy")
        )
        world.queue._go_on()


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
