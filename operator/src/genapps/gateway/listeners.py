# SPDX-License-Identifier: Apache-2.0
"""The sockets: uvicorn for calls (TLS) and health (plain), and the canary that only ever hangs up."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn

from genapps.gateway.app import GatewayApp
from genapps.gateway.health import HealthApp
from genapps.gateway.protocol import HEAD_LIMIT, BoundedHttp
from genapps.gateway.step_tokens.published import PublishedKeys

DRAIN_SECONDS = 15.0
"""From the order to stop until idle connections are closed. Runtimes use none that was idle for 10 s."""
LISTEN_SECONDS = 5.0
"""Of these, for so long others may not know yet that nothing new is to be sent here."""
_KEEP_ALIVE_SECONDS = 75
_LOOK_SECONDS = 0.1
_EVERY_ADDRESS = ""


class Listener(uvicorn.Server):
    """Signals belong to the process, which has two of these."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def drain(self, listen_seconds: float = LISTEN_SECONDS, drain_seconds: float = DRAIN_SECONDS) -> None:
        """Stop to listen, then wait until nobody is connected, or until only connections are left that nobody uses.

        The application must close the connection with each of its answers meanwhile. Requests that run are not waited
        for here, but by the end of `serve`."""
        await asyncio.sleep(listen_seconds)
        for server in self.servers:
            server.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(drain_seconds - listen_seconds):
                while self.server_state.connections:  # noqa: ASYNC110 (uvicorn has no event for it)
                    await asyncio.sleep(_LOOK_SECONDS)
        self.should_exit = True


def listener(
    app: GatewayApp | HealthApp | PublishedKeys,
    port: int,
    tls: ssl.SSLContext | None = None,
    finish_seconds: int = 5,
    connections: int | None = None,
) -> Listener:
    """Serves on every address; a port of 0 lets the system choose. Requests that run when it ends have
    `finish_seconds`. Beyond so many `connections` at once, requests are answered with 503; None: no such bound."""
    config = uvicorn.Config(
        app,
        host=_EVERY_ADDRESS,
        port=port,
        http=BoundedHttp,
        h11_max_incomplete_event_size=HEAD_LIMIT,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=finish_seconds,
        limit_concurrency=connections,
        ssl_context_factory=(lambda *_: tls) if tls else None,
    )
    return Listener(config)


async def canary(port: int) -> asyncio.Server:
    """Accepts, says nothing, closes: that somebody could connect is all it tells."""
    return await asyncio.start_server(_hang_up, port=port)


async def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()
