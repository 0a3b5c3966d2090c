# SPDX-License-Identifier: Apache-2.0
"""Ticks of an app with tenants: each of them once, whatever ends the process in between."""

import asyncio
import errno
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from genapps_runtime.config import ScheduleRule
from genapps_runtime.serve.messages import SCHEDULE, Exchange, Reply
from genapps_runtime.serve.schedules import each_tenant
from genapps_runtime.serve.schedules import scheduler as scheduler_module
from genapps_runtime.serve.schedules.each_tenant import ATTEMPTS, EachTenant
from genapps_runtime.serve.schedules.marks import FOLDER, MarkFile
from genapps_runtime.serve.schedules.scheduler import GRACE_SECONDS, Scheduler
from genapps_runtime.state.errors import StateUnavailableError
from genapps_runtime.state.tenant_names import Known
from tests.runtime.harness import until

HOUR = 3600.0
KEPT_SECONDS = 24 * HOUR
BEGIN = 1_764_417_600.0  # 2025-11-29 12:00 UTC
RULE = ScheduleRule("nightly", "0 * * * *", "UTC", "/work", "Skip")


class World:
    """A process after another on the same volume.

    `asked` has the requests that were not answered, `changed` whose state was changed with which key: a repeat finds
    its answer there, as in a real state.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.now = BEGIN + 1
        self.tenants: list[Known] = [Known(name * 64, name) for name in "abc"]
        self.asked: list[tuple[str, Exchange]] = []
        self.changed: list[tuple[str, str]] = []
        self.scheduler: Scheduler | None = None

    async def _known(self, stem: str, most: int) -> list[Known]:
        await asyncio.sleep(0)
        return [one for one in sorted(self.tenants) if one.stem > stem][:most]

    async def kill(self) -> None:
        """As by SIGKILL: nothing is stored any more."""
        before, self.scheduler = self.scheduler, None
        self.asked.clear()
        if before is not None:
            before.admit(admitted=False)
            before.look()
            file = before._file
            file._state_directory = str(self.directory / "none")
            ticks = list(before._ticks.values())
            for tick in ticks:
                tick.cancel()
            await asyncio.gather(*ticks, return_exceptions=True)
            await until(lambda: not file._storing.locked())

    async def start(self, *rules: ScheduleRule, admit: bool = True) -> Scheduler:
        await self.kill()
        marks = MarkFile(str(self.directory))
        run = lambda tenant, exchange: self.asked.append((tenant, exchange))  # noqa: E731
        each = EachTenant(self._known, run, marks, KEPT_SECONDS, lambda: self.now)
        self.scheduler = Scheduler(rules or (RULE,), marks, _never, KEPT_SECONDS, lambda: self.now, each)
        await self.scheduler.begin()
        self.scheduler.admit(admit)
        return self.scheduler

    async def due(self) -> None:
        """A process, and its first tick."""
        await self.start()
        self.now = BEGIN + HOUR
        assert self.scheduler is not None
        self.scheduler.look()

    async def next(self) -> str:
        """Wait for a request; whose it is."""
        await until(lambda: bool(self.asked))
        return self.asked[0][0]

    def change(self) -> None:
        """The app runs the request, unless its answer is known."""
        tenant, exchange = self.asked[0]
        if (tenant, exchange.request.key) not in self.changed:
            self.changed.append((tenant, exchange.request.key))

    def answer(self, code: str = "ok", *, tried: bool = True) -> Exchange:
        _, exchange = self.asked.pop(0)
        exchange.code, exchange.tried = code, tried
        exchange.reply(Reply(200, [], b""))
        return exchange

    async def serve(self, *tenants: str) -> None:
        """All of these, in that order."""
        for tenant in tenants:
            assert await self.next() == tenant
            self.change()
            self.answer()

    async def serve_all(self) -> None:
        """Whoever comes, until the tick is over."""
        scheduler = self.scheduler
        assert scheduler is not None
        while scheduler.busy:
            if self.asked:
                self.change()
                self.answer()
            await asyncio.sleep(0)

    async def over(self) -> None:
        """The tick is over."""
        scheduler = self.scheduler
        assert scheduler is not None
        await until(lambda: not scheduler.busy)
        assert self.asked == []

    def mark(self) -> Any:
        return json.loads((self.directory / FOLDER / "marks.json").read_text())["nightly"]


def _never(_exchange: Exchange) -> None:
    raise AssertionError("a tick of no tenant")


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    for module in (each_tenant, scheduler_module):
        monkeypatch.setattr(module, "PAUSE_SECONDS", 0.0)
    world = World(tmp_path)
    yield world
    await world.kill()


async def test_a_tick_is_a_request_for_each_tenant_one_after_the_other(world: World) -> None:
    await world.due()
    for tenant in "abc":
        assert await world.next() == tenant
        assert len(world.asked) == 1
        request = (exchange := world.asked[0][1]).request
        assert (request.method, request.path, exchange.internal) == ("POST", "/work", SCHEDULE)
        assert request.headers == [(b"genapps-schedule", b"nightly")]
        world.change()
        world.answer()
    await world.over()
    assert [tenant for tenant, _ in world.changed] == ["a", "b", "c"]
    assert world.mark()["handled"] == BEGIN + HOUR
    assert world.mark().keys() == {"rule", "handled", "begun", "attempts"}


@pytest.mark.parametrize("after", range(3))
@pytest.mark.parametrize("point", ["before it changed anything", "before its answer", "after its answer"])
async def test_whatever_ends_the_process_each_tenant_has_each_tick_once(world: World, after: int, point: str) -> None:
    await world.due()
    await world.serve(*"abc"[:after])
    await world.next()
    if point != "before it changed anything":
        world.change()
    if point == "after its answer":
        world.answer()
        await asyncio.sleep(0)
    world.now += 10 * GRACE_SECONDS
    await world.start()
    await world.serve_all()
    assert [tenant for tenant, _ in world.changed] == ["a", "b", "c"]
    assert len({key for _, key in world.changed}) == 1
    await world.start()
    await world.over()


async def test_a_stop_lets_the_running_one_end_and_the_next_process_goes_on(world: World) -> None:
    await world.due()
    await world.serve("a")
    await world.next()
    scheduler = world.scheduler
    assert scheduler is not None
    draining = asyncio.create_task(scheduler.drain(60))
    await asyncio.sleep(0)
    world.change()
    world.answer()
    await draining
    assert world.asked == []
    assert world.mark()["over"] == "b" * 64
    await world.start()
    await world.serve("c")
    await world.over()
    assert [tenant for tenant, _ in world.changed] == ["a", "b", "c"]


async def test_a_stop_that_cuts_one_off_loses_no_attempt(world: World) -> None:
    await world.due()
    for _ in range(ATTEMPTS + 1):
        assert await world.next() == "a"
        assert world.scheduler is not None
        await world.scheduler.drain(0)
        assert world.mark().get("attempts") == 0
        await world.start()
    await world.serve("a", "b", "c")
    await world.over()


async def test_who_ends_the_process_each_time_is_passed_over_and_the_others_are_not(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    await world.due()
    await world.serve("a")
    for _ in range(ATTEMPTS):
        assert await world.next() == "b"
        await world.start()
    await world.serve("c")
    await world.over()
    (line,) = [one for one in capfd.readouterr().out.splitlines() if '"schedule failed"' in one]
    assert json.loads(line)["tenants"] == 1


@pytest.mark.parametrize("code", ["StateUnavailable", "KeysFull", "RequestRunning", "BreakerOpen"])
async def test_a_tenant_whose_own_state_is_in_the_way_holds_up_nobody(world: World, code: str) -> None:
    await world.due()
    for _ in range(ATTEMPTS):
        assert await world.next() == "a"
        world.answer(code, tried=False)
    await world.serve("b", "c")
    await world.over()


async def test_what_could_not_begin_is_no_attempt_and_is_asked_again(world: World) -> None:
    await world.due()
    for _ in range(2 * ATTEMPTS):
        assert await world.next() == "a"
        world.answer("Busy", tried=False)
    await world.serve("a", "b", "c")
    await world.over()


async def test_who_is_deleted_meanwhile_is_passed_over(world: World) -> None:
    await world.due()
    await world.next()
    world.answer("TenantGone", tried=False)
    await world.serve("b", "c")
    await world.over()


async def test_who_has_no_name_yet_gets_their_first_tick_after_their_next_call(world: World) -> None:
    world.tenants[1] = Known("b" * 64, None)
    await world.due()
    await world.serve("a", "c")
    await world.over()


async def test_who_comes_while_a_tick_runs_is_never_twice_in_it(world: World) -> None:
    await world.due()
    await world.next()
    world.tenants += [Known("0" * 64, "0"), Known("d" * 64, "d")]
    await world.serve("a", "b", "c")
    assert await world.next() == "d", "those were looked up before"
    world.answer()
    await world.over()
    world.now += HOUR
    assert world.scheduler is not None
    world.scheduler.look()
    await world.serve("0", "a", "b", "c", "d")
    await world.over()


async def test_more_tenants_than_are_looked_up_together_have_it_once_each(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(each_tenant, "AT_ONCE", 1)
    await world.due()
    await world.serve("a", "b", "c")
    await world.over()


async def test_an_app_that_nobody_uses_has_ticks_for_nobody(world: World) -> None:
    world.tenants.clear()
    await world.due()
    await world.over()
    assert world.mark()["handled"] == BEGIN + HOUR


async def test_a_missed_tick_is_missed_for_all(world: World) -> None:
    await world.start()
    world.now = BEGIN + HOUR + GRACE_SECONDS + 1
    await world.start()
    await world.over()
    assert world.mark()["handled"] == BEGIN + HOUR


async def test_a_tick_that_goes_on_comes_before_the_next_one(world: World) -> None:
    await world.due()
    await world.serve("a")
    await world.next()
    world.now += HOUR
    await world.start()
    await world.serve("b", "c")
    await until(lambda: bool(world.asked))
    assert world.asked[0][1].request.id == f"schedule-nightly-{BEGIN + 2 * HOUR:.0f}"
    await world.serve("a", "b", "c")
    await world.over()


@pytest.mark.parametrize("stops", [False, True])
async def test_a_tick_whose_keys_may_be_forgotten_is_given_up(world: World, stops: bool) -> None:
    await world.due()
    await world.serve("a")
    await world.next()
    world.now += KEPT_SECONDS - 1
    if stops:
        await world.start()
        await world.next()
    world.now += 1
    if not stops:
        world.answer("Busy", tried=False)
        await until(lambda: world.mark()["handled"] == BEGIN + HOUR)
    else:
        await world.start()
        await until(lambda: world.mark()["handled"] > BEGIN)
    assert [tenant for tenant, _ in world.changed] == ["a"]


async def test_nothing_begins_that_could_not_be_marked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.due()
    await world.serve("a")
    store, refusals = MarkFile.store, list[MarkFile]()

    def mostly_full(file: MarkFile) -> None:
        if len(refusals) < 2 * ATTEMPTS:
            refusals.append(file)
            raise OSError(errno.ENOSPC, "no space left")
        store(file)

    assert await world.next() == "b"
    monkeypatch.setattr(MarkFile, "store", mostly_full)
    world.change()
    world.answer()
    await until(lambda: len(refusals) == 2 * ATTEMPTS)
    await world.serve("c")
    await world.over()
    assert [tenant for tenant, _ in world.changed] == ["a", "b", "c"]


async def test_two_schedules_go_on_beside_each_other(world: World) -> None:
    other = ScheduleRule("other", "0 * * * *", "UTC", "/other", "Skip")
    await world.start(RULE, other)
    world.now = BEGIN + HOUR
    assert world.scheduler is not None
    world.scheduler.look()
    seen: list[tuple[str, str]] = []
    while len(seen) < 6:
        tenant = await world.next()
        seen.append((world.asked[0][1].request.path, tenant))
        world.answer()
    await world.over()
    assert sorted(seen) == [(path, tenant) for path in ("/other", "/work") for tenant in "abc"]


async def test_the_last_missed_tick_is_made_up_for_all_however_old_it_is(world: World) -> None:
    rule = replace(RULE, missed="RunOnce")
    await world.start(rule)
    world.now = BEGIN + 400 * KEPT_SECONDS + 1
    await world.start(rule)
    await world.serve("a")
    await world.next()
    await world.start(rule)
    await world.serve("b", "c")
    await world.over()


@pytest.mark.parametrize("field", ["over", "tenant"])
async def test_marks_of_tenants_that_nobody_wrote_are_refused(tmp_path: Path, field: str) -> None:
    (tmp_path / FOLDER).mkdir()
    content = {"nightly": {"rule": "x", "handled": 1.0, field: 1}}
    (tmp_path / FOLDER / "marks.json").write_text(json.dumps(content))
    with pytest.raises(StateUnavailableError):
        MarkFile(str(tmp_path))
