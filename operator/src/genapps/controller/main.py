# SPDX-License-Identifier: Apache-2.0
"""The operator process: watches fill the caches, kopf and the watches feed the queue, workers reconcile.

All replicas keep their caches warm; nothing is written but by the one that holds the Lease. Whatever should run for
ever and ends is fatal, the loss of the Lease first of all: the process exits hard, and its successor starts from what
the API server holds.
"""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import aiohttp
import kopf
import structlog
import uvloop

from genapps import logs
from genapps.api.names import FIELD_MANAGER
from genapps.cluster import clocks
from genapps.cluster.client import Client, ClientOptions
from genapps.cluster.connection import Connection, connect, reads_only
from genapps.controller.cache.caches import Caches
from genapps.controller.cache.cluster_memory import ClusterMemory
from genapps.controller.cache.keys import Key
from genapps.controller.code.image_pulls import ImagePulls
from genapps.controller.code.sources import Sources
from genapps.controller.process import health, permissions
from genapps.controller.process.leader_election import Leadership, Timing
from genapps.controller.process.metrics import Metrics
from genapps.controller.reconcile.app import Reconciler
from genapps.controller.reconcile.app_hold import HoldReconciler
from genapps.controller.reconcile.budget_record import BudgetPublisher
from genapps.controller.reconcile.cleanup import Cleanup
from genapps.controller.reconcile.connector import ConnectorReconciler
from genapps.controller.reconcile.contracts import ContractReconciler
from genapps.controller.reconcile.events import Events
from genapps.controller.reconcile.execute import Executor
from genapps.controller.reconcile.observe import Observer
from genapps.controller.reconcile.permits import Permits
from genapps.controller.reconcile.queue import WorkQueue
from genapps.controller.reconcile.usage_mirror import UsageMirror
from genapps.controller.reconcile.waker import Waker
from genapps.controller.reconcile.worker import Worker
from genapps.controller.settings import Settings
from genapps.controller.watch import kopf_handlers
from genapps.controller.watch.absence import Absence
from genapps.controller.watch.liveness import StreamLiveness
from genapps.controller.watch.probe import LivenessProbe
from genapps.controller.watch.service_watches import ServiceWatches
from genapps.controller.watch.sweep import Sweep
from genapps.controller.watch.watches import Watches
from genapps.environment import SettingsError
from genapps.registry.pull import pull

_RETRY_SECONDS = 4.0
"""Of a write: what fails longer is told in status, and tried again by the queue."""
_STOP_SECONDS = 10.0
_DRAIN_SECONDS = 5.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_OBJECTS_UNTIL_COLLECTION = 50_000
"""Python's own 700 are for small programs: one list of 2,000 apps makes so many that all the caches hold is searched
for cycles. What is in no cycle, as nearly all is, is freed at once all the same."""

_log = structlog.get_logger(__name__)


def run(now: Callable[[], datetime] = clocks.utc_now) -> None:
    """The command `genapps operator`: until SIGTERM or SIGINT (exit 0), or a fatal error (exit 1)."""
    try:
        settings = Settings.from_environ(os.environ)
        connection = connect(os.environ)
    except SettingsError as error:
        print(f"genapps operator: {error}", file=sys.stderr)  # noqa: T201 (no log is configured yet)
        raise SystemExit(2) from None
    logs.configure(settings.log_level)
    gc.set_threshold(_OBJECTS_UNTIL_COLLECTION)
    uvloop.run(Operator(settings, connection, clocks.ServerClock(now)).run())


