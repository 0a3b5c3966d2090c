# SPDX-License-Identifier: Apache-2.0
"""The process that does the work: it checks config and code, proves the fence, loads the app and answers requests.

It imports only what the proof of the fence needs. The rest (`serve_app`) is imported while the proof waits for the
canary port to stay silent. After a nap, or a crash, the last proof is mostly recent enough: then nobody waits for it.
"""

import asyncio
import ctypes
import gc
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from genapps_runtime import logs
from genapps_runtime.bundle import Code, load_message, public_files, read_bundle
from genapps_runtime.config import RuntimeConfig, read_config
from genapps_runtime.egress.probe import FenceProbe
from genapps_runtime.egress.probe_thread import ProbeThread
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.listening import Ports
from genapps_runtime.metrics import Metrics
from genapps_runtime.settings import Settings
from genapps_runtime.termination import EXIT_NAP, Reason, RefusedError

if TYPE_CHECKING:
    from genapps_runtime.serve_app import AppServer

BEAT_SECONDS = 1.0
LARGE_BYTES = 2 * 1024 * 1024
"""More than a body of a request takes: those are served from the heap, without new pages for each."""
TRIM_BYTES = 2 * LARGE_BYTES
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


def run_worker(
    settings: Settings,
    config_digest: str,
    code_digest: str,
    heartbeat: Heartbeat,
    ports: Ports,
    *,
    restore_state: bool,
    fresh_instances: bool = False,
    debug: bool = False,
) -> int:
    """Work until SIGTERM or until nobody calls; returns the exit code: 0 after a requested stop, or EXIT_NAP.

    The digests are `sha256:<hex>`. `ports` are listening sockets. `restore_state` asks for the state that this
    revision left, see `Volume.prepare`; `fresh_instances` gives each action an instance of its own; `debug` lets
    callers see what the app says when it fails. Raises RefusedError when a restart cannot help.
    """
    begun = time.monotonic()
    _return_large_memory()
    config, code = _judged(settings, config_digest, code_digest)
    worker = _Worker(
        settings,
        config,
        code,
        heartbeat,
        ports,
        begun,
        restore_state=restore_state,
        fresh_instances=fresh_instances,
        debug=debug,
    )
    return asyncio.run(worker.run())


def _return_large_memory() -> None:
    """Return large buffers to the system when they are freed.

    By default glibc raises its threshold to the largest buffer that was freed, and the heap keeps holes of that size:
    10 MB after some hostile answers.
    """
    libc = ctypes.CDLL(None)
    libc.mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
    libc.mallopt(_M_TRIM_THRESHOLD, TRIM_BYTES)


def _judged(settings: Settings, config_digest: str, code_digest: str) -> tuple[RuntimeConfig, Code]:
    """The config and the code; raises RefusedError unless both have the pod's digests."""
    config = read_config(settings.config_file, config_digest)
    if config.code_digest != code_digest:
        raise RefusedError(Reason.SNAPSHOT_MISMATCH, f"the RuntimeConfig is for the code {config.code_digest}")
    is_component = config.language == "component"
    try:
        bundle = read_bundle(settings.code_directory, config.entry, code_digest, in_pieces=is_component)
    except RefusedError as refused:
        from genapps_runtime.egress.mismatch import report_mismatch  # a pod that starts well does without

        report_mismatch(settings, config, refused)
        raise
    if is_component:
        from genapps_runtime.component_bundle import component_code  # other apps do without it

        return config, component_code(bundle, config.limits.log_bytes_per_action)
    message = load_message(bundle, config.limits.log_bytes_per_action, config.language, config.connectors)
    return config, Code(message, public_files(bundle))


def _import_app_server() -> "type[AppServer]":
    """Import the heavy part; called in a thread, so that the proof of the fence goes on meanwhile.

    The collector is off since `main`, because it looks in vain through what imports leave: a twentieth of a start.
    All of it stays until the end, so the collector never looks at it again.
    """
    from genapps_runtime.serve_app import AppServer

    gc.freeze()
    gc.enable()
    return AppServer


