# SPDX-License-Identifier: Apache-2.0
"""Ticks in an app with tenants: whose state they change, and what they are not."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from genapps_runtime.config import ScheduleRule
from genapps_runtime.guest.engine import Language
from genapps_runtime.serve.schedules.each_tenant import EachTenant
from genapps_runtime.serve.schedules.marks import FOLDER, MarkFile
from genapps_runtime.serve.schedules.scheduler import Scheduler
from genapps_runtime.state.facet_files import path_of
from genapps_runtime.state.tenant_names import last_call, name_file
from tests.runtime.harness import until
from tests.runtime.tenants_world import World
from tests.runtime.test_tenants import HEADER, serving_tenants
from tests.support.token_issuer import CLUSTER, TokenIssuer

SOURCE = """
from genapps import app, state

@app.post("/tick")
async def tick(request):
    ticks = await state.get("ticks", []) + [request.headers.get("genapps-schedule")]
    await state.put("ticks", ticks)

@app.get("/ticks")
async def ticks(request):
    return await state.get("ticks", None)
"""
RULE = ScheduleRule("nightly", "0 * * * *", "UTC", "/tick", "RunOnce")
HOUR = 3600.0
BEGIN = 1_764_417_600.0


@pytest.fixture
async def world(engine: Path) -> AsyncIterator[World]:
    world = World(Language(str(engine)), SOURCE, seconds=3600)
    yield world
    await world.close()


async def ticks(world: World, tenant: str) -> Any:
    return json.loads((await world.ask("GET", "/ticks", tenant)).body)


async def one_process(world: World, now: float) -> None:
    """What a process does that begins then."""
    marks = MarkFile(str(world.directory))
    each = EachTenant(world.facets.tenants_after, world.app.submit_for, marks, 24 * HOUR, lambda: now)
    scheduler = Scheduler((RULE,), marks, world.app.submit, 24 * HOUR, lambda: now, each)
    await scheduler.begin()
    scheduler.admit(admitted=True)
    await until(lambda: not scheduler.busy)
    await scheduler.drain(0)


def set_back(world: World, tenant: str) -> None:
    """As a process leaves it that is killed between the commit of the last tenant's state and the next mark."""
    path = world.directory / FOLDER / "marks.json"
    content = json.loads(path.read_text())
    stem = Path(path_of("", tenant)).stem
    content["nightly"] |= {"handled": BEGIN, "over": "", "tenant": stem, "attempts": 1}
    path.write_text(json.dumps(content))


async def test_each_tenant_has_each_tick_once_also_when_its_end_was_not_marked(world: World) -> None:
    names = ["a", "A", "a.", "b"]  # more than facets are open
    for tenant in names:
        assert await ticks(world, tenant) is None
    await one_process(world, BEGIN)
    await one_process(world, BEGIN + HOUR)
    first = min(names, key=lambda tenant: path_of("", tenant))
    set_back(world, first)
    await one_process(world, BEGIN + HOUR)
    assert [await ticks(world, tenant) for tenant in names] == [["nightly"]] * len(names)
    await one_process(world, BEGIN + 2 * HOUR)
    assert [await ticks(world, tenant) for tenant in names] == [["nightly"] * 2] * len(names)
    assert await ticks(world, "late-one") is None
    assert world.facets.known == len(names) + 1


async def test_a_tick_is_no_call_of_a_tenant_and_makes_none_again(world: World) -> None:
    await ticks(world, "idle")
    for tenant in ("b", "c", "d"):  # its facet is closed for them
        await ticks(world, tenant)
    await one_process(world, BEGIN)
    path = path_of(str(world.directory / "facets"), "idle")
    os.utime(name_file(path), (0, 0))
    await one_process(world, BEGIN + HOUR)
    assert last_call(path) == 0
    assert await world.forgotten() == 1
    await one_process(world, BEGIN + 2 * HOUR)
    assert world.facets.known == 3
    assert await ticks(world, "b") == ["nightly"] * 2


async def test_callers_have_an_instance_while_ticks_of_many_schedules_run(world: World) -> None:
    for tenant in ("a", "b"):
        await ticks(world, tenant)
    marks = MarkFile(str(world.directory))
    rules = tuple(ScheduleRule(f"n{number}", "0 * * * *", "UTC", "/tick", "Skip") for number in range(16))
    now = BEGIN
    each = EachTenant(world.facets.tenants_after, world.app.submit_for, marks, 24 * HOUR, lambda: now)
    scheduler = Scheduler(rules, marks, world.app.submit, 24 * HOUR, lambda: now, each)
    await scheduler.begin()
    now += HOUR
    scheduler.admit(admitted=True)
    most = 0
    while scheduler.busy:
        most = max(most, world.app._begun)
        await asyncio.sleep(0)
    assert most == 1, "of two instances one is left"
    assert sorted(await ticks(world, "a")) == sorted(rule.name for rule in rules)
    await scheduler.drain(0)


async def test_a_pod_makes_a_tick_that_came_during_a_nap_and_takes_work_of_its_tenants(
    engine: Path, tmp_path: Path
) -> None:
    rule = {"name": "nightly", "cron": "0 0 1 1 *", "timeZone": "UTC", "path": "/tick", "missed": "RunOnce"}
    async with serving_tenants(
        engine, tmp_path, HEADER, TokenIssuer(CLUSTER),
        source=SOURCE, schedules=[rule], background=True, time={"napMillis": 200},
    ) as tenants:  # fmt: skip
        pod = tenants.pod
        accepted = await tenants.call("POST", "a", "/tick")
        assert accepted.status == 202
        assert (await tenants.call("GET", "b", "/ticks")).json() is None
        await pod.until_log("napping")
        location = accepted.headers["location"]
        assert (await tenants.call("GET", "a", location)).json()["state"] == "Succeeded"
        assert (await tenants.call("GET", "b", location)).code == "EntryNotFound"
        await pod.stop()
        # A tick that came while there was no pod: the first process after that makes it up.
        make_due(pod.directory / "state" / FOLDER / "marks.json")
        await pod.start()
        await until(lambda: sum(line.get("origin") == "schedule" for line in pod.log()) == 2)
        assert (await tenants.call("GET", "a", "/ticks")).json() == [None, "nightly"]
        assert (await tenants.call("GET", "b", "/ticks")).json() == ["nightly"]


def make_due(marks: Path) -> None:
    content = json.loads(marks.read_text())
    content["nightly"]["handled"] -= 400 * 24 * HOUR
    marks.write_text(json.dumps(content))
