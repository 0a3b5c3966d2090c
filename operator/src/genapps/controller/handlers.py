"""kopf's part: it watches the kinds that people write, and tells the caches which object changed.

Event handlers only: they write nothing, add no finalizer and no annotation. Errors in them would be dropped, so there
is nothing in them that can fail; what an event means is judged in the pass that its key leads to.
"""

from __future__ import annotations

from typing import Any

import aiohttp
import kopf

from genapps.api.names import GROUP, VERSION
from genapps.cluster.connection import Connection, open_session
from genapps.controller.caches import Caches
from genapps.controller.collection import Collection


def settings() -> kopf.OperatorSettings:
    """kopf without everything that writes, scans or waits long."""
    configured = kopf.OperatorSettings()
    configured.posting.enabled = False
    configured.posting.loggers = False
    configured.scanning.disabled = True
    configured.peering.standalone = True
    configured.watching.initial_streaming = False
    configured.watching.inactivity_timeout = 70
    configured.process.ultimate_exiting_timeout = 25
    # A limit here would be a throttle (limit / idle_timeout objects per second); our own queue bounds the work.
    configured.queueing.worker_limit = None
    configured.queueing.idle_timeout = 1
    return configured


def registry(caches: Caches, connection: Connection, sessions: list[aiohttp.ClientSession]) -> kopf.OperatorRegistry:
    """The handlers. Sessions that kopf logs in with are appended to ``sessions``, for the caller to close."""
    registered = kopf.OperatorRegistry()

    @kopf.on.login(registry=registered)
    async def login(**_: Any) -> kopf.AiohttpSession:
        sessions.append(open_session(connection, "genapps-operator (kopf)"))
        return kopf.AiohttpSession(server=connection.server, aiohttp_session=sessions[-1])

    _tell(registered, "generatedapps", caches.apps)
    _tell(registered, "appbudgets", caches.budgets)
    _tell(registered, "connectors", caches.connectors)
    return registered


def _tell(registered: kopf.OperatorRegistry, plural: str, collection: Collection[Any]) -> None:
    @kopf.on.event(GROUP, VERSION, plural, registry=registered, id=plural)
    async def told(event: kopf.RawEvent, **_: Any) -> None:
        # kopf's own type for an object that the initial list holds is None; every one of them is a state to know.
        if event["type"] == "DELETED":
            collection.deleted(dict(event["object"]))
        else:
            collection.changed(dict(event["object"]))
