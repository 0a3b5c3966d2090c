# SPDX-License-Identifier: Apache-2.0
"""What callers get in place of a problem, when the app declares it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from genapps_runtime.serve.fallback.breaker import MINIMUM
from tests.runtime.lanes_world import Asked, LanesWorld
from tests.runtime.scripted_gateway import ScriptedGateway
from tests.runtime.telling_language import TellingLanguage

SOURCE = """
import asyncio, sqlite3, typing
from genapps import Response, ToolError, app, log, state, tools

broken = typing.sys.modules["_signal"]

@app.get("/page")
async def page(request):
    if "trap" in (await state.get("mode", "")):
        broken.raise_signal(6)
    return await state.get("mode", "first")

@app.get("/mode/{mode}")
async def set_mode(request, mode):
    await state.put("mode", mode)

@app.get("/abort")
@app.post("/abort")
def abort(request):
    broken.raise_signal(6)

@app.get("/tool-then-abort")
async def tool_then_abort(request):
    await tools.call("mail", "send")
    broken.raise_signal(6)

@app.get("/loop")
def loop(request):
    while True:
        pass

@app.get("/wait")
async def wait(request):
    await asyncio.sleep(60)

@app.get("/raise")
def raises(request):
    raise LookupError

@app.fallback
async def fallback(request):
    log.info("asked for a fallback")
    match request.query.get("do"):
        case "write": await state.put("written", 1)
        case "sql": await state.sql("CREATE TABLE written (n)")
        case "sqlite3":
            sqlite3.connect("app.db").execute("CREATE TABLE written (n)")
        case "tool":
            try:
                await tools.call("rates", "latest")
            except ToolError as error:
                return error.code
        case "tool-sync":
            try:
                tools.call_sync("rates", "latest")
            except ToolError as error:
                return error.code
        case "loop": loop(request)
        case "wait": await asyncio.sleep(60)
        case "trap": broken.raise_signal(6)
        case "raise": raise LookupError
        case "500": return Response("", status=500)
    return ["fallback", request.method, request.path, await state.get("mode", "none")]
