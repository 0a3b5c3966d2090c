# SPDX-License-Identifier: Apache-2.0
"""Bodies that an app takes piece by piece while they come, from the socket to the app."""

import asyncio
import hashlib
import json

import pytest

from genapps_runtime.serve.limits import HttpLimits
from tests.runtime.harness import until
from tests.runtime.streaming_world import Serving
from tests.runtime.uploads_world import (
    BODY,
    LIMITS,
    MOST,
    SOURCE,
    TEXT,
    WHOLE,
    answer,
    chunked,
    head,
    in_chunks,
    outside,
    problem,
    uploading,
)


@pytest.mark.parametrize("body", [BODY, TEXT, BODY[: WHOLE + 1], BODY[:WHOLE], b""])
@pytest.mark.parametrize("chunks", [0, 1000, 100_000])
async def test_a_body_arrives_whole_and_the_connection_goes_on(serving: Serving, body: bytes, chunks: int) -> None:
    async with serving(SOURCE, LIMITS) as world:
        caller = await world.connect()
        for _ in range(2):
            caller.writer.write(chunked("/sum") + in_chunks(body, chunks) if chunks else head("/sum", len(body)) + body)
            status, _, found = await answer(caller)
            assert status == 200, found
            whole = {"size": len(body), "longest": min(len(body), 65536), "sha256": hashlib.sha256(body).hexdigest()}
            assert json.loads(found) == whole
        assert (await caller.got("/number"))[0] == 200
        assert world.listener.held_bytes == 0


async def test_a_request_begins_before_its_body_is_there_and_holds_nobody_else(serving: Serving) -> None:
    async with serving(SOURCE, LIMITS, limits={"concurrency": 1}) as world:
        senders, other = [await world.connect() for _ in range(4)], await world.connect()
        for sender in senders:
            sender.writer.write(head("/sum", len(BODY)) + BODY[:1000])
        await until(lambda: outside(world) == 4)
        for _ in range(8):
            assert (await other.got("/number"))[0] == 200
        for sender in senders:
            sender.writer.write(BODY[1000:])
            assert json.loads((await answer(sender))[2])["sha256"] == hashlib.sha256(BODY).hexdigest()


async def test_the_body_is_asked_for_when_the_app_wants_it(serving: Serving) -> None:
    async with serving(SOURCE, LIMITS, time={"actionMillis": 60_000}) as world:
        caller, other = await world.connect(), await world.connect()
        caller.writer.write(head("/held", len(BODY), "expect: 100-continue\r\n"))
        await until(lambda: outside(world) == 1)
        assert (await other.got("/go", "POST"))[0] == 200
        async with asyncio.timeout(30):
            assert await caller.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        caller.writer.write(BODY)
        assert json.loads((await answer(caller))[2]) == len(BODY)


