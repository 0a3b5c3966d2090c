"""Reports an AppBudget: its status, and Events when a condition of it turns."""

from __future__ import annotations

from datetime import UTC, datetime

from genapps.api.appbudget import AppBudget
from genapps.cluster.client import Client
from genapps.controller.cache.caches import Caches
from genapps.controller.cache.keys import AppKey, BudgetKey
from genapps.controller.reconcile.events import Events
from genapps.controller.reconcile.status_writer import write_status
from genapps.core.status import transitions
from genapps.core.status.budget import budget_status


def waiting_apps(caches: Caches, key: BudgetKey) -> list[AppKey]:
    """Apps that a place under the budget is free for."""
    stored = caches.budgets.get(("", key.budget))
    if stored is None or not isinstance(stored.model, AppBudget):
        return []
    taken = caches.summary().apps.get(key.budget, 0)
    return list(caches.waiting_for(key.budget)) if taken < stored.model.spec.policy.max_apps else []


async def report_budget(
    client: Client, caches: Caches, events: Events, key: BudgetKey, prepared: frozenset[str]
) -> bool:
    """Bring one status up to date; says whether it wrote. `prepared` are the run namespaces that the chart made."""
    stored = caches.budgets.get(("", key.budget))
    if stored is None or not isinstance(stored.model, AppBudget):
        return False
    records = [
        record.record
        for _, record in caches.records_in_use()
        if record.record.budget == key.budget and record.record.deleted_at is None
    ]
    now = datetime.now(UTC)
    status = budget_status(stored.model, records, prepared, stored.status, now)
    if status == stored.status:
        return False
    live = await write_status(client, caches.budgets, "AppBudget", {"name": key.budget}, status)
    if live is None:
        return False
    for event in transitions(stored.status, status):
        await events.post(
            live["metadata"], "AppBudget", type_=event.type, reason=event.reason, message=event.message, now=now
        )
    return True