"""
STATIC = {"status": 200, "contentType": "text/plain", "body": "grüezi"}
World = Callable[..., Any]


def fallback(*, static: bool = False, last_good: bool = False, export: bool = False) -> dict[str, Any]:
    return {"static": STATIC if static else None, "lastGood": last_good, "export": export}


@pytest.fixture
def world(telling_language: TellingLanguage, tmp_path: Path) -> World:
    @asynccontextmanager
    async def opened(**changes: Any) -> AsyncIterator[LanesWorld]:
        world = LanesWorld(telling_language, tmp_path, SOURCE, **changes)
        yield world
        await world.close()

    return opened


async def ask(world: LanesWorld, path: str, method: str = "GET") -> Asked:
    path, _, query = path.partition("?")
    asked = world.ask(path, method, query)
    await world.answered(asked)
    return asked


def mark(asked: Asked) -> str:
    """Why a fallback answered, or nothing."""
    assert asked.reply is not None
    return b"".join(value for name, value in asked.reply.headers if name == b"genapps-fallback").decode()


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    return [line for line in found if line["event"] == "action"]


async def test_after_a_tool_that_may_have_acted_no_fallback_covers_it_up(world: World) -> None:
    kinds = fallback(static=True, last_good=True, export=True)
    async with world(fallback=kinds, gateway=ScriptedGateway()) as app:
        asked = await ask(app, "/tool-then-abort")
        assert (asked.code, mark(asked)) == ("PartiallyDone", "")


@pytest.mark.parametrize(
    ("path", "why"), [("/abort", "trap"), ("/loop", "timeout"), ("/wait", "timeout")], ids=["trap", "loop", "wait"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_fixed_answer_stands_for_a_trap_and_a_timeout(world: World, path: str, why: str, method: str) -> None:
    async with world(fallback=fallback(static=True), time={"actionMillis": 100}) as app:
        asked = await ask(app, path, method if path == "/abort" else "GET")
        assert (asked.answer, mark(asked)) == ("grüezi", why)
        assert f'genapps_fallbacks_total{{reason="{why}"}} 1' in app.metrics.render().decode()


async def test_the_log_and_the_metrics_still_say_what_happened(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    async with world(fallback=fallback(static=True)) as app:
        await ask(app, "/abort")
        assert 'genapps_actions_total{outcome="GuestTrapped"} 1' in app.metrics.render().decode()
    (line,) = lines(capfd)
    assert {name: line.get(name) for name in ("status", "code", "fallback", "fallbackKind")} == {
        "status": 200, "code": "GuestTrapped", "fallback": "trap", "fallbackKind": "static",
    }  # fmt: skip


async def test_the_breaker_asks_for_it(world: World) -> None:
    async with world(fallback=fallback(static=True, export=True)) as app:
        for _ in range(MINIMUM):
            assert (await ask(app, "/raise")).code == "AppFailed", "an exception is the app's answer"
        asked = await ask(app, "/page")
        assert (asked.answer, mark(asked)) == (["fallback", "GET", "/page", "none"], "breaker")


async def test_the_last_good_answer_comes_before_the_others(world: World) -> None:
    async with world(fallback=fallback(static=True, last_good=True, export=True)) as app:
        assert (await ask(app, "/page")).answer == "first"
        await ask(app, "/mode/trap")
        asked = await ask(app, "/page")
        assert (asked.answer, mark(asked)) == ("first", "trap")
        assert asked.reply is not None
        assert any(name == b"age" for name, _ in asked.reply.headers)
        assert (await ask(app, "/page?other=1")).answer == ["fallback", "GET", "/page", "trap"]
        assert mark(await ask(app, "/mode/good")) == ""
        assert (await ask(app, "/page")).answer == "good"


async def test_the_apps_own_fallback_gets_the_request_and_reads_the_state(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    async with world(fallback=fallback(export=True)) as app:
        await ask(app, "/mode/kept")
        asked = await ask(app, "/abort", "POST")
        assert (asked.answer, mark(asked)) == (["fallback", "POST", "/abort", "kept"], "trap")
    line = lines(capfd)[-1]
    assert (line["code"], line["fallbackKind"]) == ("GuestTrapped", "export")
    assert line["ownFallback"]["log"][0]["message"] == "asked for a fallback"


@pytest.mark.parametrize("do", ["write", "sql", "sqlite3", "raise", "500", "trap", "loop", "wait"])
async def test_an_own_fallback_that_fails_or_writes_gives_way_to_the_fixed_one(world: World, do: str) -> None:
    async with world(fallback=fallback(static=True, export=True)) as app:
        asked = await ask(app, f"/abort?do={do}")
        assert (asked.answer, mark(asked)) == ("grüezi", "trap")
        assert (await ask(app, "/abort?do=nothing")).answer[-1] == "none"
        assert [entry for entry in app.facet.view().list("", 10) if entry == "written"] == []


async def test_an_own_fallback_that_fails_leaves_the_problem_where_there_is_no_other(world: World) -> None:
    async with world(fallback=fallback(export=True)) as app:
        asked = await ask(app, "/abort?do=raise")
        assert (asked.code, mark(asked)) == ("GuestTrapped", "")


@pytest.mark.parametrize("do", ["tool", "tool-sync"])
async def test_an_own_fallback_calls_no_tool(world: World, do: str) -> None:
    async with world(fallback=fallback(export=True)) as app:
        assert (await ask(app, f"/abort?do={do}")).answer == "ReadOnly"


async def test_an_app_without_an_own_fallback_keeps_its_problem(
    telling_language: TellingLanguage, tmp_path: Path
) -> None:
    source = SOURCE.replace("@app.fallback", "")
    app = LanesWorld(telling_language, tmp_path, source, fallback=fallback(export=True))
    assert (await ask(app, "/abort")).code == "GuestTrapped"
    await app.close()


async def test_without_a_place_the_fixed_answer_comes_at_once(world: World) -> None:
    async with world(fallback=fallback(static=True, export=True), limits={"concurrency": 1}) as app:
        several = [app.ask("/abort") for _ in range(3)]
        await app.answered(*several)
        assert {mark(one) for one in several} == {"trap"}


async def test_many_fallbacks_at_once_are_all_answered(world: World) -> None:
    async with world(fallback=fallback(static=True, export=True), limits={"instances": 2}) as app:
        several = [app.ask("/abort", "POST") for _ in range(20)]
        await app.answered(*several)
        assert {mark(one) for one in several} <= {"trap", "breaker"}
        await asyncio.sleep(0)
        assert app.app.idle_since is not None


async def test_an_app_that_declares_none_keeps_its_problem(world: World) -> None:
    async with world() as app:
        assert (await ask(app, "/abort")).code == "GuestTrapped"
