# SPDX-License-Identifier: Apache-2.0
"""What a call to a connector costs the gateway: `python -m tests.unit.gateway.egress.send_cost`, no test.

Prints the CPU time of this process, in microseconds, for a POST of 64 bytes that is answered with 200 bytes by a
server in another process, over connections that are reused by 8 callers: by `Upstream.send`, and by the bare client of
aiohttp, which checks nothing; without TLS and with it. The last rows are for an answer of 256 KiB, and for each piece
of a stream. They take turns within one run, on the gateway's loop.
"""

import asyncio
import socket
import ssl
import statistics
import time
from collections.abc import Awaitable, Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import aiohttp
import uvloop
from aiohttp.abc import AbstractResolver, ResolveResult

from genapps.gateway.egress.messages import EgressLimits, OutboundRequest, Target
from genapps.gateway.egress.upstream import Upstream
from tests.unit.gateway.egress.world import CHUNKED, HERE, HOST, authority, authority_file, server_tls, sized, upstream

ROUNDS, CALLERS, CALLS, PIECES = 7, 8, 100, 200
TYPE = b"content-type: application/json"
SMALL, LARGE, STREAM = "/v1/rates?from=CHF", "/large", "/stream"
BODY = b"x" * 64
HEADERS = (("content-type", "application/json"), ("authorization", "Bearer " + "x" * 40))
LIMITS = EgressLimits(seconds=20.0)
Call = Callable[[], Awaitable[object]]


class _Answering(asyncio.Protocol):
    """Knows that each request comes in one piece."""

    small = sized(b"x" * 200, TYPE)
    large = sized(b"x" * 256 * 1024, TYPE)
    stream = CHUNKED + (b"64\r\n" + b"x" * 100 + b"\r\n") * PIECES + b"0\r\n\r\n"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        path = data.split(b" ", 2)[1]
        self.transport.write({LARGE: self.large, STREAM: self.stream}.get(path.decode(), self.small))


def _serve(pipe: Pipe) -> None:
    async def serve() -> None:
        loop = asyncio.get_running_loop()
        plain = await loop.create_server(_Answering, HERE, 0)
        secured = await loop.create_server(_Answering, HERE, 0, ssl=server_tls())
        pipe.send([server.sockets[0].getsockname()[1] for server in (plain, secured)])
        await asyncio.Event().wait()

    uvloop.run(serve())


def _ours(sender: Upstream, target: Target, path: str) -> Call:
    request = OutboundRequest("POST", path, HEADERS, BODY, "credential")
    return lambda: sender.send(target, request, LIMITS)


def _streamed(sender: Upstream, target: Target) -> Call:
    async def call() -> None:
        async with sender.stream(target, OutboundRequest("GET", STREAM), LIMITS) as response:
            async for _ in response:
                pass

    return call


def _bare(session: aiohttp.ClientSession, url: str) -> Call:
    async def call() -> None:
        async with session.post(url, data=BODY, headers=dict(HEADERS)) as response:
            await response.read()

    return call


async def _measure(rows: dict[str, tuple[Call, int]]) -> dict[str, float]:
    """Microseconds of CPU for each unit of which a call has so many."""

    async def caller(call: Call) -> None:
        for _ in range(CALLS):
            await call()

    spent: dict[str, list[float]] = {name: [] for name in rows}
    for number in range(ROUNDS + 1):
        for name, (call, units) in rows.items():
            before = time.process_time()
            await asyncio.gather(*(caller(call) for _ in range(CALLERS)))
            if number:  # the first round warms up
                spent[name].append((time.process_time() - before) / (CALLERS * CALLS * units) * 1e6)
    return {name: statistics.median(values) for name, values in spent.items()}


async def _rows(plain: int, secured: int, ca: Path) -> dict[str, float]:
    service, public = Target("rates", "http", "rates.team.svc", plain, (HERE,)), Target("rates", "https", HOST, secured)
    sender = upstream(ca=ca)
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=ca), resolver=_Here())
    async with aiohttp.ClientSession(connector=connector) as session:
        found = await _measure(
            {
                "send": (_ours(sender, service, SMALL), 1),
                "aiohttp": (_bare(session, f"http://{HERE}:{plain}{SMALL}"), 1),
                "send, TLS": (_ours(sender, public, SMALL), 1),
                "aiohttp, TLS": (_bare(session, f"https://{HOST}:{secured}{SMALL}"), 1),
                "send, 256 KiB": (_ours(sender, service, LARGE), 1),
                "aiohttp, 256 KiB": (_bare(session, f"http://{HERE}:{plain}{LARGE}"), 1),
                "a piece of a stream": (_streamed(sender, service), PIECES),
            }
        )
    sender.close()
    return found


class _Here(AbstractResolver):
    """All names are this host."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host=HERE, port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        pass


def main() -> None:
    context = get_context("fork")
    ours, theirs = context.Pipe()
    authority()  # made once, for both processes
    server = context.Process(target=_serve, args=(theirs,), daemon=True)
    server.start()
    with TemporaryDirectory() as folder:
        plain, secured = ours.recv()
        found = uvloop.run(_rows(plain, secured, authority_file(Path(folder))))
    server.terminate()
    for name, micros in found.items():
        print(f"{name:20} {micros:7.1f} us")


if __name__ == "__main__":
    main()
