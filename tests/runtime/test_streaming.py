# SPDX-License-Identifier: Apache-2.0
"""Answers that leave piece by piece, from the app to the bytes on the socket."""

import asyncio
import json
from urllib.parse import unquote_to_bytes

import pytest

from genapps_runtime.serve.limits import HttpLimits
from tests.runtime.harness import until
from tests.runtime.streaming_world import Serving

SOURCE = """
from genapps import Response, StreamingResponse, app, events, state

@app.get("/numbers")
async def numbers(request):
    for number in range(3):
        yield f"{number};"

@app.get("/events")
async def some(request):
    first = {"data": {"n": 1}, "id": "1", "event": "tick", "retry": 500}
    return events([first, "two\\nlines", ["three"], {"data": 1, "x": 2}])

@app.get("/bytes")
def bytes_of(request):
    return StreamingResponse((b"\\xff" * size for size in (1, 0, 70000)), content_type="image/png")

@app.get("/made")
async def made(request):
    async def pieces():
        yield "x"
    return pieces(), 201, {"X-Made": "yes"}

@app.get("/nothing")
async def nothing(request):
    return StreamingResponse([], 202)

@app.get("/long/{letter}/{size}")
async def long(request, letter, size):
    yield letter * int(size)

@app.get("/whole/{letter}/{size}")
async def whole(request, letter, size):
    return letter * int(size)

@app.get("/early")
async def early(request):
    raise LookupError("before the first piece")
    yield "x"

@app.get("/late")
async def late(request):
    await state.put("late", "before")
    yield "x"
    await state.put("late", "after")
    yield "y"
    raise LookupError("after the first piece")

@app.get("/number")
def piece_of_another_kind(request):
    return StreamingResponse(["x", 5])

@app.get("/writes")
async def writes(request):
    await state.put("writes", "before")
    yield "x"
    assert await state.get("writes") == "before"
    await state.put("writes", "after")
    yield "y"

@app.get("/read/{key}")
async def read(request, key):
    return [await state.get(key)]

@app.post("/set/{key}")
async def set_key(request, key):
    await state.put(key, await request.text())
    return "set"

@app.get("/watch/{key}")
async def watch(request, key):
    seen = 0
    while seen < 3:
        value = await state.get(key)
        seen += 1
        yield f"{value};" + "x" * 65536 * int(request.query.get("wide", 0))

@app.get("/count/{key}")
async def count(request, key):
    before = await state.get(key, "")
    yield "x" * 65536 * 8
    await state.put(key, before + "+")
    yield "y"

@app.get("/sql")
async def sql(request):
    await state.sql("CREATE TABLE IF NOT EXISTS seen (name)")
    await state.sql("INSERT INTO seen VALUES ('before')")
    yield "x"
    await state.sql("INSERT INTO seen VALUES ('after')")
    yield "y"

@app.get("/rows")
async def rows(request):
    return [row[0] for row in await state.sql("SELECT name FROM seen")]

@app.get("/endless")
@app.post("/endless")
async def endless(request):
    try:
        while True:
            yield "x" * 16384
    finally:
        await state.put("never", "stored")

@app.get("/empty")
def empty(request):
    return StreamingResponse(["x"], 204)
"""


async def test_a_generator_leaves_piece_by_piece_and_the_connection_goes_on(serving: Serving) -> None:
    async with serving(SOURCE) as world:
        caller = await world.connect()
        for _ in range(2):
            caller.ask("/numbers")
            status, fields = await caller.head()
            assert (status, fields["transfer-encoding"], "content-length" in fields) == (200, "chunked", False)
            assert [await caller.chunk() for _ in range(4)] == [b"0;", b"1;", b"2;", b""]
        assert (await caller.got("/made"))[0] == 201
        await until(lambda: world.streams == 0)


async def test_other_forms_of_answers_leave_too(serving: Serving) -> None:
    async with serving(SOURCE) as world:
        caller = await world.connect()
        status, fields, body = await caller.got("/bytes")
        assert (status, fields["content-type"], body) == (200, "image/png", b"\xff" * 70001)
        status, fields, body = await caller.got("/made")
        assert (status, fields["x-made"], body) == (201, "yes", b"x")
        assert (await caller.got("/nothing"))[::2] == (202, b"")


