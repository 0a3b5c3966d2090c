# SPDX-License-Identifier: Apache-2.0
"""The execution breaker of an app: what opens it, what callers get, and how it closes."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from genapps_runtime.serve.fallback.breaker import MINIMUM, OPEN_SECONDS, PROBES
from tests.runtime.lanes_world import LanesWorld
from tests.runtime.telling_language import TellingLanguage
from tests.support.clock import Clock

SOURCE = """
from genapps import BadRequest, Response, ToolError, app

@app.get("/good")
def good(request):
    return "good"

@app.get("/raise")
def raises(request):
    raise LookupError

@app.get("/status/{status}")
def status(request, status):
    return Response("", status=int(status))

@app.get("/refuse")
def refuse(request):
    raise BadRequest("no")

@app.get("/tool")
def tool(request):
    raise ToolError({"code": "RateExceeded", "class": "limit"})

@app.get("/loop")
def loop(request):
    while True:
        pass
"""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def world(telling_language: TellingLanguage, tmp_path: Path, clock: Clock) -> AsyncIterator[LanesWorld]:
    world = LanesWorld(telling_language, tmp_path, SOURCE, clock=clock)
    yield world
    await world.close()


async def ask(world: LanesWorld, path: str, times: int) -> list[int]:
    """The statuses of so many requests, one after the other."""
    statuses = []
    for _ in range(times):
        asked = world.ask(path)
        await world.answered(asked)
        assert asked.reply is not None
        statuses.append(asked.reply.status)
    return statuses


@pytest.mark.parametrize("path", ["/raise", "/status/500", "/status/503"])
async def test_an_app_that_keeps_failing_is_not_asked_any_more(world: LanesWorld, path: str) -> None:
    await ask(world, path, MINIMUM)
    asked = world.ask("/good")
    await world.answered(asked)
    assert asked.code == "BreakerOpen"
    assert asked.reply is not None
    assert (asked.reply.status, (b"retry-after", b"5") in asked.reply.headers) == (503, True)
    assert world.metrics.value("genapps_breaker_open") == world.metrics.value("genapps_breaker_opened_total") == 1


@pytest.mark.parametrize("path", ["/refuse", "/status/404", "/tool", "/no-such-route"])
async def test_refusals_and_failed_tools_never_count(world: LanesWorld, path: str) -> None:
    await ask(world, path, MINIMUM + 1)
    assert await ask(world, "/good", 1) == [200]


async def test_what_the_platform_refuses_never_counts(telling_language: TellingLanguage, tmp_path: Path) -> None:
    limits = {"concurrency": 1}
    world = LanesWorld(telling_language, tmp_path, SOURCE, limits=limits)
    asked = [world.ask("/good") for _ in range(200)]
    await world.answered(*asked)
    assert sum(one.reply is not None and one.reply.status == 503 for one in asked) > MINIMUM
    assert await ask(world, "/good", 1) == [200]
    await world.close()


async def test_timeouts_count(telling_language: TellingLanguage, tmp_path: Path) -> None:
    world = LanesWorld(telling_language, tmp_path, SOURCE, time={"actionMillis": 20})
    assert set(await ask(world, "/loop", MINIMUM)) == {504}
    assert await ask(world, "/good", 1) == [503]
    await world.close()


async def test_probes_close_it_when_the_app_works_again(world: LanesWorld, clock: Clock) -> None:
    await ask(world, "/raise", MINIMUM)
    clock.now += OPEN_SECONDS
    assert await ask(world, "/refuse", PROBES) == [400] * PROBES, "they say nothing about the app"
    assert world.metrics.value("genapps_breaker_open") == 1
    assert await ask(world, "/good", PROBES) == [200] * PROBES
    assert world.metrics.value("genapps_breaker_open") == 0
    await ask(world, "/raise", MINIMUM - 1)
    assert await ask(world, "/good", 1) == [200], "what was before is forgotten"


async def test_few_probes_run_at_once_and_a_failed_one_opens_it_again(world: LanesWorld, clock: Clock) -> None:
    await ask(world, "/raise", MINIMUM)
    clock.now += OPEN_SECONDS
    asked = [world.ask("/good") for _ in range(PROBES + 2)]
    await world.answered(*asked)
    statuses = [one.reply.status for one in asked if one.reply is not None]
    assert sorted(statuses) == [200] * PROBES + [503, 503]
    await ask(world, "/raise", MINIMUM)
    clock.now += OPEN_SECONDS
    assert await ask(world, "/raise", 1) == [500]
    assert await ask(world, "/good", 1) == [503]


async def test_openings_are_logged(world: LanesWorld, capfd: pytest.CaptureFixture[str]) -> None:
    await ask(world, "/raise", MINIMUM)
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    (opened,) = (line for line in lines if line["event"] == "breaker opened")
    assert (opened["actions"], opened["failures"]) == (MINIMUM, MINIMUM)


async def test_each_turn_is_told_once(telling_language: TellingLanguage, tmp_path: Path, clock: Clock) -> None:
    told: list[bool] = []

    def turned(*, is_open: bool) -> None:
        told.append(is_open)

    world = LanesWorld(telling_language, tmp_path, SOURCE, clock=clock, breaker_turned=turned)
    await ask(world, "/raise", MINIMUM + 2)
    assert told == [True]
    clock.now += OPEN_SECONDS
    await ask(world, "/raise", 1)
    clock.now += OPEN_SECONDS
    await ask(world, "/good", PROBES + 1)
    assert told == [True, False]
    await world.close()