class _Worker:
    """One start of the worker; `begun` is its beginning on the monotonic clock, in seconds."""

    def __init__(
        self,
        settings: Settings,
        config: RuntimeConfig,
        code: Code,
        heartbeat: Heartbeat,
        ports: Ports,
        begun: float,
        *,
        restore_state: bool,
        fresh_instances: bool,
        debug: bool,
    ) -> None:
        self._settings = settings
        self._config = config
        self._code = code
        self._heartbeat = heartbeat
        self._ports = ports
        self._begun = begun
        self._restore_state = restore_state
        self._fresh_instances = fresh_instances
        self._debug = debug
        self._identity = {"app": config.app, "namespace": config.namespace, "revision": config.revision}
        self._metrics = Metrics(heartbeat.published())
        self._metrics.set("genapps_napping", 0)
        self._log = logs.BoundedLog(begun, int(self._metrics.value("genapps_log_lines_dropped_total")))
        self._server: AppServer | None = None
        self._loaded = False

    async def run(self) -> int:
        """Serve until SIGTERM, or until the app may nap; returns the exit code. Raises RefusedError."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        probing = ProbeThread(self._settings, self._config, self._heartbeat)
        probe = probing.probe
        quiet = asyncio.create_task(self._until_quiet(probe))
        tasks: set[asyncio.Future[Any]] = {
            asyncio.create_task(self._serve(probing)),
            asyncio.create_task(self._beat(probe)),
            probing.ended,
            asyncio.create_task(stop.wait()),
            quiet,
        }
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            naps = ended == {quiet}
            self._loaded = self._heartbeat.ready = naps
            for task in ended:
                task.result()  # raises what ended it; the stop gives no error
        finally:
            if self._server is not None:
                await self._server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if naps:
            self._metrics.napped()
        self._heartbeat.publish(self._metrics.render())
        return EXIT_NAP if naps else 0

    async def _serve(self, probing: ProbeThread) -> None:
        """Load the app once the fence is proven."""
        # In a socket that was inherited callers may wait: a pod's readiness keeps them away.
        waited_for = probing.probe.recent() or self._settings.app_socket >= 0
        app_server = await asyncio.to_thread(_import_app_server)
        self._server = server = await app_server.open(
            self._settings,
            self._config,
            self._code,
            self._metrics,
            self._log,
            self._heartbeat,
            self._ports,
            at_once=waited_for,
            restore_state=self._restore_state,
            fresh_instances=self._fresh_instances,
            debug=self._debug,
        )
        self._code = replace(self._code, component=b"")  # the machine code is what runs
        await probing.until_recent()
        routes = await server.load()
        self._loaded = True
        woken_ns, self._heartbeat.woken_ns = self._heartbeat.woken_ns, 0
        self._report(probing.probe)
        now = time.monotonic()
        if woken_ns:
            due_ns = self._heartbeat.due_ns
            cause = "schedule" if 0 < due_ns <= time.time_ns() else "connection"
            logs.write("woken", cause=cause, millis=_millis(now - woken_ns / 1e9), **self._identity)
        else:
            files = {"files": len(self._code.public)} if self._code.public else {}
            logs.write("ready", millis=_millis(now - self._begun), routes=routes, **files, **self._identity)
        await asyncio.Event().wait()

    async def _until_quiet(self, probe: FenceProbe) -> None:
        """Return when the app has had no request for as long as its config says; it accepts none any more then."""
        seconds = self._config.nap_millis / 1000
        if not seconds:
            await asyncio.Event().wait()
        while True:
            server = self._server if self._loaded else None
            since = server.idle_since if server else None
            idle = time.monotonic() - since if since is not None else 0.0
            if server and idle >= seconds and probe.proven and await server.stop_when_quiet():
                self._heartbeat.due_ns = int((server.next_due or 0) * 1e9)
                logs.write("napping", cause="no requests", millis=_millis(idle), **self._identity)
                return
            await asyncio.sleep(seconds - idle if idle < seconds else min(seconds, BEAT_SECONDS))

    async def _beat(self, probe: FenceProbe) -> None:
        while True:
            self._heartbeat.beat()
            self._report(probe)
            self._bound_log()
            if self._metrics.changed:
                self._heartbeat.publish(self._metrics.render())
            await asyncio.sleep(BEAT_SECONDS)

    def _bound_log(self) -> None:
        self._log.refill(time.monotonic(), **self._identity)
        self._metrics.set("genapps_log_lines_dropped_total", self._log.dropped)

    def _report(self, probe: FenceProbe) -> None:
        self._metrics.set("genapps_fence_proven", float(probe.proven))
        if self._loaded and self._server is not None:
            self._server.admit(probe.recent(BEAT_SECONDS))
            self._metrics.set("genapps_state_wal_bytes", self._server.state_log_bytes)
        if self._loaded or not self._heartbeat.woken_ns:
            self._heartbeat.ready = probe.proven and self._loaded


def _millis(seconds: float) -> int:
    return round(seconds * 1000)
