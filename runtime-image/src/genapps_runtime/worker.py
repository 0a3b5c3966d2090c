# SPDX-License-Identifier: Apache-2.0
"""The process that does the work: it checks config and code, proves the fence, loads the app and answers requests.

It imports only what the proof of the fence needs. The rest (`serve_app`) is imported while the proof waits for the
canary port to stay silent.
"""

import asyncio
import ctypes
import gc
import signal
import time
from typing import TYPE_CHECKING

from genapps_runtime import logs
from genapps_runtime.bundle import load_message, read_bundle
from genapps_runtime.config import RuntimeConfig, read_config
from genapps_runtime.egress.gateway_client import GatewayAddress, GatewayClient
from genapps_runtime.egress.probe import FenceProbe
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.metrics import Metrics
from genapps_runtime.settings import Settings
from genapps_runtime.termination import EXIT_REFUSED, Reason, RefusedError, write_termination

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
    *,
    restore_state: bool,
    debug: bool = False,
) -> int:
    """Work until SIGTERM; returns the exit code: 0 after a requested stop, EXIT_REFUSED when a restart cannot help.

    The digests are `sha256:<hex>`. `restore_state` asks for the state that this revision left, see `Volume.prepare`;
    `debug` lets callers see what the app says when it fails.
    """
    begun = time.monotonic()
    _return_large_memory()
    try:
        config, message = _judged(settings, config_digest, code_digest)
        worker = _Worker(settings, config, message, heartbeat, begun, restore_state=restore_state, debug=debug)
        asyncio.run(worker.run())
    except RefusedError as refused:
        logs.write("refused", level="error", reason=refused.reason.value, message=refused.message[:2000])
        write_termination(settings.termination_file, refused)
        return EXIT_REFUSED
    return 0


def _return_large_memory() -> None:
    """Return large buffers to the system when they are freed.

    By default glibc raises its threshold to the largest buffer that was freed, and the heap keeps holes of that size:
    10 MB after some hostile answers.
    """
    libc = ctypes.CDLL(None)
    libc.mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
    libc.mallopt(_M_TRIM_THRESHOLD, TRIM_BYTES)


def _judged(settings: Settings, config_digest: str, code_digest: str) -> tuple[RuntimeConfig, str]:
    """The config, and the code as the engine takes it; raises RefusedError unless both have the pod's digests."""
    config = read_config(settings.config_file, config_digest)
    if config.code_digest != code_digest:
        raise RefusedError(Reason.SNAPSHOT_MISMATCH, f"the RuntimeConfig is for the code {config.code_digest}")
    bundle = read_bundle(settings.code_directory, config.entry, code_digest)
    return config, load_message(bundle, config.limits.log_bytes_per_action)


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
        load_message: str,
        heartbeat: Heartbeat,
        begun: float,
        *,
        restore_state: bool,
        debug: bool,
    ) -> None:
        self._settings = settings
        self._config = config
        self._load_message = load_message
        self._heartbeat = heartbeat
        self._begun = begun
        self._restore_state = restore_state
        self._debug = debug
        self._metrics = Metrics()
        self._log = logs.BoundedLog(begun)
        self._server: AppServer | None = None
        self._loaded = False

    async def run(self) -> None:
        """Serve until SIGTERM; raises RefusedError."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        settings, config = self._settings, self._config
        address = settings.gateway_address or config.gateway_host
        gateway = GatewayClient(
            GatewayAddress(address, settings.gateway_port or config.gateway_port, config.gateway_host),
            settings.gateway_ca_file,
            settings.token_file,
        )
        probe = FenceProbe(gateway, address, settings.canary_port or config.canary_port)
        tasks = {
            asyncio.create_task(self._serve(probe, gateway)),
            asyncio.create_task(self._beat(probe)),
            asyncio.create_task(stop.wait()),
        }
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            self._heartbeat.ready = False
            for task in ended:
                task.result()  # raises what ended it; the stop gives no error
        finally:
            if self._server is not None:
                await self._server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            gateway.close()

    async def _serve(self, probe: FenceProbe, gateway: GatewayClient) -> None:
        """Prove the fence, load the app, and keep proving the fence."""
        settings, config = self._settings, self._config
        proving = asyncio.create_task(probe.prove(settings.fence_patience_seconds))
        try:
            app_server = await asyncio.to_thread(_import_app_server)
            self._server = server = await app_server.open(
                settings,
                config,
                self._load_message,
                gateway,
                self._metrics,
                self._log,
                self._heartbeat,
                restore_state=self._restore_state,
                debug=self._debug,
            )
            await proving
        finally:
            proving.cancel()
        routes = await server.load()
        self._loaded = True
        self._report(probe)
        millis = round((time.monotonic() - self._begun) * 1000)
        identity = {"app": config.app, "namespace": config.namespace, "revision": config.revision}
        logs.write("ready", millis=millis, routes=routes, **identity)
        await probe.watch(settings.fence_interval_seconds, settings.fence_patience_seconds)

    async def _beat(self, probe: FenceProbe) -> None:
        while True:
            self._heartbeat.beat()
            self._report(probe)
            self._bound_log()
            if self._metrics.changed:
                self._heartbeat.publish(self._metrics.render())
            await asyncio.sleep(BEAT_SECONDS)

    def _bound_log(self) -> None:
        config = self._config
        self._log.refill(time.monotonic(), app=config.app, namespace=config.namespace, revision=config.revision)
        self._metrics.set("genapps_log_lines_dropped_total", self._log.dropped)

    def _report(self, probe: FenceProbe) -> None:
        self._heartbeat.ready = probe.proven and self._loaded
        self._metrics.set("genapps_fence_proven", float(probe.proven))