@pytest.mark.parametrize(
    ("letter", "size", "chunks"),
    [("x", 65536, [65536]), ("x", 65537, [65536, 1]), ("%F0%9F%98%80", 16385, [65536, 4]), ("%C3%A9", 16384, [32768])],
)
async def test_a_long_text_leaves_in_pieces_of_64_kib(
    serving: Serving, letter: str, size: int, chunks: list[int]
) -> None:
    async with serving(SOURCE) as world:
        caller = await world.connect()
        caller.ask(f"/long/{letter}/{size}")
        await caller.head()
        pieces = [await caller.chunk() for _ in chunks]
        assert [len(piece) for piece in pieces] == chunks
        assert b"".join(pieces) == unquote_to_bytes(letter) * size
        assert await caller.chunk() == b""
        assert (await caller.got(f"/whole/{letter}/{size}"))[2] == unquote_to_bytes(letter) * size


async def test_events_are_what_a_browser_reads(serving: Serving) -> None:
    async with serving(SOURCE) as world:
        caller = await world.connect()
        _, fields, body = await caller.got("/events")
        assert (fields["content-type"], fields["cache-control"]) == ("text/event-stream", "no-store")
        assert body.decode() == (
            'event: tick\nid: 1\nretry: 500\ndata: {"n": 1}\n\n'
            "data: two\ndata: lines\n\n"
            'data: ["three"]\n\n'
            'data: {"data": 1, "x": 2}\n\n'
        )


async def test_what_fails_before_the_first_piece_is_an_answer_and_after_it_breaks_off(serving: Serving) -> None:
    async with serving(SOURCE) as world:
        caller = await world.connect()
        status, _, body = await caller.got("/early")
        assert (status, json.loads(body)["code"]) == (500, "AppFailed")
        status, _, body = await caller.got("/empty")
        assert (status, json.loads(body)["code"]) == (502, "ResponseInvalid")
        for path, pieces in (("/late", [b"x", b"y"]), ("/number", [b"x"])):
            broken = await world.connect()
            broken.ask(path)
            assert (await broken.head())[0] == 200
            assert [await broken.chunk() for _ in pieces] == pieces
            with pytest.raises(asyncio.IncompleteReadError):
                await broken.chunk()
        assert (await caller.got("/read/late"))[2] == b'["before"]', "the first commit stands, the second was not made"


async def test_writes_are_stored_before_the_first_piece_and_before_the_end(serving: Serving) -> None:
    async with serving(SOURCE) as world:
        caller, other = await world.connect(), await world.connect()
        caller.ask("/writes")
        await caller.head()
        assert await caller.chunk() == b"x"
        assert await caller.body() == b"y"
        assert (await other.got("/read/writes"))[2] == b'["after"]'


async def test_rows_are_stored_before_the_first_piece_and_before_the_end(serving: Serving) -> None:
    async with serving(SOURCE) as world:
        caller = await world.connect()
        assert (await caller.got("/sql"))[2] == b"xy"
        assert (await caller.got("/rows"))[2] == b'["before", "after"]'
        assert (await caller.got("/sql"))[2] == b"xy"
        assert json.loads((await caller.got("/rows"))[2]) == ["before", "after"] * 2


async def test_each_piece_sees_the_state_of_its_time(serving: Serving) -> None:
    async with serving(SOURCE) as world:
        reader, other = await world.connect_slowly(), await world.connect()
        loop = asyncio.get_running_loop()
        await other.got("/set/a", "POST", b"old")
        await loop.sock_sendall(reader, b"GET /watch/a?wide=8 HTTP/1.1\r\nhost: a\r\n\r\n")
        await until(lambda: world.streams == 1 and world.listener.held_bytes > 0)
        await other.got("/set/a", "POST", b"new")
        text = b""
        while chunk := b"" if text.endswith(b"0\r\n\r\n") else await loop.sock_recv(reader, 2**20):
            text += chunk
        assert b"old;" in text
        assert b"new;" in text, "no snapshot is held while the caller takes nothing"
        reader.close()


