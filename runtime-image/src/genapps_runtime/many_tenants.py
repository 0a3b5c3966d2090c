# SPDX-License-Identifier: Apache-2.0
"""What an app with tenants needs beside the others: admission, the keys of tokens, and the deletion of idle tenants.

Imported for those apps only.
"""

import asyncio
import sqlite3

from genapps_runtime import logs
from genapps_runtime.config import RuntimeConfig, Tenancy
from genapps_runtime.egress.gateway_client import GatewayClient
from genapps_runtime.serve.tenant_admission import TenantAdmission
from genapps_runtime.state.facets import Facets, Many
from genapps_runtime.tenancy.delivery import KeyDelivery
from genapps_runtime.tenancy.signatures import SignaturesUnavailableError, library
from genapps_runtime.tenancy.tenants import TenantsOfRequests
from genapps_runtime.termination import Reason, RefusedError

FORGET_SECONDS = 3600.0
"""How often idle tenants are looked for."""


def many(tenancy: Tenancy) -> Many:
    """How many facets there may be, and for how long."""
    return Many(tenancy.most_tenants, float(tenancy.forget_seconds))


class ManyTenants:
    """`admission` is for the app. Call `ready` before the first request, and `close`."""

    def __init__(self, config: RuntimeConfig, tenancy: Tenancy, gateway: GatewayClient, facets: Facets) -> None:
        """Raises RefusedError when this process could not verify a token."""
        try:
            library()
        except SignaturesUnavailableError as error:
            raise RefusedError(Reason.CONFIG_INVALID, f"RuntimeConfig tenancy: {error}") from None
        self._identity = {"app": config.app, "namespace": config.namespace}
        self._facets = facets
        self._delivery = KeyDelivery(gateway.tenant_keys)
        requests = TenantsOfRequests(tenancy, self._delivery.want)
        self._keys = requests.keys
        self.admission = TenantAdmission(requests, facets)
        self._tasks: list[asyncio.Task[None]] = []

    async def ready(self) -> None:
        """Bring the first keys. Without any, requests are answered KeysUnavailable until there are some."""
        await self._delivery.first(self._keys)
        self._tasks = [asyncio.create_task(self._delivery.keep(self._keys)), asyncio.create_task(self._forget())]

    async def close(self) -> None:
        """End what goes on in the background."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _forget(self) -> None:
        while True:
            try:
                gone = await self._facets.forget_idle()
            except (OSError, sqlite3.Error) as error:
                logs.write("idle tenants not deleted", level="error", error=str(error), **self._identity)
            else:
                if gone:
                    logs.write("idle tenants deleted", tenants=gone, **self._identity)
            await asyncio.sleep(FORGET_SECONDS)
