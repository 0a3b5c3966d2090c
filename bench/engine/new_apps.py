# SPDX-License-Identifier: Apache-2.0
"""The counterpart of a Worker Loader: a process in which every request is the first one of a new app.

No pod does this: a pod has one app. The process consists of the runtime's own parts (HTTP server, digest, engine,
guest, action, limits, log line, metrics). What starts with the process exists already, as in workerd. Apps stay
loaded.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace

from bench.apps import SOURCES
from genapps_runtime.bundle import Bundle, digest_of, load_message
from genapps_runtime.config import read_config
from genapps_runtime.egress.gateway_address import GatewayAddress
from genapps_runtime.egress.gateway_client import GatewayClient
from genapps_runtime.guest.engine import Language
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.listening import listening_socket
from genapps_runtime.logs import BoundedLog
from genapps_runtime.metrics import Metrics
from genapps_runtime.serve.action_context import ActionContext
from genapps_runtime.serve.app import App
from genapps_runtime.serve.limits import HttpLimits
from genapps_runtime.serve.listener import Listener
from genapps_runtime.serve.messages import Exchange
from genapps_runtime.settings import Settings
from genapps_runtime.state.facets import Facets

Submit = Callable[[Exchange], None]


class NewApps(App):
    """Answers each request with a new app, whose source differs from every other."""

    def __init__(self, language: Language, context: ActionContext, heartbeat: Heartbeat) -> None:
        super().__init__(language, "", context, heartbeat, cores=1.0)
        self._make = (language, context, heartbeat)
        self._loaded: list[App] = []

    def submit(self, exchange: Exchange) -> None:
        """Load a new app and let it answer the request."""
        language, context, heartbeat = self._make
        config = context.config
        mark = "//" if config.language == "javascript" else "#"
        source = f"{SOURCES[config.language]}\n{mark} {exchange.request.path}\n"
        bundle = Bundle(config.entry, {config.entry: source.encode()})
        digest_of(bundle)
        message = load_message(bundle, config.limits.log_bytes_per_action, config.language)
        app = App(language, message, context, heartbeat, cores=1.0)
        app.load()
        self._loaded.append(app)
        app.submit(Exchange(replace(exchange.request, path="/"), exchange.begun, exchange.reply))


async def _serve(settings: Settings, config_digest: str, made: Callable[[Settings, ActionContext], Submit]) -> None:
    config = read_config(settings.config_file, config_digest)
    address = GatewayAddress(settings.gateway_address, settings.gateway_port, config.gateway_host)
    gateway = GatewayClient(address, settings.gateway_ca_file, settings.token_file)
    limits = config.limits
    facets = Facets(settings.state_directory, limits.state_per_tenant_bytes, limits.concurrency, 86_400)
    context = ActionContext(config, gateway, facets, Metrics(), BoundedLog(time.monotonic()))
    listener = Listener(HttpLimits(config.limits.request_body_bytes))
    listener.serve(made(settings, context))
    listener.open(listening_socket(settings.address, settings.app_port))
    while True:
        await asyncio.sleep(1)
        context.log.refill(time.monotonic())


def run(made: Callable[[Settings, ActionContext], Submit]) -> None:
    """The process, by its environment and its arguments."""
    asyncio.run(_serve(Settings.from_environ(os.environ), sys.argv[sys.argv.index("--config-digest") + 1], made))


if __name__ == "__main__":
    run(lambda settings, context: NewApps(Language(settings.engine_file), context, Heartbeat()).submit)
