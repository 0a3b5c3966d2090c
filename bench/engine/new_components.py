# SPDX-License-Identifier: Apache-2.0
"""A process in which every request is the first one of a component that it has never seen, or has compiled before.

It consists of the runtime's own parts, as `new_apps`: the compiling process, the linker, the guest, the action. Apps
stay loaded.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from bench.engine.new_apps import run
from genapps_runtime.bundle import Bundle
from genapps_runtime.component_bundle import component_code
from genapps_runtime.guest.component.language import ComponentLanguage
from genapps_runtime.guest.component.machine_code import CompileLimits, MachineCode
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.serve.action_context import ActionContext
from genapps_runtime.serve.app import App
from genapps_runtime.serve.messages import Exchange
from genapps_runtime.settings import Settings

NEVER_SEEN, COMPILED = "/never-seen/", "/compiled/"


class NewComponents:
    """Answers each request with a component of its own. Those below NEVER_SEEN differ from all others, and are
    compiled; those below COMPILED are like the first one of them, whose machine code is there as after a crash.
    """

    def __init__(self, settings: Settings, context: ActionContext) -> None:
        config = context.config
        self._context, self._component = context, Path(settings.code_directory, config.entry).read_bytes()
        self._folder = Path(settings.machine_code_directory)
        self._folder.mkdir()
        limits = config.limits
        seconds = settings.compile_cpu_seconds, settings.compile_seconds
        self._limits = CompileLimits.in_pod(limits.guest_memory_bytes, limits.instances, *seconds)
        self._compiled = Heartbeat()
        self._under_way: set[asyncio.Task[None]] = set()
        self._loaded: list[App] = []

    def submit(self, exchange: Exchange) -> None:
        """Load a component and let it answer the request."""
        answering = asyncio.create_task(self._answer(exchange))
        self._under_way.add(answering)
        answering.add_done_callback(self._under_way.discard)

    async def _answer(self, exchange: Exchange) -> None:
        path = exchange.request.path
        entry, log_bytes = self._context.config.entry, self._context.config.limits.log_bytes_per_action
        is_new = path.startswith(NEVER_SEEN)
        name = path.encode() if is_new else b""
        code = component_code(Bundle(entry, {entry: self._component + _section(name)}), log_bytes)
        folder, heartbeat = (str(len(self._loaded)), Heartbeat()) if is_new else ("compiled", self._compiled)
        machine_code = MachineCode(str(self._folder / folder), heartbeat, self._limits)
        language = ComponentLanguage(await machine_code.of(entry, code.component))
        app = App(language, code.load_message, self._context, heartbeat, cores=1.0)
        app.load()
        self._loaded.append(app)
        app.submit(Exchange(replace(exchange.request, path="/"), exchange.begun, exchange.reply))


def _section(name: bytes) -> bytes:
    """A section that nobody reads: by it one component differs from another."""
    content = bytes([len(name)]) + name
    return bytes([0, len(content)]) + content


if __name__ == "__main__":
    run(lambda settings, context: NewComponents(settings, context).submit)
