# SPDX-License-Identifier: Apache-2.0
"""The queue of an app of workload class background: requests are accepted with 202, and run one after the other.

Where the app has tenants, each has a share of the queue, they take turns, and one entry of each runs at a time.

An attempt is stored before it begins, and the outcome after it. So a process that dies loses an attempt and no entry:
the next one tries it again, up to ATTEMPTS times.
"""

import asyncio
import secrets
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from genapps_runtime import logs
from genapps_runtime.config import RuntimeConfig
from genapps_runtime.metrics import Metrics
from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.background import entries
from genapps_runtime.serve.background.entries import Change, Entry, EntryFile, State, Stored
from genapps_runtime.serve.background.file_writer import FileWriter
from genapps_runtime.serve.background.lines import Lines
from genapps_runtime.serve.background.outcomes import outcome_of
from genapps_runtime.serve.background.pages import PREFIX, accepted, status_page
from genapps_runtime.serve.background.stock import Stock
from genapps_runtime.serve.messages import BACKGROUND, Answer, Exchange, Reply, Request
from genapps_runtime.serve.upload import too_long

PAUSE_SECONDS = 5.0
"""How long nothing is begun after the process could not serve an entry, or the disk not store one."""
DIRECT = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods of requests that are not queued: whoever only looks waits for the answer."""

Respond = Callable[[Exchange, Answer | ProblemError], None]


class BackgroundQueue:
    """Accepts and runs entries. Call `recover` first, and `close` last.

    `respond` answers a caller, `run` runs a request of an entry as its tenant's. `now` gives seconds since 1970.
    """

    def __init__(
        self,
        file: EntryFile,
        config: RuntimeConfig,
        metrics: Metrics,
        respond: Respond,
        run: Callable[[str, Exchange], None],
        stock: Stock,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._writer = FileWriter(file)
        self._config = config
        self._metrics = metrics
        self._respond = respond
        self._run = run
        self._now = now
        self._stock = stock
        instances = config.limits.instances
        self._at_once = max(1, instances - 1) if stock.apart else instances  # of several tenants, callers need one
        self._adding: Counter[str] = Counter()
        """How many entries of each tenant are being stored for the first time."""
        self._queued = Lines()
        self._admitted = False
        self._running: dict[str, Exchange | None] = {}
        """None until its attempt is stored."""
        self._cancelled: set[str] = set()
        """Running ones that nobody wants any more."""
        self._resting: set[str] = set()
        """Tenants whose entries could not be served a moment ago, while those of others can."""
        self._resume: asyncio.TimerHandle | None = None
        self._closing = False
        self._drained = asyncio.Event()

    @property
    def busy(self) -> bool:
        """Whether an entry waits or runs."""
        return bool(self._queued or self._running or self._adding)

    def admit(self, admitted: bool) -> None:
        """Whether the app may get requests."""
        self._admitted = admitted
        if admitted:
            self._start()

    async def recover(self) -> None:
        """Take over what an earlier process has left; raises sqlite3.Error."""
        revision = self._config.revision
        found: list[Entry] = await self._writer.ask(lambda one: entries.recover(one, revision, self._now()))
        for entry in sorted(found, key=lambda one: one.ended or 0.0):
            self._stock.put(entry)
            if entry.state is State.QUEUED:
                self._queued.add(entry)
        if self._queued:
            logs.write("background resumed", entries=len(self._queued), app=self._config.app)

    def takes(self, exchange: Exchange, tenant: str) -> bool:
        """Whether the request is for the queue: then it is answered from here."""
        request = exchange.request
        if request.path.startswith(PREFIX):
            self._show(exchange, tenant)
        elif request.method in DIRECT:
            return False
        else:
            self._accept(exchange, tenant)
        return True

    async def drain(self, seconds: float) -> None:
        """Begin no more, and let what runs end for so many seconds."""
        self._closing = True
        if self._resume is not None:
            self._resume.cancel()
        if self._running:
            self._drained.clear()  # nothing may have run before as well
            try:
                async with asyncio.timeout(seconds):
                    await self._drained.wait()
            except TimeoutError:
                logs.write("background cut", level="warning", entries=len(self._running), app=self._config.app)
        for entry_id in self._running:
            entry = self._stock[entry_id]
            if entry_id in self._cancelled:
                self._settle(entry, State.CANCELLED, "")
            else:  # its attempt is not lost: it was this process that was asked to end
                self._store(replace(entry, state=State.QUEUED, attempts=max(0, entry.attempts - 1)))
        self._running.clear()

    @property
    def tenants(self) -> set[str]:
        """Whose entries are there."""
        return set(self._stock.taken)

    async def entries_of(self, tenant: str) -> list[Stored]:
        """All that is stored for a tenant, in its order; raises sqlite3.Error."""
        found: list[Stored] = await self._writer.ask(entries.stored_of(tenant))
        return found

    async def drop(self, tenant: str) -> None:
        """Forget all of a tenant's entries, durably. What runs is told to end. Raises sqlite3.Error."""
        if tenant not in self.tenants:
            return
        self._queued.drop(tenant)
        for entry in self._stock:
            if entry.tenant == tenant:
                self._stock.forget(entry.id)
                self._cancelled.discard(entry.id)
                running = self._running.pop(entry.id, None)
                if running is not None and not running.gone:
                    running.leave()
        if not self._running:
            self._drained.set()
        await self._writer.ask(entries.drop_of(tenant))
        await self._writer.empty_log()
        self._start()

    async def close(self) -> None:
        """Store what is to be stored, and close the file."""
        await self._writer.close()

    # Accepting.

    def _accept(self, exchange: Exchange, tenant: str) -> None:
        if self._closing:
            self._respond(exchange, ProblemError("NotReady"))
            return
        own = self._queued.waiting(tenant) + self._adding[tenant]
        if own >= self._stock.own.queued:
            self._respond(exchange, ProblemError("QueueFull", f"{own} requests wait already"))
            return
        if len(self._queued) + self._adding.total() >= self._stock.room.queued:
            self._respond(exchange, ProblemError("QueueFull"))
            return
        if exchange.upload is not None:
            self._respond(exchange, too_long("a request that runs in the background is stored until then"))
            return
        size = entries.request_bytes(exchange.request)
        against = self._make_room(tenant, size, more=1)
        if against:
            self._respond(exchange, ProblemError("StateFull", against))
            return
        entry = Entry(secrets.token_hex(16), tenant, self._now(), size, entries.lasting_bytes(exchange.request))
        self._stock.put(entry)
        self._adding[tenant] += 1
        change = entries.add(entry, exchange.request, self._config.revision)
        self._writer.add(Change(change, partial(self._accepted, entry, exchange)))

    def _accepted(self, entry: Entry, exchange: Exchange, _found: object, error: sqlite3.Error | None) -> None:
        self._adding[entry.tenant] -= 1
        if not self._adding[entry.tenant]:
            del self._adding[entry.tenant]
        if self._stock.get(entry.id) is None:  # its tenant was deleted meanwhile
            self._respond(exchange, ProblemError("EntryNotFound"))
        elif error is not None:
            self._stock.forget(entry.id)
            full = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL
            problem = "StateFull" if full else "StateUnavailable"
            self._respond(exchange, ProblemError(problem, "the request could not be stored"))
        else:
            self._queued.add(entry)
            self._respond(exchange, accepted(entry))
            self._start()

    def _make_room(self, tenant: str, size: int, *, more: int = 0) -> str:
        """Forget ended entries whose time is over, and more of them when there are too many; what is in the way."""
        over = self._now() - self._config.responses_seconds
        dropped, against = self._stock.make_room(tenant, size, more=more, ended_before=over)
        if dropped:
            self._writer.add(Change(entries.drop(dropped), self._noted))
        return against

    # Running.

    def _start(self) -> None:
        self._metrics.set("genapps_background_waiting", len(self._queued))
        if not self._admitted or self._closing or self._resume is not None:
            return
        while len(self._running) < self._at_once and (entry := self._next()) is not None:
            if entry.accepted + self._config.responses_seconds < self._now():
                self._settle(entry, State.FAILED, "Expired")
                continue
            entry = replace(entry, state=State.RUNNING, attempts=entry.attempts + 1)
            self._stock.put(entry)
            self._running[entry.id] = None
            self._writer.add(Change(entries.begin(entry), partial(self._begin, entry)))

    def _next(self) -> Entry | None:
        busy = {self._stock[one].tenant for one in self._running} if self._stock.apart else set[str]()
        entry_id = self._queued.next(busy | self._resting)
        return self._stock[entry_id] if entry_id is not None else None

    def _begin(self, entry: Entry, request: Request | None, error: sqlite3.Error | None) -> None:
        if entry.id not in self._running:
            return  # the process ends
        if request is None:
            logs.write("background not stored", level="error", error=str(error), app=self._config.app)
            self._put_back(replace(entry, attempts=entry.attempts - 1))
        elif entry.id in self._cancelled:
            self._end(entry, State.CANCELLED)
        elif len(request.body) > self._config.limits.request_body_bytes:
            self._end(entry, State.FAILED, "RequestTooLarge")  # limits may have changed since it was accepted
        else:
            exchange = Exchange(request, time.monotonic(), partial(self._replied, entry), internal=BACKGROUND)
            self._running[entry.id] = exchange
            self._run(entry.tenant, exchange)

    def _replied(self, entry: Entry, answer: Answer) -> None:
        exchange = self._running.get(entry.id)
        if exchange is None:
            return  # the process ends, and has given it back, or its tenant is deleted
        outcome = outcome_of(entry, exchange, answer, cancelled=entry.id in self._cancelled)
        if outcome.state is not None:
            self._end(entry, outcome.state, outcome.code, outcome.reply)
        else:
            untried = 0 if outcome.counts else 1
            self._put_back(replace(entry, attempts=entry.attempts - untried), rests=outcome.rests)

    def _put_back(self, entry: Entry, *, rests: bool = False) -> None:
        """It waits again, before all others. Nothing begins for a while; or nothing of its tenant, if that `rests`."""
        tenant, loop = entry.tenant, asyncio.get_running_loop()
        del self._running[entry.id]
        self._store(replace(entry, state=State.QUEUED))
        self._queued.put_back(entry)
        if rests:
            self._resting.add(tenant)
            loop.call_later(PAUSE_SECONDS, self._rested, tenant)
        elif self._resume is None:
            self._resume = loop.call_later(PAUSE_SECONDS, self._go_on)
        if not self._running:
            self._drained.set()
        self._start()

    def _rested(self, tenant: str) -> None:
        self._resting.discard(tenant)
        self._start()

    def _go_on(self) -> None:
        self._resume = None
        self._start()

    def _end(self, entry: Entry, state: State, code: str = "", reply: Reply | None = None) -> None:
        self._running.pop(entry.id, None)
        self._settle(entry, state, code, reply)
        if not self._running:
            self._drained.set()
        self._start()

    def _settle(self, entry: Entry, state: State, code: str, reply: Reply | None = None) -> None:
        self._cancelled.discard(entry.id)
        size = entry.lasting + (entries.reply_bytes(reply) if reply is not None else 0)
        if reply is not None and self._make_room(entry.tenant, size - entry.size):
            reply, size, code = None, entry.lasting, code or "ResultNotKept"
        status = reply.status if reply is not None else None
        ended = replace(entry, state=state, code=code, ended=self._now(), status=status, size=size)
        self._store(ended, reply)

    # Looking, and taking back.

    def _show(self, exchange: Exchange, tenant: str) -> None:
        request = exchange.request
        entry_id, _, rest = request.path.removeprefix(PREFIX).partition("/")
        entry = self._stock.get(entry_id)
        if entry is None or entry.tenant != tenant or rest not in ("", "result") or self._is_over(entry):
            self._respond(exchange, ProblemError("EntryNotFound"))
        elif rest == "result" and request.method in ("GET", "HEAD"):
            self._writer.add(Change(entries.reply_of(entry), partial(self._show_result, exchange)))
        elif rest == "" and request.method in ("GET", "HEAD"):
            self._respond(exchange, status_page(entry))
        elif rest == "" and request.method == "DELETE":
            self._respond(exchange, self._take_back(entry))
        else:
            self._respond(exchange, ProblemError("MethodNotAllowed"))

    def _show_result(self, exchange: Exchange, reply: Reply | None, _error: sqlite3.Error | None) -> None:
        self._respond(exchange, reply or ProblemError("EntryNotFound", "it has no result, or none was kept"))

    def _take_back(self, entry: Entry) -> Reply:
        if entry.state.ended:
            self._stock.forget(entry.id)
            self._writer.add(Change(entries.drop([entry.id]), self._noted))
            return Reply(204, [], b"")
        if entry.state is State.QUEUED:
            self._queued.remove(entry)
            self._end(entry, State.CANCELLED)
            return status_page(self._stock[entry.id])
        self._cancelled.add(entry.id)
        running = self._running[entry.id]
        if running is not None and not running.gone:
            running.leave()
        return status_page(self._stock[entry.id], status=202)

    def _is_over(self, entry: Entry) -> bool:
        return entry.ended is not None and entry.ended + self._config.responses_seconds < self._now()

    def _store(self, entry: Entry, reply: Reply | None = None) -> None:
        self._stock.put(entry)
        self._writer.add(Change(entries.put(entry, reply), self._noted))

    def _noted(self, _found: Any, error: sqlite3.Error | None) -> None:
        """Without the note the entry may be tried again after a restart, which its attempts bound."""
        if error is not None:
            logs.write("background not stored", level="error", error=str(error), app=self._config.app)
