# SPDX-License-Identifier: Apache-2.0
"""kopf's part: it watches the kinds that people write, and puts each changed object into the caches.

Event handlers only: they write nothing, add no finalizer and no annotation. Errors in them would be dropped, so there
is nothing in them that can fail; what an event means is judged in the pass that its key leads to.
"""

from __future__ import annotations

from typing import Any

import aiohttp
import kopf

from genapps.api.names import GROUP, VERSION
from genapps.cluster.connection import Connection, open_session, reads_only
from genapps.controller.cache.caches import Caches
from genapps.controller.cache.store import Store
from genapps.controller.watch.kopf_streams import WatchResponse
from genapps.controller.watch.liveness import TURN_SECONDS, StreamLiveness


def settings() -> kopf.OperatorSettings:
    """kopf without everything that writes, scans or waits long."""
    configured = kopf.OperatorSettings()
    configured.posting.enabled = False
    configured.posting.loggers = False
    configured.scanning.disabled = True
    configured.persistence.diffbase_storage = _NoDifferences()
    configured.persistence.progress_storage = _NoProgress()
    configured.peering.standalone = True
    configured.watching.initial_streaming = False
    configured.watching.inactivity_timeout = 70
    # A stream that is opened again and again shows that whoever reads it is alive, also when nothing ever changes.
    configured.watching.server_timeout = TURN_SECONDS
    configured.process.ultimate_exiting_timeout = 25
    # A limit here would be a throttle (limit / idle_timeout objects per second); our own queue bounds the work.
    configured.queueing.worker_limit = None
    configured.queueing.idle_timeout = 1
    return configured


def registry(
    caches: Caches,
    connection: Connection,
    user_agent: str,
    liveness: StreamLiveness,
    sessions: list[aiohttp.ClientSession],
) -> kopf.OperatorRegistry:
    """The handlers. Sessions that kopf logs in with are appended to `sessions`, for the caller to close; they only
    read. `liveness` gets each opened watch and each event."""
    registered = kopf.OperatorRegistry()

    @kopf.on.login(registry=registered)
    async def login(**_: Any) -> kopf.AiohttpSession:
        traces = [liveness.trace()]
        session = open_session(
            connection,
            user_agent,
            connections=0,
            write_guard=reads_only,
            traces=traces,
            response_class=WatchResponse,
        )
        sessions.append(session)
        return kopf.AiohttpSession(server=connection.server, aiohttp_session=session)

    for resource, collection in caches.watched_by_kopf:
        _register(registered, resource.plural, collection, liveness)
    return registered


class _NoDifferences(kopf.DiffBaseStorage):
    """kopf works out what changed since its last handling, in several deep copies of each object that an event brings.
    Event handlers get no differences, and nobody else asks."""

    def build(self, *, body: kopf.Body, extra_fields: object = None) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Nothing of kopf's goes into an object."""


class _NoProgress(kopf.ProgressStorage):
    """Event handlers have no progress."""

    def fetch(self, *, key: str, body: kopf.Body) -> kopf.ProgressRecord | None:
        return None

    def store(self, *, key: str, record: kopf.ProgressRecord, body: kopf.Body, patch: kopf.Patch) -> None:
        """Nothing of kopf's goes into an object."""

    def purge(self, *, key: str, body: kopf.Body, patch: kopf.Patch) -> None:
        """There is nothing."""

    def touch(self, *, body: kopf.Body, patch: kopf.Patch, value: str | None) -> None:
        """Nothing of kopf's goes into an object."""

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        return essence


def _register(registered: kopf.OperatorRegistry, plural: str, collection: Store[Any], liveness: StreamLiveness) -> None:
    @kopf.on.event(GROUP, VERSION, plural, registry=registered, id=plural)
    async def handle(event: kopf.RawEvent, **_: Any) -> None:
        liveness.received(plural)
        # kopf's own type for an object that the initial list holds is None; every one of them is a state to know.
        if event["type"] == "DELETED":
            collection.deleted(dict(event["object"]))
        else:
            collection.changed(dict(event["object"]))
