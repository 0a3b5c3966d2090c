# SPDX-License-Identifier: Apache-2.0
"""The composition root: HTTP server, language engine, state and app, put together.

Everything that is heavy to import is imported here, so the worker imports this module last.
"""

import asyncio
import sqlite3
import time
from typing import TYPE_CHECKING

from genapps_runtime.bundle import Code
from genapps_runtime.config import RuntimeConfig
from genapps_runtime.egress.gateway_address import GatewayAddress
from genapps_runtime.egress.gateway_client import GatewayClient
from genapps_runtime.guest.engine import Language
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.listening import Ports
from genapps_runtime.logs import BoundedLog
from genapps_runtime.metrics import Metrics
from genapps_runtime.serve.action_context import ActionContext
from genapps_runtime.serve.app import App
from genapps_runtime.serve.background.entries import EntryFile
from genapps_runtime.serve.background.leftover import remove_queue
from genapps_runtime.serve.credit import Credit
from genapps_runtime.serve.defect_reports import DefectReports
from genapps_runtime.serve.fallback.report import BreakerReport
from genapps_runtime.serve.limits import UPLOAD_BYTES, HttpLimits, held_beside
from genapps_runtime.serve.listener import Listener
from genapps_runtime.serve.static.files import StaticFiles
from genapps_runtime.settings import Settings
from genapps_runtime.state.claim_space import known_cause
from genapps_runtime.state.errors import StateUnavailableError
from genapps_runtime.state.facets import Facets
from genapps_runtime.state.log_bound import log_bytes
from genapps_runtime.state.volume import Volume
from genapps_runtime.state_port.port import StatePort
from genapps_runtime.termination import Reason, RefusedError

if TYPE_CHECKING:
    from genapps_runtime.many_tenants import ManyTenants
    from genapps_runtime.serve.schedules.scheduler import Scheduler
    from genapps_runtime.state_port.operations import Operations

DRAIN_SECONDS = 5.0
DELETION_SECONDS = 5.0
"""How long the deletion of a tenant waits for requests beyond the time of an action."""
LONGEST_DELETION_SECONDS = 60.0


