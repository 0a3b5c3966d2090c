# SPDX-License-Identifier: Apache-2.0
"""List, then watch, forever: keeps a sink in step with the API server through disconnects and expired versions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Protocol

import structlog

from genapps.cluster.client import Client, backoff
from genapps.cluster.errors import ApiError, GoneError
from genapps.cluster.resources import Object, Resource

_FIRST_DELAY = 0.2
_LONGEST_DELAY = 10.0

_log = structlog.get_logger(__name__)


class Sink(Protocol):
    """What a watch keeps in step. Called on the event loop, in the order of the API server; must not raise or block."""

    def listed(self, objects: Sequence[Object], resource_version: str) -> None:
        """A complete list as of that version: what is not in it is gone."""

    def changed(self, object_: Object) -> None:
        """An object was added or modified."""

    def deleted(self, object_: Object) -> None:
        """An object is gone; this is its last state."""


class ResourceVersionWentBackError(Exception):
    """The API server's store was restored from a backup. Versions no longer tell which of two states is the newer one,
    so whoever remembers some has to end, and begin anew."""


class Watch:
    """One collection, optionally of one namespace, by a server-side label selector, or of one name.

    `synced` is set once the first complete list was delivered. `last_contact` is the monotonic time of the last list,
    event, bookmark or regular end of a stream: how old the sink's picture can be at most. `last_turn` is that of the
    last contact or failed attempt: whether this loop is alive, which it is throughout an outage of the API server.

    `timeout_seconds` asks the API server to end each stream after that time, so that a quiet collection has a proof of
    contact as well (None: it ends them after minutes, as it likes). With `from_store` the first list is of the store
    itself, and not of a cache that may lag behind it."""

    def __init__(
        self,
        client: Client,
        resource: Resource,
        sink: Sink,
        *,
        namespace: str | None = None,
        selector: str = "",
        name: str | None = None,
        metadata_only: bool = False,
        inactivity_seconds: float = 75.0,
        timeout_seconds: int | None = None,
        from_store: bool = False,
        delay: Callable[[int], float] = lambda attempt: backoff(attempt, _FIRST_DELAY, _LONGEST_DELAY),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.resource = resource
        self.synced = asyncio.Event()
        self.last_contact = float("-inf")
        self.last_turn = float("-inf")
        self._client = client
        self._sink = sink
        self._namespace = namespace
        self._selector = selector
        self._name = name
        self._metadata_only = metadata_only
        self._inactivity_seconds = inactivity_seconds
        self._timeout_seconds = timeout_seconds
        self._delay = delay
        self._clock = clock
        self._version: str | None = None if from_store else "0"
        self._newest = 0
        self._failures = 0

    async def run(self) -> None:
        """Until cancelled. Failures of the API server are logged and tried again; a failure of the sink is raised.

        Raises ResourceVersionWentBackError."""
        while True:
            try:
                await self._list()
                while True:
                    await self._watch()
            except GoneError:
                # Also when a list "not older than" our version is refused: the store itself must answer then.
                self._version = None
                self._failures += 1
            except ApiError as error:
                self._failures += 1
                _log.warning("watch_interrupted", kind=self.resource.kind, namespace=self._namespace, error=str(error))
                if self._failures > 1:
                    # A version of the future (a restored store) never becomes current; stop insisting on it.
                    self._version = None
            self.last_turn = self._clock()
            await asyncio.sleep(self._delay(min(self._failures, 16)))

    async def _list(self) -> None:
        listing = await self._client.list(
            self.resource,
            self._namespace,
            selector=self._selector,
            name=self._name,
            metadata_only=self._metadata_only,
            at_least=self._version,
        )
        listed_at = int(listing.resource_version)
        if listed_at < self._newest:
            raise ResourceVersionWentBackError(
                f"{self.resource.kind}: listed at {listed_at}, seen {self._newest} before"
            )
        self._newest = listed_at
        self._sink.listed(listing.items, listing.resource_version)
        self._version = listing.resource_version
        self.last_contact = self.last_turn = self._clock()
        self.synced.set()

    async def _watch(self) -> None:
        """One stream. The server ends it regularly; the next one continues from the last version seen."""
        started = self._clock()
        stream = self._client.watch(
            self.resource,
            self._namespace,
            resource_version=self._version or "0",
            selector=self._selector,
            name=self._name,
            metadata_only=self._metadata_only,
            inactivity_seconds=self._inactivity_seconds,
            timeout_seconds=self._timeout_seconds,
        )
        async with aclosing(stream):
            async for kind, object_ in stream:
                self._version = object_["metadata"]["resourceVersion"]
                self._newest = int(self._version)
                self._heard()
                if kind == "DELETED":
                    self._sink.deleted(object_)
                elif kind != "BOOKMARK":
                    self._sink.changed(object_)
        self._heard()
        if self._clock() - started < 1.0:
            # A server that ends streams at once must not be hammered.
            await asyncio.sleep(self._delay(0))

    def _heard(self) -> None:
        self.last_contact = self.last_turn = self._clock()
        self._failures = 0
