# SPDX-License-Identifier: Apache-2.0
"""What an `Idempotency-Key` adds to a durable write: each request has a new one, in turns with requests without."""

from __future__ import annotations

import itertools
from dataclasses import replace

from bench.apps import ANSWERS
from bench.context import Context
from bench.engine.rounds import in_turns
from bench.engine.runtime_process import runtime
from bench.figures import Figure
from bench.load.generator import host_generator
from bench.load.job import Load
from bench.server import Server

PLAIN = "without a key"


async def keyed_state(context: Context) -> list[Figure]:
    """Rate and CPU time of a durable get + put by POST. Answers are kept for a second, so that each commit also
    removes those that are older: as many come as go."""
    seconds = 3.0 if not context.quick else 1.0
    command = (await context.interpreter()).command
    rounds = itertools.count()
    async with host_generator(command) as generator, runtime(context, ANSWERS, responses_seconds=1) as ours:
        servers = [ours, replace(ours, name=PLAIN)]

        def load(server: Server) -> Load:
            keys = "" if server.name == PLAIN else f"round-{next(rounds)}"
            path = "/state?key={connection}"
            return Load(
                "127.0.0.1", server.port, path, connections=32, seconds=seconds, warm_up=seconds / 5, method="POST",
                keys=keys,
            )  # fmt: skip

        taken = await in_turns(context, generator, servers, load, context.amount(7, 2))
    return [
        taken.figure("key and durable put, c=32", "req/s", lambda each: each.result.rate),
        taken.figure("key and durable put, c=32, CPU", "us", lambda each: each.micros),
    ]
