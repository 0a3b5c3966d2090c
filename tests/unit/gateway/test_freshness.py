# SPDX-License-Identifier: Apache-2.0
"""How old what the gateway knows may be: quiet is no fault, a stream that nobody serves is one."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from genapps.cluster.client import Client, Listing
from genapps.cluster.errors import UnavailableError
from genapps.cluster.resources import APP_RECORD
from genapps.gateway.callers.records import Records
from genapps.gateway.freshness import STREAM_SECONDS, Freshness, fresh_watch
from tests.support.clock import Clock

MAX_STALE = 60
Event = tuple[str, dict[str, Any]]


class Streams:
    """An API server without objects. Each stream takes as long as was asked for, and brings `events`; after `quiet` of
    them the next one is held open and brings nothing more."""

    def __init__(self, clock: Clock, quiet: int, events: Sequence[Event] = ()) -> None:
        self._clock = clock
        self._quiet = quiet
        self._events = events
        self.ages: list[float] = []
        self.freshness: Freshness | None = None
        self.versions: list[str] = []
        self.held = asyncio.Event()
        self.first_list: str | None = "none yet"

    async def list(self, *_: object, at_least: str | None, **__: object) -> Listing:
        self.first_list = at_least
        return Listing([], "100")

    async def watch(
        self, *_: object, resource_version: str, timeout_seconds: int, **__: object
    ) -> AsyncGenerator[Event, None]:
        self.versions.append(resource_version)
        assert timeout_seconds == STREAM_SECONDS
        for event in self._events:
            yield event
        if len(self.versions) > self._quiet:
            self.held.set()
            await asyncio.Event().wait()
        self._clock.now += timeout_seconds
        assert self.freshness is not None
        self.ages.append(self.freshness.age("records"))
        assert not self.freshness.stale()


@asynccontextmanager
async def watched(streams: Streams, clock: Clock) -> AsyncIterator[Freshness]:
    """Until the stream that is held open; then as the test goes on."""
    watch = fresh_watch(cast("Client", streams), APP_RECORD, Records(lambda _: None), namespace="ns", clock=clock)
    streams.freshness = Freshness({"records": watch}, MAX_STALE, clock)
    task = asyncio.create_task(watch.run())
    await asyncio.wait([task, asyncio.create_task(streams.held.wait())], return_when=asyncio.FIRST_COMPLETED)
    yield streams.freshness
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_ten_idle_minutes_refuse_nothing() -> None:
    clock = Clock()
    began, streams = clock.now, Streams(clock, quiet=40)
    async with watched(streams, clock) as freshness:
        assert clock.now - began == 600
        assert max(streams.ages) == STREAM_SECONDS
        assert not freshness.stale()
        assert set(streams.versions) == {"100"}, "it goes on from its version, and lists no more"
        assert streams.first_list is None, "of the store itself"


async def test_a_stream_that_a_dead_proxy_holds_open_refuses_in_time() -> None:
    clock = Clock()
    async with watched(Streams(clock, quiet=2), clock) as freshness:
        clock.now += MAX_STALE
        assert not freshness.stale()
        clock.now += 0.1
        assert freshness.stale()
        assert freshness.age("records") == pytest.approx(MAX_STALE + 0.1)


async def test_an_event_and_a_bookmark_are_proofs() -> None:
    clock = Clock()
    bookmark = ("BOOKMARK", {"metadata": {"name": "", "resourceVersion": "101"}})
    async with watched(Streams(clock, quiet=0, events=[bookmark]), clock) as freshness:
        clock.now += MAX_STALE
        assert not freshness.stale()


async def test_who_never_heard_anything_is_stale() -> None:
    class Away:
        async def list(self, *_: object, **__: object) -> Listing:
            raise UnavailableError(0, "NoAnswer", "connection refused")

    clock = Clock()
    watch = fresh_watch(cast("Client", Away()), APP_RECORD, Records(lambda _: None), clock=clock)
    freshness = Freshness({"records": watch}, MAX_STALE, clock)
    assert freshness.stale()
    clock.now += 7
    assert freshness.age("records") == 7, "since the start: an age without end would be an alert at each start"


async def test_one_watch_that_is_too_old_is_enough() -> None:
    clock = Clock()
    streams = Streams(clock, quiet=0)
    async with watched(streams, clock):
        old = fresh_watch(cast("Client", streams), APP_RECORD, Records(lambda _: None), clock=clock)
        fresh = fresh_watch(cast("Client", streams), APP_RECORD, Records(lambda _: None), clock=clock)
        old.last_contact, fresh.last_contact = clock.now - MAX_STALE - 1, clock.now
        assert Freshness({"old": old, "fresh": fresh}, MAX_STALE, clock).stale()
        assert not Freshness({"fresh": fresh}, MAX_STALE, clock).stale()
