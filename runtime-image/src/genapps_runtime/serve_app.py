"""HTTP front, language engine, state and app, put together: everything that is heavy to import."""

import asyncio

from genapps_runtime.config import RuntimeConfig
from genapps_runtime.egress.gateway_client import GatewayClient
from genapps_runtime.guest.engine import Language
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.metrics import Metrics
from genapps_runtime.serve.action import ActionContext
from genapps_runtime.serve.app import App
from genapps_runtime.serve.http import HttpApp, Listener
from genapps_runtime.settings import Settings
from genapps_runtime.state.facet import DEFAULT_TENANT, Facet, StateUnavailableError
from genapps_runtime.state.volume import Volume
from genapps_runtime.termination import Reason, RefusedError

DRAIN_SECONDS = 5.0


class Service:
    """Answers NotReady from `open` on, and as the app once that is loaded."""

    def __init__(self, config: RuntimeConfig, gateway: GatewayClient, metrics: Metrics, heartbeat: Heartbeat) -> None:
        self._config = config
        self._gateway = gateway
        self._metrics = metrics
        self._heartbeat = heartbeat
        self._front = HttpApp(config.limits.request_body_bytes)
        self._listener = Listener(self._front)
        self._language: Language | None = None
        self._volume: Volume | None = None
        self._facet: Facet | None = None

    async def open(self, settings: Settings, *, restore_state: bool) -> None:
        """Listen, and get ready all that needs no app; raises Refused."""
        config = self._config
        await self._listener.open(settings.address, settings.app_port)
        self._volume = volume = Volume(settings.state_directory, config.revision)
        # In a thread: a copy takes seconds, and a loop that stands still so long is taken for stuck.
        await asyncio.to_thread(volume.prepare, snapshot=config.state_snapshot, restore=restore_state)
        self._language = Language(settings.engine_file)
        try:
            self._facet = Facet(volume.facets, DEFAULT_TENANT, config.limits.state_per_tenant_bytes)
        except StateUnavailableError as error:
            raise RefusedError(Reason.STATE_UNAVAILABLE, str(error)) from None

    async def load(self, message: str) -> list[str]:
        """Load the app (`bundle.load_message`) and answer for it from now on; its routes. Raises Refused."""
        assert self._language is not None  # noqa: S101  opened before
        assert self._volume is not None  # noqa: S101
        assert self._facet is not None  # noqa: S101
        around = ActionContext(self._config, self._gateway, self._facet, self._metrics)
        app = App(self._language, message, around, self._heartbeat)
        routes = app.load()
        await asyncio.to_thread(self._volume.hand_over)
        self._front.app = app
        return routes

    async def close(self) -> None:
        """Let the requests that run end, then close the state."""
        await self._listener.close(DRAIN_SECONDS)
        if self._front.app is not None:
            await self._front.app.close()
        if self._facet is not None:
            await self._facet.close()
        if self._volume is not None:
            self._volume.close()
