# SPDX-License-Identifier: Apache-2.0
"""Publishes what holds of an AppBudget for the gateways, and withdraws it when the budget is gone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from genapps.api.appbudget import AppBudget
from genapps.api.budgetrecord import BudgetRecord
from genapps.api.fields import LARGEST
from genapps.api.ledger import Ledger
from genapps.api.names import budget_ledger
from genapps.api.quantities import byte_count
from genapps.cluster.client import Client
from genapps.cluster.errors import ConflictError, NotFoundError
from genapps.cluster.resources import APP_BUDGET, BUDGET_RECORD, LEDGER, Resource
from genapps.controller.cache.caches import Caches
from genapps.controller.cache.keys import BudgetKey
from genapps.core.budgets.period import UnknownZoneError, month_of
from genapps.core.budgets.published import STATE_EVERY, is_due, published

_MIB = 1024 * 1024
_LONGEST_SLEEP = 3600.0
_ANY_ZONE = timedelta(days=1)
"""Longer than any time zone is behind another."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class BudgetPublisher:
    """`later` puts a key back into the queue after so many seconds."""

    client: Client
    caches: Caches
    later: Callable[[BudgetKey, float], None]

    async def publish(self, key: BudgetKey, now: datetime) -> None:
        """One budget, also one that is gone. Raises ApiError."""
        stored = self.caches.budgets.get(("", key.budget))
        known = self.caches.budget_records.get((self.caches.system_namespace, key.budget))
        if stored is None:
            await self._withdraw(key, known if isinstance(known, BudgetRecord) else None, now)
            return
        if not isinstance(stored.model, AppBudget) or (known is not None and not isinstance(known, BudgetRecord)):
            # What gateways know of it stays as it is: what cannot be read takes nothing away, and adds nothing.
            _log.error("budget_not_published", budget=key.budget)
            return
        before = known.record if known is not None else None
        try:
            after = published(stored.model, before, self._claims_mib(key.budget), now)
        except UnknownZoneError:
            return  # status says so
        if is_due(before, after, now):
            version = known.metadata.resource_version if known is not None else None
            manifest = BudgetRecord.manifest(self.caches.system_namespace, after, version)
            write = self.client.create if version is None else self.client.replace
            self.caches.budget_record_written(await write(manifest))
        wait = min((after.ends_at - now).total_seconds(), _LONGEST_SLEEP)
        self.later(key, max(0.1, min(wait, STATE_EVERY.total_seconds()) if after.state.mib else wait))

    async def _withdraw(self, key: BudgetKey, known: BudgetRecord | None, now: datetime) -> None:
        """Its apps can spend nothing any more. What they spent is kept for as long as the period lasts: a budget that
        comes back under the name finds it."""
        ledger = self.caches.ledgers.get((self.caches.system_namespace, budget_ledger(key.budget)))
        if known is None and not isinstance(ledger, Ledger):
            return
        with suppress(NotFoundError):
            await self.client.get(APP_BUDGET, None, key.budget)
            return  # it is there: the watch tells
        if known is not None:
            await self._delete(BUDGET_RECORD, key.budget, known.metadata.uid)
        if not isinstance(ledger, Ledger):
            return
        account = ledger.record.account
        if account is not None and account.period >= month_of(now - _ANY_ZONE, "UTC").name:
            self.later(key, _LONGEST_SLEEP)
        else:
            await self._delete(LEDGER, ledger.metadata.name, ledger.metadata.uid)

    async def _delete(self, resource: Resource, name: str, uid: str) -> None:
        with suppress(NotFoundError, ConflictError):  # gone already, or another one: the watch tells
            await self.client.delete(resource, self.caches.system_namespace, name, uid=uid)

    def _claims_mib(self, budget: str) -> int:
        """The size of the claims of a budget's apps, also of those whose app is gone and whose claim is kept.

        A claim counts as it stands: a tier that has another size since does not change it."""
        size = 0
        for child, stored in self.caches.records_in_use():
            if stored.record.budget != budget:
                continue
            live = self.caches.live_of(stored.record.run_namespace, child).get(("PersistentVolumeClaim", child))
            if live is not None:
                known = live.claim.size if live.claim is not None else None
                size += byte_count(stored.record.tier.state.claim) if known is None else known
        return min(size // _MIB, LARGEST)
