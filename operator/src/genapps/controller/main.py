"""The operator process: watches fill the caches, kopf and the watches feed the queue, workers reconcile.

All replicas keep their caches warm; nothing is written but by the one that holds the Lease. Whatever should run for
ever and ends is fatal, the loss of the Lease first of all: the process exits hard, and its successor starts from what
the API server holds.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
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
from genapps.cluster.client import Client, ClientOptions
from genapps.cluster.connection import Connection, ConnectionSettingsError, connect, reads_only
from genapps.cluster.errors import ApiError, UnavailableError
from genapps.controller.cache.caches import Caches, Wake
from genapps.controller.cache.keys import AppKey, BudgetKey, ConnectorKey, Key, NamespaceQuotaKey
from genapps.controller.code.image_pulls import ImagePulls
from genapps.controller.code.sources import Sources
from genapps.controller.process import health, permissions
from genapps.controller.process.leader_election import Leadership, LeaseLostError, Timing
from genapps.controller.process.metrics import Metrics
from genapps.controller.reconcile.app import Reconciler
from genapps.controller.reconcile.cleanup import Cleanup
from genapps.controller.reconcile.events import Events
from genapps.controller.reconcile.execute import Executor
from genapps.controller.reconcile.observe import Observer
from genapps.controller.reconcile.queue import WorkQueue
from genapps.controller.reconcile.worker import Worker
from genapps.controller.settings import Settings, SettingsError
from genapps.controller.watch import kopf_handlers
from genapps.controller.watch.liveness import StreamLiveness
from genapps.controller.watch.sweep import Sweep
from genapps.controller.watch.watches import Watches
from genapps.registry.pull import pull

_BUDGET_SECONDS = 1.0
"""Budgets and bounds count apps: one write for a group of changes."""
_STOP_SECONDS = 10.0
_DRAIN_SECONDS = 5.0
_RIGHTS_SECONDS = 5.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_SILENT_SECONDS = 300.0
"""Longer than all attempts of one sweep at an API server that does not answer."""

_log = structlog.get_logger(__name__)


def run() -> None:
    """The command `genapps operator`: until SIGTERM or SIGINT (exit 0), or a fatal error (exit 1)."""
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
        self._identity = settings.identity or f"{socket.gethostname()}_{secrets.token_hex(4)}"
        self._agent = f"{FIELD_MANAGER} ({self._identity})"
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._waits_for = "it has not asked for its rights yet"

    async def run(self) -> None:
        for number in _SIGNALS:
            # Nothing has been begun yet. In a container nobody else would take note of the signal: it is process 1.
            asyncio.get_running_loop().add_signal_handler(number, os._exit, 0)
        settings, metrics = self._settings, Metrics()
        timing = Timing(settings.lease_seconds)
        async with AsyncExitStack() as stack:

            async def connected(options: ClientOptions) -> Client:
                return await stack.enter_async_context(Client(self._connection, FIELD_MANAGER, options))

            # Three sessions: no crowd of writes or watches delays a renewal of the Lease, nor one the other.
            seconds = timing.request
            alone = ClientOptions(self._agent, attempts=1, read_seconds=seconds, write_seconds=seconds)
            candidate = await connected(alone)
            leadership = Leadership(candidate, settings.system_namespace, self._identity, timing, _die)
            listener = await connected(
                ClientOptions(self._agent, write_guard=reads_only, connections=0, observe=metrics.request)
            )
            client = await connected(
                ClientOptions(self._agent, write_guard=leadership.check, write_seconds=seconds, observe=metrics.request)
            )
            queue: WorkQueue[Key] = WorkQueue(asyncio.get_running_loop(), metrics.queue)
            wake = _waker(queue, leadership)
            caches = Caches(settings.system_namespace, settings.run_namespaces, wake)
            liveness = StreamLiveness(resource.plural for resource, _ in caches.watched_by_kopf)
            watches = Watches(listener, caches, settings)
            sweep = Sweep(listener, caches, settings, metrics, liveness, lambda key: wake(key, False))
            caches.on_app_deleted = sweep.soon
            pulls = ImagePulls(partial(pull, access=settings.registries), queue.add)
            stack.callback(pulls.close)
            work = self._work(client, caches, Sources(client, caches.sources, pulls), queue, sweep, metrics)

            def live() -> str:
                silent = time.monotonic() - sweep.last_round > _SILENT_SECONDS + settings.sweep_seconds
                return (
                    "no sweep has ended for long"
                    if silent and watches.synced()
                    else watches.silent() or liveness.silent()
                )

            await stack.enter_async_context(
                health.serve(settings.health_port, metrics.registry, live, lambda: self._waits_for)
            )
            await self._until_allowed(candidate)
            self._waits_for = "caches are not complete yet"
            for watch in watches.watches:
                self._start(watch.run())
            sweep.last_round = time.monotonic()
            await watches.complete()
            _log.info("synced", apps=len(caches.apps), records=len(caches.records))
            stop_kopf = await self._start_kopf(caches, liveness)
            self._waits_for = ""
            self._start(sweep.run())

            async def lead() -> None:
                await leadership.acquire()
                metrics.leading.set(1)
                self._start(leadership.keep())
                await watches.catch_up()
                caches.wake_everything()
                sweep.soon()
                await asyncio.gather(*(work.run() for _ in range(settings.workers)))

            self._start(lead())
            await self._stopping.wait()
            _log.info("stopping")
            await self._stop(queue, stop_kopf, leadership)

    def _work(
        self,
        client: Client,
        caches: Caches,
        sources: Sources,
        queue: WorkQueue[Key],
        sweep: Sweep,
        metrics: Metrics,
    ) -> Worker:
        settings = self._settings
        observer = Observer(caches, sources, settings)
        executor = Executor(client, caches, metrics, settings.system_namespace, settings.run_namespaces)
        events = Events(client, secrets.token_hex(8))
        cleanup = Cleanup(
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
            cleanup=cleanup,
            sweep=sweep,
            metrics=metrics,
            clock=lambda: datetime.now(UTC),
            new_id=lambda: secrets.token_hex(16),
            later=queue.add_after,
            seen=queue.seen,
        )
        return Worker(queue, reconciler, client, caches, observer, events, metrics, settings)

    async def _until_allowed(self, client: Client) -> None:
        """Waits for rights that are missing: an administrator grants them, and a restart would not help."""
        while True:
            try:
                lacking = await permissions.missing(client, self._settings)
            except UnavailableError as error:
                self._waits_for = f"the API server does not answer: {error}"
                _log.warning("api_server_unavailable", error=str(error))
                await asyncio.sleep(1.0)
                continue
            except ApiError as error:
                # It does not even tell us what we may: then each request has to find out.
                _log.warning("rights_unknown", error=str(error))
                return
            if not lacking:
                return
            named = [str(right) for right in lacking]
            self._waits_for = f"rights are missing, the chart's roles grant them: {'; '.join(named)}"
            _log.error("rights_missing", rights=named, next_step="apply the chart's RBAC of this version")
            await asyncio.sleep(_RIGHTS_SECONDS)

    async def _stop(self, queue: WorkQueue[Key], stop_kopf: asyncio.Event, leadership: Leadership) -> None:
        """What is at work comes to its end, so that nothing of ours is on its way when another one begins."""
        queue.close()
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                await queue.drained()
            drained = True
        except TimeoutError:
            drained = False
        stop_kopf.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks, timeout=_STOP_SECONDS)
        if leadership.leading and drained:
            await leadership.release()
        _log.info("stopped", released=drained)

    async def _start_kopf(self, caches: Caches, liveness: StreamLiveness) -> asyncio.Event:
        sessions: list[aiohttp.ClientSession] = []
        ready, stop = asyncio.Event(), asyncio.Event()

        async def watch() -> None:
            try:
                await kopf.operator(
                    registry=kopf_handlers.registry(caches, self._connection, self._agent, liveness, sessions),
                    settings=kopf_handlers.settings(),
                    standalone=True,
                    clusterwide=True,
                    ready_flag=ready,
                    stop_flag=stop,
                )
            finally:
                for session in sessions:
                    await session.close()

        liveness.begin()
        self._start(watch())
        await ready.wait()
        # kopf has set its own handlers for these; the order of stopping is ours.
        for number in _SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self._stopping.set)
        return stop

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(coroutine)
        task.add_done_callback(self._ended)
        self._tasks.append(task)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or self._stopping.is_set():
            return
        error = task.exception()
        if isinstance(error, LeaseLostError):
            _die(str(error))
        _log.critical("fatal", task=repr(task.get_coro()), exc_info=error)
        _exit()


def _die(why: str) -> None:
    _log.critical("lease_lost", why=why)
    _exit()


def _exit() -> None:
    sys.stdout.flush()
    # A process of which a part has died must not look alive, nor one write that may not: no cleanup, no waiting.
    os._exit(1)


def _waker(queue: WorkQueue[Key], leadership: Leadership) -> Wake:
    """While another one leads nothing is put in line: it would pile up, and everything is looked at when we begin."""

    def wake(key: Key, urgent: bool) -> None:
        if not leadership.leading:
            return
        if isinstance(key, BudgetKey | ConnectorKey) or (isinstance(key, NamespaceQuotaKey) and not urgent):
            queue.add_after(key, _BUDGET_SECONDS)
        else:
            queue.add(key, urgent=urgent and isinstance(key, AppKey))

    return wake
