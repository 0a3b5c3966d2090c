# SPDX-License-Identifier: Apache-2.0
"""An app with tenants in this process: the real engine and real files, without sockets."""

import asyncio
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any, cast

import orjson

from genapps_runtime.bundle import Bundle, load_message
from genapps_runtime.config import parse_config
from genapps_runtime.guest.engine import Language
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.logs import BoundedLog
from genapps_runtime.metrics import Metrics
from genapps_runtime.serve.action_context import ActionContext
from genapps_runtime.serve.app import App
from genapps_runtime.serve.background.entries import EntryFile
from genapps_runtime.serve.background.queue import BackgroundQueue
from genapps_runtime.serve.messages import Answer, Exchange, Headers, Reply, Request
from genapps_runtime.serve.tenant_admission import TenantAdmission
from genapps_runtime.state.facets import Facets, Many
from tests.runtime.harness import runtime_config


class ByHeader:
    """Believes every caller: who they are is not what is tested here."""

    chosen_by = b"who"

    def take(self, headers: Headers) -> tuple[str, Headers]:
        return dict(headers)[b"who"].decode(), headers


class World:
    """An app with two instances, and three facets open at once. Who does not call for `seconds` may be deleted.

    With `directory` it goes on with what another one has left there. With `background` requests are queued.
    """

    def __init__(
        self,
        language: Language,
        source: str,
        seconds: float = 0.0,
        *,
        directory: Path | None = None,
        background: bool = False,
        quota: int = 1024 * 1024,
    ) -> None:
        self.directory = directory or Path(tempfile.mkdtemp())
        folder = self.directory / "facets"
        folder.mkdir(exist_ok=True)
        limits = {"instances": 2, "statePerTenantBytes": quota}
        time_limits = {"actionMillis": 60_000}
        settings = runtime_config("sha256:" + "a" * 64, limits=limits, time=time_limits, background=background)
        config = parse_config(orjson.dumps(settings))
        self.facets = Facets(str(folder), quota, 8, 3600, 0, Many(9, seconds, open=3))
        log = BoundedLog(time.monotonic())
        context = ActionContext(config, cast("Any", None), self.facets, Metrics(), log)
        message = load_message(Bundle("app.py", {"app.py": source.encode()}), 16384)
        admission = TenantAdmission(cast("Any", ByHeader()), self.facets)
        entries = EntryFile.open(str(self.directory)) if background else None
        self.app = App(language, message, context, Heartbeat(), cores=1.0, admission=admission, entries=entries)
        self.app.load()

    @property
    def queue(self) -> BackgroundQueue:
        """That of an app of the background."""
        assert self.app.queue is not None
        return self.app.queue

    async def begin(self) -> "World":
        """Take up what is queued."""
        await self.queue.recover()
        self.queue.admit(admitted=True)
        return self

    async def ask(
        self, method: str, path: str, tenant: str, word: str = "", *, leaves: bool = False, key: str = ""
    ) -> Reply:
        """The answer; `leaves`: the caller does not wait for it."""
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        headers = [(b"who", tenant.encode()), (b"word", word.encode())]
        request = Request("r", method, path, "", headers, word.encode(), key)
        exchange = Exchange(request, time.monotonic(), answered.set_result)
        self.app.submit(exchange)
        if leaves:
            exchange.leave()
        reply = await asyncio.wait_for(answered, 60)
        assert isinstance(reply, Reply)
        return reply

    def live(self) -> list[str]:
        """The tenants of the instances."""
        return sorted(held.tenant for held in self.app._guests._live if not held.guest.dropped)

    async def forgotten(self) -> int:
        """How many idle tenants are deleted, once nothing tidies up in the facets of those who are."""
        async with asyncio.timeout(60):
            while not (gone := await self.facets.forget_idle()):  # noqa: ASYNC110 (what is awaited is this call)
                await asyncio.sleep(0.01)
        return gone

    async def stop(self) -> None:
        if self.app.queue is not None:
            await self.queue.drain(0)
        await self.app.close()
        await self.facets.close()

    async def close(self) -> None:
        await self.stop()
        shutil.rmtree(self.directory)
