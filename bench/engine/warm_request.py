# SPDX-License-Identifier: Apache-2.0
"""A loaded app that answers without state or tools: what every request pays for sandbox, limits, log and metrics."""

from __future__ import annotations

from bench.apps import ANSWERS
from bench.context import Context
from bench.engine.rounds import in_turns
from bench.engine.runtime_process import runtime
from bench.figures import Figure, figure, peer
from bench.load.generator import host_generator
from bench.load.job import Load


async def warm_request(context: Context) -> list[Figure]:
    """Requests a second with 32 connections, and the latency of one."""
    seconds = 3.0 if not context.quick else 0.5
    async with host_generator() as generator, context.peer() as other, runtime(context.work, ANSWERS) as ours:

        def both(connections: int) -> tuple[Load, Load | None]:
            def load(port: int) -> Load:
                return Load("127.0.0.1", port, connections=connections, seconds=seconds, warm_up=seconds / 5)

            return load(ours.port), load(other.port) if other else None

        many = await in_turns(context, generator, *both(32), rounds=context.amount(7, 1))
        one = await in_turns(context, generator, *both(1), rounds=context.amount(5, 1))
    return [
        figure(
            "warm request, c=32",
            "req/s",
            "engine",
            [result.rate for result in many.ours],
            peer("workerd JS", [result.rate for result in many.peer]),
        ),
        figure(
            "warm request, c=1, p50",
            "ms",
            "engine",
            [result.p50 * 1000 for result in one.ours],
            peer("workerd JS", [result.p50 * 1000 for result in one.peer]),
        ),
    ]
