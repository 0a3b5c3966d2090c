# SPDX-License-Identifier: Apache-2.0
"""Schedules with a clock and an app that do as the test says."""

import asyncio
import errno
import json
from pathlib import Path
from typing import Any

import pytest

from genapps_runtime.config import ScheduleRule
from genapps_runtime.serve.key_field import OWN
from genapps_runtime.serve.messages import SCHEDULE, Exchange, Reply
from genapps_runtime.serve.schedules import scheduler as scheduler_module
from genapps_runtime.serve.schedules.each_tenant import ATTEMPTS
from genapps_runtime.serve.schedules.marks import FOLDER, MarkFile
from genapps_runtime.serve.schedules.scheduler import GRACE_SECONDS, Scheduler
from genapps_runtime.state.errors import StateUnavailableError
from tests.runtime.harness import until

HOUR = 3600.0
KEPT_SECONDS = 24 * HOUR
BEGIN = 1_764_417_600.0  # 2025-11-29 12:00 UTC


def rule(missed: str = "Skip", **changes: str) -> ScheduleRule:
    return ScheduleRule(**{"name": "nightly", "cron": "0 * * * *", "time_zone": "UTC", "path": "/work"} | changes,
                        missed=missed)  # fmt: skip


class World:
    """A process after another on the same volume. `asked` has the requests of ticks that were not answered."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.now = BEGIN + 1
        self.asked: list[Exchange] = []
        self._before: Scheduler | None = None

    async def kill(self) -> None:
        """As by SIGKILL: nothing is stored any more."""
        before, self._before = self._before, None
        if before is not None:
            before.admit(False)
            before.look()
            ticks = list(before._ticks.values())
            for tick in ticks:
                tick.cancel()
            await asyncio.gather(*ticks, return_exceptions=True)

    async def start(self, *rules: ScheduleRule, admit: bool = True) -> Scheduler:
        await self.kill()
        self.asked.clear()
        self.scheduler = self._before = Scheduler(
            rules, MarkFile(str(self.directory)), self.asked.append, KEPT_SECONDS, lambda: self.now
        )
        await self.scheduler.begin()
        self.scheduler.admit(admit)
        return self.scheduler

    async def pass_by(self, seconds: float) -> None:
        """That time passes, and the scheduler has looked."""
        self.now += seconds
        self.scheduler.look()
        await self.settled()

    async def settled(self) -> None:
        """Every tick is over, or waits for its answer."""
        await until(lambda: len(self.scheduler._ticks) == len(self.asked))

    async def answer(self, *, tried: bool = True) -> Exchange:
        await until(lambda: bool(self.asked))
        exchange = self.asked.pop(0)
        exchange.code, exchange.tried = "ok", tried
        exchange.reply(Reply(200, [], b""))
        return exchange

    def marks(self) -> Any:
        return json.loads((self.directory / FOLDER / "marks.json").read_text())


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_a_tick_is_a_marked_request_with_a_key_of_its_own(world: World) -> None:
    scheduler = await world.start(rule())
    await world.pass_by(HOUR - 2)
    assert (world.asked, scheduler.busy, scheduler.next_due) == ([], False, BEGIN + HOUR)
    await world.pass_by(1)
    assert scheduler.busy
    request = (exchange := await world.answer()).request
    assert (request.method, request.path, request.body, exchange.internal) == ("POST", "/work", b"", SCHEDULE)
    assert request.headers == [(b"genapps-schedule", b"nightly")]
    assert request.id == f"schedule-nightly-{BEGIN + HOUR:.0f}"
    assert request.key == OWN + request.id
    await world.settled()
    assert (scheduler.busy, scheduler.next_due) == (False, BEGIN + 2 * HOUR)
    await world.pass_by(30)
    assert world.asked == []
    await scheduler.drain(0)


async def test_no_tick_of_the_time_before_it_was_declared_comes(world: World) -> None:
    await world.start(rule("RunOnce"))
    await world.pass_by(0)
    assert world.asked == []
    await world.scheduler.drain(0)


async def test_a_restart_repeats_no_tick_and_loses_none(world: World) -> None:
    await world.start(rule())
    await world.pass_by(HOUR)
    await world.answer()
    await world.settled()
    await world.scheduler.drain(0)
    await world.start(rule())
    await world.pass_by(20)
    assert world.asked == []
    await world.pass_by(HOUR - 20)
    assert (await world.answer()).request.id == f"schedule-nightly-{BEGIN + 2 * HOUR:.0f}"
    await world.settled()
    await world.scheduler.drain(0)


@pytest.mark.parametrize(("missed", "keys"), [("Skip", []), ("RunOnce", [BEGIN + 3 * HOUR])])
async def test_what_becomes_of_missed_ticks_is_the_rules_word(world: World, missed: str, keys: list[float]) -> None:
    await world.start(rule(missed))
    await world.scheduler.drain(0)
    world.now += 3 * HOUR + GRACE_SECONDS + 1
    await world.start(rule(missed))
    await world.settled()
    assert [exchange.request.id for exchange in world.asked] == [f"schedule-nightly-{key:.0f}" for key in keys]
    for _ in keys:
        await world.answer()
    await world.settled()
    assert world.scheduler.next_due == BEGIN + 4 * HOUR
    await world.scheduler.drain(0)


async def test_a_tick_that_is_a_moment_late_was_not_missed(world: World) -> None:
    await world.start(rule())
    await world.scheduler.drain(0)
    world.now = BEGIN + HOUR + GRACE_SECONDS
    await world.start(rule())
    await world.answer()
    await world.settled()
    await world.scheduler.drain(0)


async def test_a_tick_whose_process_died_comes_again_with_its_key_and_not_forever(world: World) -> None:
    keys = []
    await world.start(rule())
    world.now += HOUR
    for _ in range(ATTEMPTS):
        await world.start(rule())
        await world.settled()
        keys.append(world.asked[0].request.key.removeprefix(OWN))
    assert keys == [f"schedule-nightly-{BEGIN + HOUR:.0f}"] * ATTEMPTS
    await world.start(rule())
    await world.settled()
    assert world.asked == []
    assert world.scheduler.next_due == BEGIN + 2 * HOUR
    await world.scheduler.drain(0)


async def test_a_stop_that_was_asked_for_loses_no_attempt(world: World) -> None:
    await world.start(rule())
    world.now += HOUR
    for _ in range(ATTEMPTS + 1):
        await world.start(rule())
        await world.settled()
        assert world.marks()["nightly"]["attempts"] == 1
        await world.scheduler.drain(0)
    assert world.marks()["nightly"]["attempts"] == 0


async def test_a_stop_while_a_tick_runs_out_of_turn_gives_no_attempt_to_the_one_that_is_due(world: World) -> None:
    await world.start(rule())
    await world.pass_by(HOUR)
    await world.start(rule(), admit=False)
    asked = asyncio.create_task(world.scheduler.run_now("nightly"))
    await until(lambda: world.scheduler.busy)
    await world.settled()
    await world.scheduler.drain(0)
    await asyncio.gather(asked, return_exceptions=True)
    assert world.marks()["nightly"]["attempts"] == 1


async def test_a_tick_that_could_not_be_marked_is_no_attempt(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler_module, "PAUSE_SECONDS", 0.0)
    await world.start(rule())
    refusals: list[MarkFile] = []
    store = MarkFile.store

    def mostly_full(file: MarkFile) -> None:
        if len(refusals) < 2 * ATTEMPTS:
            refusals.append(file)
            raise OSError(errno.ENOSPC, "no space left")
        store(file)

    monkeypatch.setattr(MarkFile, "store", mostly_full)
    world.now += HOUR
    world.scheduler.look()
    await world.answer()
    await until(lambda: not world.scheduler.busy)
    assert world.marks()["nightly"]["handled"] == BEGIN + HOUR
    await world.scheduler.drain(0)


async def test_a_stop_goes_on_when_the_disk_is_full(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.start(rule())
    await world.pass_by(HOUR)

    def full(_file: MarkFile) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(MarkFile, "store", full)
    await world.scheduler.drain(0)
    assert not world.scheduler.busy


async def test_nothing_begins_after_a_stop(world: World) -> None:
    await world.start(rule())
    await world.scheduler.drain(0)
    world.now += HOUR
    world.scheduler.admit(True)
    assert not world.scheduler.busy


async def test_a_tick_whose_key_may_be_forgotten_is_not_repeated(world: World) -> None:
    weekly = rule("RunOnce", cron="0 13 * * SAT")
    await world.start(weekly)
    world.now += HOUR
    await world.start(weekly)
    await world.settled()
    assert len(world.asked) == 1
    world.now += KEPT_SECONDS
    await world.start(weekly)
    await world.settled()
    assert world.asked == []
    assert world.scheduler.next_due == BEGIN + HOUR + 7 * 24 * HOUR
    await world.scheduler.drain(0)


async def test_a_stop_waits_for_what_runs(world: World) -> None:
    await world.start(rule())
    await world.pass_by(HOUR)
    draining = asyncio.create_task(world.scheduler.drain(60))
    await world.answer()
    await draining
    assert world.marks()["nightly"]["handled"] == BEGIN + HOUR


async def test_another_rule_begins_anew(world: World) -> None:
    await world.start(rule("RunOnce"))
    await world.scheduler.drain(0)
    world.now += 3 * HOUR
    await world.start(rule("RunOnce", path="/other"))
    await world.settled()
    assert world.asked == []
    await world.scheduler.drain(0)
    await world.start()
    assert world.marks() == {}


async def test_two_ticks_of_a_schedule_never_run_at_once_and_others_wait_for_none(world: World) -> None:
    await world.start(rule(), rule(name="other"))
    await world.pass_by(HOUR)
    assert [exchange.request.path for exchange in world.asked] == ["/work", "/work"]
    await world.pass_by(HOUR)
    assert len(world.asked) == 2
    for _ in range(4):
        await world.answer()
    await world.settled()
    await world.scheduler.drain(0)


async def test_a_schedule_runs_out_of_turn_when_somebody_asks_and_its_marks_do_not_change(world: World) -> None:
    scheduler = await world.start(rule())
    before = world.marks()
    asked = [asyncio.create_task(scheduler.run_now("nightly")) for _ in range(2)]
    keys = [(await world.answer()).request.key for _ in range(2)]
    assert [await one for one in asked] == [200, 200]
    assert len({*keys}) == 2  # else the second would be the answer of the first
    assert world.marks() == before
    await world.pass_by(HOUR - 1)
    assert (await world.answer()).request.id == f"schedule-nightly-{BEGIN + HOUR:.0f}"


async def test_nothing_runs_while_the_app_may_get_no_requests(world: World) -> None:
    await world.start(rule(), admit=False)
    await world.pass_by(HOUR)
    assert world.asked == []
    world.scheduler.admit(True)
    await world.answer()
    await world.settled()
    await world.scheduler.drain(0)


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"a": {"rule": 1}}', b'{"a": {"rule": "x", "handled": "y"}}'])
async def test_marks_that_nobody_wrote_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "marks.json").write_bytes(content)
    with pytest.raises(StateUnavailableError):
        MarkFile(str(tmp_path))


async def test_a_link_in_the_place_of_the_marks_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / FOLDER).symlink_to("/tmp")
    with pytest.raises(StateUnavailableError):
        MarkFile(str(tmp_path))
