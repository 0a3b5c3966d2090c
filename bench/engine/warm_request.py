# SPDX-License-Identifier: Apache-2.0
"""A loaded app that answers without state or tools: what every request pays for sandbox, limits, log and metrics."""

from __future__ import annotations

from bench.apps import ANSWERS
from bench.context import Context
from bench.engine.rounds import in_turns
from bench.engine.runtime_process import runtime
from bench.engine.sides import all_peers, same_answers
from bench.figures import Figure
from bench.load.generator import host_generator
from bench.load.job import Load
from bench.server import Server

CONNECTIONS = (1, 8, 32)


async def warm_request(context: Context) -> list[Figure]:
    """Rate, latency and CPU time of a request with 1, 8 and 32 connections, beside all peers."""
    seconds = 3.0 if not context.quick else 0.5
    command = (await context.interpreter()).command
    figures: list[Figure] = []
    async with host_generator(command) as generator, all_peers(context) as peers, runtime(context, ANSWERS) as ours:
        servers = [ours, *peers]
        await same_answers(servers, "/")
        for connections in CONNECTIONS:

            def load(server: Server, connections: int = connections) -> Load:
                return Load("127.0.0.1", server.port, connections=connections, seconds=seconds, warm_up=seconds / 5)

            rounds = context.amount(7 if connections == max(CONNECTIONS) else 5, 1)
            taken = await in_turns(context, generator, servers, load, rounds)
            name = f"warm request, c={connections}"
            figures += [
                taken.figure(name, "req/s", lambda each: each.result.rate),
                taken.figure(f"{name}, p50", "ms", lambda each: each.result.p50 * 1000),
                taken.figure(f"{name}, p99", "ms", lambda each: each.result.p99 * 1000),
                taken.figure(f"{name}, CPU", "us", lambda each: each.micros),
                taken.generator(f"load generator's core, c={connections}"),
            ]
    return figures
