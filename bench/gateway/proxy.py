# SPDX-License-Identifier: Apache-2.0
"""The peer: a bare reverse proxy with aiohttp, over TLS as the gateway is. It knows no callers and checks nothing.

`python -m bench.gateway.proxy PORT UPSTREAM CHAIN`.
"""

from __future__ import annotations

import asyncio
import ssl
import sys

import aiohttp
import uvloop
from aiohttp import web

_HOP = {"connection", "content-length", "host", "keep-alive", "transfer-encoding"}


async def serve(port: int, upstream: int, chain: str) -> None:
    """Until cancelled."""
    async with aiohttp.ClientSession(f"http://127.0.0.1:{upstream}") as client:
        await _listen(client, chain, port)


async def _listen(client: aiohttp.ClientSession, chain: str, port: int) -> None:
    async def forward(request: web.Request) -> web.StreamResponse:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        async with client.request(
            request.method, request.raw_path, headers=headers, data=await request.read()
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
            if answer.headers.get("transfer-encoding"):
                return await _passed_on(request, answer, kept)
            return web.Response(status=answer.status, headers=kept, body=await answer.read())

    async def _passed_on(
        request: web.Request, answer: aiohttp.ClientResponse, headers: dict[str, str]
    ) -> web.StreamResponse:
        """Piece by piece."""
        response = web.StreamResponse(status=answer.status, headers=headers)
        await response.prepare(request)
        async for piece in answer.content.iter_any():
            await response.write(piece)
        await response.write_eof()
        return response

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", forward)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    tls.load_cert_chain(chain)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
