# SPDX-License-Identifier: Apache-2.0
"""Many requests that each wait for 10 ms: what a waiting request costs, and how many may wait at once."""

from __future__ import annotations

from bench.apps import WAITS
from bench.context import Context
from bench.engine.beside_workerd import beside_workerd
from bench.engine.rounds import in_turns
from bench.engine.runtime_process import runtime
from bench.figures import Figure
from bench.load.generator import host_generator
from bench.load.job import Load
from bench.server import Server
from genapps.api.generatedapp import Language


async def waiting(context: Context) -> list[Figure]:
    """200 connections, for a timer and for a tool. A timer is compared: no other server is measured with it."""
    compared = await beside_workerd(context, "10 ms wait, c=200", WAITS, "/wait", 200, compared=True)
    return [*compared, *await waiting_for_tool(context, "10 ms tool, c=200", WAITS)]


async def waiting_for_tool(
    context: Context, name: str, source: str, language: Language = Language.PYTHON
) -> list[Figure]:
    """The same with a call by the gateway, over TLS, for which each round makes its connections anew.

    What stands for the gateway takes more of the processor than the runtime, beside the generator. So it is the CPU
    time that tells something, and the rate is what all of them reach together."""
    seconds = 3.0 if not context.quick else 0.5
    command = (await context.interpreter()).command
    async with (
        host_generator(command) as generator,
        runtime(context, source, language=language, tool_seconds=0.01) as ours,
    ):

        def load(server: Server) -> Load:
            return Load("127.0.0.1", server.port, "/tool", connections=200, seconds=seconds, warm_up=1.0)

        taken = await in_turns(context, generator, [ours], load, context.amount(7, 1))
    return [
        taken.figure(name, "req/s", lambda each: each.result.rate),
        taken.figure(f"{name}, CPU", "us", lambda each: each.micros),
    ]
