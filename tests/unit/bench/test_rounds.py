# SPDX-License-Identifier: Apache-2.0
"""Servers are loaded in turns, a disturbed load is repeated, and what stays disturbed is said."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from aiohttp import web

from bench.context import Context
from bench.engine.rounds import REPEATS, Rounds, in_turns
from bench.engine.sides import UnlikeAnswersError, same_answers
from bench.load.generator import FULL, Generator
from bench.load.job import Load, LoadResult
from bench.quiet import Quiet, Reading
from bench.server import Server

OURS, OTHER = Server("genapps", 1, os.getpid()), Server("it", 2, os.getpid())


class FakeGenerator:
    """Answers each load at once, and remembers which ports were loaded."""

    def __init__(self, busy: float = 0.5) -> None:
        self.ports: list[int] = []
        self._busy = busy

    async def load(self, job: Load) -> LoadResult:
        """100 answers, 10 of them in the warm-up."""
        self.ports.append(job.port)
        return LoadResult(90, 0, 1.0, 0.001, 0.002, 0.003, self._busy, "", (), 100)


class FakeMachine:
    """Others use one core during the loads whose numbers are given, and nothing while a run waits."""

    def __init__(self, generator: FakeGenerator, busy: set[int]) -> None:
        self._generator = generator
        self._busy = busy
        self._at = 0.0

    def look(self) -> Reading:
        """A reading one second after the last one."""
        self._at += 1
        loads = len(self._generator.ports)
        return Reading(self._at, float(sum(number in self._busy for number in range(loads))), 0.0)

    async def sleep(self, _seconds: float) -> None:
        """No time is needed."""


async def taken(
    tmp_path: Path, generator: FakeGenerator, busy: set[int], rounds: int = 2, *, quick: bool = False
) -> Rounds:
    machine = FakeMachine(generator, busy)
    context = Context(tmp_path, tmp_path, Quiet(1000, machine.look, machine.sleep), quick)
    return await in_turns(
        context, cast("Generator", generator), [OURS, OTHER], lambda server: Load("host", server.port), rounds
    )


async def test_every_second_round_is_in_reverse_order(tmp_path: Path) -> None:
    generator = FakeGenerator()
    done = await taken(tmp_path, generator, set(), rounds=3)
    assert generator.ports == [1, 2, 2, 1, 1, 2]
    assert {name: len(rounds) for name, rounds in done.of.items()} == {"genapps": 3, "it": 3}
    assert not done.disturbed


async def test_a_disturbed_load_is_repeated_and_not_counted(tmp_path: Path) -> None:
    generator = FakeGenerator()
    done = await taken(tmp_path, generator, {1, 2}, rounds=1)
    assert generator.ports == [1, 2, 2, 2]
    assert len(done.of["it"]) == 1
    assert not done.disturbed


async def test_a_load_that_stays_disturbed_takes_ratio_and_verdict_from_its_figures(tmp_path: Path) -> None:
    generator = FakeGenerator()
    done = await taken(tmp_path, generator, set(range(100)), rounds=1)
    assert len(generator.ports) == 2 * (1 + REPEATS)
    figure = done.figure("warm request, c=32", "req/s", lambda each: each.result.rate)
    assert (figure.median, figure.disturbed) == (90, True)
    assert figure.ratio(figure.peers[0]) is None


async def test_a_quick_run_repeats_nothing(tmp_path: Path) -> None:
    generator = FakeGenerator()
    assert (await taken(tmp_path, generator, {0}, rounds=1, quick=True)).disturbed
    assert generator.ports == [1, 2]


@pytest.mark.parametrize(("busy", "limited"), [(FULL, False), (FULL + 0.01, True)])
async def test_a_full_generator_marks_the_figure(tmp_path: Path, busy: float, limited: bool) -> None:
    done = await taken(tmp_path, FakeGenerator(busy), set())
    figure = done.figure("x", "req/s", lambda each: each.result.rate)
    assert (figure.limited, figure.peers[0].limited) == (limited, limited)
    assert done.generator("load generator's core").median == pytest.approx(busy * 100)


async def test_cpu_time_is_divided_by_all_answers_of_the_load(tmp_path: Path) -> None:
    done = await taken(tmp_path, FakeGenerator(), set(), rounds=1)
    (one,) = done.of["genapps"]
    assert one.micros == pytest.approx(one.cpu / 100 * 1e6)


@asynccontextmanager
async def answering(body: str) -> AsyncIterator[Server]:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=body)

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield Server(body, runner.addresses[0][1], os.getpid())
    finally:
        await runner.cleanup()


async def test_servers_with_different_answers_are_not_compared() -> None:
    async with answering('{"hello": "/"}') as ours, answering('{"hello":"/"}') as same, answering('{"hello":""}') as no:
        await same_answers([ours, same], "/")
        with pytest.raises(UnlikeAnswersError, match="GET /"):
            await same_answers([ours, same, no], "/")
