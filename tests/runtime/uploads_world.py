# SPDX-License-Identifier: Apache-2.0
"""An app that takes bodies piece by piece, and what is sent to it."""

import asyncio
import json
import random

from genapps_runtime.serve.connection import Connection
from genapps_runtime.serve.limits import HttpLimits
from genapps_runtime.serve.upload import Upload
from tests.runtime.harness import until
from tests.runtime.streaming_world import Caller, World

SOURCE = """
import asyncio, hashlib, typing
from genapps import app, state

go_on = asyncio.Event()

@app.post("/sum")
async def sum_of(request):
    sizes, whole = [], hashlib.sha256()
    async for piece in request.stream():
        sizes.append(len(piece))
        whole.update(piece)
    return {"size": sum(sizes), "longest": max(sizes, default=0), "sha256": whole.hexdigest()}

@app.post("/whole")
async def whole(request):
    return len(await request.body())

@app.post("/files")
def files(request):
    return sorted(request.files)

@app.post("/ignore")
async def ignore(request):
    return "ignored", 202

@app.post("/first")
async def first(request):
    async for piece in request.stream():
        return len(piece)

@app.post("/echo")
async def echo(request):
    async for piece in request.stream():
        yield piece

@app.post("/held")
async def held(request):
    await asyncio.wait_for(go_on.wait(), 60)
    size = 0
    async for piece in request.stream():
        size += len(piece)
    return size

@app.post("/go")
async def go(request):
    go_on.set()

@app.post("/twice")
async def twice(request):
    first = [piece async for piece in request.stream()]
    return [piece async for piece in request.stream()]

@app.post("/skip")
async def skip(request):
    return await typing.sys.modules["genapps.calls"].Call("body", {"chunk": 3})

@app.post("/both")
async def both(request):
    async def read():
        return [piece async for piece in request.stream()]
    await asyncio.gather(read(), read())

@app.post("/count/{when}")
async def count(request, when):
    before = await state.get("number", 0)
    if when == "before":
        await asyncio.wait_for(go_on.wait(), 60)
        await state.sql("INSERT INTO begun VALUES (1)")
    size = 0
    async for piece in request.stream():
        size += len(piece)
    if when == "sql":
        await state.sql("INSERT INTO begun VALUES (1)")
    await state.put("number", before + size)
    return before + size

@app.post("/create")
async def create(request):
    await state.sql("CREATE TABLE begun (once)")

@app.post("/crash")
async def crash(request):
    async for piece in request.stream():
        typing.sys.modules["_signal"].raise_signal(6)

@app.fallback
async def instead(request):
    return "instead"

@app.get("/number")
async def number(request):
    return [await state.get("number", 0)]

@app.post("/number/{value}")
async def set_number(request, value):
    await state.put("number", int(value))

@app.get("/slow")
async def slow(request):
    await asyncio.sleep(60)
"""
WHOLE = 128 * 1024
MOST = 4 * 2**20
LIMITS = HttpLimits(WHOLE, MOST)
BODY = random.Random(5).randbytes(MOST)
TEXT = "größer ".encode() * (MOST // 9)


def head(path: str, size: int, fields: str = "") -> bytes:
    return f"POST {path} HTTP/1.1\r\nhost: a\r\n{fields}content-length: {size}\r\n\r\n".encode()


def in_chunks(body: bytes, size: int) -> bytes:
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


def chunked(path: str) -> bytes:
    return f"POST {path} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n".encode()


async def answer(caller: Caller) -> tuple[int, dict[str, str], bytes]:
    """The next reply that is no stream."""
    async with asyncio.timeout(30):
        status, fields = await caller.head()
        return status, fields, await caller.reader.readexactly(int(fields["content-length"]))


async def problem(caller: Caller) -> tuple[int, str]:
    status, fields, body = await answer(caller)
    assert fields["content-type"] == "application/problem+json", body
    return status, json.loads(body)["code"]


async def uploading(world: World) -> tuple[Connection, Upload]:
    """The connection that has a running request with such a body, and the body."""

    def found() -> list[tuple[Connection, Upload]]:
        open_ones = [one for one in world.listener._shared.connections if isinstance(one, Connection)]
        return [(one, one._running[1].upload) for one in open_ones if one._running and one._running[1].upload]

    await until(lambda: bool(found()))
    return found()[0]


def outside(world: World) -> int:
    return world.lanes.app._stages.outside
