# SPDX-License-Identifier: Apache-2.0
"""An app in JavaScript behind a socket of this process, with the methods of a `Pod`: the same steps drive both, and
most tests need no process of their own.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import orjson

from genapps_runtime.bundle import Bundle, load_message
from genapps_runtime.config import ScheduleRule, parse_config
from genapps_runtime.egress.gateway_client import Called, GatewayClient
from genapps_runtime.guest.engine import Language
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.listening import listening_socket
from genapps_runtime.log_texts import told
from genapps_runtime.logs import BoundedLog
from genapps_runtime.metrics import Metrics
from genapps_runtime.serve.action_context import ActionContext
from genapps_runtime.serve.app import App
from genapps_runtime.serve.limits import UPLOAD_BYTES, HttpLimits
from genapps_runtime.serve.listener import Listener
from genapps_runtime.serve.schedules.tick import ask
from genapps_runtime.state.facets import Facets
from tests.runtime.harness import Answer, request, runtime_config, sha256

CONNECTORS = ("billing", "crm", "fx-rates", "tickets")


class KeptLog(BoundedLog):
    """Keeps the lines that an app causes."""

    def __init__(self) -> None:
        super().__init__(time.monotonic())
        self.lines: list[dict[str, Any]] = []

    def write_many(self, event: str, several: list[dict[str, Any]], /) -> None:
        self.lines += [orjson.loads(orjson.dumps({"event": event, **told(fields)})) for fields in several]


@dataclass
class Tools:
    """The client of a gateway. `answers` are by connector as in FakeGateway: a status and the body."""

    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)

    async def call(self, _request: str, _step: int, payload: dict[str, Any], _seconds: float, _trace: str) -> Called:
        refused = {"code": "ConnectorNotInEnvelope", "class": "violation", "detail": "not in the envelope"}
        status, body = self.answers.get(payload["connector"], (403, refused))
        return Called({"ok": body["result"]}, wrote=True) if status == 200 else Called({"problem": body}, wrote=False)


class Served:
    """Its state is below `directory`, and stays when it is stopped and started again."""

    def __init__(self, language: Language, directory: Path) -> None:
        self._language = language
        self._directory = directory
        self._log = KeptLog()
        self.gateway = Tools()
        directory.mkdir()

    def write(self, files: dict[str, bytes], **changes: Any) -> None:
        """The code; `changes` as of `runtime_config`."""
        written = runtime_config(sha256(b""), language="javascript", entry="app.js", connectors=CONNECTORS, **changes)
        self._config = parse_config(orjson.dumps(written))
        self._message = load_message(Bundle("app.js", files), 16384, "javascript", CONNECTORS)

    async def start(self) -> None:
        """Raises RefusedError for code that does not load."""
        config, limits = self._config, self._config.limits
        self._facets = Facets(str(self._directory), limits.state_per_tenant_bytes, limits.concurrency, 86_400)
        context = ActionContext(config, cast("GatewayClient", self.gateway), self._facets, Metrics(), self._log)
        self._app = App(self._language, self._message, context, Heartbeat(), cores=1.0)
        self._app.load()
        self._listener = Listener(HttpLimits(limits.request_body_bytes, UPLOAD_BYTES))
        self._socket = listening_socket("127.0.0.1", 0)
        port = self._socket.__enter__()
        self._port = port.getsockname()[1]
        self._listener.open(port)
        self._listener.serve(self._app.submit)

    async def stop(self) -> int:
        """Zero, which is the exit code of a pod that ends well."""
        await self._listener.close(1.0)
        self._socket.__exit__(None, None, None)
        await self._app.close()
        await self._facets.close()
        return 0

    async def call(self, method: str, path: str, **options: Any) -> Answer:
        return await request(method, f"http://127.0.0.1:{self._port}{path}", **options)

    async def tick(self, schedule: str) -> None:
        """The clock asks the app, and it answers."""
        rule = ScheduleRule(schedule, "* * * * *", "UTC", "/", "Skip")
        before = len(self.log())
        await ask(self._app.submit, rule, time.time() + before)
        assert self.log()[-1]["status"] == 204, self.log()[-1]

    def log(self, event: str = "action") -> list[dict[str, Any]]:
        """The log lines of that event."""
        return [line for line in self._log.lines if line["event"] == event]
