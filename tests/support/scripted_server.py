# SPDX-License-Identifier: Apache-2.0
"""An API server small enough to script: it answers what a test tells it to, and remembers what it was asked."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from genapps.cluster.client import Client, ClientOptions
from genapps.cluster.connection import Connection, FixedToken

CLOSING = web.AppKey("closing", asyncio.Event)
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Script:
    """`answers` are used up in order; the last one is repeated."""

    answers: list[Answer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.asked.append(
            Asked(
                request.method,
                request.path,
                dict(request.query),
                dict(request.headers),
                orjson.loads(body) if body else None,
            )
        )
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request)


def json(body: dict[str, Any], status: int = 200, **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=orjson.dumps(body), status=status, headers=headers, content_type="application/json")

    return answer


def refusal(status: int, reason: str = "Because", message: str = "no", **headers: str) -> Answer:
    return json({"kind": "Status", "reason": reason, "message": message, "code": status}, status, **headers)


def listing(version: int, *names_and_versions: tuple[str, int]) -> Answer:
    items = [thing(name, number) for name, number in names_and_versions]
    return json({"metadata": {"resourceVersion": str(version)}, "items": items})


def thing(name: str, version: int, **more: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "ns", "name": name, "resourceVersion": str(version)}, **more}


def stream(*events: tuple[str, dict[str, Any]], then: str = "end", split: int = 0) -> Answer:
    """A watch: these events, then the end of the stream, a broken connection, or silence. `split` cuts the bytes
    into pieces of that length."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        content = b"".join(orjson.dumps({"type": kind, "object": object_}) + b"\n" for kind, object_ in events)
        for start in range(0, len(content), split or len(content) or 1):
            await response.write(content[start : start + (split or len(content))])
        if then == "silence":
            await request.app[CLOSING].wait()
        if then == "break" and request.transport is not None:
            request.transport.abort()
        return response

    return answer


@asynccontextmanager
async def serve(script: Script, token: str = "sesame", **options: Any) -> AsyncIterator[Client]:
    """A client that is connected to the script."""
    app = web.Application()
    app[CLOSING] = asyncio.Event()
    app.router.add_route("*", "/{path:.*}", script.handle)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    connection = Connection(f"http://127.0.0.1:{port}", None, FixedToken(token))
    async with Client(connection, "genapps-tests", ClientOptions(**options)) as client:
        yield client
    app[CLOSING].set()
    await runner.cleanup()
