# SPDX-License-Identifier: Apache-2.0
"""Answers that leave piece by piece: 100 MB to a quick reader, and what readers cost who take nothing."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

from bench.context import Context
from bench.cpu import cpu_seconds, tree
from bench.engine.runtime_process import runtime
from bench.figures import Figure, figure
from bench.memory import pss_mebibytes

SOURCE = """
from genapps import StreamingResponse, app

PIECE = "x" * 65536

@app.get("/")
async def stream(request):
    return StreamingResponse((PIECE for _ in range(int(request.query.get("pieces", 1600)))))
"""
PIECES = 1600
_BYTES = PIECES * 65536
_STALLED = 16
_REQUEST = b"GET /?pieces=%d HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
_LITTLE = 16 * 1024


async def streaming(context: Context) -> list[Figure]:
    """Each sample of the rate is one stream of 100 MB. Memory is that of all processes, beside what was there before;
    of readers who take nothing, for each of sixteen."""
    rates: list[float] = []
    cpu: list[float] = []
    quick: list[float] = []
    stalled: list[float] = []
    async with runtime(context, SOURCE, action_millis=60_000) as ours:
        await _read(ours.port, 16)
        await context.quiet.calm()
        before = context.quiet.now()
        for _ in range(context.amount(9, 3)):
            memory, spent, begun = pss_mebibytes(tree(ours.pid)), cpu_seconds(tree(ours.pid)), time.perf_counter()
            size = await _read(ours.port, PIECES)
            seconds = time.perf_counter() - begun
            if size < _BYTES:
                raise RuntimeError(f"a stream broke off after {size} bytes")
            rates.append(_BYTES / seconds / 1e6)
            cpu.append((cpu_seconds(tree(ours.pid)) - spent) * 1000)
            quick.append(max(0.0, pss_mebibytes(tree(ours.pid)) - memory))
        disturbed = context.quiet.disturbed(before)
        for _ in range(context.amount(5, 2)):
            memory = pss_mebibytes(tree(ours.pid))
            async with AsyncExitStack() as stack:
                for _ in range(_STALLED):
                    stack.callback((await _stall(ours.port)).transport.abort)
                await asyncio.sleep(0.5)  # by now each has what the kernel takes for it, and one piece waits
                stalled.append(max(0.0, pss_mebibytes(tree(ours.pid)) - memory) * 1024 / _STALLED)
    return [
        figure("stream of 100 MB, quick reader", "MB/s", "engine", rates, disturbed=disturbed),
        figure("the same, CPU", "ms", "engine", cpu, disturbed=disturbed),
        figure("the same, memory beside what was there", "MiB PSS", "engine", quick),
        figure("a reader of a stream who takes nothing", "KiB PSS", "engine", stalled),
    ]


async def _read(port: int, pieces: int) -> int:
    """The bytes of a stream, with its head and the framing of its chunks."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    writer.write(_REQUEST % pieces)
    size = 0
    while piece := await reader.read(2**20):
        size += len(piece)
    writer.close()
    return size


async def _stall(port: int) -> asyncio.StreamWriter:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=_LITTLE)
    writer.write(_REQUEST % PIECES)
    await reader.readuntil(b"\r\n\r\n")
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    return writer
