# SPDX-License-Identifier: Apache-2.0
"""A loaded app that reads and writes state of its own, durable before the reply: SQLite on the same disk for both."""

from __future__ import annotations

from bench.apps import ANSWERS
from bench.context import Context
from bench.engine.rounds import in_turns
from bench.engine.runtime_process import runtime
from bench.figures import Figure, figure, peer
from bench.load.generator import host_generator
from bench.load.job import Load


async def durable_state(context: Context) -> list[Figure]:
    """One facet; each of 32 connections counts under a key of its own, so that no two actions conflict."""
    seconds = 3.0 if not context.quick else 0.5
    path = "/state?key={connection}"
    async with host_generator() as generator, context.peer() as other, runtime(context.work, ANSWERS) as ours:

        def load(port: int) -> Load:
            return Load("127.0.0.1", port, path, connections=32, seconds=seconds, warm_up=seconds / 5)

        rounds = context.amount(7, 1)
        results = await in_turns(context, generator, load(ours.port), load(other.port) if other else None, rounds)
    return [
        figure(
            "durable get + put, c=32",
            "req/s",
            "engine",
            [result.rate for result in results.ours],
            peer("workerd JS", [result.rate for result in results.peer]),
        )
    ]
