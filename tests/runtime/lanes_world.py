# SPDX-License-Identifier: Apache-2.0
"""An app in this process with several instances, whose requests compute until the test lets them go."""

import json
import time
from collections.abc import Callable
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
from genapps_runtime.serve.background.entries import EntryFile
from genapps_runtime.serve.credit import Credit, Send
from genapps_runtime.serve.fallback.execution import Turned
from genapps_runtime.serve.messages import Answer, Exchange, Reply, Request
from genapps_runtime.state.facet import DEFAULT_TENANT
from genapps_runtime.state.facets import Facets
from tests.runtime.harness import runtime_config, sha256, until
from tests.runtime.telling_language import TellingLanguage

SOURCE = """
import asyncio, os, typing
from genapps import app, log, state

host = typing.sys.modules["genapps.logs"].host
INSTANCE = os.urandom(8).hex()
asleep = {}

def compute(times):
    while host.now_millis() < int(times):
        pass

@app.get("/small/{name}")
async def small(request, name):
    log.info("small " + name)
    return name

@app.get("/instance")
async def instance(request):
    return INSTANCE

@app.get("/compute/{times}")
@app.post("/compute/{times}")
async def computes(request, times):
    log.info("begun " + times)
    compute(times)
    log.info("told " + times)
    return "told " + times

@app.get("/loop")
async def loop(request):
    while True:
        pass

@app.get("/abort/{times}")
async def abort(request, times):
    compute(times)
    typing.sys.modules["_signal"].raise_signal(6)

@app.get("/sleep/{name}")
async def sleep(request, name):
    asleep[name] = asyncio.Event()
    await asleep[name].wait()
    return [name, INSTANCE]

@app.get("/nap")
async def nap(request):
    await asyncio.sleep(0.001)
    return INSTANCE

@app.get("/long-nap")
async def long_nap(request):
    await asyncio.sleep(60)

@app.get("/wake/{name}/{times}")
async def wake(request, name, times):
    compute(times)
    asleep[name].set()
    return INSTANCE

@app.get("/count/{times}")
async def count(request, times):
    number = await state.get("number", 0)
    compute(times)
    again = await state.get("number", 0)
    await state.put("number", number + 1)
    return [number, again]

@app.get("/create")
async def create(request):
    await state.sql("CREATE TABLE written (number)")

@app.get("/write")
async def write(request):
    await state.sql("INSERT INTO written VALUES (1)")
    await asyncio.sleep(0.001)
    await state.put("number", 1)

@app.get("/write-first/{times}")
async def write_first(request, times):
    await state.sql("INSERT INTO written VALUES (5)")
    compute(times)

@app.get("/write-late/{times}")
async def write_late(request, times):
    async def late():
        await asyncio.sleep(0.001)
        compute(times)
    before = await state.get("number", 0)
    await asyncio.gather(state.sql("INSERT INTO written VALUES (7)"), late())
    return before

@app.get("/written")
async def written(request):
    return [row[0] for row in await state.sql("SELECT number FROM written")]

@app.get("/fail")
async def fail(request):
    raise LookupError

@app.get("/number")
async def number(request):
    return await state.get("number", 0)
"""


@dataclass
class Asked:
    """A request, and its reply once it has come."""

    path: str
    exchange: Exchange
    reply: Reply | None = None

    @property
    def answer(self) -> Any:
        assert self.reply is not None, self.path
        assert self.reply.status == 200, self.reply
        json_type = (b"content-type", b"application/json") in self.reply.headers
        return json.loads(self.reply.body) if json_type else self.reply.body.decode()

    @property
    def code(self) -> str:
        """The code of the problem that it got."""
        assert self.reply is not None, self.path
        return str(json.loads(self.reply.body)["code"])


def load_message(source: str = SOURCE) -> str:
    return json.dumps({"entry": "app.py", "files": {"app.py": source}, "logBytes": 16384})


class LanesWorld:
    """`replied` has the paths of the requests that were answered, in that order."""

    def __init__(
        self,
        language: TellingLanguage,
        directory: Path,
        source: str = SOURCE,
        *,
        fresh: bool = False,
        clock: Callable[[], float] = time.monotonic,
        gateway: object = None,
        entries: EntryFile | None = None,
        breaker_turned: Turned | None = None,
        send: Send | None = None,
        **changes: Any,
    ) -> None:
        self.language = language
        config = parse_config(orjson.dumps(runtime_config(sha256(b""), **changes)))
        self.facets = Facets(str(directory), 1024 * 1024, 8, 86_400)
        self.facet = self.facets.get(DEFAULT_TENANT)
        self.metrics = Metrics()
        log, called = BoundedLog(time.monotonic()), cast("GatewayClient", gateway)
        context = ActionContext(config, called, self.facets, self.metrics, log)
        self.context = context
        self.seconds = 0.0
        """The clock that credit goes by, in seconds."""
        self.credit = Credit(config, send, self.metrics, lambda: self.seconds) if send is not None else None
        self.app = App(
            language, load_message(source), context, Heartbeat(), cores=1.0, fresh_instances=fresh, clock=clock,
            entries=entries, breaker_turned=breaker_turned, credit=self.credit,
        )  # fmt: skip
        self.guests = self.app._guests
        self.app.load()
        if self.credit is not None:
            self.credit.begin()
        self.replied: list[str] = []

    def ask(self, path: str, method: str = "GET", query: str = "", key: str = "") -> Asked:
        def reply(reply: Answer) -> None:
            assert isinstance(reply, Reply)
            self.replied.append(path)
            asked.reply = reply

        asked = Asked(path, Exchange(Request(path, method, path, query, [], b"", key), time.monotonic(), reply))
        self.app.submit(asked.exchange)
        return asked

    async def answered(self, *several: Asked) -> None:
        await until(lambda: all(asked.reply is not None for asked in several))

    async def computing(self, number: int, *, loading: int = 0) -> None:
        """Wait until so many guests compute for an action, and so many load."""

        def found() -> tuple[int, int]:
            computing = [held for held in self.guests._live if held.guest.computing]
            loads = sum(held.loading is not None for held in computing)
            return len(computing) - loads, loads

        await until(lambda: found() == (number, loading))

    async def slices(self, number: int) -> None:
        """Wait until those that compute have had so many more slices, at least."""
        wanted = self.language.ticker._calls + number
        await until(lambda: self.language.ticker._calls >= wanted)

    @property
    def live(self) -> int:
        """How many guests there are."""
        return sum(not held.guest.dropped for held in self.guests._live)

    async def close(self) -> None:
        await self.app.close()
        await self.facets.close()
