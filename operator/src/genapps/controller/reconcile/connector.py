"""Reports a Connector: its status."""

from __future__ import annotations

from datetime import UTC, datetime

from genapps.api.connector import Connector
from genapps.cluster.client import Client
from genapps.controller.cache.caches import Caches
from genapps.controller.cache.keys import ConnectorKey
from genapps.controller.reconcile.status_writer import write_status
from genapps.core.status.connector import connector_status


async def report_connector(client: Client, caches: Caches, key: ConnectorKey) -> bool:
    """Bring one status up to date; says whether it wrote."""
    stored = caches.connectors.get(("", key.connector))
    if stored is None or not isinstance(stored.model, Connector):
        return False
    apps = caches.summary().connectors.get(key.connector, 0)
    status = connector_status(stored.model, apps, stored.status, datetime.now(UTC))
    if status == stored.status:
        return False
    return await write_status(client, caches.connectors, "Connector", {"name": key.connector}, status) is not None
