# SPDX-License-Identifier: Apache-2.0
"""The same answer by an app of ASGI, of WSGI and of the Workers form, beside the one that uses our own API."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace

from bench.apps import ANSWERS, ASGI_ANSWERS, WORKERS_ANSWERS, WSGI_ANSWERS
from bench.context import Context
from bench.engine.rounds import Rounds, in_turns
from bench.engine.runtime_process import runtime
from bench.engine.sides import same_answers
from bench.figures import Figure
from bench.load.generator import host_generator
from bench.load.job import Load
from bench.server import Server

OWN = "own API"
FORMS = {"ASGI": ASGI_ANSWERS, "WSGI": WSGI_ANSWERS, "Workers": WORKERS_ANSWERS}


async def forms(context: Context) -> list[Figure]:
    """Rate and CPU time of a warm request with 32 connections; one runtime for each form, loaded in turns."""
    seconds = 3.0 if not context.quick else 0.5
    command = (await context.interpreter()).command
    async with AsyncExitStack() as stack:
        generator = await stack.enter_async_context(host_generator(command))
        servers: list[Server] = []
        for name, source in {OWN: ANSWERS, **FORMS}.items():
            running = await stack.enter_async_context(runtime(context, source))
            servers.append(replace(running, name=name))
        await same_answers(servers, "/")

        def load(server: Server) -> Load:
            return Load("127.0.0.1", server.port, connections=32, seconds=seconds, warm_up=seconds / 5)

        taken = await in_turns(context, generator, servers, load, context.amount(7, 1))
    figures: list[Figure] = []
    own, *others = servers
    for form in others:
        beside = Rounds([form, own], {side.name: taken.of[side.name] for side in (form, own)}, taken.disturbed)
        figures += [
            beside.figure(f"{form.name} app, c=32", "req/s", lambda each: each.result.rate),
            beside.figure(f"{form.name} app, c=32, CPU", "us", lambda each: each.micros),
        ]
    return figures