@pytest.mark.parametrize("path", ["/ignore", "/first"])
async def test_an_answer_before_the_end_of_the_body_ends_the_connection_and_can_be_read(
    serving: Serving, path: str
) -> None:
    async with serving(SOURCE, LIMITS) as world:
        caller = await world.connect()
        caller.writer.write(head(path, MOST) + BODY[: MOST // 2])
        status, fields, _ = await answer(caller)
        assert (status < 300, fields["connection"]) == (True, "close")
        assert await caller.reader.read() == b""
        assert world.listener.held_bytes == 0


async def test_an_answer_may_leave_while_the_body_comes(serving: Serving) -> None:
    async with serving(SOURCE, LIMITS) as world:
        caller = await world.connect()
        caller.writer.write(head("/echo", 3 * WHOLE) + BODY[:WHOLE])
        _, fields = await caller.head()
        assert fields["connection"] == "close"
        found = b""
        while len(found) < WHOLE:
            found += await caller.chunk()
        caller.writer.write(BODY[WHOLE : 3 * WHOLE])
        assert found + await caller.body() == BODY[: 3 * WHOLE]


@pytest.mark.parametrize("how", ["eof", "reset", "malformed"])
async def test_a_body_that_stops_half_way_ends_its_request_and_stores_nothing(serving: Serving, how: str) -> None:
    async with serving(SOURCE, LIMITS) as world:
        caller, other = await world.connect(), await world.connect()
        caller.writer.write(chunked("/count/after") + in_chunks(BODY[: 2 * WHOLE], 1000).removesuffix(b"0\r\n\r\n"))
        await until(lambda: outside(world) == 1)
        if how == "reset":
            caller.writer.transport.abort()
        elif how == "eof":
            caller.writer.write_eof()
            assert await problem(caller) == (400, "RequestInvalid")
        else:
            caller.writer.write(b"nonsense\r\n")
            assert await problem(caller) == (400, "RequestInvalid")
            assert await caller.reader.read() == b"", "one answer, and no second one for the nonsense"
        await until(lambda: outside(world) == 0)
        assert (await other.got("/number"))[2] == b"[0]"
        assert world.listener.held_bytes == 0


@pytest.mark.parametrize(("when", "status", "number"), [("before", 200, 7 + MOST), ("after", 409, 7), ("sql", 409, 7)])
async def test_after_a_conflict_a_request_runs_again_only_if_it_has_not_read_of_its_body(
    serving: Serving, when: str, status: int, number: int
) -> None:
    async with serving(SOURCE, LIMITS, time={"actionMillis": 60_000}) as world:
        caller, other = await world.connect(), await world.connect()
        await other.got("/create", "POST")
        caller.writer.write(head(f"/count/{when}", MOST) + BODY[: MOST - 1])
        _, upload = await uploading(world)
        await until(lambda: outside(world) == 1 if when == "before" else upload.waiting)
        assert (await other.got("/number/7", "POST"))[0] == 200
        assert (await other.got("/go", "POST"))[0] == 200
        caller.writer.write(BODY[MOST - 1 :])
        found, _, body = await answer(caller)
        assert found == status
        if status == 409:
            assert json.loads(body)["code"] == "StateConflict"
            assert "body" in json.loads(body)["detail"]
        assert json.loads((await other.got("/number"))[2]) == [number]


@pytest.mark.parametrize(
    ("path", "found"), [("/twice", (500, "AppFailed")), ("/both", (500, "AppFailed")), ("/skip", (502, "ToolFailed"))]
)
async def test_a_long_body_comes_once_and_in_order(serving: Serving, path: str, found: tuple[int, str]) -> None:
    async with serving(SOURCE, LIMITS) as world:
        caller = await world.connect()
        caller.writer.write(head(path, MOST) + BODY)
        assert await problem(caller) == found
        caller = await world.connect()
        caller.writer.write(head("/twice", 70_000) + b"x" * 70_000)
        assert (await answer(caller))[0] == 200


async def test_a_fallback_gets_no_body_that_is_half_gone(serving: Serving) -> None:
    fallback = {"static": None, "lastGood": False, "export": True}
    async with serving(SOURCE, LIMITS, fallback=fallback) as world:
        caller = await world.connect()
        caller.writer.write(head("/crash", WHOLE + 1) + BODY[: WHOLE + 1])
        assert await problem(caller) == (502, "GuestTrapped")
        caller = await world.connect()
        caller.writer.write(head("/crash", WHOLE) + BODY[:WHOLE])
        assert (await answer(caller))[2] == b"instead"


async def test_requests_behind_a_long_body_wait_for_it(serving: Serving) -> None:
    async with serving(SOURCE, HttpLimits(WHOLE, MOST, pipelined=2)) as world:
        caller = await world.connect()
        get = b"GET /number HTTP/1.1\r\nhost: a\r\n\r\n"
        caller.writer.write(get * 20 + head("/sum", MOST) + BODY + get * 20)
        statuses = [(await answer(caller))[0] for _ in range(41)]
        assert statuses == [200] * 41


async def test_the_log_says_how_much_has_come(serving: Serving, capfd: pytest.CaptureFixture[str]) -> None:
    async with serving(SOURCE, LIMITS) as world:
        caller = await world.connect()
        caller.writer.write(head("/sum", MOST) + BODY)
        await answer(caller)
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines() if '"event":"action"' in line]
    assert [line["requestBytes"] for line in lines] == [MOST]
