# SPDX-License-Identifier: Apache-2.0
"""The Services that connectors name are watched one by one, and nothing else of their namespaces."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from aiohttp import web

from genapps.controller.cache.changes import Change
from genapps.controller.cache.services import FollowedServices
from genapps.controller.watch.service_watches import ServiceWatches
from tests.support.scripted_server import Script, json, refusal, serve, stream

NAME = ("billing", "ledger")


class Following:
    """Watches against a server that lets them read while `allowed` is set."""

    def __init__(self) -> None:
        self.allowed = True
        self.changes: list[Change] = []
        self.told = asyncio.Event()
        self.services = FollowedServices(self._changed)
        self.script = Script([self._answer])
        self.tasks: list[asyncio.Task[None]] = []

    def start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self.tasks.append(asyncio.ensure_future(coroutine))
        return self.tasks[-1]

    async def until(self, refused: bool) -> None:
        while (found := self.services.get(NAME)) is None or bool(found.refused) != refused or found.synced == refused:
            self.told.clear()
            await self.told.wait()

    def _changed(self, change: Change) -> None:
        self.changes.append(change)
        self.told.set()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if not self.allowed:
            return await refusal(403, "Forbidden", "services is forbidden")(request)
        if "watch" in request.query:
            return await stream(then="silence")(request)
        return await json({"metadata": {"resourceVersion": "7"}, "items": []})(request)


async def test_only_the_named_service_and_its_slices_are_asked_for() -> None:
    following = Following()
    async with serve(following.script) as client:
        watches = ServiceWatches(client, following.services, following.start)
        watches.follow({NAME})
        await following.until(refused=False)
        selections = {
            (asked.path, asked.query.get("fieldSelector"), asked.query.get("labelSelector"))
            for asked in following.script.asked
        }
        assert selections == {
            ("/api/v1/namespaces/billing/services", "metadata.name=ledger", None),
            (
                "/apis/discovery.k8s.io/v1/namespaces/billing/endpointslices",
                None,
                "kubernetes.io/service-name=ledger",
            ),
        }
        assert len(list(watches)) == 2
        watches.follow(set())
        await asyncio.gather(*following.tasks, return_exceptions=True)
        assert all(task.cancelled() for task in following.tasks)
        assert list(following.services) == []
        assert list(watches) == []


async def test_a_right_that_is_missing_is_told_and_so_is_its_grant() -> None:
    following = Following()
    following.allowed = False
    async with serve(following.script, attempts=1) as client:
        watches = ServiceWatches(client, following.services, following.start)
        watches.follow({NAME})
        await following.until(refused=True)
        following.allowed = True
        await following.until(refused=False)
        watches.follow(set())
        await asyncio.gather(*following.tasks, return_exceptions=True)
