# SPDX-License-Identifier: Apache-2.0
"""Streams of apps in other forms, and beside other promises."""

import asyncio
import json
from typing import Any

import pytest

from tests.runtime.harness import until
from tests.runtime.streaming_world import Serving

LOOP = """
import asyncio
from genapps import StreamingResponse, app, events, state

@app.get("/ticks")
async def ticks(request):
    for number in range(3):
        await asyncio.sleep(0.001)
        yield f"{number};"

@app.get("/queue")
async def queue(request):
    waiting = asyncio.Queue(1)
    async def fill():
        for number in range(3):
            await waiting.put(f"{number};")
        await waiting.put("")
    async def drain():
        while text := await waiting.get():
            yield text
    asyncio.create_task(fill())
    return StreamingResponse(drain())

@app.get("/plain")
def plain(request):
    return StreamingResponse(["a", "b"])

@app.get("/slow")
async def slow(request):
    yield "x"
    await asyncio.sleep(60)
"""
ASGI = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream"),
        (b"content-length", b"6")]})
    for piece in (b"", b"one", b"two"):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body"})
"""
WSGI = """
def app(environ, start_response):
    kind = environ["PATH_INFO"][1:]
    start_response("200 OK", [("Content-Type", "text/event-stream" if kind == "events" else "text/plain")])
    def pieces():
        for _ in range(3):
            yield b"data: x\\n\\n" if kind == "events" else b"y" * (40000 if kind == "large" else 10)
    return pieces()
"""
BESIDE = """
import typing
from genapps import app, state

@app.post("/add")
async def add(request):
    number = await state.get("number", 0)
    await state.put("number", number + 1)
    yield f"{number};"
    yield "end"

@app.get("/number")
async def number(request):
    return [await state.get("number", 0)]

@app.get("/crash")
async def crash(request):
    yield "x"
    typing.sys.modules["_signal"].raise_signal(6)
"""
CORS = {
    "allowedOrigins": ["https://a.example"], "allowedMethods": ["GET"], "allowedHeaders": [], "exposedHeaders": [],
    "allowCredentials": False, "maxAgeSeconds": None,
}  # fmt: skip


async def test_apps_with_an_event_loop_stream_too(serving: Serving) -> None:
    async with serving(LOOP) as world:
        caller = await world.connect()
        assert (await caller.got("/ticks"))[2] == b"0;1;2;"
        assert (await caller.got("/queue"))[2] == b"0;1;2;"
        assert (await caller.got("/plain"))[2] == b"ab"
        caller.ask("/slow")
        await caller.head()
        assert await caller.chunk() == b"x"
        caller.writer.transport.abort()
        await until(lambda: world.streams == 0)


async def test_asgi_streams_where_more_body_follows(serving: Serving) -> None:
    async with serving(ASGI) as world:
        caller = await world.connect()
        caller.ask("/")
        assert (await caller.head())[1]["transfer-encoding"] == "chunked"
        assert [await caller.chunk() for _ in range(3)] == [b"one", b"two", b""]


async def test_wsgi_streams_events_and_what_is_large(serving: Serving) -> None:
    async with serving(WSGI) as world:
        caller = await world.connect()
        _, fields, body = await caller.got("/events")
        assert (fields.get("transfer-encoding"), body) == ("chunked", b"data: x\n\n" * 3)
        _, fields, body = await caller.got("/large")
        assert (fields.get("transfer-encoding"), len(body)) == ("chunked", 120000)
        _, fields, body = await caller.got("/small")
        assert (fields.get("content-length"), len(body)) == ("30", 30)


async def test_what_conflicts_before_the_first_piece_runs_again(serving: Serving) -> None:
    async with serving(BESIDE) as world:
        callers = [await world.connect() for _ in range(8)]
        found = await asyncio.gather(*(caller.got("/add", "POST") for caller in callers))
        assert sorted(body for _, _, body in found) == [f"{number};end".encode() for number in range(8)]
        assert (await callers[0].got("/number"))[2] == b"[8]"


@pytest.mark.parametrize("how", [{"limits": {"instances": 2}}, {"fresh": True}])
async def test_streams_leave_whatever_instances_there_are(serving: Serving, how: dict[str, Any]) -> None:
    async with serving(BESIDE, **how) as world:
        callers = [await world.connect() for _ in range(3)]
        found = await asyncio.gather(*(caller.got("/add", "POST") for caller in callers))
        assert sorted(body for _, _, body in found) == [b"0;end", b"1;end", b"2;end"]


async def test_a_crash_after_the_first_piece_breaks_off_and_others_are_served(serving: Serving) -> None:
    async with serving(BESIDE) as world:
        caller, other = await world.connect(), await world.connect()
        caller.ask("/crash")
        await caller.head()
        assert await caller.chunk() == b"x"
        with pytest.raises(asyncio.IncompleteReadError):
            await caller.chunk()
        assert (await other.got("/number"))[2] == b"[0]"
        assert world.streams == 0


async def test_requests_behind_a_stream_wait_for_its_end_also_of_a_caller_who_sends_no_more(serving: Serving) -> None:
    async with serving(BESIDE) as world:
        caller = await world.connect()
        caller.ask("/add", "POST")
        caller.ask("/number")
        caller.writer.write_eof()
        assert (await caller.head())[0] == 200
        assert await caller.body() == b"0;end"
        assert await caller.reader.read() != b""


async def test_a_repeat_of_a_stream_is_not_run_again(serving: Serving) -> None:
    async with serving(BESIDE) as world:
        caller = await world.connect()
        key = 'idempotency-key: "k"\r\n'
        assert (await caller.got("/add", "POST", fields=key))[2] == b"0;end"
        status, _, body = await caller.got("/add", "POST", fields=key)
        assert (status, b"ResponseNotKept" in body) == (409, True)
        assert (await caller.got("/number"))[2] == b"[1]"


async def test_the_head_of_a_stream_says_who_may_read_it(serving: Serving) -> None:
    async with serving(BESIDE, cors=CORS) as world:
        caller = await world.connect()
        fields = (await caller.got("/add", "POST", fields="origin: https://a.example\r\n"))[1]
        assert (fields["access-control-allow-origin"], fields["vary"]) == ("https://a.example", "origin")


async def test_the_log_has_one_line_of_a_stream_at_its_end(serving: Serving, capfd: pytest.CaptureFixture[str]) -> None:
    async with serving(BESIDE) as world:
        caller = await world.connect()
        await caller.got("/add", "POST")
        caller.ask("/crash")
        with pytest.raises(asyncio.IncompleteReadError):
            await caller.reader.readexactly(2**20)
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines() if '"event":"action"' in line]
    assert [(line["status"], line["responseBytes"], line.get("code")) for line in lines] == [
        (200, 5, None), (200, 1, "GuestTrapped"),
    ]  # fmt: skip