class AppServer:
    """The app's port and what is behind it: NotReady until `load`, then the app's answers.

    After `load` it also answers what is asked of the state.
    """

    def __init__(
        self,
        ports: Ports,
        config: RuntimeConfig,
        listener: Listener,
        app: App,
        volume: Volume,
        facets: Facets,
        gateway: GatewayClient,
        report: BreakerReport,
        defects: DefectReports,
        credit: Credit,
        tenants: "ManyTenants | None" = None,
        scheduler: "Scheduler | None" = None,
        *,
        out_of_turn: bool = False,
    ) -> None:
        """See `open`; `out_of_turn`: schedules may be run when somebody asks."""
        self._port = ports.app
        self._state_port = StatePort(ports.state, self._answer_of_state)
        self._operations: Operations | None = None
        self._config = config
        self._listener = listener
        self._app = app
        self._volume = volume
        self._facets = facets
        self._gateway = gateway
        self._report = report
        self._defects = defects
        self._credit = credit
        self._tenants = tenants
        self._scheduler = scheduler
        self._out_of_turn = out_of_turn

    @classmethod
    async def open(
        cls,
        settings: Settings,
        config: RuntimeConfig,
        code: Code,
        metrics: Metrics,
        log: BoundedLog,
        heartbeat: Heartbeat,
        ports: Ports,
        *,
        at_once: bool,
        restore_state: bool,
        fresh_instances: bool,
        debug: bool,
    ) -> "AppServer":
        """Prepare everything that does not need the app's code.

        `restore_state` is explained at `Volume.prepare`, `fresh_instances` and `debug` at `App`. `ports` are the
        listening sockets, `at_once` whether `load` follows soon: then callers wait for it, and are not told NotReady.
        Raises RefusedError.
        """
        listener = Listener(HttpLimits(config.limits.request_body_bytes, UPLOAD_BYTES, held_beside(code.size)))
        if not at_once:
            listener.open(ports.app)
        volume = Volume(settings.state_directory, config.revision)
        # In a thread: a copy takes seconds, and the supervisor takes a loop that stands still so long for stuck.
        await asyncio.to_thread(volume.prepare, snapshot=config.state_snapshot, restore=restore_state)
        language = await _language(settings, config, code, heartbeat)
        address = GatewayAddress.of_pod(settings, config)
        gateway = GatewayClient(address, settings.gateway_ca_file, settings.token_file)
        report = BreakerReport(gateway.report_breaker)
        facets, tenants = _facets(config, volume.facets, gateway)
        defects = DefectReports(gateway.report)
        context = ActionContext(config, gateway, facets, metrics, log, defects)
        files = StaticFiles(code.public) if code.public else None
        credit = Credit(config, gateway.heartbeat, metrics)
        try:
            entries = EntryFile.open(settings.state_directory) if config.background else None
            app = App(
                language,
                code.load_message,
                context,
                heartbeat,
                files,
                cores=settings.cpu_millicores / 1000,
                admission=tenants.admission if tenants else None,
                fresh_instances=fresh_instances,
                debug=debug,
                entries=entries,
                breaker_turned=report.turned,
                credit=credit,
            )
            scheduler = _scheduler(settings, config, app, facets) if config.schedules else None
        except StateUnavailableError as error:
            raise RefusedError(Reason.STATE_UNAVAILABLE, str(error)) from None
        parts = ports, config, listener, app, volume, facets, gateway, report, defects, credit, tenants, scheduler
        return cls(*parts, out_of_turn=settings.app_socket >= 0)

    @property
    def next_due(self) -> float | None:
        """When a schedule needs this process again, in seconds since 1970; None: never."""
        return self._scheduler.next_due if self._scheduler is not None else None

    async def load(self) -> list[str]:
        """Load the app's code and answer requests with it from now on.

        Returns the app's routes (`GET /hello/{name}`). Raises RefusedError when the code does not load.
        """
        self._credit.begin()
        routes = self._app.load()
        await asyncio.to_thread(self._volume.hand_over)
        self._facets.copies = self._volume.folders[1:]
        try:
            if self._app.queue is not None:
                await self._app.queue.recover()
            else:
                await asyncio.to_thread(remove_queue, self._volume.directory)
        except (sqlite3.Error, OSError) as error:
            cause = known_cause(error, self._volume.facets) or error
            raise RefusedError(Reason.STATE_UNAVAILABLE, f"the background queue cannot be read: {cause}") from None
        if self._tenants is not None:
            await self._tenants.ready()
        if self._scheduler is not None:
            try:
                await self._scheduler.begin()
            except OSError as error:
                why = known_cause(error, self._volume.facets) or error
                raise RefusedError(Reason.STATE_UNAVAILABLE, f"schedules cannot be marked: {why}") from None
        self.admit(True)
        if not self._listener.accepting:
            self._listener.open(self._port)
        self._state_port.open()
        return routes

    def admit(self, admitted: bool) -> None:
        """Whether the app gets requests; callers are told NotReady when it does not."""
        self._listener.serve(self._app.submit if admitted else None)
        if self._app.queue is not None:
            self._app.queue.admit(admitted)
        if self._scheduler is not None:
            self._scheduler.admit(admitted)

    @property
    def state_log_bytes(self) -> int:
        """What `Facets.log_bytes` is."""
        return self._facets.log_bytes

    @property
    def idle_since(self) -> float | None:
        """The time of the last answer, on the monotonic clock in seconds; None while a request is under way."""
        busy = self._state_port.busy or (self._scheduler is not None and self._scheduler.busy)
        return None if busy else self._app.idle_since

    async def stop_when_quiet(self) -> bool:
        """Accept no more if nothing is under way and nothing may come on open connections; returns whether that is so.

        If it is, idle connections are closed in the same step: a request that began now would have less time than its
        action. Call `close` next. Otherwise everything goes on.
        """
        if not await self._listener.stop_when_quiet():
            return False
        if self.idle_since is not None:
            self._listener.shut_down()
            self._state_port.stop()
            return True
        self._listener.resume()
        return False

    async def close(self) -> None:
        """Accept no more, let running requests end (for at most DRAIN_SECONDS), then close the state."""
        drained = [self._listener.close(DRAIN_SECONDS), self._state_port.close(DRAIN_SECONDS)]
        if self._app.queue is not None:
            drained.append(self._app.queue.drain(DRAIN_SECONDS))
        if self._scheduler is not None:
            drained.append(self._scheduler.drain(DRAIN_SECONDS))
        await asyncio.gather(*drained)
        if self._tenants is not None:
            await self._tenants.close()  # before the queue: what it deletes is deleted there as well
        await self._app.close()
        await self._report.close()
        await self._defects.close()
        await self._facets.close()
        self._volume.close()
        await self._credit.close()  # nobody waits for the gateway before the state is closed
        self._gateway.close()

    async def _answer_of_state(self, question: bytes, writer: asyncio.StreamWriter) -> None:
        if self._out_of_turn:
            from genapps_runtime.serve.schedules import out_of_turn  # never in a pod

            if question.startswith(out_of_turn.QUESTION):
                await out_of_turn.answer(self._scheduler, question, writer)
                return
        if self._operations is None:
            from genapps_runtime.state_port.operations import Operations, Place  # most apps are never asked

            config, volume = self._config, self._volume
            patience = min(config.action_millis / 1000 + DELETION_SECONDS, LONGEST_DELETION_SECONDS)
            place = Place(
                config.namespace,
                config.app,
                volume.directory,
                volume.folders,
                config.tenancy is None,
                patience,
                log_bytes(config.limits.state_per_tenant_bytes),
            )
            self._operations = Operations(place, self._facets, self._app.queue)
        await self._operations.answer(question, writer)


