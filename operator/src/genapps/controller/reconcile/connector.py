# SPDX-License-Identifier: Apache-2.0
"""Reports a Connector: its status."""

from __future__ import annotations

from datetime import datetime

from genapps.api.connector import Connector
from genapps.cluster.client import Client
from genapps.controller.cache.caches import Caches
from genapps.controller.cache.keys import ConnectorKey
from genapps.controller.reconcile.status_writer import write_status
from genapps.core.status.connector import connector_status


async def report_connector(client: Client, caches: Caches, key: ConnectorKey, now: datetime) -> None:
    """Bring one status up to date."""
    stored = caches.connectors.get(("", key.connector))
    if stored is None or not isinstance(stored.model, Connector):
        return
    apps = caches.summary.connectors[key.connector]
    status = connector_status(stored.model, apps, stored.status, now)
    if status != stored.status:
        await write_status(client, caches.connectors, "Connector", {"name": key.connector}, status)
