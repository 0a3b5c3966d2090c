# SPDX-License-Identifier: Apache-2.0
"""An app of high risk: each action has an instance in which no other has been, and there are never too many."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.harness import Pod, until
from tests.runtime.lanes_world import LanesWorld
from tests.runtime.telling_language import TellingLanguage

Worlds = Callable[..., LanesWorld]


@pytest.fixture
async def worlds(telling_language: TellingLanguage, tmp_path: Path) -> AsyncIterator[Worlds]:
    made: list[LanesWorld] = []

    def make(instances: int, millis: int = 60_000) -> LanesWorld:
        changes: dict[str, Any] = {"limits": {"instances": instances}, "time": {"actionMillis": millis}}
        made.append(LanesWorld(telling_language, tmp_path, fresh=True, **changes))
        return made[-1]

    yield make
    for world in made:
        await world.close()


@pytest.mark.parametrize("instances", [1, 2, 3])
async def test_no_two_actions_have_the_same_instance(worlds: Worlds, instances: int) -> None:
    world = worlds(instances)
    asked = [world.ask("/instance") for _ in range(20)]
    most = 0
    while any(one.reply is None for one in asked):
        most = max(most, world.live)
        await asyncio.sleep(0)
    assert len({one.answer for one in asked}) == 20
    assert most <= instances
    assert world.live == 0
    await world.answered(late := world.ask("/instance"))
    assert late.answer not in {one.answer for one in asked}


@pytest.mark.parametrize("path", ["/fail", "/nowhere", "/abort/0", "/small/a", "/count/0"])
async def test_an_instance_goes_with_its_action_however_that_ends(worlds: Worlds, path: str) -> None:
    world = worlds(1)
    asked = [world.ask(path), world.ask("/instance")]
    await world.answered(*asked)
    assert asked[1].answer
    assert world.live == 0


async def test_actions_that_wait_keep_their_instances_and_others_wait_in_order(worlds: Worlds) -> None:
    world = worlds(2)
    computes = world.ask("/compute/1")
    naps = [world.ask("/nap") for _ in range(3)]
    small = [world.ask(f"/small/{number}") for number in range(3)]
    await world.answered(*naps, *small)
    assert world.replied == ["/nap"] * 3 + [f"/small/{number}" for number in range(3)]
    assert computes.reply is None
    assert len({nap.answer for nap in naps}) == 3
    world.language.tell()
    await world.answered(computes)


async def test_one_that_waits_for_another_waits_in_vain(worlds: Worlds) -> None:
    world = worlds(1)
    sleeps, small = world.ask("/sleep/a"), world.ask("/small/a")
    await world.answered(sleeps, small)
    assert sleeps.code == "AppFailed"
    assert small.answer == "a"


async def test_one_that_gets_no_instance_in_time_is_refused(worlds: Worlds) -> None:
    world = worlds(1, millis=300)
    loops = world.ask("/long-nap")
    small = [world.ask("/small/a"), world.ask("/small/b")]
    await world.answered(loops, *small)
    assert loops.code == "ActionTimeout"
    for one in small:
        assert one.reply is not None
        assert one.reply.status == 200 or one.code == "Busy"
    after = world.ask("/small/c")
    await world.answered(after)
    assert after.answer == "c"


async def test_a_caller_who_leaves_frees_the_instance(worlds: Worlds) -> None:
    world = worlds(1)
    leaves, small = world.ask("/long-nap"), world.ask("/small/a")
    await until(lambda: world.app._stages.outside == 2)
    assert small.reply is None
    leaves.exchange.leave()
    await world.answered(leaves, small)
    assert leaves.code == "CallerGone"
    assert small.answer == "a"


async def test_an_action_that_runs_again_does_so_in_another_instance(worlds: Worlds) -> None:
    world = worlds(2)
    computes = world.ask("/count/1")
    await world.computing(1)
    await world.answered(world.ask("/count/0"))
    world.language.tell()
    await world.answered(computes)
    assert computes.answer == [1, 1]
    assert world.live == 0


COUNTS = """
from genapps import app
seen = []
@app.get("/")
async def count(request):
    seen.append(1)
    return len(seen)
"""


@pytest.mark.parametrize(("options", "counted"), [((), [1, 2, 3]), (("--fresh-instances",), [1, 1, 1])])
async def test_a_pod_that_is_told_to_makes_an_instance_for_each_request(
    pod: Pod, options: tuple[str, ...], counted: list[int]
) -> None:
    pod.write(COUNTS)
    await pod.start(*options)
    assert [json.loads((await pod.call("GET", "/")).body) for _ in range(3)] == counted
