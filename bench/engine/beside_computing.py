# SPDX-License-Identifier: Apache-2.0
"""Small requests of an app while another request of it computes, with two instances and with one."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import aiohttp

from bench.apps import COMPUTES
from bench.context import Context
from bench.engine.runtime_process import runtime
from bench.figures import Figure, figure, peer
from bench.load.job import quantile
from bench.server import Server

INTERVAL = 0.01
ONE = "one instance"


async def beside_computing(context: Context) -> list[Figure]:
    """Latency of requests that come every 10 ms while one computes for 3 s, on one core.

    They come whether or not those before them are answered: callers do not wait for each other. So the figures include
    the moment in which the second instance is made.
    """
    seconds = 3.0 if not context.quick else 0.5
    taken: dict[str, list[list[float]]] = {}
    disturbed = False
    async with (
        runtime(context, COMPUTES, instances=2) as two,
        runtime(context, COMPUTES, instances=1) as alone,
    ):
        one = replace(alone, name=ONE)
        await context.quiet.calm()
        for number in range(context.amount(5, 1)):
            for server in (two, one) if number % 2 == 0 else (one, two):
                before = context.quiet.now()
                taken.setdefault(server.name, []).append(await _latencies(server, seconds))
                disturbed = context.quiet.disturbed(before) or disturbed

    def of(name: str, share: float) -> Figure:
        samples = {side: [quantile(each, share) * 1000 for each in rounds] for side, rounds in taken.items()}
        return figure(name, "ms", "engine", samples[two.name], peer(ONE, samples[ONE]), disturbed=disturbed)

    return [of("beside a computation, p50", 0.5), of("beside a computation, p99", 0.99)]


async def _latencies(server: Server, seconds: float) -> list[float]:
    """In seconds, ordered."""
    address = f"http://127.0.0.1:{server.port}"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def ask(path: str) -> float:
            begun = time.perf_counter()
            async with session.get(f"{address}{path}") as response:
                response.raise_for_status()
                await response.read()
            return time.perf_counter() - begun

        begun = time.perf_counter()
        computing = asyncio.create_task(ask(f"/compute/{seconds}"))
        small: list[asyncio.Task[float]] = []
        for number in range(1, int(seconds / INTERVAL)):
            await asyncio.sleep(max(0.0, begun + number * INTERVAL - time.perf_counter()))
            small.append(asyncio.create_task(ask("/")))
        latencies = sorted(await asyncio.gather(*small))
        await computing
    return latencies
