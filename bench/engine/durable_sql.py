# SPDX-License-Identifier: Apache-2.0
"""A loaded app that writes a row by SQL, durable before the reply: SQLite on the same disk for both."""

from __future__ import annotations

from bench.apps import COUNTS
from bench.context import Context
from bench.engine.rounds import in_turns
from bench.engine.runtime_process import runtime
from bench.engine.sides import workerd_peer
from bench.figures import Figure
from bench.load.generator import host_generator
from bench.load.job import Load
from bench.server import Server


async def durable_sql(context: Context) -> list[Figure]:
    """One facet and one table; each of 32 connections counts in a row of its own."""
    seconds = 3.0 if not context.quick else 0.5
    command = (await context.interpreter()).command
    async with host_generator(command) as generator, workerd_peer(context) as peers, runtime(context, COUNTS) as ours:

        def load(server: Server) -> Load:
            path = "/sql?key={connection}"
            return Load("127.0.0.1", server.port, path, connections=32, seconds=seconds, warm_up=seconds / 5)

        taken = await in_turns(context, generator, [ours, *peers], load, context.amount(7, 1))
    return [
        taken.figure("durable SQL write, c=32", "req/s", lambda each: each.result.rate),
        taken.figure("durable SQL write, c=32, p99", "ms", lambda each: each.result.p99 * 1000),
        taken.figure("durable SQL write, c=32, CPU", "us", lambda each: each.micros),
    ]
