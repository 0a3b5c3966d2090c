# SPDX-License-Identifier: Apache-2.0
"""An app in this process whose requests name keys, and that can be ended as a kill ends it."""

import asyncio
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import orjson

from genapps_runtime.config import parse_config
from genapps_runtime.egress.gateway_client import GatewayClient
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.logs import BoundedLog
from genapps_runtime.metrics import Metrics
from genapps_runtime.serve.action_context import ActionContext
from genapps_runtime.serve.app import App
from genapps_runtime.serve.messages import Answer, Exchange, Reply, Request
from genapps_runtime.state.facet import DEFAULT_TENANT
from genapps_runtime.state.facets import Facets
from tests.runtime.harness import runtime_config, sha256, until
from tests.runtime.telling_language import TellingLanguage


@dataclass
class Sent:
    """A request, and its reply once it has come."""

    exchange: Exchange
    reply: Reply | None = None

    @property
    def status(self) -> int:
        assert self.reply is not None, self.exchange.request
        return self.reply.status

    @property
    def body(self) -> Any:
        assert self.reply is not None
        is_text = any(name == b"content-type" and value.startswith(b"text/") for name, value in self.reply.headers)
        return self.reply.body.decode() if is_text else json.loads(self.reply.body)

    @property
    def code(self) -> str:
        """The code of the problem that it got; nothing for an answer of the app."""
        return str(self.body["code"]) if self.status >= 400 and isinstance(self.body, dict) else ""

    @property
    def replayed(self) -> bool:
        assert self.reply is not None
        return (b"idempotent-replayed", b"true") in self.reply.headers


class KeyedWorld:
    """`gateway` stands for the gateway's client."""

    def __init__(
        self, language: TellingLanguage, directory: Path, source: str, gateway: object = None, **changes: Any
    ) -> None:
        self.directory = directory
        self._arguments = language, source, gateway, changes
        config = parse_config(orjson.dumps(runtime_config(sha256(b""), **changes)))
        (directory / "facets-1").mkdir(parents=True, exist_ok=True)
        self.facets = Facets(str(directory / "facets-1"), 1024 * 1024, 8, config.responses_seconds)
        self.facet = self.facets.get(DEFAULT_TENANT)
        self.metrics = Metrics()
        log = BoundedLog(time.monotonic())
        context = ActionContext(config, cast("GatewayClient", gateway), self.facets, self.metrics, log)
        message = json.dumps({"entry": "app.py", "files": {"app.py": source}, "logBytes": 16384})
        self.app = App(language, message, context, Heartbeat(), cores=1.0)
        self.app.load()

    def send(self, path: str, key: str = "", body: bytes = b"", method: str = "POST") -> Sent:
        def reply(reply: Answer) -> None:
            assert isinstance(reply, Reply)
            sent.reply = reply

        request = Request(key or "generated", method, path, "", [], body, key)
        sent = Sent(Exchange(request, time.monotonic(), reply))
        self.app.submit(sent.exchange)
        return sent

    async def call(self, path: str, key: str = "", body: bytes = b"", method: str = "POST") -> Sent:
        """The request when it is answered."""
        sent = self.send(path, key, body, method)
        await until(lambda: sent.reply is not None)
        return sent

    async def killed(self, directory: Path) -> "KeyedWorld":
        """A new process on what a kill leaves at this moment. Nothing of this one counts any more."""
        # In the thread of commits: a copy in the middle of a commit would be torn as no kill tears it.
        await asyncio.get_running_loop().run_in_executor(self.facet._thread, shutil.copytree, self.directory, directory)
        await self.close()
        language, source, gateway, changes = self._arguments
        return KeyedWorld(language, directory, source, gateway, **changes)

    async def close(self) -> None:
        await self.app.close()
        await self.facets.close()
