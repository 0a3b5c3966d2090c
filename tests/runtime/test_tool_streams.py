# SPDX-License-Identifier: Apache-2.0
"""Answers of tools that an app takes piece by piece: what it gets, what ends them, and that none is made up for."""

import asyncio
import itertools
from typing import Any

import pytest

from genapps_runtime.serve.tool_streams import MOST_OPEN
from tests.runtime.call_sync_world import Worlds, value
from tests.runtime.harness import until
from tests.runtime.scripted_gateway import ScriptedGateway
from tests.runtime.streaming_world import Serving

SOURCE = """
import typing
from contextlib import aclosing
from genapps import ToolError, app, gather, state, tools

kept = []

@app.get("/all/{connector}")
@app.post("/all/{connector}")
async def all_of(request, connector):
    return [piece async for piece in tools.stream(connector, "chat", n=1)]

@app.get("/passed/{connector}")
async def passed(request, connector):
    async for piece in tools.stream(connector, "chat"):
        yield piece["text"]

@app.get("/caught/{connector}")
async def caught(request, connector):
    found, answer = [], tools.stream(connector, "chat")
    for _ in range(2):
        try:
            async for piece in answer:
                found.append(piece)
        except (ToolError, RuntimeError) as error:
            found.append([type(error).__name__, getattr(error, "code", None)])
    return found

@app.get("/first/{connector}")
async def first(request, connector):
    async with aclosing(tools.stream(connector, "chat")) as answer:
        async for piece in answer:
            break
    await tools.call("crm", "after")
    return piece

@app.get("/many/{number}")
async def many(request, number):
    found = [tools.stream("llm", str(one)) for one in range(int(number))]
    try:
        return [await anext(one) for one in found]
    except ToolError as error:
        return [error.code, error.detail]

@app.get("/side-by-side")
async def side_by_side(request):
    async def taken(tool):
        return [piece async for piece in tools.stream("llm", tool)]
    return await gather(taken("a"), taken("b"))

@app.get("/sync")
def sync(request):
    try:
        asked = {"connector": "llm", "tool": "chat", "arguments": {}, "stream": True}
        return typing.sys.modules["genapps.immediate"].ask_tool(asked)
    except ToolError as error:
        return [error.code, error.detail]

@app.get("/wrong/{kind}")
async def wrong(request, kind):
    try:
        return await typing.sys.modules["genapps.calls"].Call(kind, {"call": 7})
    except ToolError as error:
        return error.code

@app.get("/count/{connector}")
async def count(request, connector):
    number = await state.get("n", 0)
    async for piece in tools.stream(connector, "chat"):
        pass
    await state.put("n", number + 1)
    return number

@app.get("/add")
async def add(request):
    await state.put("n", await state.get("n", 0) + 10)

@app.get("/n")
async def n(request):
    return await state.get("n", 0)

@app.get("/after-sql")
async def after_sql(request):
    answer = tools.stream("llm", "chat")
    await anext(answer)
    await state.sql("CREATE TABLE t (a)")
    try:
        return await anext(answer)
    except ToolError as error:
        return error.code
"""


async def test_an_app_gets_the_pieces_and_the_gateway_one_call(worlds: Worlds, called: ScriptedGateway) -> None:
    called.pieces["llm"] = [[1, None], ["zwölf"], [{"a": []}]]
    assert await value(worlds(SOURCE), "/all/llm") == [1, None, "zwölf", {"a": []}]
    (call,) = called.calls
    assert (call["tool"], call["arguments"], call["stream"], len(call["key"])) == ("chat", {"n": 1}, True, 64)
    assert called.open == 0


async def test_pieces_flow_through_the_app_to_its_caller(serving: Serving, called: ScriptedGateway) -> None:
    called.pieces["llm"] = [[{"text": "1 + 1"}], [{"text": " is 2"}], None]
    async with serving(SOURCE, gateway=called) as world:
        caller = await world.connect()
        caller.ask("/passed/llm")
        assert (await caller.head())[0] == 200
        assert [await caller.chunk(), await caller.chunk()] == [b"1 + 1", b" is 2"]
        assert called.open == 1, "the end of the answer has not come"
        caller.writer.transport.abort()
        await until(lambda: called.open == 0)


async def test_two_answers_come_side_by_side(worlds: Worlds, called: ScriptedGateway) -> None:
    called.pieces["llm"] = [[1], [2]]
    assert await value(worlds(SOURCE), "/side-by-side") == [[1, 2], [1, 2]]


