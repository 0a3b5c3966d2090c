# SPDX-License-Identifier: Apache-2.0
"""What callers get while no code of theirs has loaded: the reason, at the address at which the app will be."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

import orjson

HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 5.0


class Unavailable:
    """Answers every request with 503 and `detail` while it is open."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._server: asyncio.Server | None = None
        self.detail = ""

    async def open(self, detail: str) -> None:
        """Answer from now on, on the socket that is also the runtime's."""
        self.detail = detail
        if self._server is None:
            shared = self._listener.dup()
            shared.setblocking(False)
            self._server = await asyncio.start_server(self._answer, sock=shared, limit=HEAD_BYTES)

    def close(self) -> None:
        """Leave callers to the runtime."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_SECONDS)
            document = {
                "type": "urn:genapps:problem:AppUnavailable",
                "title": "The app did not load",
                "status": 503,
                "detail": self.detail,
                "code": "AppUnavailable",
            }
            body = orjson.dumps(document)
            head = f"content-type: application/problem+json\r\ncontent-length: {len(body)}\r\nconnection: close"
            writer.write(f"HTTP/1.1 503 -\r\n{head}\r\n\r\n".encode("ascii") + body)
            await writer.drain()
        writer.close()
