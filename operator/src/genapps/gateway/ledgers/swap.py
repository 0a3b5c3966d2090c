# SPDX-License-Identifier: Apache-2.0
"""One change of one Ledger by compare and swap, for what nobody waits for: who loses reads anew and tries again."""

from __future__ import annotations

from collections.abc import Callable

from genapps.api.names import API_VERSION
from genapps.cluster.errors import ApiError, ConflictError, NotFoundError
from genapps.cluster.resources import LEDGER, Object
from genapps.gateway.ledgers.objects import Objects
from genapps.gateway.metrics import Metrics

WRITE_SECONDS = 2.0
"""How long a change may take, for those who make it."""
_ATTEMPTS = 3


class LedgerSwap:
    """Changes Ledgers of one namespace."""

    def __init__(self, objects: Objects, namespace: str, metrics: Metrics) -> None:
        self._objects = objects
        self._namespace = namespace
        self._metrics = metrics

    async def change(self, name: str, changed: Callable[[Object], Object | None]) -> bool:
        """Write what `changed` makes of the record of a Ledger, which is empty where there is none; False when it
        makes None: there is nothing to write. Raises ApiError, and what `changed` raises."""
        conflict: ApiError | None = None
        for _ in range(_ATTEMPTS):
            record, version = await self._stored(name)
            after = changed(record)
            if after is None:
                return False
            try:
                await self._swap(name, after, version)
            except (ConflictError, NotFoundError) as error:
                self._metrics.ledger_writes.labels("conflict").inc()
                conflict = error
                continue
            self._metrics.ledger_writes.labels("written").inc()
            return True
        raise conflict or RuntimeError("no attempt was made")

    async def _stored(self, name: str) -> tuple[Object, str]:
        """`record` of the Ledger, and its version; both empty when there is none."""
        try:
            object_ = await self._objects.get(LEDGER, self._namespace, name)
        except NotFoundError:
            return {}, ""
        return object_["record"], str(object_["metadata"]["resourceVersion"])

    async def _swap(self, name: str, record: Object, version: str) -> None:
        # The whole record: an apply removes what it owns and leaves out. Whoever counts meanwhile makes it a conflict.
        metadata = {"namespace": self._namespace, "name": name} | ({"resourceVersion": version} if version else {})
        manifest = {"apiVersion": API_VERSION, "kind": "Ledger", "metadata": metadata, "record": record}
        await (self._objects.apply(manifest) if version else self._objects.create(manifest))
