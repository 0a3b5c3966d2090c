# SPDX-License-Identifier: Apache-2.0
"""Tools called without await: the request begins again for each call, and makes none of them twice."""

import asyncio
from typing import Any

import pytest

from genapps_runtime.egress.gateway_client import Called
from tests.runtime.call_sync_world import Worlds, problem, value
from tests.runtime.harness import until
from tests.runtime.scripted_gateway import ScriptedGateway, refused
from tests.runtime.telling_language import TellingLanguage


@pytest.mark.parametrize("fresh", [False, True])
async def test_each_call_is_made_once_and_its_answer_comes_back(
    worlds: Worlds, called: ScriptedGateway, fresh: bool
) -> None:
    world = worlds(fresh=fresh)
    assert await value(world, "/calls/3") == [[f"find-{one}", {"number": one}] for one in range(3)]
    assert called.asked == ["find-0", "find-1", "find-2"]
    assert [step for _, step in called.steps] == [1, 2, 3]
    called.answers["crm"] = lambda payload: Called({"ok": len(called.calls)}, wrote=True)
    assert await value(world, "/same/3") == [4, 5, 6]


async def test_a_hundred_calls_of_four_requests_at_once(worlds: Worlds, called: ScriptedGateway) -> None:
    world = worlds(limits={"toolCallsPerAction": 100}, time={"actionMillis": 60_000})
    asked = [world.ask("/calls/100") for _ in range(4)]
    await world.answered(*asked)
    expected = [[f"find-{one}", {"number": one}] for one in range(100)]
    assert [one.answer for one in asked] == [expected] * 4
    assert len(called.calls) == 400


async def test_clock_and_chance_are_the_same_each_time(worlds: Worlds, called: ScriptedGateway) -> None:
    world = worlds()
    drawn = [await value(world, "/chance") for _ in range(2)]
    assert [call["arguments"]["drawn"] for call in called.calls] == [
        drawn[0][:5], drawn[0], drawn[1][:5], drawn[1],
    ]  # fmt: skip
    assert not set(drawn[0]) & set(drawn[1])
    assert await value(world, "/many-clocks") == "told"


async def test_clock_and_chance_are_the_same_when_others_run_between(worlds: Worlds, called: ScriptedGateway) -> None:
    world = worlds(limits={"instances": 2})
    asked = [world.ask("/chance") for _ in range(10)]
    await world.answered(*asked)
    assert len({tuple(one.answer) for one in asked}) == 10
    assert len(called.calls) == 20


@pytest.mark.parametrize(
    ("kind", "given"),
    [("null", None), ("text", "a text"), ("empty", ""), ("list", [1, None, {"a": "ü"}]), ("false", False)],
)
async def test_every_kind_of_result_comes_as_it_is(
    worlds: Worlds, called: ScriptedGateway, kind: str, given: Any
) -> None:
    world = worlds()
    called.answers[kind] = lambda payload: Called({"ok": given}, wrote=True)
    assert await value(world, f"/value/{kind}") == [given]


async def test_a_refusal_is_raised_and_not_asked_for_twice(worlds: Worlds, called: ScriptedGateway) -> None:
    world = worlds()
    called.answers["payroll"] = lambda payload: refused("ConnectorNotInEnvelope")
    assert await value(world, "/caught") == ["ConnectorNotInEnvelope"] * 3
    assert len(called.calls) == 1
    assert await problem(world, "/uncaught") == "ToolFailed"


async def test_only_the_last_attempt_is_logged(
    worlds: Worlds, called: ScriptedGateway, capfd: pytest.CaptureFixture[str]
) -> None:
    world = worlds()
    await value(world, "/calls/3")
    (line,) = [line for line in capfd.readouterr().out.splitlines() if '"path":"/calls/3"' in line]
    assert line.count('"begun"') == 1
    assert '"attempts":4' in line
    assert '"toolCalls":3' in line