class Operator:
    """The parts of one operator process, wired."""

    def __init__(self, settings: Settings, connection: Connection, clock: clocks.ServerClock) -> None:
        self._settings = settings
        self._connection = connection
        self._clock = clock
        self._identity = settings.identity or f"{socket.gethostname()}_{secrets.token_hex(4)}"
        self._agent = f"{FIELD_MANAGER} ({self._identity})"
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._readiness = health.Readiness("it has not asked for its rights yet")
        self._metrics = Metrics()

    async def run(self) -> None:
        """Until SIGTERM or SIGINT. Whatever else ends it ends the process."""
        for number in _SIGNALS:
            # Nothing has been begun yet. In a container nobody else would take note of the signal: it is process 1.
            asyncio.get_running_loop().add_signal_handler(number, os._exit, 0)
        async with AsyncExitStack() as stack:
            await self._run(stack)

    async def _run(self, stack: AsyncExitStack) -> None:
        settings, metrics = self._settings, self._metrics
        timing = Timing(settings.lease_seconds)
        # Three sessions: no crowd of writes or watches delays a renewal of the Lease, nor one the other.
        candidate = await self._connected(
            stack,
            attempts=1,
            read_seconds=timing.request,
            write_seconds=timing.request,
            on_date=self._clock.heard,
        )
        memory = ClusterMemory(lambda: caches.highest_version())
        leadership = Leadership(
            candidate,
            settings.system_namespace,
            self._identity,
            timing,
            _die,
            clocks.since_boot,
            self._clock.now,
            memory,
        )
        listener = await self._connected(stack, write_guard=reads_only, connections=0)
        client = await self._connected(
            stack, write_guard=leadership.check, write_seconds=timing.request, retry_seconds=_RETRY_SECONDS
        )
        queue: WorkQueue[Key] = WorkQueue(asyncio.get_running_loop(), metrics.queue)
        sweep_requested = asyncio.Event()
        waker = Waker(queue, lambda: leadership.leading, sweep_requested)
        caches = Caches(settings.system_namespace, settings.run_namespaces, self._clock.now, waker.on_change)
        liveness = StreamLiveness((resource.plural for resource, _ in caches.watched_by_kopf), clocks.monotonic)
        services = ServiceWatches(listener, caches.services, self._start)
        watches = Watches(listener, caches, settings, clocks.monotonic, services)
        absence = Absence(listener, memory)
        sweep = Sweep(
            listener, caches, settings, metrics, liveness, waker.wake, clocks.monotonic, sweep_requested,
            self._clock.now, absence, memory,
        )  # fmt: skip
        pulls = ImagePulls(partial(pull, access=settings.registries), queue.add)
        stack.callback(pulls.close)
        connectors = ConnectorReconciler(client, caches, settings, services.follow, queue.add_after)
        worker = self._worker(client, caches, Sources(client, caches.sources, pulls), queue, sweep, absence, connectors)
        probe = LivenessProbe(watches, liveness, sweep, settings.sweep_seconds, clocks.monotonic)
        await stack.enter_async_context(health.serve(settings.health_port, metrics.registry, probe, self._readiness))
        await permissions.until_granted(candidate, settings, self._readiness.waits_for)
        self._readiness.waits_for("caches are not complete yet")
        for watch in watches.all:
            self._start(watch.run())
        sweep.last_round = clocks.monotonic()
        await watches.complete()
        _log.info("synced", apps=len(caches.apps), records=len(caches.records))
        stop_kopf = await self._start_kopf(caches, liveness)
        self._readiness.ready()
        self._start(sweep.run())
        self._start(self._lead(leadership, watches, caches, waker, worker))
        await self._stopping.wait()
        _log.info("stopping")
        await self._stop(queue, stop_kopf, leadership)

    async def _lead(
        self, leadership: Leadership, watches: Watches, caches: Caches, waker: Waker, worker: Worker
    ) -> None:
        await leadership.acquire()
        self._metrics.leading.set(1)
        self._start(leadership.keep())
        await watches.catch_up()
        waker.everything(caches)
        await asyncio.gather(*(worker.run() for _ in range(self._settings.workers)))

    async def _connected(self, stack: AsyncExitStack, **options: Any) -> Client:
        both = ClientOptions(
            user_agent=self._agent, on_answer=self._metrics.request, on_write=self._metrics.write, **options
        )
        return await stack.enter_async_context(Client(self._connection, FIELD_MANAGER, both))

    def _worker(
        self,
        client: Client,
        caches: Caches,
        sources: Sources,
        queue: WorkQueue[Key],
        sweep: Sweep,
        absence: Absence,
        connectors: ConnectorReconciler,
    ) -> Worker:
        settings, metrics = self._settings, self._metrics
        observer = Observer(caches, sources, settings)
        executor = Executor(client, caches, settings.system_namespace, settings.run_namespaces)
        events = Events(client, secrets.token_hex(8))
        cleanup = Cleanup(
            absence=absence,
            caches=caches,
            observer=observer,
            executor=executor,
            sweep=sweep,
            system_namespace=settings.system_namespace,
            clock=self._clock.now,
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
            clock=self._clock.now,
            new_id=lambda: secrets.token_hex(16),
            later=queue.add_after,
            seen=queue.seen,
            mirror=UsageMirror(clocks.monotonic),
            others_first=queue.urgent,
            permits=Permits(
                pods=lambda run_namespace: len(caches.children[run_namespace, "Pod"]),
                deadline=timedelta(seconds=settings.progress_deadline_seconds),
            ),
        )
        return Worker(
            queue,
            reconciler,
            connectors,
            ContractReconciler(client, caches, queue.add_after),
            BudgetPublisher(client, caches, queue.add_after),
            HoldReconciler(client, caches, events, metrics, queue.add_after),
            client,
            caches,
            observer,
            events,
            metrics,
            settings,
            clocks.monotonic,
            self._clock.now,
        )

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
        if task.cancelled() and not self._stopping.is_set():
            self._tasks.remove(task)
        if task.cancelled() or self._stopping.is_set():
            return
        _log.critical("fatal", task=repr(task.get_coro()), exc_info=task.exception())
        _exit()


def _die(why: str) -> None:
    _log.critical("lease_lost", why=why)
    _exit()


def _exit() -> None:
    sys.stdout.flush()
    # A process of which a part has died must not look alive, nor one write that may not: no cleanup, no waiting.
    os._exit(1)
