# SPDX-License-Identifier: Apache-2.0
"""What an `Idempotency-Key` adds: each request has a new one, in turns with requests without."""

from __future__ import annotations

import itertools
from dataclasses import replace

from bench.apps import ANSWERS, CALLS
from bench.context import Context
from bench.engine.rounds import in_turns
from bench.engine.runtime_process import runtime
from bench.figures import Figure
from bench.load.generator import host_generator
from bench.load.job import Load
from bench.server import Server

PLAIN = "without a key"


async def keyed_state(context: Context) -> list[Figure]:
    """Rate and CPU time of a durable get + put by POST."""
    names = "key and durable put, c=32", "key and durable put, c=32, CPU"
    return await _with_keys(context, names, ANSWERS, "/state?key={connection}")


async def journalled_call(context: Context) -> list[Figure]:
    """The same for a request that calls a tool, which is answered at once: with a key, intent and outcome are durable
    before it goes on."""
    return await _with_keys(context, ("journalled call, c=32", "journalled call, c=32, CPU"), CALLS, "/call")


async def _with_keys(context: Context, names: tuple[str, str], source: str, path: str) -> list[Figure]:
    """`names` are those of rate and CPU time.

    Answers are kept for a second, so that each commit also removes those that are older: as many come as go.
    """
    seconds = 3.0 if not context.quick else 1.0
    command = (await context.interpreter()).command
    rounds = itertools.count()
    async with host_generator(command) as generator, runtime(context, source, responses_seconds=1) as ours:
        servers = [ours, replace(ours, name=PLAIN)]

        def load(server: Server) -> Load:
            keys = "" if server.name == PLAIN else f"round-{next(rounds)}"
            return Load(
                "127.0.0.1", server.port, path, connections=32, seconds=seconds, warm_up=seconds / 5, method="POST",
                keys=keys,
            )  # fmt: skip

        taken = await in_turns(context, generator, servers, load, context.amount(7, 2))
    return [
        taken.figure(names[0], "req/s", lambda each: each.result.rate),
        taken.figure(names[1], "us", lambda each: each.micros),
    ]
