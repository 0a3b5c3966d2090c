# SPDX-License-Identifier: Apache-2.0
"""A file of 16 KiB below `public/`, served without the guest, beside Starlette's StaticFiles."""

from __future__ import annotations

from contextlib import AsyncExitStack

from bench.apps import ANSWERS, ASSET
from bench.context import Context
from bench.engine.rounds import in_turns
from bench.engine.runtime_process import runtime
from bench.engine.sides import same_answers
from bench.figures import Figure, NotMeasuredError
from bench.load.generator import host_generator
from bench.load.job import Load
from bench.peer.python_peers import python_peer
from bench.server import Server

CONNECTIONS = 32
_PEER = "Starlette"
_PATH = f"/{ASSET}"


async def static_asset(context: Context) -> list[Figure]:
    """Rate, latency and CPU time of a request for a file with 32 connections."""
    seconds = 3.0 if not context.quick else 0.5
    command = (await context.interpreter()).command
    async with AsyncExitStack() as stack:
        generator = await stack.enter_async_context(host_generator(command))
        servers = [await stack.enter_async_context(runtime(context, ANSWERS, with_asset=True))]
        try:
            servers.append(await stack.enter_async_context(python_peer(context, _PEER)))
        except NotMeasuredError as reason:
            context.note(f"no ratios to {_PEER}: {reason}")
        await same_answers(servers, _PATH)

        def load(server: Server) -> Load:
            return Load("127.0.0.1", server.port, _PATH, connections=CONNECTIONS, seconds=seconds, warm_up=seconds / 5)

        taken = await in_turns(context, generator, servers, load, context.amount(7, 1))
    return [
        taken.figure("static asset, c=32", "req/s", lambda each: each.result.rate),
        taken.figure("static asset, c=32, p99", "ms", lambda each: each.result.p99 * 1000),
        taken.figure("static asset, c=32, CPU", "us", lambda each: each.micros),
    ]
