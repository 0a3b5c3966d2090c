# SPDX-License-Identifier: Apache-2.0
"""Reports an AppBudget: its status, and Events when a condition of it turns."""

from __future__ import annotations

from datetime import datetime

from genapps.api.appbudget import AppBudget
from genapps.cluster.client import Client
from genapps.controller.cache.caches import Caches
from genapps.controller.cache.keys import AppKey, BudgetKey
from genapps.controller.cache.wakeups import waiting_for_budget
from genapps.controller.reconcile.events import Events
from genapps.controller.reconcile.status_writer import write_status
from genapps.core.status import transitions
from genapps.core.status.budget import DeletionsHeld, budget_status


def waiting_apps(caches: Caches, key: BudgetKey) -> list[AppKey]:
    """Apps that a place under the budget is free for."""
    stored = caches.budgets.get(("", key.budget))
    if stored is None or not isinstance(stored.model, AppBudget):
        return []
    taken = caches.summary.apps[key.budget]
    return list(waiting_for_budget(caches, key.budget)) if taken < stored.model.spec.policy.max_apps else []


async def report_budget(
    client: Client,
    caches: Caches,
    events: Events,
    key: BudgetKey,
    prepared: frozenset[str],
    held: DeletionsHeld,
    now: datetime,
) -> None:
    """Bring one status up to date. `prepared` are the run namespaces that the chart made, `held` what waits for a
    confirmation."""
    stored = caches.budgets.get(("", key.budget))
    if stored is None or not isinstance(stored.model, AppBudget):
        return
    records = [
        record.record
        for child, record in caches.records_in_use()
        if record.record.budget == key.budget and record.record.deleted_at is None and not caches.is_gone(child)
    ]
    status = budget_status(stored.model, records, prepared, held, stored.status, now)
    if status == stored.status:
        return
    live = await write_status(client, caches.budgets, "AppBudget", {"name": key.budget}, status)
    if live is None:
        return
    for event in transitions(stored.status, status):
        await events.post(
            live["metadata"], "AppBudget", type_=event.type, reason=event.reason, message=event.message, now=now
        )
