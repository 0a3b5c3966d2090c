# SPDX-License-Identifier: Apache-2.0
"""Events: one object per app, reason, type and operator process, counted up; posted after the status that they tell of.

A process never reads Events: like Kubernetes' own components it counts from its start, so the operator needs no right
to read what others have said.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from genapps.api.names import API_VERSION, FIELD_MANAGER
from genapps.cluster.client import Client
from genapps.cluster.errors import ApiError

_REMEMBERED = 2000

_log = structlog.get_logger(__name__)


class Events:
    """Posts Events about our kinds. An Event that cannot be posted is logged and dropped: status says the same."""

    def __init__(self, client: Client, process_id: str) -> None:
        self._client = client
        self._process_id = process_id
        self._posted: OrderedDict[tuple[str, str], tuple[int, str]] = OrderedDict()

    async def post(
        self, about: Mapping[str, Any], kind: str, *, type_: str, reason: str, message: str, now: datetime
    ) -> None:
        """`about` is the metadata of the object of that kind; `type_` is Normal or Warning."""
        namespace = about.get("namespace") or "default"
        unique = hashlib.sha256(f"{self._process_id}/{about['uid']}/{type_}/{reason}".encode()).hexdigest()[:16]
        name = f"{about['name']}.{unique}"
        at = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        count, first = self._posted.pop((namespace, name), (0, at))
        try:
            await self._client.apply(
                {
                    "apiVersion": "v1",
                    "kind": "Event",
                    "metadata": {"name": name, "namespace": namespace},
                    "involvedObject": {
                        "apiVersion": API_VERSION,
                        "kind": kind,
                        "name": about["name"],
                        "uid": about["uid"],
                        **({"namespace": about["namespace"]} if about.get("namespace") else {}),
                    },
                    "type": type_,
                    "reason": reason,
                    "message": message[:1024],
                    "source": {"component": FIELD_MANAGER},
                    "reportingComponent": FIELD_MANAGER,
                    "firstTimestamp": first,
                    "lastTimestamp": at,
                    "count": count + 1,
                },
                metadata_only=True,
            )
        except ApiError as error:
            _log.warning("event_dropped", namespace=namespace, name=name, reason=reason, error=str(error))
            return
        self._posted[namespace, name] = (count + 1, first)
        while len(self._posted) > _REMEMBERED:
            self._posted.popitem(last=False)
