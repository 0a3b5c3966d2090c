# SPDX-License-Identifier: Apache-2.0
"""The app's HTTP server on a real socket, with an app that tells what it saw."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

from genapps_runtime.listening import listening_socket
from genapps_runtime.serve.connection import Connection
from genapps_runtime.serve.limits import HttpLimits
from genapps_runtime.serve.listener import Listener
from genapps_runtime.serve.messages import Exchange, Reply, Request

WAITING_SECONDS = 30.0
BODY_LIMIT = 1000


class Server:
    """`seen` are the requests in the order of their beginning. `answers` replaces what is done with each."""

    def __init__(self, limits: HttpLimits) -> None:
        self.listener = Listener(limits)
        self.port = 0
        self.seen: list[Request] = []
        self.exchanges: list[Exchange] = []
        self.callers: list[Caller] = []
        self.begun = asyncio.Event()
        self.answers: Callable[[Exchange], None] = told

    def submit(self, exchange: Exchange) -> None:
        self.seen.append(exchange.request)
        self.exchanges.append(exchange)
        self.begun.set()
        self.answers(exchange)

    async def until_begun(self, count: int) -> None:
        async with asyncio.timeout(WAITING_SECONDS):
            while len(self.seen) < count:
                self.begun.clear()
                await self.begun.wait()

    def connection(self) -> Connection:
        """The only one. What it is doing is told to nobody else."""
        (found,) = self.listener._shared.connections
        assert isinstance(found, Connection)
        return found

    async def connect(self) -> "Caller":
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**24)
        self.callers.append(Caller(reader, writer))
        return self.callers[-1]


def told(exchange: Exchange) -> None:
    """Answer at once with method, path and body."""
    request = exchange.request
    text = f"{request.method} {request.path} ".encode() + request.body
    exchange.reply(Reply(200, [(b"content-type", b"text/plain")], text))


def held(exchange: Exchange) -> None:
    """Answer later, or never."""


class Caller:
    """The other end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._transport = cast("asyncio.Transport", writer.transport)

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> tuple[int, dict[str, str]]:
        """The status and the fields of the next reply, names in lower case."""
        async with asyncio.timeout(WAITING_SECONDS):
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:-2])
        return int(lines[0].split(" ")[1]), fields

    async def reply(self) -> tuple[int, dict[str, str], bytes]:
        """The next final reply to a request other than HEAD."""
        status, fields = await self.head()
        while status < 200:
            status, fields = await self.head()
        async with asyncio.timeout(WAITING_SECONDS):
            return status, fields, await self.reader.readexactly(int(fields.get("content-length", "0")))

    async def rest(self) -> bytes:
        """Everything until the server closes its side."""
        async with asyncio.timeout(WAITING_SECONDS):
            return await self.reader.read()

    def stop_reading(self) -> None:
        self._transport.pause_reading()

    def read_on(self) -> None:
        self._transport.resume_reading()

    def reset(self) -> None:
        """Go away without a word."""
        self._transport.abort()


@asynccontextmanager
async def serving(limits: HttpLimits | None = None, *, ready: bool = True) -> AsyncIterator[Server]:
    """A server whose bodies have at most BODY_LIMIT bytes, closed at the end without patience."""
    server = Server(limits or HttpLimits(BODY_LIMIT))
    with listening_socket("127.0.0.1", 0) as port:
        server.port = port.getsockname()[1]
        server.listener.open(port)
        if ready:
            server.listener.serve(server.submit)
        try:
            yield server
        finally:
            for caller in server.callers:
                caller.reset()
            await server.listener.close(0.0)
            await asyncio.sleep(0)
