"""The workers: take a key from the queue, do what its kind asks for, and give failures back with a delay."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import structlog

from genapps.api.appbudget import AppBudget
from genapps.cluster.client import Client
from genapps.cluster.errors import ApiError, NotFound
from genapps.controller.authority import copy_authority
from genapps.controller.bounds import apply_bounds
from genapps.controller.budgets import budget_status, status_manifest
from genapps.controller.caches import Caches
from genapps.controller.execute import ChildRefusedError
from genapps.controller.keys import AppKey, BoundsKey, BudgetKey, Key
from genapps.controller.metrics import Metrics
from genapps.controller.observe import Observer
from genapps.controller.queue import WorkQueue
from genapps.controller.reconcile import Reconciler
from genapps.controller.settings import Settings

_LONGEST_SECONDS = 120.0

_log = structlog.get_logger(__name__)


class Work:
    """What one or more workers do; ``run()`` is one worker."""

    def __init__(
        self,
        queue: WorkQueue[Key],
        reconciler: Reconciler,
        client: Client,
        caches: Caches,
        observer: Observer,
        metrics: Metrics,
        settings: Settings,
    ) -> None:
        self._queue = queue
        self._reconciler = reconciler
        self._client = client
        self._caches = caches
        self._observer = observer
        self._metrics = metrics
        self._settings = settings
        metrics.workers.labels("genapps").set(settings.workers)

    async def run(self) -> None:
        """Until cancelled. Whatever goes wrong with one key is that key's: it is logged, and tried again later."""
        while True:
            key = await self._queue.get()
            failed = True
            started = time.monotonic()
            self._metrics.active_workers.labels("genapps").inc()
            try:
                async with asyncio.timeout(_LONGEST_SECONDS):
                    await self._work_on(key)
                failed = False
            except (ApiError, ChildRefusedError) as error:
                _log.warning("reconcile_failed", key=str(key), error=str(error))
            except Exception:
                _log.exception("reconcile_failed", key=str(key))
            finally:
                self._queue.done(key, failed=failed)
                self._metrics.active_workers.labels("genapps").dec()
                self._count(time.monotonic() - started, failed=failed)

    async def _work_on(self, key: Key) -> None:
        if isinstance(key, AppKey):
            await self._reconciler.reconcile(key)
        elif isinstance(key, BudgetKey):
            await self._report_budget(key)
        elif isinstance(key, BoundsKey):
            classes = bool(self._settings.runtime_classes)
            for kind in await apply_bounds(self._client, self._caches, key, runtime_classes=classes):
                self._metrics.writes.labels(kind, "apply").inc()
        elif await copy_authority(self._client, self._caches, key, self._settings.system_namespace):
            self._metrics.writes.labels("ConfigMap", "apply").inc()

    async def _report_budget(self, key: BudgetKey) -> None:
        stored = self._caches.budgets.get(("", key.budget))
        if stored is None or not isinstance(stored.model, AppBudget):
            return
        records = [
            record.record
            for _, record in self._caches.records_in_use()
            if record.record.budget == key.budget and record.record.deleted_at is None
        ]
        if len(records) < stored.model.spec.policy.max_apps:
            for app in self._caches.waiting_for(key.budget):
                self._queue.add(app)
        prepared = self._observer.platform().run_namespaces
        status = budget_status(stored.model, records, prepared, stored.status, datetime.now(UTC))
        if status == stored.status:
            return
        try:
            live = await self._client.apply(status_manifest(key.budget, status), subresource="status")
        except NotFound:
            return
        self._metrics.writes.labels("AppBudget", "status").inc()
        self._caches.budgets.written(live, insert=False)

    def _count(self, seconds: float, *, failed: bool) -> None:
        self._metrics.reconcile_seconds.labels("genapps").observe(seconds)
        self._metrics.reconciles.labels("genapps", "error" if failed else "success").inc()
        if failed:
            self._metrics.reconcile_errors.labels("genapps").inc()
