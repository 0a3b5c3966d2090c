# SPDX-License-Identifier: Apache-2.0
"""Tools called without await by hostile and careless apps: what is refused, and what ends the request."""

import asyncio

import pytest

from genapps_runtime.egress.gateway_client import Called
from genapps_runtime.guest.readings import CLOCK_READINGS, RANDOM_BYTES, Readings
from genapps_runtime.serve.tools import RECORDED_BYTES
from tests.runtime.call_sync_world import Worlds, problem, value
from tests.runtime.harness import until
from tests.runtime.scripted_gateway import ScriptedGateway


def test_what_is_kept_of_clock_and_chance_is_bounded() -> None:
    readings = Readings()
    drawn = [readings.random(RANDOM_BYTES // 2) for _ in range(3)]
    times = [readings.clock() for _ in range(CLOCK_READINGS + 1)]
    readings.begin_again()
    again = [readings.random(RANDOM_BYTES // 2) for _ in range(3)]
    assert [one == other for one, other in zip(drawn, again, strict=True)] == [True, True, False]
    told = [readings.clock() for _ in range(CLOCK_READINGS + 1)]
    assert told[:-1] == times[:-1]
    assert told[-1] > times[-1]


async def test_calls_past_the_fan_out_are_refused_where_they_are_made(worlds: Worlds, called: ScriptedGateway) -> None:
    world = worlds(limits={"toolCallsPerAction": 4})
    assert await value(world, "/fan-out") == ["find-0", "find-1", "find-2", "find-3", *["FanOutExceeded"] * 6]
    assert len(called.calls) == 4
    assert await value(worlds(limits={"toolCallsPerAction": 0}), "/fan-out") == ["FanOutExceeded"] * 10


@pytest.mark.parametrize(
    ("path", "made", "named"),
    [
        ("/diverges", ["run-1"], "crm.run-1; when the request ran again, it called crm.run-2"),
        ("/swaps", ["a", "b"], "crm.a; when the request ran again, it called crm.b"),
        ("/leaves-out", ["only-once"], "crm.only-once; when the request ran again, it answered without that call"),
    ],
)
async def test_a_request_that_asks_for_something_else_when_it_runs_again_ends(
    worlds: Worlds, called: ScriptedGateway, path: str, made: list[str], named: str
) -> None:
    world = worlds()
    asked = world.ask(path)
    await world.answered(asked)
    assert asked.reply is not None
    assert (asked.reply.status, asked.code) == (409, "ReplayDiverged")
    assert named in asked.reply.body.decode()
    assert called.asked == made


async def test_what_an_attempt_does_that_swallows_its_end_counts_for_nothing(
    worlds: Worlds, called: ScriptedGateway
) -> None:
    world = worlds(time={"actionMillis": 1000})
    assert await value(world, "/swallow") == "find"
    assert await value(world, "/n") == 0
    assert await problem(world, "/swallow-and-loop") == "ActionTimeout"
    assert await value(world, "/n") == 0
    assert len(called.calls) == 1


async def test_a_tool_is_not_called_without_await_beside_another_call(worlds: Worlds, called: ScriptedGateway) -> None:
    world = worlds()
    called.hold = asyncio.Event()
    asked = world.ask("/beside")
    await until(lambda: len(called.calls) == 1)
    called.hold.set()
    await world.answered(asked)
    assert asked.answer[0] == "CallRefused"
    assert "await that one first" in asked.answer[2]
    assert asked.answer[3] == "slow"
    called.hold = asyncio.Event()
    code, _, detail = await value(world, "/given-up")
    assert code == "CallRefused"
    assert "not waited for" in detail
    assert called.asked == ["slow", "slow"]


async def test_results_of_all_requests_have_one_bound(worlds: Worlds, called: ScriptedGateway) -> None:
    world = worlds(limits={"toolCallsPerAction": 100}, time={"actionMillis": 60_000})
    called.answers["crm"] = lambda payload: Called({"ok": "x" * (1024 * 1024 - 2)}, wrote=True)
    assert await problem(world, "/same/17") == "PartiallyDone"
    assert len(called.calls) == RECORDED_BYTES // 1024**2
    called.answers["crm"] = lambda payload: Called({"ok": 1}, wrote=True)
    assert await value(world, "/same/17") == [1] * 17


async def test_a_caller_who_leaves_and_time_that_runs_out_end_the_wait(worlds: Worlds, called: ScriptedGateway) -> None:
    world = worlds(time={"actionMillis": 1000})
    called.hold = asyncio.Event()
    asked = world.ask("/calls/1")
    await until(lambda: len(called.calls) == 1)
    asked.exchange.leave()
    await world.answered(asked)
    assert asked.code == "CallerGone"
    assert await problem(world, "/calls/1") == "PartiallyDone"


@pytest.mark.parametrize(("number", "cause"), [(0, "AppFailed"), (1, "GuestTrapped")])
async def test_a_request_that_fails_when_it_runs_again_says_what_it_had_called(
    worlds: Worlds, called: ScriptedGateway, number: int, cause: str
) -> None:
    world = worlds()
    asked = [world.ask(f"/break/{number}"), world.ask("/calls/2")]
    await world.answered(*asked)
    assert asked[0].code == "PartiallyDone"
    assert asked[0].reply is not None
    assert f"{cause}) after it had called crm.before (done)" in asked[0].reply.body.decode()
    assert len(asked[1].answer) == 2
    assert sorted(called.asked) == ["before", "find-0", "find-1"]


async def test_time_is_not_given_anew_with_each_call(worlds: Worlds, called: ScriptedGateway) -> None:
    world = worlds(limits={"toolCallsPerAction": 100}, time={"actionMillis": 300})
    called.answers["crm"] = lambda payload: Called({"ok": asked.exchange.begun}, wrote=True)
    called.hold = asyncio.Event()
    asked = world.ask("/calls/100")
    loop = asyncio.get_running_loop()

    def let_one_go() -> None:
        assert called.hold is not None
        called.hold.set()
        called.hold = asyncio.Event()
        if asked.reply is None:
            loop.call_later(0.02, let_one_go)

    let_one_go()
    await world.answered(asked)
    assert asked.code == "PartiallyDone"
    assert len(called.calls) < 100


async def test_bad_calls_are_answered_and_the_guest_lives(worlds: Worlds, called: ScriptedGateway) -> None:
    world = worlds()
    assert await value(world, "/deep/240") == "deep"
    assert await value(world, "/deep/300") == "CallInvalid"
    for number in range(4):
        assert "CallInvalid" in await value(world, f"/raw/{number}")
    assert await value(world, "/destructor") == "deleted"
    assert len(called.calls) <= 2
    assert world.live == 1


async def test_a_tool_is_not_called_while_the_code_loads(worlds: Worlds) -> None:
    source = 'from genapps import app, tools\n\n@app.get("/why")\ndef why(request):\n    return WHY\n\n'
    source += 'try:\n    tools.call_sync("crm", "find")\nexcept RuntimeError as error:\n    WHY = str(error)\n'
    assert "not while it loads" in await value(worlds(source), "/why")
