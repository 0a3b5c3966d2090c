# SPDX-License-Identifier: Apache-2.0
"""An app that the process has never seen: from its source to its first response over HTTP, and what it keeps."""

from __future__ import annotations

from itertools import pairwise

from bench.apps import ANSWERS
from bench.context import Context
from bench.cpu import tree
from bench.engine.rounds import in_turns
from bench.engine.runtime_process import runtime
from bench.engine.sides import workerd_peer
from bench.figures import Figure
from bench.load.generator import host_generator
from bench.load.job import Load
from bench.memory import private_mebibytes
from bench.server import Server

_NEW_APPS = "bench.engine.new_apps"


async def never_seen(context: Context) -> list[Figure]:
    """Each request, one after another on one connection, is a new app: Python here, JavaScript in workerd.

    Apps stay loaded. The memory of each is the growth of the process over a round, divided by the apps of that round.
    """
    apps = context.amount(150, 10)
    command = (await context.interpreter()).command
    numbers = iter(range(1_000_000))
    memory: dict[str, list[float]] = {}
    async with (
        host_generator(command) as generator,
        workerd_peer(context) as peers,
        runtime(context, ANSWERS, _NEW_APPS) as ours,
    ):
        servers = [ours, *peers]

        def load(server: Server) -> Load:
            memory.setdefault(server.name, []).append(private_mebibytes(tree(server.pid)))
            return Load("127.0.0.1", server.port, f"/never-seen/{next(numbers)}-{{sequence}}", requests=apps)

        taken = await in_turns(context, generator, servers, load, context.amount(5, 1))
        for server in servers:
            memory[server.name].append(private_mebibytes(tree(server.pid)))
    first = {
        name: [each * 1000 for done in rounds for each in done.result.latencies] for name, rounds in taken.of.items()
    }
    growth = {
        name: [(after - before) / apps for before, after in pairwise(taken_at)] for name, taken_at in memory.items()
    }
    return [
        taken.of_samples("never-seen app, first response", "ms", first),
        taken.figure("never-seen app, CPU", "ms", lambda each: each.micros / 1000),
        taken.of_samples("private memory per loaded app", "MiB", growth),
    ]
