# SPDX-License-Identifier: Apache-2.0
"""The queue of the background: what is accepted, how it runs and ends, and what is kept."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from genapps_runtime.serve.background.entries import FOLDER
from genapps_runtime.serve.background.pages import PREFIX
from genapps_runtime.serve.background.stock import QUEUED
from genapps_runtime.serve.messages import Answer, Exchange, Reply, Request
from genapps_runtime.serve.upload import Upload
from tests.runtime.harness import until
from tests.unit.runtime.background_world import BYTES, DONE, TENANT, World, config, finish


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


async def test_a_body_that_comes_piece_by_piece_is_refused(world: World) -> None:
    replies: list[Answer] = []
    exchange = Exchange(Request("r", "POST", "/work", "", [], b""), 0.0, replies.append)
    exchange.upload = Upload()
    assert world.queue.takes(exchange, TENANT)
    await until(lambda: bool(replies))
    assert isinstance(replies[0], Reply)
    assert (replies[0].status, b"RequestTooLarge" in replies[0].body) == (413, True)
    assert not world.running


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
