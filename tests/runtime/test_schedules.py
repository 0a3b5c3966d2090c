# SPDX-License-Identifier: Apache-2.0
"""Ticks in a real app: what it gets, and what it does once."""

import json
from pathlib import Path

import pytest

from genapps_runtime.config import ScheduleRule
from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.key_field import OWN, key_of
from genapps_runtime.serve.messages import Exchange, Headers, Request
from genapps_runtime.serve.schedules.marks import FOLDER, MarkFile
from genapps_runtime.serve.schedules.scheduler import Scheduler
from tests.runtime.harness import Pod, until
from tests.runtime.lanes_world import LanesWorld
from tests.runtime.telling_language import TellingLanguage

SOURCE = """
from genapps import app, state

@app.post("/tick")
async def tick(request):
    number = await state.get("number", 0) + 1
    await state.put("number", number)
    await state.put("header", request.headers.get("genapps-schedule", ""))

@app.get("/number")
async def number(request):
    return [await state.get("number", 0), await state.get("header", "")]
"""
RULE = ScheduleRule("nightly", "0 * * * *", "UTC", "/tick", "RunOnce")
HOUR = 3600.0
DAY = 24 * HOUR
BEGIN = 1_764_417_600.0


async def number(world: LanesWorld) -> list[object]:
    asked = world.ask("/number")
    await world.answered(asked)
    found: list[object] = asked.answer
    return found


async def test_a_tick_changes_the_state_once_also_when_its_end_was_not_marked(
    telling_language: TellingLanguage, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "facets").mkdir()
    world = LanesWorld(telling_language, tmp_path / "facets", SOURCE)
    now = BEGIN

    async def one_process() -> None:
        scheduler = Scheduler((RULE,), MarkFile(str(tmp_path)), world.app.submit, DAY, lambda: now)
        await scheduler.begin()
        scheduler.admit(True)
        await until(lambda: not scheduler.busy)
        await scheduler.drain(0)

    await one_process()
    assert await number(world) == [0, ""]
    now += HOUR
    await one_process()
    assert await number(world) == [1, "nightly"]
    # As a process leaves it that is killed between the commit of the state and the mark.
    marks = tmp_path / FOLDER / "marks.json"
    content = json.loads(marks.read_text())
    content["nightly"]["handled"] = BEGIN
    marks.write_text(json.dumps(content))
    await one_process()
    assert await number(world) == [1, "nightly"]
    await world.close()
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [line.get("replayed", False) for line in lines if line.get("origin") == "schedule"] == [False, True]


async def test_a_caller_cannot_look_like_a_tick(telling_language: TellingLanguage, tmp_path: Path) -> None:
    world = LanesWorld(telling_language, tmp_path, SOURCE)
    headers: Headers = [(b"genapps-schedule", b"nightly")]
    replies: list[int] = []
    request = Request("r", "POST", "/tick", "", headers, b"")
    world.app.submit(Exchange(request, 0.0, lambda reply: replies.append(reply.status)))
    await until(lambda: bool(replies))
    assert await number(world) == [1, ""]
    await world.close()


async def test_a_caller_cannot_answer_a_tick_before_it_comes(telling_language: TellingLanguage, tmp_path: Path) -> None:
    (tmp_path / "facets").mkdir()
    world = LanesWorld(telling_language, tmp_path / "facets", SOURCE)
    now = BEGIN
    scheduler = Scheduler((RULE,), MarkFile(str(tmp_path)), world.app.submit, DAY, lambda: now)
    await scheduler.begin()
    guessed = f"schedule-nightly-{BEGIN + HOUR:.0f}"
    replies: list[int] = []
    request = Request(guessed, "POST", "/tick", "", [], b"", key_of(guessed.encode()))
    world.app.submit(Exchange(request, 0.0, lambda reply: replies.append(reply.status)))
    await until(lambda: bool(replies))
    now += HOUR
    scheduler.admit(True)
    await until(lambda: not scheduler.busy)
    assert await number(world) == [2, "nightly"]
    await scheduler.drain(0)
    await world.close()


@pytest.mark.parametrize("quote", [b"", b'"'])
def test_no_caller_can_send_a_key_that_the_runtime_makes(quote: bytes) -> None:
    with pytest.raises(ProblemError):
        key_of(quote + OWN.encode() + b"schedule-nightly-1" + quote)


async def test_an_app_naps_until_its_next_tick(pod: Pod) -> None:
    rule = {"name": "nightly", "cron": "0 0 1 1 *", "timeZone": "UTC", "path": "/tick", "missed": "RunOnce"}
    pod.write(SOURCE, schedules=[rule], time={"napMillis": 200})
    await pod.start()
    await pod.until_log("napping")
    assert pod.log("woken") == []
    assert (await pod.call("GET", "/number")).json() == [0, ""]
    await pod.stop()
    # A tick that came while there was no pod: the first process after that makes it up.
    marks = pod.directory / "state" / FOLDER / "marks.json"
    content = json.loads(marks.read_text())
    content["nightly"]["handled"] -= 400 * 24 * HOUR
    marks.write_text(json.dumps(content))
    await pod.start()
    await until(lambda: any(line.get("origin") == "schedule" for line in pod.log()))
    assert (await pod.call("GET", "/number")).json() == [1, "nightly"]
