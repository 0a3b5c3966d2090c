# SPDX-License-Identifier: Apache-2.0
"""Watches of the Services that connectors name: two streams each, selected by the API server, and none for the rest of
the cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from genapps.cluster.client import Client
from genapps.cluster.errors import ForbiddenError
from genapps.cluster.resources import ENDPOINT_SLICE, SERVICE
from genapps.cluster.watch import Watch
from genapps.controller.cache.services import FollowedServices
from genapps.controller.cache.store import Name

_OF_SERVICE = "kubernetes.io/service-name"


class _TellingWatch(Watch):
    """Tells after each list whether the API server let us read there: `on_list` gets its words, or none."""

    on_list: Callable[[str], None]

    async def _list(self) -> None:
        try:
            await super()._list()
        except ForbiddenError as error:
            self.on_list(error.message)
            raise
        self.on_list("")


class ServiceWatches:
    """`start` runs a coroutine as a task of the process, which ends with it when it fails."""

    def __init__(
        self,
        client: Client,
        services: FollowedServices,
        start: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        self._client = client
        self._services = services
        self._start = start
        self._tasks: dict[Name, list[asyncio.Task[None]]] = {}
        self._watches: dict[Name, tuple[Watch, Watch]] = {}

    def __iter__(self) -> Iterator[Watch]:
        for watches in tuple(self._watches.values()):
            yield from watches

    def follow(self, wanted: set[Name]) -> None:
        """Watch these Services, and no others, from now on."""
        for name in self._tasks.keys() - wanted:
            for task in self._tasks.pop(name):
                task.cancel()
            del self._watches[name]
            self._services.forget(name)
        for name in sorted(wanted - self._tasks.keys()):
            self._begin(name)

    def _begin(self, name: Name) -> None:
        namespace, service = name
        followed, selector = self._services.follow(name), f"{_OF_SERVICE}={service}"
        watches = (
            _TellingWatch(self._client, SERVICE, followed.service, namespace=namespace, name=service),
            _TellingWatch(self._client, ENDPOINT_SLICE, followed.slices, namespace=namespace, selector=selector),
        )
        refusals: dict[str, str] = {}

        def listed(kind: str, words: str) -> None:
            refusals[kind] = words
            self._services.refuse(name, next(filter(None, refusals.values()), ""))
            if all(watch.synced.is_set() for watch in watches):
                self._services.is_synced(name)

        for watch in watches:
            watch.on_list = lambda words, kind=watch.resource.kind: listed(kind, words)  # type: ignore[misc]
        self._watches[name] = watches
        self._tasks[name] = [self._start(watch.run()) for watch in watches]
