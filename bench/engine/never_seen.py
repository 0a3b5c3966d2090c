# SPDX-License-Identifier: Apache-2.0
"""An app that the process has never seen: from its source to its first response over HTTP, and what it keeps."""

from __future__ import annotations

from itertools import pairwise

from bench.apps import SOURCES
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
from genapps.api.generatedapp import Language

_NEW_APPS = "bench.engine.new_apps"


async def never_seen(
    context: Context,
    first_response: str = "never-seen app, first response",
    cpu: str = "never-seen app, CPU",
    loaded: str = "private memory per loaded app",
    language: Language = Language.PYTHON,
) -> list[Figure]:
    """Three figures, by their names.

    Each request, one after another on one connection, is a new app: in `language` here, JavaScript in workerd.

    Apps stay loaded. The memory of each is the growth of the process over a round, divided by the apps of that round.
    """
    apps = context.amount(150, 10)
    command = (await context.interpreter()).command
    numbers = iter(range(1_000_000))
    memory: dict[str, list[float]] = {}
    async with (
        host_generator(command) as generator,
        workerd_peer(context) as peers,
        runtime(context, SOURCES[language], _NEW_APPS, language=language) as ours,
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
        taken.of_samples(first_response, "ms", first),
        taken.figure(cpu, "ms", lambda each: each.micros / 1000),
        taken.of_samples(loaded, "MiB", growth),
    ]
