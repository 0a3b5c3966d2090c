# SPDX-License-Identifier: Apache-2.0
"""List and watch through everything that goes wrong on the way."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from genapps.cluster.client import Client
from genapps.cluster.resources import CONFIG_MAP
from genapps.cluster.watch import ResourceVersionWentBackError, Watch
from tests.support.scripted_server import Script, listing, refusal, stream, thing


class Told:
    """A sink that remembers, and wakes who waits for so many entries."""

    def __init__(self) -> None:
        self.entries: list[tuple[Any, ...]] = []
        self._changed = asyncio.Event()

    def listed(self, objects: Sequence[dict[str, Any]], resource_version: str) -> None:
        self._add("listed", tuple(object_["metadata"]["name"] for object_ in objects), resource_version)

    def changed(self, object_: dict[str, Any]) -> None:
        self._add("changed", object_["metadata"]["name"])

    def deleted(self, object_: dict[str, Any]) -> None:
        self._add("deleted", object_["metadata"]["name"])

    def _add(self, *entry: Any) -> None:
        self.entries.append(entry)
        self._changed.set()

    async def until(self, count: int) -> list[tuple[Any, ...]]:
        while len(self.entries) < count:
            self._changed.clear()
            await self._changed.wait()
        return self.entries


@asynccontextmanager
async def watching(client: Client) -> AsyncIterator[tuple[Watch, Told]]:
    told = Told()
    watch = Watch(client, CONFIG_MAP, told, namespace="ns", inactivity_seconds=5, delay=lambda _: 0.0)
    task = asyncio.ensure_future(watch.run())
    try:
        yield watch, told
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_list_then_its_changes(client: Client, script: Script) -> None:
    events = (("MODIFIED", thing("a", 4)), ("BOOKMARK", thing("", 5)), ("DELETED", thing("a", 6)))
    script.answers = [listing(3, ("a", 2)), stream(*events, then="silence")]
    async with watching(client) as (watch, told):
        assert await told.until(3) == [("listed", ("a",), "3"), ("changed", "a"), ("deleted", "a")]
        assert watch.synced.is_set()
    assert script.asked[1].query["resourceVersion"] == "3"


async def test_it_is_not_synced_before_its_first_list(client: Client, script: Script) -> None:
    script.answers = [refusal(403), listing(3), stream(then="silence")]
    async with watching(client) as (watch, told):
        assert not watch.synced.is_set()
        await told.until(1)
        assert watch.synced.is_set()


async def test_after_a_regular_end_it_goes_on_from_the_last_bookmark_without_a_list(
    client: Client, script: Script
) -> None:
    script.answers = [listing(3), stream(("BOOKMARK", thing("", 9))), stream(("ADDED", thing("b", 10)), then="silence")]
    async with watching(client) as (_, told):
        assert await told.until(2) == [("listed", (), "3"), ("changed", "b")]
    assert [asked.query.get("resourceVersion") for asked in script.asked] == ["0", "3", "9"]


async def test_an_expired_version_leads_to_a_new_list_from_the_store(client: Client, script: Script) -> None:
    expired = stream(("ERROR", {"code": 410, "reason": "Expired"}))
    script.answers = [listing(3, ("a", 1)), expired, listing(20), stream(then="silence")]
    async with watching(client) as (_, told):
        assert await told.until(2) == [("listed", ("a",), "3"), ("listed", (), "20")]
    assert "resourceVersion" not in script.asked[2].query


async def test_a_410_in_place_of_a_stream_does_the_same(client: Client, script: Script) -> None:
    script.answers = [listing(3), refusal(410, "Expired"), listing(20), stream(then="silence")]
    async with watching(client) as (_, told):
        assert (await told.until(2))[1] == ("listed", (), "20")


async def test_a_broken_connection_leads_to_a_list_that_is_not_older(client: Client, script: Script) -> None:
    broken = stream(("ADDED", thing("a", 7)), then="break")
    script.answers = [listing(3), broken, listing(8, ("a", 7)), stream(then="silence")]
    async with watching(client) as (_, told):
        await told.until(3)
    assert told.entries[-1] == ("listed", ("a",), "8")
    assert script.asked[2].query["resourceVersion"] in ("3", "7")
    assert script.asked[2].query["resourceVersionMatch"] == "NotOlderThan"


async def test_an_error_event_of_the_server_does_not_end_it(client: Client, script: Script) -> None:
    error = stream(("ERROR", {"code": 500, "reason": "InternalError"}))
    script.answers = [listing(3), error, listing(4), stream(("ADDED", thing("z", 5)), then="silence")]
    async with watching(client) as (_, told):
        assert (await told.until(3))[-1] == ("changed", "z")


async def test_every_contact_counts_for_its_age(client: Client, script: Script) -> None:
    script.answers = [listing(3), stream(("BOOKMARK", thing("", 9)), ("ADDED", thing("b", 10)), then="silence")]
    async with watching(client) as (watch, told):
        await told.until(1)
        listed = watch.last_contact
        await told.until(2)
        assert watch.last_contact >= listed > 0


@pytest.mark.parametrize(("seconds", "asked"), [(15, "15"), (None, None)])
async def test_a_stream_ends_early_only_when_that_is_asked_for(
    client: Client, script: Script, seconds: int | None, asked: str | None
) -> None:
    script.answers = [listing(3), stream(("ADDED", thing("a", 4)), then="silence")]
    told = Told()
    task = asyncio.ensure_future(Watch(client, CONFIG_MAP, told, namespace="ns", timeout_seconds=seconds).run())
    await told.until(2)
    task.cancel()
    await asyncio.wait([task])
    assert script.asked[1].query.get("timeoutSeconds") == asked


async def test_the_first_list_can_be_of_the_store_itself(client: Client, script: Script) -> None:
    script.answers = [listing(3), stream(then="silence")]
    watch = Watch(client, CONFIG_MAP, Told(), namespace="ns", from_store=True)
    task = asyncio.ensure_future(watch.run())
    await watch.synced.wait()
    task.cancel()
    await asyncio.wait([task])
    assert "resourceVersion" not in script.asked[0].query


async def test_an_outage_makes_its_picture_older_but_is_no_sign_of_death(client: Client, script: Script) -> None:
    script.answers = [listing(3), refusal(404, "NotFound"), listing(4)]
    signs: list[tuple[float, float]] = []

    def delay(_: int) -> float:
        signs.append((watch.last_contact, watch.last_turn))
        return 0.0

    told = Told()
    watch = Watch(client, CONFIG_MAP, told, namespace="ns", delay=delay)
    task = asyncio.ensure_future(watch.run())
    await told.until(2)
    task.cancel()
    await asyncio.wait([task])
    contact, turn = signs[0]
    assert turn > contact > 0


async def test_a_store_that_was_restored_from_a_backup_ends_it(client: Client, script: Script) -> None:
    script.answers = [listing(30), stream(("ADDED", thing("a", 50))), refusal(410, "Gone"), listing(40)]
    watch = Watch(client, CONFIG_MAP, Told(), namespace="ns", delay=lambda _: 0.0)
    with pytest.raises(ResourceVersionWentBackError):
        await watch.run()