async def test_a_conflict_after_the_first_piece_breaks_off_and_stores_nothing(serving: Serving) -> None:
    async with serving(SOURCE) as world:
        reader, other = await world.connect_slowly(), await world.connect()
        loop = asyncio.get_running_loop()
        await other.got("/set/b", "POST", b"old")
        await loop.sock_sendall(reader, b"GET /count/b HTTP/1.1\r\nhost: a\r\n\r\n")
        await until(lambda: world.streams == 1 and world.listener.held_bytes > 0)
        assert (await other.got("/set/b", "POST", b"new"))[0] == 200
        text = b""
        while chunk := await loop.sock_recv(reader, 2**20):
            text += chunk
        assert not text.endswith(b"0\r\n\r\n")
        assert (await other.got("/read/b"))[2] == b'["new"]'
        reader.close()


async def test_a_reader_who_takes_nothing_holds_one_piece_and_nobody_else(serving: Serving) -> None:
    async with serving(SOURCE) as world:
        reader, other = await world.connect_slowly(), await world.connect()
        await asyncio.get_running_loop().sock_sendall(reader, b"GET /endless HTTP/1.1\r\nhost: a\r\n\r\n")
        await until(lambda: world.streams == 1 and world.listener.held_bytes > 0)
        for _ in range(20):
            assert (await other.got("/read/x"))[0] == 200
        assert 0 < world.listener.held_bytes <= 2**17
        reader.close()
        await until(lambda: world.streams == 0)
        assert (await other.got("/read/never"))[2] == b"[null]"
        assert world.listener.held_bytes == 0


async def test_whoever_takes_nothing_for_too_long_is_cut_off(serving: Serving) -> None:
    async with serving(SOURCE, http=HttpLimits(2**20, write_seconds=0.2)) as world:
        reader = await world.connect_slowly()
        await asyncio.get_running_loop().sock_sendall(reader, b"GET /endless HTTP/1.1\r\nhost: a\r\n\r\n")
        await until(lambda: world.streams == 1)
        await until(lambda: world.streams == 0)
        reader.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_caller_who_goes_away_ends_the_action_whatever_it_does(serving: Serving, method: str) -> None:
    async with serving(SOURCE) as world:
        caller, other = await world.connect(), await world.connect()
        caller.ask("/endless", method)
        await caller.head()
        await caller.chunk()
        caller.writer.transport.abort()
        await until(lambda: world.streams == 0)
        assert (await other.got("/read/never"))[2] == b"[null]"


async def test_the_time_of_the_action_ends_a_stream_visibly(serving: Serving) -> None:
    async with serving(SOURCE, time={"actionMillis": 300}) as world:
        caller = await world.connect()
        caller.ask("/endless")
        await caller.head()
        with pytest.raises(asyncio.IncompleteReadError):
            await caller.body()


async def test_a_head_has_the_head_only(serving: Serving) -> None:
    async with serving(SOURCE) as world:
        caller = await world.connect()
        caller.ask("/endless", "HEAD")
        assert (await caller.head())[0] == 200
        assert (await caller.got("/read/never"))[0] == 200
        await until(lambda: world.streams == 0)


async def test_an_old_caller_gets_the_body_without_chunks_and_a_reset_where_it_breaks_off(serving: Serving) -> None:
    async with serving(SOURCE) as world:
        caller = await world.connect()
        caller.ask("/numbers", version="1.0")
        _, fields = await caller.head()
        assert (fields["connection"], "transfer-encoding" in fields) == ("close", False)
        assert await caller.reader.read() == b"0;1;2;"
        broken = await world.connect()
        broken.ask("/late", version="1.0")
        with pytest.raises(ConnectionResetError):
            await broken.reader.read()


async def test_one_more_stream_than_there_may_be_is_refused(serving: Serving) -> None:
    async with serving(SOURCE, limits={"concurrency": 1}) as world:
        readers = [await world.connect_slowly() for _ in range(16)]
        for reader in readers:
            await asyncio.get_running_loop().sock_sendall(reader, b"GET /endless HTTP/1.1\r\nhost: a\r\n\r\n")
        await until(lambda: world.streams == 16)
        caller = await world.connect()
        status, _, body = await caller.got("/numbers")
        assert (status, json.loads(body)["code"]) == (503, "Busy")
        assert (await caller.got("/read/x"))[0] == 200, "others are served"
        for reader in readers:
            reader.close()
        await until(lambda: world.streams == 0)
        assert (await caller.got("/numbers"))[0] == 200
