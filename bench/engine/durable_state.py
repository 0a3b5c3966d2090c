# SPDX-License-Identifier: Apache-2.0
"""A loaded app that reads and writes state of its own, durable before the reply: SQLite on the same disk for both."""

from __future__ import annotations

from bench.apps import ANSWERS
from bench.context import Context
from bench.engine.rounds import in_turns
from bench.engine.runtime_process import runtime
from bench.engine.sides import workerd_peer
from bench.figures import Figure
from bench.load.generator import host_generator
from bench.load.job import Load
from bench.server import Server


async def durable_state(context: Context) -> list[Figure]:
    """One facet; each of 32 connections counts under a key of its own, so that no two actions conflict."""
    seconds = 3.0 if not context.quick else 0.5
    command = (await context.interpreter()).command
    async with host_generator(command) as generator, workerd_peer(context) as peers, runtime(context, ANSWERS) as ours:

        def load(server: Server) -> Load:
            path = "/state?key={connection}"
            return Load("127.0.0.1", server.port, path, connections=32, seconds=seconds, warm_up=seconds / 5)

        taken = await in_turns(context, generator, [ours, *peers], load, context.amount(7, 1))
    return [
        taken.figure("durable get + put, c=32", "req/s", lambda each: each.result.rate),
        taken.figure("durable get + put, c=32, p99", "ms", lambda each: each.result.p99 * 1000),
        taken.figure("durable get + put, c=32, CPU", "us", lambda each: each.micros),
    ]
