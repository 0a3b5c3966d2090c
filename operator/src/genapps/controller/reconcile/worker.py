# SPDX-License-Identifier: Apache-2.0
"""The workers: take a key from the queue, do what its kind asks for, and give failures back with a delay."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from genapps.cluster.client import Client
from genapps.cluster.errors import ApiError
from genapps.controller.cache.caches import Caches
from genapps.controller.cache.keys import (
    AppKey,
    BudgetKey,
    ConnectorKey,
    ContractsKey,
    GatewayEgressKey,
    HoldKey,
    Key,
    NamespaceQuotaKey,
)
from genapps.controller.process.metrics import Metrics
from genapps.controller.reconcile.app import Reconciler
from genapps.controller.reconcile.app_budget import report_budget, waiting_apps
from genapps.controller.reconcile.app_hold import HoldReconciler
from genapps.controller.reconcile.budget_record import BudgetPublisher
from genapps.controller.reconcile.connector import ConnectorReconciler
from genapps.controller.reconcile.contracts import ContractReconciler
from genapps.controller.reconcile.events import Events
from genapps.controller.reconcile.execute import ChildRefusedError
from genapps.controller.reconcile.gateway_ca import copy_authority
from genapps.controller.reconcile.namespace_quota import apply_namespace_quota
from genapps.controller.reconcile.observe import Observer
from genapps.controller.reconcile.queue import WorkQueue
from genapps.controller.settings import Settings

_LONGEST_SECONDS = 120.0

_log = structlog.get_logger(__name__)


class Worker:
    """What one or more workers do; `run()` is one worker. `clock` is monotonic, in seconds, `now` the time of day."""

    def __init__(
        self,
        queue: WorkQueue[Key],
        reconciler: Reconciler,
        connectors: ConnectorReconciler,
        contracts: ContractReconciler,
        publisher: BudgetPublisher,
        holds: HoldReconciler,
        client: Client,
        caches: Caches,
        observer: Observer,
        events: Events,
        metrics: Metrics,
        settings: Settings,
        clock: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._queue = queue
        self._reconciler = reconciler
        self._connectors = connectors
        self._contracts = contracts
        self._publisher = publisher
        self._holds = holds
        self._client = client
        self._caches = caches
        self._observer = observer
        self._events = events
        self._metrics = metrics
        self._settings = settings
        self._clock = clock
        self._now = now
        metrics.workers.labels("genapps").set(settings.workers)

    async def run(self) -> None:
        """Until cancelled. Whatever goes wrong with one key is that key's: it is logged, and tried again later."""
        while True:
            key = await self._queue.get()
            failed = True
            started = self._clock()
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
                self._count(self._clock() - started, failed=failed)

    async def _work_on(self, key: Key) -> None:
        if isinstance(key, AppKey):
            await self._reconciler.reconcile(key)
        elif isinstance(key, BudgetKey):
            await self._publisher.publish(key, self._now())
            for app in waiting_apps(self._caches, key):
                self._queue.add(app)
            prepared = self._observer.platform().run_namespaces
            held = self._reconciler.sweep.held_of(key.budget)
            await report_budget(
                self._client,
                self._caches,
                self._events,
                key,
                prepared,
                held,
                self._reconciler.mirror,
                self._metrics,
                self._queue.add_after,
                self._now(),
            )
        elif isinstance(key, ConnectorKey):
            await self._connectors.reconcile(key, self._now())
        elif isinstance(key, HoldKey):
            await self._holds.reconcile(key, self._now())
        elif isinstance(key, ContractsKey):
            await self._contracts.reconcile(self._now())
        elif isinstance(key, GatewayEgressKey):
            await self._connectors.bound_gateway()
        elif isinstance(key, NamespaceQuotaKey):
            classes = bool(self._settings.runtime_classes)
            await apply_namespace_quota(self._client, self._caches, key, runtime_classes=classes)
        else:
            await copy_authority(self._client, self._caches, key, self._settings.system_namespace)

    def _count(self, seconds: float, *, failed: bool) -> None:
        self._metrics.reconcile_seconds.labels("genapps").observe(seconds)
        self._metrics.reconciles.labels("genapps", "error" if failed else "success").inc()
        if failed:
            self._metrics.reconcile_errors.labels("genapps").inc()
