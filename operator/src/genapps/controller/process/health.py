# SPDX-License-Identifier: Apache-2.0
"""Liveness, readiness and metrics over plain HTTP on the health port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

Check = Callable[[], str]
"""Says what is wrong; empty when nothing is."""


class Readiness:
    """What the process waits for before it works; empty when it is ready."""

    def __init__(self, waits_for: str) -> None:
        self._waits_for = waits_for

    def __call__(self) -> str:
        """As a check."""
        return self._waits_for

    def waits_for(self, what: str) -> None:
        """From now on."""
        self._waits_for = what

    def ready(self) -> None:
        """Nothing is waited for any more."""
        self._waits_for = ""


@asynccontextmanager
async def serve(port: int, registry: CollectorRegistry, live: Check, ready: Check) -> AsyncIterator[None]:
    """Answer `/livez`, `/readyz` and `/metrics` on all addresses for as long as the context lasts."""

    def probe(check: Check) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(_: web.Request) -> web.Response:
            problem = check()
            return web.Response(status=503 if problem else 200, text=problem or "ok")

        return answer

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": "text/plain; version=0.0.4"})

    app = web.Application()
    app.router.add_get("/livez", probe(live))
    app.router.add_get("/readyz", probe(ready))
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, port=port).start()
        yield
    finally:
        await runner.cleanup()
