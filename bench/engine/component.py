# SPDX-License-Identifier: Apache-2.0
"""An app that is a component, the example in Rust: beside the same in Python, in JavaScript and in workerd."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from dataclasses import replace

from bench.apps import SOURCES
from bench.context import Context
from bench.engine.new_components import COMPILED, NEVER_SEEN
from bench.engine.rounds import in_turns
from bench.engine.runtime_process import runtime
from bench.engine.sides import same_answers, workerd_peer
from bench.figures import Figure, NotMeasuredError
from bench.load.generator import host_generator
from bench.load.job import Load
from bench.server import Server
from genapps.api.generatedapp import Language
from tools.rust_example import NoRustError, rust_example

CONNECTIONS = 32
_NEW_COMPONENTS = "bench.engine.new_components"


async def component(context: Context) -> list[Figure]:
    """Requests to a loaded component, then first answers: of one that was never seen, and of one that was compiled."""
    try:
        built = (await asyncio.to_thread(rust_example)).read_bytes()
    except (NoRustError, subprocess.CalledProcessError) as error:
        raise NotMeasuredError(f"no component to measure: {error}") from None
    return await _warm(context, built) + await _first(context, built)


async def _warm(context: Context, built: bytes) -> list[Figure]:
    seconds = 3.0 if not context.quick else 0.5
    command = (await context.interpreter()).command
    async with (
        host_generator(command) as generator,
        workerd_peer(context) as peers,
        runtime(context, built, language=Language.COMPONENT) as ours,
        runtime(context, SOURCES[Language.PYTHON]) as python,
        runtime(context, SOURCES[Language.JAVASCRIPT], language=Language.JAVASCRIPT) as javascript,
    ):
        servers = [ours, replace(python, name="Python"), replace(javascript, name="JavaScript"), *peers]
        await same_answers(servers, "/")

        def load(server: Server) -> Load:
            return Load("127.0.0.1", server.port, connections=CONNECTIONS, seconds=seconds, warm_up=seconds / 5)

        taken = await in_turns(context, generator, servers, load, context.amount(7, 1))
    name = f"component, c={CONNECTIONS}"
    return [
        taken.figure(name, "req/s", lambda each: each.result.rate),
        taken.figure(f"{name}, p99", "ms", lambda each: each.result.p99 * 1000),
        taken.figure(f"{name}, CPU", "us", lambda each: each.micros),
    ]


async def _first(context: Context, built: bytes) -> list[Figure]:
    command = (await context.interpreter()).command
    figures = []
    async with (
        host_generator(command) as generator,
        runtime(context, built, _NEW_COMPONENTS, language=Language.COMPONENT) as ours,
    ):
        for name, begin in (
            ("never-seen component", NEVER_SEEN),
            ("component compiled before", COMPILED),
        ):
            numbers = iter(range(1_000_000))

            def load(server: Server, begin: str = begin, numbers: Iterator[int] = numbers) -> Load:
                path = f"{begin}{next(numbers)}-{{sequence}}"
                return Load("127.0.0.1", server.port, path, requests=context.amount(20, 5))

            taken = await in_turns(context, generator, [ours], load, context.amount(5, 1))
            first = [each * 1000 for done in taken.of[ours.name] for each in done.result.latencies]
            figures.append(taken.of_samples(name, "ms", {ours.name: first}))
    return figures
