"""The operator process: watches fill the caches, kopf and the watches feed the queue, workers reconcile.

Nothing is written before every cache is complete. Whatever should run for ever and ends is fatal: the process exits
hard, and its successor starts from what the API server holds.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from typing import Any

import aiohttp
import kopf
import structlog
import uvloop

from genapps import logs
from genapps.api.names import FIELD_MANAGER
from genapps.cluster.client import Client
from genapps.cluster.connection import Connection, ConnectionSettingsError, connect
from genapps.controller import handlers, health
from genapps.controller.caches import Caches
from genapps.controller.ears import Ears
from genapps.controller.events import Events
from genapps.controller.execute import Executor
from genapps.controller.keys import AppKey, BoundsKey, BudgetKey, Key
from genapps.controller.metrics import Metrics
from genapps.controller.observe import Observer
from genapps.controller.pulls import Pulls
from genapps.controller.queue import WorkQueue
from genapps.controller.reconcile import Reconciler
from genapps.controller.remains import Remains
from genapps.controller.settings import Settings, SettingsError
from genapps.controller.sources import Sources
from genapps.controller.sweep import Sweep
from genapps.controller.work import Work
from genapps.registry.pull import pull

_BUDGET_SECONDS = 1.0
"""Budgets and bounds count apps: one write for a group of changes."""
_STOP_SECONDS = 10.0
_SILENT_SECONDS = 300.0
"""Longer than all attempts of one sweep at an API server that does not answer."""

_log = structlog.get_logger(__name__)


def run() -> None:
    """The command ``genapps operator``: until SIGTERM or SIGINT (exit 0), or a fatal error (exit 1)."""
    try:
        settings = Settings.from_environment(os.environ)
        connection = connect(os.environ)
    except (SettingsError, ConnectionSettingsError) as error:
        print(f"genapps operator: {error}", file=sys.stderr)  # noqa: T201 (no log is configured yet)
        raise SystemExit(2) from None
    logs.configure(settings.log_level)
    uvloop.run(Operator(settings, connection).run())


class Operator:
    """The parts of one operator process, wired."""

    def __init__(self, settings: Settings, connection: Connection) -> None:
        self._settings = settings
        self._connection = connection
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        settings, metrics = self._settings, Metrics()
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(Client(self._connection, FIELD_MANAGER))
            queue: WorkQueue[Key] = WorkQueue(asyncio.get_running_loop(), metrics.queue)
            caches = Caches(settings.system_namespace, settings.run_namespaces, _waker(queue))
            ears = Ears(client, caches, settings)
            sweep = Sweep(client, caches, settings, metrics, queue.add)
            caches.on_app_deleted = sweep.soon
            pulls = Pulls(partial(pull, access=settings.registries), queue.add)
            stack.callback(pulls.close)
            observer = Observer(caches, Sources(client, caches.sources, pulls), settings)
            executor = Executor(client, caches, metrics, settings.system_namespace, settings.run_namespaces)
            events = Events(client, secrets.token_hex(8))
            remains = Remains(
                client=client,
                caches=caches,
                observer=observer,
                executor=executor,
                sweep=sweep,
                system_namespace=settings.system_namespace,
                clock=lambda: datetime.now(UTC),
                later=queue.add_after,
            )
            reconciler = Reconciler(
                client=client,
                caches=caches,
                observer=observer,
                executor=executor,
                events=events,
                remains=remains,
                sweep=sweep,
                metrics=metrics,
                clock=lambda: datetime.now(UTC),
                new_id=lambda: secrets.token_hex(16),
                later=queue.add_after,
                seen=queue.seen,
            )
            work = Work(queue, reconciler, client, caches, observer, events, metrics, settings)

            def live() -> str:
                silent = time.monotonic() - sweep.last_round > _SILENT_SECONDS + settings.sweep_seconds
                return "no sweep has ended for long" if silent and ears.synced() else ears.silent()

            def ready() -> str:
                return "" if ears.synced() else "caches are not complete yet"

            await stack.enter_async_context(health.serve(settings.health_port, metrics.registry, live, ready))
            for watch in ears.watches:
                self._start(watch.run())
            await ears.complete()
            _log.info("synced", apps=len(caches.apps), records=len(caches.records))
            sweep.last_round = time.monotonic()
            for _ in range(settings.workers):
                self._start(work.run())
            self._start(sweep.run())
            kopf_task, stop_kopf = await self._start_kopf(caches)
            await self._until_stopped()
            queue.close()
            stop_kopf.set()
            for task in self._tasks:
                task.cancel()
            await asyncio.wait({kopf_task, *self._tasks}, timeout=_STOP_SECONDS)
            _log.info("stopped")

    async def _start_kopf(self, caches: Caches) -> tuple[asyncio.Task[None], asyncio.Event]:
        sessions: list[aiohttp.ClientSession] = []
        ready, stop = asyncio.Event(), asyncio.Event()

        async def watch() -> None:
            try:
                await kopf.operator(
                    registry=handlers.registry(caches, self._connection, sessions),
                    settings=handlers.settings(),
                    standalone=True,
                    clusterwide=True,
                    ready_flag=ready,
                    stop_flag=stop,
                )
            finally:
                for session in sessions:
                    await session.close()

        task = self._start(watch())
        await ready.wait()
        # kopf has set its own handlers for these; the order of stopping is ours.
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stopping.set)
        self._tasks.remove(task)
        return task, stop

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(coroutine)
        task.add_done_callback(self._ended)
        self._tasks.append(task)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or self._stopping.is_set():
            return
        error = task.exception()
        _log.critical("fatal", task=repr(task.get_coro()), exc_info=error)
        sys.stdout.flush()
        # A process of which a part has died must not look alive: no cleanup, no waiting.
        os._exit(1)

    async def _until_stopped(self) -> None:
        await self._stopping.wait()
        _log.info("stopping")


def _waker(queue: WorkQueue[Key]) -> Any:
    def wake(key: Key, urgent: bool) -> None:
        if isinstance(key, BudgetKey) or (isinstance(key, BoundsKey) and not urgent):
            queue.add_after(key, _BUDGET_SECONDS)
        else:
            queue.add(key, urgent=urgent and isinstance(key, AppKey))

    return wake
