# SPDX-License-Identifier: Apache-2.0
"""What a request may use of the processor: over all its turns, whether its guest pauses or not."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.lanes_world import SOURCE, LanesWorld
from tests.runtime.telling_language import TellingLanguage

TURNS = """
COUNT = (
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 9000) SELECT count(*) FROM n"
)

@app.get("/turns")
async def turns(request):
    while True:
        sum(range(2000))
        await state.get("number", 0)

@app.get("/statements")
async def statements(request):
    while True:
        await state.sql(COUNT)
"""
Worlds = Callable[..., LanesWorld]


@pytest.fixture
async def worlds(telling_language: TellingLanguage, tmp_path: Path) -> AsyncIterator[Worlds]:
    made: list[LanesWorld] = []

    def make(instances: int, cpu_millis: int, **changes: Any) -> LanesWorld:
        limits = {"instances": instances, "cpuMillisPerAction": cpu_millis}
        made.append(
            LanesWorld(
                telling_language, tmp_path, SOURCE + TURNS, limits=limits, time={"actionMillis": 60_000}, **changes
            )
        )
        return made[-1]

    yield make
    for world in made:
        await world.close()


@pytest.mark.parametrize("instances", [1, 2])
async def test_a_request_past_its_processor_time_ends(worlds: Worlds, instances: int) -> None:
    world = worlds(instances, 100)
    loop = world.ask("/loop")
    await world.answered(loop)
    assert loop.code == "CpuLimitExceeded"


@pytest.mark.parametrize("instances", [1, 2])
@pytest.mark.parametrize("path", ["/turns", "/statements"])
async def test_many_short_turns_count_together(worlds: Worlds, instances: int, path: str) -> None:
    world = worlds(instances, 100)
    many = world.ask(path)
    await world.answered(many)
    assert many.code == "CpuLimitExceeded"


async def test_others_are_answered_after_it(worlds: Worlds) -> None:
    world = worlds(1, 100)
    loop = world.ask("/loop")
    small = [world.ask(f"/small/{number}") for number in range(3)]
    await world.answered(loop, *small)
    assert loop.code == "CpuLimitExceeded"
    assert [one.answer for one in small] == ["0", "1", "2"]


async def test_waiting_uses_nothing_of_it(worlds: Worlds) -> None:
    world = worlds(1, 1000)
    naps = [world.ask("/nap") for _ in range(5)]
    await world.answered(*naps)
    assert len({one.answer for one in naps}) == 1
