# SPDX-License-Identifier: Apache-2.0
"""Changes without an event: found by comparing a store with complete lists, and read live."""

from __future__ import annotations

from typing import Any

from genapps.cluster.client import Client, Listing
from genapps.cluster.errors import NotFoundError
from genapps.cluster.resources import Resource
from genapps.controller.cache.store import Store, name_of
from genapps.controller.process.metrics import Metrics
from genapps.controller.watch.liveness import StreamLiveness


class MissedEvents:
    """Of one kind that kopf watches."""

    def __init__(
        self, client: Client, resource: Resource, collection: Store[Any], metrics: Metrics, liveness: StreamLiveness
    ) -> None:
        self._client = client
        self._resource = resource
        self._collection = collection
        self._metrics = metrics
        self._liveness = liveness
        self._behind: dict[tuple[str, str], int] = {}

    async def heal(self) -> Listing:
        """An object that has not caught up with what the previous round's list had: its event is lost, so read it.
        Answers this round's list, metadata only. Raises ApiError."""
        listing = await self._client.list(self._resource, metadata_only=True)
        known, listed_at = self._collection, int(listing.resource_version)
        versions = {name_of(item): int(item["metadata"]["resourceVersion"]) for item in listing.items}
        behind = {name: version for name, version in versions.items() if (known.version(name) or 0) < version}
        gone = {name: listed_at for name in known if name not in versions and (known.version(name) or 0) <= listed_at}
        lost = [name for name in behind | gone if (known.version(name) or 0) < self._behind.get(name, 0)]
        if lost:
            self._liveness.missed(self._resource.plural)
        for name in lost:
            self._metrics.lost_events.inc()
            await self._read(name, listed_at)
        self._behind = behind | gone
        return listing

    async def _read(self, name: tuple[str, str], listed_at: int) -> None:
        namespace, short = name
        try:
            self._collection.changed(await self._client.get(self._resource, namespace or None, short))
        except NotFoundError:
            metadata = {"namespace": namespace, "name": short, "resourceVersion": str(listed_at)}
            self._collection.deleted({"metadata": metadata})
