# SPDX-License-Identifier: Apache-2.0
"""Long bodies in apps of other forms."""

import json

import pytest

from tests.runtime.streaming_world import Serving
from tests.runtime.uploads_world import BODY, LIMITS, MOST, WHOLE, answer, chunked, head, in_chunks, problem

OWN = """
from genapps import app

@app.post("/sum")
async def sum_of(request):
    return str(sum([len(piece) async for piece in request.stream()]))
"""
ASGI = """
async def app(scope, receive, send):
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message["body"]), message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})
"""
WORKER = """
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.url.endswith("/whole"):
            return Response(str(len(await request.body())))
        size = 0
        async for piece in request.body:
            size += len(piece)
        return Response(str(size))
"""
FASTAPI = """
from fastapi import FastAPI, Request, Response, UploadFile

app = FastAPI()

@app.post("/sum")
async def sum_of(request: Request):
    return Response(str(sum([len(piece) async for piece in request.stream()])))

@app.post("/whole")
async def whole(item: dict):
    return item

@app.post("/file")
async def file(file: UploadFile):
    return file.filename
"""
WSGI = """
def app(environ, start_response):
    start_response("200 OK", [])
    return [str(len(environ["wsgi.input"].read())).encode()]
"""


@pytest.mark.parametrize("source", [OWN, ASGI, WORKER, FASTAPI, "import asyncio\n" + ASGI])
async def test_it_is_taken_piece_by_piece(serving: Serving, source: str) -> None:
    async with serving(source, LIMITS) as world:
        caller = await world.connect()
        for sent, size in (
            (head("/sum", MOST) + BODY, MOST),
            (chunked("/sum") + in_chunks(BODY, 10_000), MOST),
            (head("/sum", WHOLE) + BODY[:WHOLE], WHOLE),
            (head("/sum", 0), 0),
        ):
            caller.writer.write(sent)
            status, _, body = await answer(caller)
            assert (status, body) == (200, str(size).encode())


@pytest.mark.parametrize(("source", "path"), [(WSGI, "/"), (WORKER, "/whole"), (FASTAPI, "/whole"), (FASTAPI, "/file")])
async def test_what_takes_the_whole_refuses_a_long_body(serving: Serving, source: str, path: str) -> None:
    async with serving(source, LIMITS) as world:
        caller = await world.connect()
        kind = "multipart/form-data; boundary=x" if path == "/file" else "application/json"
        caller.writer.write(head(path, MOST, f"content-type: {kind}\r\n") + BODY)
        assert await problem(caller) == (413, "RequestTooLarge")


async def test_a_wsgi_application_gets_what_is_whole(serving: Serving) -> None:
    async with serving(WSGI, LIMITS) as world:
        caller = await world.connect()
        caller.writer.write(head("/", WHOLE) + BODY[:WHOLE])
        assert json.loads((await answer(caller))[2]) == WHOLE
