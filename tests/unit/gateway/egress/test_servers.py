# SPDX-License-Identifier: Apache-2.0
"""Answers of servers that others wrote: what they send every day is taken, and their connections are reused."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import uvicorn
from aiohttp import web

from genapps.gateway.egress.messages import FailureReason, OutboundRequest, Target, UpstreamFailedError
from tests.unit.gateway.egress.world import GET, HERE, LIMITS, upstream

TEXT = b'{"rates": [' + b"1.0625, " * 1000 + b"0]}"
Serving = Callable[[], AbstractAsyncContextManager[int]]


def target(port: int) -> Target:
    return Target("rates", "http", "rates.team.svc", port, (HERE,))


@asynccontextmanager
async def aiohttp_server() -> AsyncIterator[int]:
    async def whole(request: web.Request) -> web.Response:
        response = web.Response(body=await request.read() or TEXT, content_type="application/json")
        response.enable_compression()
        return response

    async def streamed(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for number in range(3):
            await response.write(b"data: %d\n\n" % number)
        return response

    async def nothing(_: web.Request) -> web.Response:
        return web.Response(status=204)

    app = web.Application()
    app.router.add_route("*", "/", whole)
    app.router.add_get("/stream", streamed)
    app.router.add_delete("/gone", nothing)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, HERE, 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _asgi(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
    body = (await receive())["body"] or TEXT
    if scope["path"] == "/gone":
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})
        return
    streamed = scope["path"] == "/stream"
    kind = b"text/event-stream" if streamed else b"application/json"
    length = [] if streamed else [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind), *length]})
    for piece in [b"data: %d\n\n" % number for number in range(3)] if streamed else [body]:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body"})


@asynccontextmanager
async def uvicorn_server() -> AsyncIterator[int]:
    server = uvicorn.Server(uvicorn.Config(_asgi, host=HERE, port=0, log_config=None, lifespan="off", http="h11"))
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while not server.started:  # noqa: ASYNC110 - the server offers no event
            await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving


@pytest.mark.parametrize("server", [aiohttp_server, uvicorn_server])
async def test_what_servers_answer_is_taken(server: Serving) -> None:
    async with server() as port:
        sender = upstream()
        answer = await sender.send(target(port), GET, LIMITS)
        assert (answer.status, answer.body) == (200, TEXT)
        assert answer.headers["content-type"].startswith("application/json")
        head = await sender.send(target(port), OutboundRequest("HEAD", "/"), LIMITS)
        assert (head.status, head.body) == (200, b"")
        posted = await sender.send(target(port), OutboundRequest("POST", "/", body=b"[1]"), LIMITS)
        assert posted.body == b"[1]"
        gone = await sender.send(target(port), OutboundRequest("DELETE", "/gone"), LIMITS)
        assert (gone.status, gone.body) == (204, b"")
        async with sender.stream(target(port), OutboundRequest("GET", "/stream"), LIMITS) as response:
            assert b"".join([piece async for piece in response]) == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"
        [[connection]] = sender._pool._idle.values()
        assert connection.quiet
        sender.close()


@pytest.mark.parametrize("length", [False, True])
async def test_a_server_of_http_1_0_must_say_how_long_its_answer_is(length: bool) -> None:
    class Old(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            if length:
                self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer((HERE, 0), Old) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            sending = upstream().send(target(server.server_port), GET, LIMITS)
            if length:
                assert (await sending).body == b"ok"
            else:
                with pytest.raises(UpstreamFailedError) as failed:
                    await sending
                assert (failed.value.reason, failed.value.sent) == (FailureReason.MALFORMED, True)
        finally:
            server.shutdown()
            thread.join()
