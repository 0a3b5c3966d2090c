# SPDX-License-Identifier: Apache-2.0
"""Proof that an app is gone: nobody but its owner's deletion may end its pod."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import structlog

from genapps.api.apprecord import Record
from genapps.cluster.client import Client
from genapps.cluster.errors import NotFoundError
from genapps.cluster.resources import DEFINITION, GENERATED_APP, NAMESPACE
from genapps.controller.cache.cluster_memory import ClusterMemory, Sighting
from genapps.controller.cache.keys import AppKey

_DEFINITION = f"{GENERATED_APP.plural}.{GENERATED_APP.group}"
_SYSTEM = "kube-system"

_log = structlog.get_logger(__name__)

T = TypeVar("T")


class SharedRead(Generic[T]):
    """One read for all who asked before it began; who asks later gets the next one."""

    def __init__(self, read: Callable[[], Awaitable[T]]) -> None:
        self._read = read
        self._lock = asyncio.Lock()
        self._asked = 0
        self._answered = 0
        self._value: T | None = None

    async def fresh(self) -> T:
        """What a read that began after this call found. Raises what the read raises."""
        self._asked += 1
        turn = self._asked
        async with self._lock:
            if self._value is None or self._answered < turn:
                covered = self._asked
                self._value = await self._read()
                self._answered = covered
            return self._value


class Absence:
    """Live looks only; nothing in a cache counts as proof."""

    def __init__(self, client: Client, memory: ClusterMemory) -> None:
        self._client = client
        self._memory = memory
        self._sighting = SharedRead(self.sighting)

    async def live_uid(self, key: AppKey) -> str | None:
        """The uid of the app of that name, also while it is being deleted; None: there is none. Raises ApiError."""
        try:
            live = await self._client.get(GENERATED_APP, key.namespace, key.name, metadata_only=True)
        except NotFoundError:
            return None
        return str(live["metadata"]["uid"])

    async def proven(self, key: AppKey, record: Record | None, *, any_namespace: bool = False) -> bool:
        """Whether the app of this record (None: whichever had the name) was deleted: a live read does not find it, its
        namespace is still the same, and a look that began afterwards finds definition, cluster and history in order.

        With `any_namespace` the namespace may be gone or another one: somebody has looked at all of them before.
        Raises ApiError when the API server does not answer.
        """
        live = await self.live_uid(key)
        if live is not None and (record is None or live == record.app.uid):
            return False
        if record is not None and not any_namespace and not await self._same_namespace(key.namespace, record):
            return False
        if self._memory.believes(await self._sighting.fresh()):
            return True
        _log.error("deletion_not_believed", app=key.name, namespace=key.namespace, why=self._memory.doubt)
        return False

    async def settle(self) -> None:
        """Every known app was found: should this be another cluster than before, it is the right one from now on."""
        if self._memory.doubt:
            _log.warning("cluster_taken_up", before=self._memory.doubt)
            self._memory.adopt(await self.sighting())

    async def sighting(self) -> Sighting:
        """One look at the API server itself, not at its caches. Raises ApiError."""
        known = self._memory.highest_version()
        listing = await self._client.list(DEFINITION, name=_DEFINITION, metadata_only=True, at_least=None)
        system = await self._client.get(NAMESPACE, None, _SYSTEM, metadata_only=True)
        found = [item["metadata"] for item in listing.items if "deletionTimestamp" not in item["metadata"]]
        return Sighting(
            system_uid=str(system["metadata"]["uid"]),
            definition_uid=str(found[0]["uid"]) if found else "",
            version=int(listing.resource_version),
            known=known,
        )

    async def _same_namespace(self, name: str, record: Record) -> bool:
        """An app that went with its namespace is the sweep's: it looks at a complete list of namespaces."""
        try:
            live = await self._client.get(NAMESPACE, None, name, metadata_only=True)
        except NotFoundError:
            return False
        return str(live["metadata"]["uid"]) == record.namespace_uid
