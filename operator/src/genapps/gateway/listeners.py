# SPDX-License-Identifier: Apache-2.0
"""The sockets: uvicorn for calls (TLS) and health (plain), and the canary that only ever hangs up."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from genapps.gateway.app import GatewayApp
from genapps.gateway.health import HealthApp
from genapps.gateway.protocol import HEAD_LIMIT, BoundedHttp

_KEEP_ALIVE_SECONDS = 75
_GRACE_SECONDS = 5
_EVERY_ADDRESS = ""


class Listener(uvicorn.Server):
    """Signals belong to the process, which has two of these."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def listener(app: GatewayApp | HealthApp, port: int, tls: ssl.SSLContext | None = None) -> Listener:
    """Serves on every address; a port of 0 lets the system choose."""
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
        timeout_graceful_shutdown=_GRACE_SECONDS,
        ssl_context_factory=(lambda *_: tls) if tls else None,
    )
    return Listener(config)


async def canary(port: int) -> asyncio.Server:
    """Accepts, says nothing, closes: that somebody could connect is all it tells."""
    return await asyncio.start_server(_hang_up, port=port)


async def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()
