# SPDX-License-Identifier: Apache-2.0
"""Stores the contract of each Connector beside the gateway, and collects those that nobody names any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from genapps.api import names
from genapps.api.connector import Connector
from genapps.cluster.client import Client
from genapps.cluster.errors import ConflictError, NotFoundError
from genapps.cluster.resources import CONFIG_MAP
from genapps.controller.cache.caches import Caches
from genapps.controller.cache.contracts import StoredObject
from genapps.controller.cache.keys import ContractsKey
from genapps.core.contracts.contract import contract_of
from genapps.core.contracts.stored import contract_object

UNUSED = timedelta(minutes=5)
"""How long nobody has to name a contract before it is collected: a pass that has begun may still name it."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class ContractReconciler:
    """`later` puts the key back into the queue after so many seconds."""

    client: Client
    caches: Caches
    later: Callable[[ContractsKey, float], None]
    _unused_since: dict[str, datetime] = field(default_factory=dict)
    """By name of the object."""

    async def reconcile(self, now: datetime) -> None:
        """All of them. Raises ApiError."""
        wanted = self._wanted()
        for name, connector in wanted.items():
            if (stored := self._stored(name)) is None or not stored.digest:
                await self._store(name, stored, connector)
        used = {*wanted, *map(names.contract_name, self.caches.summary.contracts)}
        unused = {name for _, name in self.caches.contracts} - used
        self._unused_since = {name: self._unused_since.get(name, now) for name in unused}
        for name, since in tuple(self._unused_since.items()):
            if now - since >= UNUSED:
                await self._delete(name, self._stored(name))
                del self._unused_since[name]
        if self._unused_since:
            self.later(ContractsKey(), (min(self._unused_since.values()) + UNUSED - now).total_seconds())

    def _wanted(self) -> dict[str, Connector]:
        """By the name of the object, one connector that has this contract."""
        return {
            names.contract_name(stored.contract.digest): stored.model
            for stored in self.caches.connectors.values()
            if isinstance(stored.model, Connector) and stored.contract.digest is not None
        }

    def _stored(self, name: str) -> StoredObject | None:
        return self.caches.contracts.get((self.caches.system_namespace, name))

    async def _store(self, name: str, other: StoredObject | None, connector: Connector) -> None:
        await self._delete(name, other)  # what holds no contract, or another one, cannot be corrected
        manifest = contract_object(self.caches.system_namespace, contract_of(connector.spec))
        try:
            await self.client.create(manifest)
        except ConflictError:
            return  # It is there already.
        # The watch tells, and wakes the apps that wait for it.
        _log.info("contract_stored", contract=name, connector=connector.metadata.name)

    async def _delete(self, name: str, stored: StoredObject | None) -> None:
        if stored is None:
            return
        try:
            await self.client.delete(CONFIG_MAP, self.caches.system_namespace, name, uid=stored.uid)
        except (NotFoundError, ConflictError):
            return  # Gone already, or another one: the watch tells.
        _log.info("contract_deleted", contract=name)
