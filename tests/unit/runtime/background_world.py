# SPDX-License-Identifier: Apache-2.0
"""A queue of the background, with an app that answers when the test says so."""

import json
from pathlib import Path
from typing import Any

import orjson

from genapps_runtime.config import RuntimeConfig, parse_config
from genapps_runtime.metrics import Metrics
from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.background.entries import EntryFile
from genapps_runtime.serve.background.queue import BackgroundQueue
from genapps_runtime.serve.background.stock import Quotas, Room, Stock
from genapps_runtime.serve.messages import Answer, Exchange, Headers, Reply, Request, Streamed, Whole
from tests.runtime.harness import runtime_config, sha256, until

TENANT = "default"
BYTES = 1024 * 1024
"""What all entries of a queue may have here: with 32 MiB the disk would take most of the time."""
DONE = Reply(200, [(b"content-type", b"text/plain"), (b"x-own", b"1")], b"done")


def config(**changes: Any) -> RuntimeConfig:
    return parse_config(orjson.dumps(runtime_config(sha256(b""), background=True, **changes)))


class World:
    """`running` has the requests that the app has got and not answered, `ran` for whom each came.

    With `apart` there are tenants, whose state has `left` bytes for entries. All entries may have `most` bytes.
    """

    def __init__(self, directory: Path, settings: RuntimeConfig, *, apart: bool = False, most: int = BYTES) -> None:
        self.now = 1_000_000.0
        self.running: list[Exchange] = []
        self.ran: list[tuple[str, Exchange]] = []
        self.left = BYTES
        self.taken: dict[str, int] = {}
        self.metrics = Metrics()
        self.queue = BackgroundQueue(
            EntryFile.open(str(directory)),
            settings,
            self.metrics,
            _respond,
            self._run,
            Stock(Room(bytes=most), Quotas(self.taken, lambda _: self.left) if apart else None),
            lambda: self.now,
        )

    def _run(self, tenant: str, exchange: Exchange) -> None:
        self.running.append(exchange)
        self.ran.append((tenant, exchange))

    async def begin(self, *, admit: bool = True) -> "World":
        await self.queue.recover()
        self.queue.admit(admit)
        return self

    async def ask(
        self, method: str, path: str, body: bytes = b"", headers: Headers | None = None, tenant: str = TENANT
    ) -> Whole:
        replies: list[Answer] = []
        exchange = Exchange(Request("r", method, path, "a=1", headers or [], body), 0.0, replies.append)
        assert self.queue.takes(exchange, tenant)
        await until(lambda: bool(replies))
        assert not isinstance(replies[0], Streamed)
        return replies[0]

    async def refused(self, tenant: str, body: bytes = b"") -> str:
        """Ask for work that is not accepted; why."""
        reply = await self.ask("POST", "/work", body, tenant=tenant)
        assert reply.status >= 400, reply
        return str(json.loads(bytes(reply.body))["code"])

    async def accept(self, path: str = "/work", **options: Any) -> str:
        """Ask for work; the path of its status."""
        reply = await self.ask("POST", path, **options)
        assert isinstance(reply, Reply)
        assert reply.status == 202, reply
        (location,) = (value.decode() for name, value in reply.headers if name == b"location")
        return location

    async def status(self, location: str, tenant: str = TENANT) -> dict[str, Any]:
        reply = await self.ask("GET", location, tenant=tenant)
        assert reply.status in (200, 404), reply
        found: dict[str, Any] = json.loads(bytes(reply.body))
        return found

    async def begun(self) -> Exchange:
        await until(lambda: bool(self.running))
        return self.running.pop(0)

    async def state(self, location: str, tenant: str = TENANT) -> tuple[str, int, str]:
        found = await self.status(location, tenant)
        return found.get("state", ""), found.get("attempts", 0), found.get("code", "")

    def rested(self, *tenants: str) -> None:
        """What had to wait for a while may be tried again, of these tenants as well."""
        self.queue._go_on()
        for tenant in tenants or (TENANT,):
            self.queue._rested(tenant)

    async def close(self, seconds: float = 0.0) -> None:
        await self.queue.drain(seconds)
        await self.queue.close()


def _respond(exchange: Exchange, outcome: Answer | ProblemError) -> None:
    exchange.reply(Reply(outcome.status, [], outcome.body("r")) if isinstance(outcome, ProblemError) else outcome)


def finish(exchange: Exchange, code: str = "ok", reply: Reply = DONE, *, tried: bool = True) -> None:
    exchange.code, exchange.tried = code, tried
    exchange.reply(reply)
