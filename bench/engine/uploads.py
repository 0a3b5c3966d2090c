# SPDX-License-Identifier: Apache-2.0
"""Bodies that an app takes piece by piece: 100 MB of a quick sender, and what senders cost who stop half-way."""

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
from genapps import app

@app.get("/")
def ready(request):
    return "ready"

@app.post("/")
async def upload(request):
    size = 0
    async for piece in request.stream():
        size += len(piece)
    return str(size)
"""
PIECES = 1600
_BYTES = PIECES * 65536
_STALLED = 8
_HEAD = b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
_KINDS = {"text": b"x" * 65536, "binary": bytes(range(256)) * 256}


async def uploads(context: Context) -> list[Figure]:
    """Each sample of the rate is one body of 100 MB, of text or of bytes that are no text. Memory is that of all
    processes, beside what was there before; of senders who stop after 2 MB, for each of eight."""
    figures: list[Figure] = []
    async with runtime(context, SOURCE, action_millis=60_000) as ours:
        for kind, piece in _KINDS.items():
            await _send(ours.port, piece, 64)
            await context.quiet.calm()
            before = context.quiet.now()
            rates: list[float] = []
            cpu: list[float] = []
            quick: list[float] = []
            for _ in range(context.amount(9, 3)):
                memory, spent, begun = pss_mebibytes(tree(ours.pid)), cpu_seconds(tree(ours.pid)), time.perf_counter()
                await _send(ours.port, piece, PIECES)
                rates.append(_BYTES / (time.perf_counter() - begun) / 1e6)
                cpu.append((cpu_seconds(tree(ours.pid)) - spent) * 1000)
                quick.append(max(0.0, pss_mebibytes(tree(ours.pid)) - memory))
            disturbed = context.quiet.disturbed(before)
            figures += [
                figure(f"upload of 100 MB, {kind}", "MB/s", "engine", rates, disturbed=disturbed),
                figure("the same, CPU", "ms", "engine", cpu, disturbed=disturbed),
                figure("the same, memory beside what was there", "MiB PSS", "engine", quick),
            ]
        stalled: list[float] = []
        for _ in range(context.amount(5, 2)):
            memory = pss_mebibytes(tree(ours.pid))
            async with AsyncExitStack() as stack:
                for _ in range(_STALLED):
                    stack.callback((await _stall(ours.port)).transport.abort)
                await asyncio.sleep(0.5)  # by now the app has taken what has come
                stalled.append(max(0.0, pss_mebibytes(tree(ours.pid)) - memory) * 1024 / _STALLED)
    return [*figures, figure("an upload that stops half-way", "KiB PSS", "engine", stalled)]


async def _send(port: int, piece: bytes, pieces: int) -> None:
    """Send a body. Raises RuntimeError when the app has not got all of it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_HEAD % (pieces * len(piece)))
    for _ in range(pieces):
        writer.write(piece)
        await writer.drain()
    answer = await reader.read()
    writer.close()
    if not answer.endswith(b"\r\n\r\n%d" % (pieces * len(piece))):
        raise RuntimeError(f"the body did not arrive: {answer[:300]!r}")


async def _stall(port: int) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_HEAD % _BYTES + bytes(2_000_000))
    await writer.drain()
    return writer
