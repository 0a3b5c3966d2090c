# SPDX-License-Identifier: Apache-2.0
"""One path of one app under many connections, beside the same work in workerd."""

from __future__ import annotations

from bench.context import Context
from bench.engine.rounds import in_turns
from bench.engine.runtime_process import runtime
from bench.engine.sides import same_answers, workerd_peer
from bench.figures import Figure
from bench.load.generator import host_generator
from bench.load.job import Load
from bench.server import Server
from genapps.api.generatedapp import Language


async def beside_workerd(
    context: Context,
    name: str,
    source: str,
    path: str,
    connections: int = 32,
    *,
    compared: bool = False,
    language: Language = Language.PYTHON,
) -> list[Figure]:
    """Rate, latency and CPU time. `path` as in `Load`. `compared`: both must answer it the same before."""
    seconds = 3.0 if not context.quick else 0.5
    command = (await context.interpreter()).command
    async with (
        host_generator(command) as generator,
        workerd_peer(context) as peers,
        runtime(context, source, language=language) as ours,
    ):
        servers = [ours, *peers]
        if compared:
            await same_answers(servers, path)

        def load(server: Server) -> Load:
            return Load("127.0.0.1", server.port, path, connections=connections, seconds=seconds, warm_up=seconds / 5)

        taken = await in_turns(context, generator, servers, load, context.amount(7, 1))
    return [
        taken.figure(name, "req/s", lambda each: each.result.rate),
        taken.figure(f"{name}, p50", "ms", lambda each: each.result.p50 * 1000),
        taken.figure(f"{name}, p99", "ms", lambda each: each.result.p99 * 1000),
        taken.figure(f"{name}, CPU", "us", lambda each: each.micros),
    ]
