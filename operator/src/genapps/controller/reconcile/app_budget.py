# SPDX-License-Identifier: Apache-2.0
"""Reports an AppBudget: its status, and Events when a condition of it turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from genapps.api.appbudget import AppBudget
from genapps.api.apprecord import AppRecord
from genapps.api.budgetrecord import BudgetRecord
from genapps.api.ledger import Ledger
from genapps.api.names import budget_ledger, child_name
from genapps.cluster.client import Client
from genapps.controller.cache.caches import Caches
from genapps.controller.cache.keys import AppKey, BudgetKey
from genapps.controller.cache.wakeups import waiting_for_budget
from genapps.controller.process.metrics import Metrics
from genapps.controller.reconcile.events import Events
from genapps.controller.reconcile.status_writer import write_status
from genapps.controller.reconcile.usage_mirror import UsageMirror
from genapps.core.budgets.balance import current, refused_units
from genapps.core.budgets.scorecards import Member
from genapps.core.status import transitions
from genapps.core.status.budget import DeletionsHeld, budget_status
from genapps.core.status.spending import Spending, budget_events


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
    mirror: UsageMirror,
    metrics: Metrics,
    later: Callable[[BudgetKey, float], None],
    now: datetime,
) -> None:
    """Bring one status up to date. `prepared` are the run namespaces that the chart made, `held` what waits for a
    confirmation; `later` puts the key back into the queue after so many seconds."""
    stored = caches.budgets.get(("", key.budget))
    if stored is None or not isinstance(stored.model, AppBudget):
        mirror.forget(key)
        metrics.forget_budget(key.budget)
        return
    records = [
        record.record
        for child, record in caches.records_in_use()
        if record.record.budget == key.budget and record.record.deleted_at is None and not caches.is_gone(child)
    ]
    spending = _spending(caches, key.budget)
    refused = () if spending is None else refused_units(spending.budget, spending.account)
    status = budget_status(stored.model, records, prepared, held, stored.status, now, spending)
    metrics.budget_spent.labels(key.budget).set(status.get("spentPercent", 0))
    metrics.budget_exhausted.labels(key.budget).set(len(refused))
    metrics.families.tell(key.budget, () if spending is None else spending.members)
    if status == stored.status:
        return
    if (pause := mirror.wait(key, stored.status, status)) > 0:
        later(key, pause)
        return
    live = await write_status(client, caches.budgets, "AppBudget", {"name": key.budget}, status)
    if live is None:
        return
    mirror.written(key)
    for event in (*transitions(stored.status, status), *budget_events(stored.status, status)):
        await events.post(
            live["metadata"], "AppBudget", type_=event.type, reason=event.reason, message=event.message, now=now
        )


def _spending(caches: Caches, budget: str) -> Spending | None:
    published = caches.budget_records.get((caches.system_namespace, budget))
    if not isinstance(published, BudgetRecord):
        return None
    ledger = caches.ledgers.get((caches.system_namespace, budget_ledger(budget)))
    account = ledger.record.account if isinstance(ledger, Ledger) else None
    period = published.record.period
    return Spending(published.record, current(published.record, account), tuple(_members(caches, budget, period)))


def _members(caches: Caches, budget: str, period: str) -> Iterator[Member]:
    """The apps of the budget that belong to a family."""
    for name, app in caches.apps.items():
        if app.budget != budget or not app.family or app.deleting:
            continue
        child = (caches.system_namespace, child_name(*name))
        ledger, record = caches.ledgers.get(child), caches.records.get(child)
        account = ledger.record.account if isinstance(ledger, Ledger) else None
        revision = record.record.revision if isinstance(record, AppRecord) else None
        yield Member(
            app.family,
            tuple(sorted(app.connectors)),
            revision.code_digest if revision is not None else None,
            account if account is not None and account.period == period else None,
        )
