# SPDX-License-Identifier: Apache-2.0
"""Requests that run again after a conflict get what their tools have answered, and call nothing twice.

Each request calls tools and counts, in an order of its own, at the same time as others.
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genapps_runtime.egress.gateway_client import Called
from tests.runtime.call_sync_world import Worlds, value
from tests.runtime.harness import until
from tests.runtime.lanes_world import Asked, LanesWorld
from tests.runtime.scripted_gateway import ScriptedGateway
from tests.runtime.telling_language import TellingLanguage

COUNTER = """
import asyncio

from genapps import app, state, tools

@app.post("/quote/{number}")
async def quote(request, number):
    rate = await tools.call("rates", "latest", currency="EUR")
    count = await state.get("count", 0) + 1
    await state.put("count", count)
    return [rate, count]

@app.post("/order/{number}")
async def order(request, number):
    count = await state.get("count", 0) + 1
    await tools.call("mail", "send")
    await state.put("count", count)
    return count

@app.post("/given-up")
async def given_up(request):
    count = await state.get("count", 0) + 1
    task = asyncio.create_task(tools.call("rates", "latest"))
    await asyncio.sleep(0.001)
    await state.put("count", count)
    return count

@app.post("/never")
async def never(request):
    task = asyncio.create_task(tools.call("mail", "send"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0.001)
    try:
        await task
    except asyncio.CancelledError:
        return (await tools.call("mail", "send-after-all"))[0]

@app.get("/count")
async def count(request):
    return await state.get("count", 0)
"""

# A letter is a step: r and w call a tool that reads or writes, capital letters without await; n counts in the state,
# and s calls a tool that reads with what was counted.
STEPS = """
from genapps import app, state, tools

@app.post("/run/{steps}/{number}")
async def run(request, steps, number):
    seen = []
    for step in steps:
        if step in "rw":
            await tools.call("rates" if step == "r" else "mail", step)
        elif step in "RW":
            tools.call_sync("rates" if step == "R" else "mail", step.lower())
        elif step == "n":
            seen.append(await state.get("n", 0) + 1)
            await state.put("n", seen[-1])
        else:
            await tools.call("rates", "s", seen=await state.get("n", 0))
    return seen

@app.post("/reset")
async def reset(request):
    await state.put("n", 0)

@app.get("/n")
async def n(request):
    return await state.get("n", 0)
"""


def reads(payload: dict[str, Any]) -> Called:
    return Called({"ok": 1.0625}, wrote=False)


async def test_callers_who_read_a_rate_and_count_all_get_an_answer_and_call_once(
    worlds: Worlds, called: ScriptedGateway
) -> None:
    called.answers["rates"] = reads
    world = worlds(COUNTER, time={"actionMillis": 60_000})
    for round_ in range(1, 11):
        asked = [world.ask(f"/quote/{round_}-{number}", "POST") for number in range(8)]
        await world.answered(*asked)
        assert sorted(one.answer[1] for one in asked) == list(range(8 * round_ - 7, 8 * round_ + 1))
        assert len(called.calls) == len(set(called.steps)) == 8 * round_
    assert await value(world, "/count") == 80


async def test_a_conflict_after_a_call_that_writes_names_the_call(worlds: Worlds, called: ScriptedGateway) -> None:
    world = worlds(COUNTER)
    called.hold = asyncio.Event()
    asked = [world.ask(f"/order/{number}", "POST") for number in range(4)]
    await until(lambda: len(called.calls) == 4)
    called.hold.set()
    await world.answered(*asked)
    replies = [one.reply for one in asked if one.reply is not None]
    assert sorted(reply.status for reply in replies) == [200, 409, 409, 409]
    details = {json.loads(reply.body)["detail"] for reply in replies if reply.status == 409}
    assert details == {"the app had called mail.send, so the runtime did not run the request again"}
    assert len(called.calls) == 4
    assert await value(world, "/count") == 1


async def test_a_call_whose_answer_nobody_has_seen_counts_as_one_that_writes(
    worlds: Worlds, called: ScriptedGateway
) -> None:
    called.answers["rates"] = reads
    world = worlds(COUNTER)
    called.hold = asyncio.Event()
    asked = [world.ask("/given-up", "POST") for _ in range(2)]
    await world.answered(*asked)
    assert sorted(one.reply.status for one in asked if one.reply is not None) == [200, 409]


async def test_a_call_that_is_given_up_before_the_host_is_asked_is_not_made(
    worlds: Worlds, called: ScriptedGateway
) -> None:
    assert await value(worlds(COUNTER), "/never", "POST") == "send-after-all"
    assert called.asked == ["send-after-all"]


class Slow(ScriptedGateway):
    """Each answer comes after as many passes of the loop as `passes` says, over and over."""

    passes: list[int]

    async def call(self, request_id: str, step: int, payload: dict[str, Any], seconds: float, trace: str) -> Called:
        for _ in range(self.passes[len(self.calls) % len(self.passes)]):
            await asyncio.sleep(0)
        return await super().call(request_id, step, payload, seconds, trace)


@pytest.fixture(scope="module")
def stepping(
    loaded_telling_language: TellingLanguage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[asyncio.Runner, LanesWorld, Slow]]:
    with asyncio.Runner() as runner:

        async def start(directory: Path) -> tuple[LanesWorld, Slow]:
            gateway = Slow(answers={"rates": reads})
            changes: dict[str, Any] = {"limits": {"toolCallsPerAction": 64}, "time": {"actionMillis": 60_000}}
            return LanesWorld(loaded_telling_language, directory, STEPS, gateway=gateway, **changes), gateway

        world, gateway = runner.run(start(tmp_path_factory.mktemp("state")))
        yield runner, world, gateway
        runner.run(world.close())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.text("rRnswW", min_size=1, max_size=4), min_size=2, max_size=8),
    st.lists(st.integers(0, 5), min_size=1, max_size=4),
)
def test_every_request_that_is_answered_has_counted_and_called_once(
    stepping: tuple[asyncio.Runner, LanesWorld, Slow], plans: list[str], passes: list[int]
) -> None:
    runner, world, gateway = stepping
    gateway.passes = passes

    async def run() -> tuple[list[Asked], int]:
        await value(world, "/reset", "POST")
        gateway.calls, gateway.steps = [], []
        asked = [world.ask(f"/run/{steps}/{number}", "POST") for number, steps in enumerate(plans)]
        await world.answered(*asked)
        return asked, await value(world, "/n")

    asked, count = runner.run(run())
    counted: list[int] = []
    for steps, one in zip(plans, asked, strict=True):
        assert one.reply is not None
        made = [
            call["tool"] for call, (request, _) in zip(gateway.calls, gateway.steps, strict=True) if request == one.path
        ]
        writes = len([step for step in steps if step in "wW"])
        if one.reply.status == 200:
            counted += one.answer
            assert made.count("w") == writes
            assert made.count("r") == len([step for step in steps if step in "rR"])
        else:
            assert (one.reply.status, one.code) == (409, "StateConflict")
            assert "mail.w" in one.reply.body.decode()
            assert 1 <= made.count("w") <= writes
    assert len(set(counted)) == len(counted)
    assert count == max(counted, default=0)
    assert world.context.recorded.held == 0
