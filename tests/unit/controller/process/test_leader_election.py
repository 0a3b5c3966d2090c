# SPDX-License-Identifier: Apache-2.0
"""The Lease: who may write, for how long that is certain, and what ends it. Time is the test's."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from aiohttp import web

from genapps.cluster.client import Client
from genapps.cluster.errors import UnavailableError
from genapps.controller.process.leader_election import Leadership, LeaseLostError, NotLeadingError, Timing
from tests.support.scripted_server import Script, serve
from tests.unit.controller.world import Clock

TIMING = Timing(15)


@dataclass
class Store:
    """One Lease in an API server: versions are compared as there."""

    lease: dict[str, Any] | None = None
    version: int = 0
    down: bool = False
    deaf: bool = False
    """Carries out what it is asked, and answers that it failed."""
    writes: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        if self.down:
            return _status(503)
        if request.method == "GET":
            return _status(404) if self.lease is None else _body(self.lease)
        given = orjson.loads(await request.read())
        if (request.method == "POST") != (self.lease is None):
            return _status(409 if request.method == "POST" else 404)
        if self.lease is not None and given["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            return _status(409)
        self.version += 1
        self.lease = {**given, "metadata": {**given["metadata"], "resourceVersion": str(self.version)}}
        self.writes.append(given["spec"].get("holderIdentity", ""))
        return _status(503) if self.deaf else _body(self.lease)


def _status(code: int) -> web.Response:
    return web.Response(status=code, body=orjson.dumps({"reason": "Because", "message": "no"}))


def _body(object_: dict[str, Any]) -> web.Response:
    return web.Response(body=orjson.dumps(object_))


@dataclass
class Notes:
    """What a process remembers on the Lease."""

    kept: dict[str, str] = field(default_factory=dict)

    def load(self, annotations: Mapping[str, str]) -> None:
        self.kept = {**annotations, **self.kept}

    def annotations(self) -> dict[str, str]:
        return self.kept


@dataclass
class Setting:
    client: Client
    store: Store
    clock: Clock
    lost: list[str] = field(default_factory=list)
    memory: Notes = field(default_factory=Notes)

    def candidate(self, identity: str, timing: Timing = TIMING, memory: Notes | None = None) -> Leadership:
        kept = memory or self.memory
        clock = self.clock
        return Leadership(self.client, "system", identity, timing, self.lost.append, clock.time, clock.date, kept)


@pytest.fixture
async def setting() -> AsyncIterator[Setting]:
    store, script = Store(), Script()
    script.answers = [store.answer]
    async with serve(script, attempts=1) as client:
        yield Setting(client, store, Clock(now=1000.0))


async def leader(setting: Setting, identity: str = "a") -> Leadership:
    made = setting.candidate(identity)
    await made.acquire()
    return made


async def test_one_of_two_that_start_together_leads(setting: Setting) -> None:
    first, second = setting.candidate("a"), setting.candidate("b")
    await first.acquire()
    assert not await second._try()
    first.check()
    with pytest.raises(NotLeadingError):
        second.check()
    assert setting.store.writes == ["a"]


async def test_writes_end_a_third_of_the_lease_before_another_may_begin(setting: Setting) -> None:
    first = await leader(setting)
    setting.clock.now += 9.9
    first.check()
    setting.clock.now += 0.2
    with pytest.raises(LeaseLostError):
        first.check()
    assert setting.lost, "the process would have ended"
    assert TIMING.certain + TIMING.request < TIMING.lease


async def test_another_takes_over_only_after_a_whole_lease_without_a_sign_of_life(setting: Setting) -> None:
    first, second = await leader(setting), setting.candidate("b")
    assert not await second._try()
    setting.clock.now += 8
    await first._renew()
    assert not await second._try()
    setting.clock.now += 14.9
    assert not await second._try()
    setting.clock.now += 0.2
    assert await second._try()
    second.check()
    with pytest.raises(LeaseLostError, match="held by b"):
        await first._renew()


async def test_times_of_another_clock_in_the_lease_count_for_nothing(setting: Setting) -> None:
    await leader(setting)
    assert setting.store.lease is not None
    for year in ("1999", "2099"):
        setting.store.lease["spec"]["renewTime"] = f"{year}-01-01T00:00:00.000000Z"
        second = setting.candidate("b")
        assert not await second._try()
        setting.clock.now += 14.9
        assert not await second._try()
    setting.clock.now += 0.2
    assert await second._try()


async def test_a_longer_lease_of_the_holder_is_waited_for(setting: Setting) -> None:
    await leader(setting)
    assert setting.store.lease is not None
    setting.store.lease["spec"]["leaseDurationSeconds"] = 60
    second = setting.candidate("b")
    assert not await second._try()
    setting.clock.now += 59
    assert not await second._try()
    setting.clock.now += 2
    assert await second._try()


async def test_a_released_lease_is_taken_at_once_and_its_holder_writes_no_more(setting: Setting) -> None:
    first, second = await leader(setting), setting.candidate("b")
    assert not await second._try()
    await first.release()
    with pytest.raises(NotLeadingError):
        first.check()
    assert await second._try()
    assert setting.store.writes == ["a", "", "b"]
    await first.release()
    assert setting.store.writes == ["a", "", "b"], "another one's Lease is not released"


async def test_the_successor_in_the_same_pod_need_not_wait(setting: Setting) -> None:
    await leader(setting)
    await leader(setting)
    assert setting.store.lease is not None
    assert setting.store.lease["spec"]["leaseTransitions"] == 0


async def test_a_renewal_whose_answer_was_lost_is_no_loss_and_no_gain(setting: Setting) -> None:
    first = await leader(setting)
    setting.clock.now += 5
    setting.store.deaf = True
    with pytest.raises(UnavailableError):
        await first._renew()
    setting.store.deaf = False
    setting.clock.now += 4
    first.check()
    await first._renew()
    setting.clock.now += 9
    first.check()


async def test_an_outage_longer_than_the_lease_ends_the_leader(setting: Setting) -> None:
    first = setting.candidate("a", Timing(0.3))
    await first.acquire()
    setting.store.down = True
    setting.clock.now += 0.25
    with pytest.raises(LeaseLostError, match="not renewed"):
        await first.keep()
    with pytest.raises(LeaseLostError):
        first.check()


async def test_a_lease_that_somebody_deleted_is_lost(setting: Setting) -> None:
    first = await leader(setting)
    setting.store.lease = None
    with pytest.raises(LeaseLostError, match="deleted"):
        await first._renew()
    assert setting.lost == ["the Lease was deleted"], "the process would have ended, whoever finds out"


async def test_a_candidate_waits_for_an_api_server_that_does_not_answer(setting: Setting) -> None:
    setting.store.down = True
    with pytest.raises(UnavailableError):
        await setting.candidate("a")._try()
    setting.store.down = False
    assert await setting.candidate("a")._try()


async def test_what_one_leader_remembers_the_next_one_knows(setting: Setting) -> None:
    first = setting.candidate("a", memory=Notes({"x": "1"}))
    await first.acquire()
    assert setting.store.lease is not None
    assert setting.store.lease["metadata"]["annotations"] == {"x": "1"}
    await first.release()
    later = Notes({"y": "2"})
    await setting.candidate("b", memory=later).acquire()
    assert later.kept == {"x": "1", "y": "2"}
    assert setting.store.lease["metadata"]["annotations"] == {"x": "1", "y": "2"}


async def test_annotations_of_others_stay_on_the_lease(setting: Setting) -> None:
    first = await leader(setting)
    assert setting.store.lease is not None
    setting.store.lease["metadata"]["annotations"] = {"theirs": "1"}
    first._lease = setting.store.lease
    setting.memory.kept = {"ours": "2"}
    await first._renew()
    assert setting.store.lease["metadata"]["annotations"] == {"theirs": "1", "ours": "2"}
