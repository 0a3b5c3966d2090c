# SPDX-License-Identifier: Apache-2.0
"""The bounds of a run namespace, written when budgets change and again when somebody else changes them."""

from __future__ import annotations

from genapps.api.appbudget import AppBudget
from genapps.api.quantities import byte_count
from genapps.cluster.client import Client
from genapps.controller.cache.caches import Caches
from genapps.controller.cache.keys import NamespaceQuotaKey
from genapps.controller.cache.parse import at
from genapps.core.drift import expected_digest
from genapps.core.namespace_quota import bounds


async def apply_namespace_quota(
    client: Client, caches: Caches, key: NamespaceQuotaKey, *, runtime_classes: bool
) -> None:
    """Bring quota and limit range of one prepared run namespace up to date."""
    run = key.run_namespace
    namespace = caches.namespaces.get(("", run))
    if namespace is None or not namespace.prepared:
        return
    wanted = bounds(
        run,
        (stored.model for stored in caches.budgets.values() if isinstance(stored.model, AppBudget)),
        (stored.record for _, stored in caches.records_in_use()),
        _claims(caches, run),
        runtime_classes=runtime_classes,
    )
    for manifest in wanted:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        live = caches.namespace_quotas[run, kind]
        if live.get((run, name)) != expected_digest(manifest):
            live.written(await client.apply(manifest))


def _claims(caches: Caches, run: str) -> list[int]:
    """Sizes in bytes of the claims that we made there."""
    found = []
    for live in caches.children[run, "PersistentVolumeClaim"].values():
        size = at(live.claim.spec, "resources", "requests", "storage") if live.claim else None
        try:
            found.append(byte_count(str(size)))
        except ValueError:
            # Not ours, or written by somebody else in another form.
            continue
    return found