@pytest.mark.parametrize("before", [[], [[1]]])
async def test_a_problem_ends_the_answer_and_nothing_comes_after_it(
    worlds: Worlds, called: ScriptedGateway, before: list[Any]
) -> None:
    called.pieces["llm"] = [*before, {"code": "UpstreamFailed", "class": "limit"}]
    found = await value(worlds(SOURCE), "/caught/llm")
    assert found == [*itertools.chain(*before), ["ToolError", "UpstreamFailed"], ["RuntimeError", None]]
    assert called.open == 0
    assert len(called.calls) == 1


async def test_an_app_may_leave_an_answer_early(worlds: Worlds, called: ScriptedGateway) -> None:
    called.pieces["llm"] = [[1, 2], [3]]
    seen = []
    called.answers["crm"] = lambda payload: seen.append(called.open) or called.done(payload)  # type: ignore[func-returns-value]
    assert await value(worlds(SOURCE), "/first/llm") == 1
    assert seen == [0], "it was left before the next call"


async def test_an_answer_that_is_not_taken_to_its_end_ends_with_the_request(
    worlds: Worlds, called: ScriptedGateway
) -> None:
    called.pieces["llm"] = [[1], [2]]
    assert await value(worlds(SOURCE), f"/many/{MOST_OPEN}") == [1] * MOST_OPEN
    assert called.open == 0


async def test_one_answer_more_than_may_be_open_is_refused(worlds: Worlds, called: ScriptedGateway) -> None:
    called.pieces["llm"] = [[1], [2]]
    code, detail = await value(worlds(SOURCE), f"/many/{MOST_OPEN + 1}")
    assert code == "CallRefused"
    assert f"at most {MOST_OPEN}" in detail
    assert len(called.calls) == MOST_OPEN


async def test_streams_count_as_calls(worlds: Worlds, called: ScriptedGateway) -> None:
    called.pieces["llm"] = [[1]]
    world = worlds(SOURCE, limits={"toolCallsPerAction": 1})
    assert (await value(world, "/many/2"))[0] == "FanOutExceeded"


@pytest.mark.parametrize(("path", "code"), [("/wrong/next", "CallInvalid"), ("/after-sql", "ToolAfterSql")])
async def test_what_makes_no_sense_is_refused(worlds: Worlds, called: ScriptedGateway, path: str, code: str) -> None:
    called.pieces["llm"] = [[1], [2]]
    assert await value(worlds(SOURCE), path) == code


async def test_leaving_what_is_not_there_is_nothing(worlds: Worlds) -> None:
    assert await value(worlds(SOURCE), "/wrong/leave") is None


async def test_code_that_does_not_wait_cannot_take_pieces(worlds: Worlds, called: ScriptedGateway) -> None:
    code, detail = await value(worlds(SOURCE), "/sync")
    assert (code, "awaited" in detail) == ("CallRefused", True)
    assert called.calls == []


async def test_an_action_that_has_taken_a_piece_does_not_run_again(worlds: Worlds, called: ScriptedGateway) -> None:
    """Its answer cannot be had once more. Before the first piece it runs again as any other."""
    world = worlds(SOURCE)
    called.pieces["llm"] = [[1]]
    called.hold = asyncio.Event()
    asked = world.ask("/count/llm")
    await until(lambda: bool(called.calls))
    assert await value(world, "/add") is None
    called.hold.set()
    await world.answered(asked)
    assert (asked.code, len(called.calls)) == ("StateConflict", 1)
    assert await value(world, "/n") == 10
    assert await value(world, "/count/llm") == 10
    assert await value(world, "/n") == 11


async def test_a_repeat_with_the_same_key_asks_the_tool_again(worlds: Worlds, called: ScriptedGateway) -> None:
    """Until the request has an answer, which is kept as any other."""
    world = worlds(SOURCE)
    called.pieces["llm"] = [[1], {"code": "UpstreamFailed", "class": "limit"}]
    failed = world.ask("/all/llm", "POST", key="k")
    await world.answered(failed)
    assert failed.code == "ToolFailed"
    called.pieces["llm"] = [[2]]
    for _ in range(2):
        repeated = world.ask("/all/llm", "POST", key="k")
        await world.answered(repeated)
        assert repeated.answer == [2]
    assert len(called.calls) == 2


async def test_an_answer_that_stops_coming_ends_with_the_time_of_the_request(
    worlds: Worlds, called: ScriptedGateway
) -> None:
    called.pieces["llm"] = [[1], None]
    world = worlds(SOURCE, time={"actionMillis": 300})
    asked = world.ask("/all/llm")
    await world.answered(asked)
    assert asked.code == "ActionTimeout"
    assert called.open == 0


async def test_a_caller_who_goes_ends_the_answer(worlds: Worlds, called: ScriptedGateway) -> None:
    called.pieces["llm"] = [[1], None]
    world = worlds(SOURCE)
    asked = world.ask("/all/llm")
    await until(lambda: called.open == 1)
    asked.exchange.leave()
    await until(lambda: called.open == 0)
