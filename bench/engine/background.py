# SPDX-License-Identifier: Apache-2.0
"""An app that works in the background: how fast requests are accepted, and how fast they are carried out.

A queue takes 500, so a load that goes on would measure how fast it is emptied. Each sample is a burst that fits.
"""

from __future__ import annotations

import asyncio
import json
import time
from functools import partial

from bench.apps import ANSWERS
from bench.context import Context
from bench.cpu import cpu_seconds, tree
from bench.engine.runtime_process import runtime
from bench.figures import Figure, figure
from bench.processes import until

BURST = 400
CONNECTIONS = 32
_POST = b"POST /state?key=%d HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}"
_GET = b"GET %b HTTP/1.1\r\nhost: a\r\n\r\n"
_PATIENCE = 60.0


async def background_enqueue(context: Context) -> list[Figure]:
    """Each accepted request is durable before its 202, and then does a get and a put."""
    accepted: list[float] = []
    ended: list[float] = []
    cpu: list[float] = []
    async with runtime(context, ANSWERS, background=True) as ours:
        await _burst(ours.port)
        await context.quiet.calm()
        before = context.quiet.now()
        for _ in range(context.amount(9, 3)):
            spent = cpu_seconds(tree(ours.pid))
            took, all_took = await _burst(ours.port)
            accepted.append(BURST / took)
            ended.append(BURST / all_took)
            cpu.append((cpu_seconds(tree(ours.pid)) - spent) / BURST * 1e6)
        disturbed = context.quiet.disturbed(before)
    return [
        figure("background enqueue, c=32", "req/s", "engine", accepted, disturbed=disturbed),
        figure("the same, until they have run", "req/s", "engine", ended, disturbed=disturbed),
        figure("the same, CPU", "us", "engine", cpu, disturbed=disturbed),
    ]


async def _burst(port: int) -> tuple[float, float]:
    """The seconds until all of a burst were accepted, and until all have run."""
    begun = time.perf_counter()
    places = await asyncio.gather(*(_ask(port, number) for number in range(CONNECTIONS)))
    took = time.perf_counter() - begun
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for place in (each for several in places for each in several):
        await until(partial(_has_ended, reader, writer, place), "the requests of a burst have run", _PATIENCE)
    writer.close()
    return took, time.perf_counter() - begun


async def _ask(port: int, number: int) -> list[bytes]:
    """Where the states of this connection's share of a burst are told. Raises RuntimeError when one is refused."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    places = []
    for _ in range(number, BURST, CONNECTIONS):
        writer.write(_POST % number)
        head, body = await _answer(reader)
        if b" 202 " not in head.split(b"\r\n")[0]:
            raise RuntimeError(f"not accepted: {head!r} {body!r}")
        places.append(head.lower().split(b"location: ")[1].split(b"\r\n")[0])
    writer.close()
    return places


async def _has_ended(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, place: bytes) -> bool:
    """Raises RuntimeError when it has not succeeded."""
    writer.write(_GET % place)
    state = json.loads((await _answer(reader))[1])["state"]
    if state not in ("Queued", "Running", "Succeeded"):
        raise RuntimeError(f"an entry has {state}")
    return bool(state == "Succeeded")


async def _answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return head, await reader.readexactly(size)