async def _language(settings: Settings, config: RuntimeConfig, code: Code, heartbeat: Heartbeat) -> Language:
    """What guests run in. Raises RefusedError."""
    if config.language != "component":
        return Language(settings.engine_file or f"{settings.engine_directory}/{config.language}.cwasm")
    # What components need is imported here: other apps are spared it.
    from genapps_runtime.guest.component.language import ComponentLanguage
    from genapps_runtime.guest.component.machine_code import CompileLimits, MachineCode

    guests = config.limits.guest_memory_bytes, config.limits.instances
    limits = CompileLimits.in_pod(*guests, settings.compile_cpu_seconds, settings.compile_seconds)
    machine_code = MachineCode(settings.machine_code_directory, heartbeat, limits)
    return ComponentLanguage(await machine_code.of(config.entry, code.component))


def _facets(config: RuntimeConfig, directory: str, gateway: GatewayClient) -> "tuple[Facets, ManyTenants | None]":
    """The facets, and what more tenants than one need. Raises RefusedError."""
    limits, retention = config.limits, (config.responses_seconds, config.state_seconds)
    if config.tenancy is None:
        return Facets(directory, limits.state_per_tenant_bytes, limits.concurrency, *retention), None
    from genapps_runtime.many_tenants import ManyTenants, many  # other apps do without what it imports

    tenants = many(config.tenancy)
    facets = Facets(directory, limits.state_per_tenant_bytes, limits.concurrency, *retention, tenants)
    return facets, ManyTenants(config, config.tenancy, gateway, facets)


def _scheduler(settings: Settings, config: RuntimeConfig, app: App, facets: Facets) -> "Scheduler":
    """What schedules need is imported here: an app without them is spared it.

    Raises StateUnavailableError, and RefusedError for a rule that cannot be kept.
    """
    from genapps_runtime.serve.schedules.each_tenant import EachTenant
    from genapps_runtime.serve.schedules.marks import MarkFile
    from genapps_runtime.serve.schedules.scheduler import Scheduler

    marks, kept = MarkFile(settings.state_directory), config.responses_seconds
    each = None
    if config.tenancy is not None:
        each = EachTenant(facets.tenants_after, app.submit_for, marks, kept, time.time)
    try:
        return Scheduler(config.schedules, marks, app.submit, kept, each=each)
    except ValueError as error:
        raise RefusedError(Reason.CONFIG_INVALID, str(error)) from None
