# SPDX-License-Identifier: Apache-2.0
"""Our own watches: children by run namespace, records and ledgers, sources, namespaces, the gateway's address and CA.

GeneratedApps, AppBudgets and Connectors are watched by kopf; they are listed here once, so that the caches are known
to be complete before anything is judged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import structlog

from genapps.api.names import (
    GATEWAY_CA_CONFIGMAP,
    GATEWAY_EGRESS_POLICY,
    GATEWAY_SERVICE,
    LABEL_CONNECTOR,
    LABEL_CONTRACT,
    LABEL_SOURCE,
)
from genapps.cluster.client import Client, Listing
from genapps.cluster.errors import UnavailableError
from genapps.cluster.resources import (
    APP_RECORD,
    BUDGET_RECORD,
    BY_KIND,
    CONFIG_MAP,
    ENDPOINT_SLICE,
    LEDGER,
    NAMESPACE,
    NETWORK_POLICY,
    SERVICE,
    Resource,
)
from genapps.cluster.watch import Watch
from genapps.controller.cache.caches import Caches
from genapps.controller.settings import Settings
from genapps.core.namespace_quota import BOUNDS_NAME

_RETRY_SECONDS = 1.0
_SILENT_SECONDS = 180.0
"""The API server sends a bookmark a minute, and a failed attempt ends sooner: a watch without either is dead."""

_OF_GATEWAY = f"kubernetes.io/service-name={GATEWAY_SERVICE}"

_log = structlog.get_logger(__name__)


class Watches:
    """`all` are to be run; `complete()` returns when every cache holds a whole list. `clock` is monotonic seconds."""

    def __init__(
        self,
        client: Client,
        caches: Caches,
        settings: Settings,
        clock: Callable[[], float],
        of_services: Iterable[Watch] = (),
    ) -> None:
        self._client = client
        self.of_services = of_services
        """Those that come and go with connectors: nobody waits for their lists."""
        self._listed = False
        self._clock = clock
        self._caches = caches
        self._system_namespace = system = settings.system_namespace
        self.all = [
            Watch(client, NAMESPACE, caches.namespaces, metadata_only=True),
            Watch(client, APP_RECORD, caches.records, namespace=system),
            Watch(client, BUDGET_RECORD, caches.budget_records, namespace=system),
            Watch(client, LEDGER, caches.ledgers, namespace=system),
            Watch(client, CONFIG_MAP, caches.sources, selector=f"{LABEL_SOURCE}=true", metadata_only=True),
            Watch(client, SERVICE, caches.gateway_service, namespace=system, name=GATEWAY_SERVICE),
            Watch(client, ENDPOINT_SLICE, caches.gateway_endpoints, namespace=system, selector=_OF_GATEWAY),
            Watch(client, CONFIG_MAP, caches.gateway_ca, namespace=system, name=GATEWAY_CA_CONFIGMAP),
            Watch(client, ENDPOINT_SLICE, caches.connector_slices, namespace=system, selector=LABEL_CONNECTOR),
            Watch(client, CONFIG_MAP, caches.contracts, namespace=system, selector=LABEL_CONTRACT),
            Watch(client, NETWORK_POLICY, caches.gateway_egress, namespace=system, name=GATEWAY_EGRESS_POLICY),
        ]
        for run, copies in caches.ca_copies.items():
            self.all.append(Watch(client, CONFIG_MAP, copies, namespace=run, name=GATEWAY_CA_CONFIGMAP))
        for (run, kind), bounds in caches.namespace_quotas.items():
            self.all.append(Watch(client, BY_KIND[kind], bounds, namespace=run, name=BOUNDS_NAME))
        for (run, kind), children in caches.children.items():
            # No label selector: run namespaces hold nothing but ours, and an object that lost its labels, or that
            # took a child's name, must be seen.
            snapshots = kind == "ConfigMap"
            self.all.append(Watch(client, BY_KIND[kind], children, namespace=run, metadata_only=snapshots))

    async def complete(self) -> None:
        """Lists what kopf watches, and returns when every cache holds a whole list."""
        for resource, collection in self._caches.watched_by_kopf:
            listing = await self._first_list(resource)
            collection.listed(listing.items, listing.resource_version)
        self._listed = True
        await asyncio.gather(*(watch.synced.wait() for watch in self.all))

    async def catch_up(self) -> None:
        """Every verdict that was written until now is in the caches afterwards: what a new leader begins with, because
        the old one's last records may still be on their way. Raises ApiError."""
        listing = await self._client.list(APP_RECORD, self._system_namespace, at_least=None)
        self._caches.records.listed(listing.items, listing.resource_version)

    async def _first_list(self, resource: Resource) -> Listing:
        """Waits for an API server that does not answer: to end and be started again would only take longer."""
        while True:
            try:
                return await self._client.list(resource)
            except UnavailableError as error:
                _log.warning("api_server_unavailable", kind=resource.kind, error=str(error))
                await asyncio.sleep(_RETRY_SECONDS)

    def synced(self) -> bool:
        """Whether every cache holds a whole list."""
        return self._listed and all(watch.synced.is_set() for watch in self.all)

    def silent(self) -> str:
        """What gives no sign of life; empty when every watch is alive or still on its first list. That the API server
        does not answer is none of it: a restart would not help, and its back-off would outlast the outage."""
        now = self._clock()
        for watch in (*self.all, *self.of_services):
            if watch.synced.is_set() and now - watch.last_turn > _SILENT_SECONDS:
                return f"the watch of {watch.resource.kind} is silent"
        return ""
