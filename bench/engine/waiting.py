# SPDX-License-Identifier: Apache-2.0
"""Many requests that each wait for 10 ms: what a waiting request costs, and how many may wait at once."""

from __future__ import annotations

from bench.apps import WAITS
from bench.context import Context
from bench.engine.rounds import in_turns
from bench.engine.runtime_process import runtime
from bench.engine.sides import same_answers, workerd_peer
from bench.figures import Figure
from bench.load.generator import host_generator
from bench.load.job import Load
from bench.server import Server


async def waiting(context: Context) -> list[Figure]:
    """Rate, latency and CPU time with 200 connections. A timer, so that no other server is measured with it."""
    seconds = 3.0 if not context.quick else 0.5
    command = (await context.interpreter()).command
    async with host_generator(command) as generator, workerd_peer(context) as peers, runtime(context, WAITS) as ours:
        servers = [ours, *peers]
        await same_answers(servers, "/wait")

        def load(server: Server) -> Load:
            return Load("127.0.0.1", server.port, "/wait", connections=200, seconds=seconds, warm_up=seconds / 5)

        taken = await in_turns(context, generator, servers, load, context.amount(7, 1))
    return [
        taken.figure("10 ms wait, c=200", "req/s", lambda each: each.result.rate),
        taken.figure("10 ms wait, c=200, p50", "ms", lambda each: each.result.p50 * 1000),
        taken.figure("10 ms wait, c=200, CPU", "us", lambda each: each.micros),
    ]