async def test_the_state_is_that_of_the_first_attempt_and_a_change_is_a_conflict(
    worlds: Worlds, called: ScriptedGateway
) -> None:
    world = worlds()
    called.hold = asyncio.Event()
    counting = world.ask("/count", "POST")
    await until(lambda: len(called.calls) == 1)
    await value(world, "/put/7")
    called.hold.set()
    await world.answered(counting)
    assert counting.code == "StateConflict"
    assert counting.reply is not None
    assert "crm.find" in counting.reply.body.decode()
    assert called.calls[0]["arguments"] == {"seen": 0}
    called.hold = None
    assert await value(world, "/count", "POST") == [7, 7]
    assert await value(world, "/n") == 8


async def test_a_tool_and_then_rows_by_sqlite3(worlds: Worlds, called: ScriptedGateway) -> None:
    world = worlds()
    await value(world, "/make")
    assert [await value(world, "/tool-then-row", "POST") for _ in range(3)] == [0, 1, 2]
    asked = [world.ask("/tool-then-row", "POST") for _ in range(6)]
    await world.answered(*asked)
    assert sorted(one.answer for one in asked) == [3, 4, 5, 6, 7, 8]
    assert len(called.calls) == 9
    assert await value(world, "/rows") == ["name"] * 9
    code, _, detail = await value(world, "/row-then-tool")
    assert code == "ToolAfterSql"
    assert "call the tool first" in detail


async def test_a_request_whose_reads_changed_before_it_wrote_by_sql_ends_when_a_tool_had_acted(
    worlds: Worlds, called: ScriptedGateway
) -> None:
    world = worlds()
    await value(world, "/make")
    called.hold = asyncio.Event()
    asked = world.ask("/tool-then-row")
    await until(lambda: len(called.calls) == 1)
    await value(world, "/row")
    called.hold.set()
    await world.answered(asked)
    assert asked.code == "StateConflict"
    assert asked.reply is not None
    assert "crm.name" in asked.reply.body.decode()
    assert await value(world, "/rows") == ["other"]


async def test_both_ways_of_calling_in_one_request(worlds: Worlds, called: ScriptedGateway) -> None:
    world = worlds()
    assert await value(world, "/mixed") == ["first", "second", "third", "fourth", "fifth"]
    assert sorted(called.asked) == sorted(["first", "second", "third", "fourth", "fifth"])


async def test_a_request_whose_guest_another_one_broke_goes_on_in_a_new_one(
    worlds: Worlds, called: ScriptedGateway, capfd: pytest.CaptureFixture[str]
) -> None:
    world = worlds()
    began_again = False
    while not began_again:  # a slow machine cuts the batch after the one that breaks the guest
        await value(world, "/n")
        called.calls, called.hold = [], asyncio.Event()
        broken = world.ask("/out-of-memory")
        asked = [world.ask(f"/calls/{number}") for number in (1, 2, 3)]
        await until(lambda: len(called.calls) == 4)
        called.hold.set()
        await world.answered(*asked, broken)
        assert [len(one.answer) for one in asked] == [1, 2, 3]
        assert broken.code == "PartiallyDone"
        assert sorted(called.asked) == ["before", "find-0", "find-0", "find-0", "find-1", "find-1", "find-2"]
        lines = [line for line in capfd.readouterr().out.splitlines() if '"path":"/calls/2"' in line]
        began_again = '"attempts":4' in lines[0]  # one for each call, and one in the guest that was broken


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_request_that_computes_between_its_calls(
    worlds: Worlds, called: ScriptedGateway, fresh: bool, loaded_telling_language: TellingLanguage
) -> None:
    world = worlds(fresh=fresh, limits={"instances": 2})
    asked = world.ask("/compute/1")
    await world.computing(1)
    assert await value(world, "/calls/2") == [["find-0", {"number": 0}], ["find-1", {"number": 1}]]
    loaded_telling_language.tell()
    await world.answered(asked)
    assert asked.answer == ["before", "after"]
    assert sorted(called.asked) == ["after", "before", "find-0", "find-1"]
