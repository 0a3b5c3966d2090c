# SPDX-License-Identifier: Apache-2.0
"""The gateway's CA certificate, copied to the run namespaces, where runtimes mount it live."""

from __future__ import annotations

from genapps.api.names import GATEWAY_CA_CONFIGMAP, GATEWAY_CA_KEY, LABEL_MANAGED_BY, MANAGED_BY
from genapps.cluster.client import Client
from genapps.controller.cache.caches import Caches
from genapps.controller.cache.keys import GatewayKey


async def copy_authority(client: Client, caches: Caches, key: GatewayKey, system_namespace: str) -> None:
    """Bring one run namespace's copy up to date. Nothing is copied into a namespace that
    the chart has not prepared, nor removed when the gateway's own is missing for a while."""
    run = key.run_namespace
    namespace = caches.namespaces.get(("", run))
    authority = caches.gateway_ca.get((system_namespace, GATEWAY_CA_CONFIGMAP))
    copies = caches.ca_copies[run]
    if namespace is None or not namespace.prepared or authority is None:
        return
    if copies.get((run, GATEWAY_CA_CONFIGMAP)) == authority:
        return
    live = await client.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": GATEWAY_CA_CONFIGMAP,
                "namespace": run,
                "labels": {LABEL_MANAGED_BY: MANAGED_BY},
            },
            "data": {GATEWAY_CA_KEY: authority},
        }
    )
    copies.changed(live)
