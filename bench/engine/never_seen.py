# SPDX-License-Identifier: Apache-2.0
"""An app that the process has never seen, from its source to its first response over HTTP."""

from __future__ import annotations

from bench.apps import ANSWERS
from bench.context import Context
from bench.engine.rounds import in_turns
from bench.engine.runtime_process import runtime
from bench.figures import Figure, figure, peer
from bench.load.generator import host_generator
from bench.load.job import Load, LoadResult

_NEWCOMERS = "bench.engine.new_apps"


async def never_seen(context: Context) -> list[Figure]:
    """Each request, one after another on one connection, is a new app: Python here, JavaScript in workerd."""
    apps, rounds = context.amount(150, 10), context.amount(5, 1)
    ours: list[float] = []
    others: list[float] = []
    async with (
        host_generator() as generator,
        context.peer() as other,
        runtime(context.work, ANSWERS, _NEWCOMERS) as own,
    ):
        for number in range(rounds):

            def load(port: int, number: int = number) -> Load:
                return Load("127.0.0.1", port, f"/never-seen/{number}-{{sequence}}", requests=apps)

            results = await in_turns(context, generator, load(own.port), load(other.port) if other else None, 1)
            ours += _milliseconds(results.ours)
            others += _milliseconds(results.peer)
    return [figure("never-seen app, first response", "ms", "engine", ours, peer("workerd JS", others))]


def _milliseconds(results: list[LoadResult]) -> list[float]:
    return [seconds * 1000 for result in results for seconds in result.latencies]
