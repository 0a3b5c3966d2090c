# SPDX-License-Identifier: Apache-2.0
"""Brings a Connector to where it should be: the addresses of its Service beside the gateway, and its status."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from genapps.api import names
from genapps.api.connector import Connector, ServiceEndpoint
from genapps.api.ledger import ConnectorUse, Ledger
from genapps.cluster.client import Client
from genapps.cluster.errors import ConflictError, ForbiddenError, NotFoundError
from genapps.cluster.resources import ENDPOINT_SLICE, LEDGER, POD
from genapps.controller.cache.caches import Caches
from genapps.controller.cache.keys import ConnectorKey
from genapps.controller.cache.parse import StoredConnector
from genapps.controller.cache.services import FollowedService, live_pod
from genapps.controller.cache.store import Name
from genapps.controller.reconcile.status_writer import write_status
from genapps.controller.settings import Settings
from genapps.core.catalogue import endpoints
from genapps.core.catalogue.endpoints import Candidates, Endpoints, NamedPod, Unresolved
from genapps.core.catalogue.gateway_egress import gateway_egress
from genapps.core.connector_use import BELIEVED, open_now
from genapps.core.drift import expected_digest
from genapps.core.observed import Manifest
from genapps.core.status.connector import connector_status

_AT_ONCE = 8
_ASK_AGAIN_SECONDS = 10.0
"""While it may not read a pod: nothing else tells that the right was granted."""


@dataclass(slots=True)
class ConnectorReconciler:
    """`follow` watches these Services and no others; `later` puts a key back into the queue after so many seconds."""

    client: Client
    caches: Caches
    settings: Settings
    follow: Callable[[set[Name]], None]
    later: Callable[[ConnectorKey, float], None]
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    async def reconcile(self, key: ConnectorKey, now: datetime) -> None:
        """One Connector, also one that is gone. Raises ApiError."""
        self.follow(self._services())
        stored = self.caches.connectors.get(("", key.connector))
        model = stored.model if stored is not None and isinstance(stored.model, Connector) else None
        service = model.spec.endpoint.service if model is not None else None
        url = model.spec.endpoint.url if model is not None else None
        outcome: Endpoints | Unresolved | None = endpoints.refused_url(url) if url else None
        if service is not None:
            outcome = await self._resolve(key, service)
            if outcome is None:
                return  # The Service is still being listed: this comes again when it is known.
        wanted = None
        if service is not None and isinstance(outcome, Endpoints):
            wanted = endpoints.endpoint_slice(key.connector, self.settings.system_namespace, service, outcome)
        if stored is None:
            await self._forget_use(key.connector)
        await self._write_slice(key.connector, wanted)
        if stored is not None and model is not None:
            await self._report(stored, model, outcome if isinstance(outcome, Unresolved) else None, now)

    async def bound_gateway(self) -> None:
        """What the gateway may reach, as the policy of the network. Raises ApiError."""
        self.follow(self._services())
        followed = {name: found for name in self.caches.services if (found := self.caches.services.get(name))}
        if not all(service.synced or service.refused for service in followed.values()):
            return
        manifest = gateway_egress(
            self.settings.system_namespace,
            self.caches.catalogue().values(),
            {
                name: state
                for name, service in followed.items()
                if not service.refused and (state := service.service.get(name)) is not None
            },
            self.settings.gateway_dns,
            self.settings.cluster_ranges,
        )
        live = self.caches.gateway_egress
        if live.get((self.settings.system_namespace, names.GATEWAY_EGRESS_POLICY)) != expected_digest(manifest):
            live.written(await self.client.apply(manifest))

    def _services(self) -> set[Name]:
        """The Services that may be looked at."""
        named = (
            stored.model.spec.endpoint.service
            for stored in self.caches.connectors.values()
            if isinstance(stored.model, Connector)
        )
        return {
            (service.namespace, service.name)
            for service in named
            if service is not None and self._refused_place(service) is None
        }

    def _refused_place(self, service: ServiceEndpoint) -> Unresolved | None:
        return endpoints.refused_place(service, self.settings.system_namespace, self.settings.run_namespaces)

    async def _resolve(self, key: ConnectorKey, service: ServiceEndpoint) -> Endpoints | Unresolved | None:
        if refused := self._refused_place(service):
            return refused
        followed = self.caches.services.get((service.namespace, service.name))
        if followed is None:
            return None
        if followed.refused:
            return endpoints.unreadable(service)
        if not followed.synced:
            return None
        state = followed.service.get((service.namespace, service.name))
        among = endpoints.candidates(service, state, followed.slices.values())
        if isinstance(among, Unresolved):
            return among
        try:
            await self._read(service.namespace, followed, among)
        except ForbiddenError:
            self.later(key, _ASK_AGAIN_SECONDS)
            return endpoints.unreadable(service)
        return endpoints.resolved(service, among, followed.pods)

    async def _read(self, namespace: str, followed: FollowedService, among: Candidates) -> None:
        """Read the pods that are not known yet, and forget those that are named no more."""
        named = {pod.uid for pod in among.pods}
        followed.pods = {uid: pod for uid, pod in followed.pods.items() if uid in named}
        unknown = [pod for pod in among.pods if not _is_known(followed, pod)]

        async def read(pod: NamedPod) -> None:
            async with self._turns:
                try:
                    found = live_pod(await self.client.get(POD, namespace, pod.name))
                except NotFoundError:
                    return
            followed.pods[found.uid] = found

        await asyncio.gather(*(read(pod) for pod in unknown))

    async def _write_slice(self, connector: str, wanted: Manifest | None) -> None:
        system, live = self.settings.system_namespace, self.caches.connector_slices
        known = live.get((system, endpoints.slice_name(connector)))
        if wanted is None:
            if known is not None:
                try:
                    await self.client.delete(ENDPOINT_SLICE, system, endpoints.slice_name(connector), uid=known.uid)
                except (NotFoundError, ConflictError):
                    return  # Gone already, or another one: the watch tells.
            return
        if known is None or known.digest != expected_digest(wanted):
            live.written(await self.client.apply(wanted))

    async def _report(
        self, stored: StoredConnector, model: Connector, unresolved: Unresolved | None, now: datetime
    ) -> None:
        name = model.metadata.name
        apps = self.caches.summary.connectors[name]
        use = self._use(name)
        status = connector_status(model, apps, stored.contract, unresolved, stored.status, now, use)
        if use is not None and open_now(use, now):
            self.later(ConnectorKey(name), BELIEVED.total_seconds())
        if status != stored.status:
            await write_status(self.client, self.caches.connectors, "Connector", {"name": name}, status)

    def _use(self, connector: str) -> ConnectorUse | None:
        ledger = self.caches.ledgers.get((self.settings.system_namespace, names.connector_ledger(connector)))
        return ledger.record.connector if isinstance(ledger, Ledger) else None

    async def _forget_use(self, connector: str) -> None:
        ledger = self.caches.ledgers.get((self.settings.system_namespace, names.connector_ledger(connector)))
        if isinstance(ledger, Ledger):
            about = ledger.metadata
            with suppress(NotFoundError, ConflictError):  # gone already, or another one: the watch tells
                await self.client.delete(LEDGER, about.namespace, about.name, uid=about.uid)


def _is_known(followed: FollowedService, pod: NamedPod) -> bool:
    known = followed.pods.get(pod.uid)
    return known is not None and pod.address in known.addresses
