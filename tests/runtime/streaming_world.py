# SPDX-License-Identifier: Apache-2.0
"""An app of this process behind a socket, and callers that read chunk by chunk."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from genapps_runtime.serve.limits import HttpLimits
from genapps_runtime.serve.listener import Listener
from tests.runtime.lanes_world import LanesWorld
from tests.runtime.telling_language import TellingLanguage

WAITING_SECONDS = 30.0


class Caller:
    """One connection; what it reads is told chunk by chunk."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def ask(self, path: str, method: str = "GET", version: str = "1.1", body: bytes = b"", fields: str = "") -> None:
        head = f"{method} {path} HTTP/{version}\r\nhost: a\r\n{fields}content-length: {len(body)}\r\n\r\n"
        self.writer.write(head.encode() + body)

    async def head(self) -> tuple[int, dict[str, str]]:
        """Status and fields of the next final reply, names in lower case."""
        status = 100
        while status < 200:
            async with asyncio.timeout(WAITING_SECONDS):
                lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            status = int(lines[0].split(" ")[1])
        return status, dict(line.lower().split(": ", 1) for line in lines[1:-2])

    async def chunk(self) -> bytes:
        """The next chunk; empty after the last one. Raises IncompleteReadError where the answer breaks off."""
        async with asyncio.timeout(WAITING_SECONDS):
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            return (await self.reader.readexactly(size + 2))[:-2]

    async def body(self) -> bytes:
        """The rest of the chunks."""
        pieces = []
        while piece := await self.chunk():
            pieces.append(piece)
        return b"".join(pieces)

    async def got(
        self, path: str, method: str = "GET", body: bytes = b"", fields: str = ""
    ) -> tuple[int, dict[str, str], bytes]:
        self.ask(path, method, body=body, fields=fields)
        status, found = await self.head()
        if "content-length" in found:
            return status, found, await self.reader.readexactly(int(found["content-length"]))
        return status, found, await self.body()


class World:
    """An app of this process behind a socket."""

    def __init__(self, language: TellingLanguage, directory: Path, source: str, http: HttpLimits, **changes: Any):
        self.lanes = LanesWorld(language, directory, source, **changes)
        self.listener = Listener(http)
        self.callers: list[Caller] = []
        self.slow: list[socket.socket] = []

    async def connect(self) -> Caller:
        self.callers.append(Caller(*await asyncio.open_connection("127.0.0.1", self.port, limit=2**24)))
        return self.callers[-1]

    async def connect_slowly(self) -> socket.socket:
        """A reader whose kernel takes little."""
        found = socket.socket()
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        found.setblocking(False)
        self.slow.append(found)
        await asyncio.get_running_loop().sock_connect(found, ("127.0.0.1", self.port))
        return found

    def open(self, port: socket.socket) -> None:
        port.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # for its connections: little is on the way
        self.port = port.getsockname()[1]
        self.listener.open(port)
        self.listener.serve(self.lanes.app.submit)

    async def close(self) -> None:
        for caller in self.callers:
            caller.writer.transport.abort()
        for reader in self.slow:
            reader.close()
        await self.listener.close(0.0)
        await self.lanes.close()

    @property
    def streams(self) -> int:
        return int(self.lanes.metrics.value("genapps_streams"))


Serving = Callable[..., contextlib.AbstractAsyncContextManager[World]]
"""Makes one of a source; `http` are the server's limits, the others change the RuntimeConfig."""
