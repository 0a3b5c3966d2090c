# SPDX-License-Identifier: Apache-2.0
"""The queue of an app of workload class background: requests are accepted with 202, and run one after the other.

An attempt is stored before it begins, and the outcome after it. So a process that dies loses an attempt and no entry:
the next one tries it again, up to ATTEMPTS times.
"""

import asyncio
import secrets
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from genapps_runtime import logs
from genapps_runtime.config import RuntimeConfig
from genapps_runtime.metrics import Metrics
from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.background import entries
from genapps_runtime.serve.background.entries import ATTEMPTS, Change, Entry, EntryFile, State
from genapps_runtime.serve.background.file_writer import FileWriter
from genapps_runtime.serve.background.pages import PREFIX, accepted, status_page
from genapps_runtime.serve.messages import BACKGROUND, SERVER_ERROR, Answer, Exchange, Reply, Request

QUEUED = 500
"""Entries that may wait."""
KEPT = 1000
"""Entries that may be there, ended ones included: those that ended first are forgotten."""
BYTES = 32 * 1024 * 1024
"""Of all entries, with their replies."""
PAUSE_SECONDS = 5.0
"""How long nothing is begun after the process could not serve an entry, or the disk not store one."""
DROPPED_AT_ONCE = 100
DIRECT = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods of requests that are not queued: whoever only looks waits for the answer."""
_TRIED_AGAIN = frozenset({"AppRestarted", "Busy"})
"""With these nothing was changed, and another attempt may do better. Busy: it had waited with the state held."""
_FINE = frozenset({"ok", "replayed"})

Respond = Callable[[Exchange, Answer | ProblemError], None]


class BackgroundQueue:
    """Accepts and runs entries. Call `recover` first, and `close` last.

    `respond` answers a caller, `run` runs a request of an entry as the app's, `at_once` so many at the same time. `now`
    gives seconds since 1970.
    """

    def __init__(
        self,
        file: EntryFile,
        config: RuntimeConfig,
        metrics: Metrics,
        respond: Respond,
        run: Callable[[Exchange], None],
        now: Callable[[], float] = time.time,
        most_bytes: int = BYTES,
    ) -> None:
        self._writer = FileWriter(file)
        self._config = config
        self._metrics = metrics
        self._respond = respond
        self._run = run
        self._now = now
        self._most_bytes = most_bytes
        self._at_once = config.limits.instances
        self._entries: dict[str, Entry] = {}
        self._bytes = 0
        self._adding = 0
        """Entries that are being stored for the first time."""
        self._queued: deque[str] = deque()
        self._ended: dict[str, None] = {}
        """In the order in which they ended."""
        self._admitted = False
        self._running: dict[str, Exchange | None] = {}
        """None until its attempt is stored."""
        self._cancelled: set[str] = set()
        """Running ones that nobody wants any more."""
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
        done: asyncio.Future[list[Entry]] = asyncio.get_running_loop().create_future()

        def took(found: list[Entry] | None, error: sqlite3.Error | None) -> None:
            if found is None:
                done.set_exception(error or sqlite3.Error("the queue gave nothing"))
            else:
                done.set_result(found)

        revision = self._config.revision
        self._writer.add(Change(lambda connection: entries.recover(connection, revision, self._now()), took))
        for entry in await done:
            self._entries[entry.id] = entry
            self._bytes += entry.size
            if entry.state is State.QUEUED:
                self._queued.append(entry.id)
        ended = (one for one in self._entries.values() if one.state.ended)
        self._ended = dict.fromkeys(one.id for one in sorted(ended, key=lambda one: one.ended or 0.0))
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
            entry = self._entries[entry_id]
            if entry_id in self._cancelled:
                self._settle(entry, State.CANCELLED, "")
            else:  # its attempt is not lost: it was this process that was asked to end
                self._store(replace(entry, state=State.QUEUED, attempts=max(0, entry.attempts - 1)))
        self._running.clear()

    async def close(self) -> None:
        """Store what is to be stored, and close the file."""
        await self._writer.close()

    # Accepting.

    def _accept(self, exchange: Exchange, tenant: str) -> None:
        if self._closing:
            self._respond(exchange, ProblemError("NotReady"))
            return
        if len(self._queued) + self._adding >= QUEUED:
            self._respond(exchange, ProblemError("QueueFull", f"{QUEUED} requests wait already"))
            return
        size = entries.request_bytes(exchange.request)
        if not self._make_room(size):
            self._respond(
                exchange, ProblemError("StateFull", f"the requests that wait have {self._most_bytes} bytes already")
            )
            return
        entry = Entry(secrets.token_hex(16), tenant, self._now(), size)
        self._entries[entry.id] = entry
        self._bytes += size
        self._adding += 1
        change = entries.add(entry, exchange.request, self._config.revision)
        self._writer.add(Change(change, partial(self._accepted, entry, exchange)))

    def _accepted(self, entry: Entry, exchange: Exchange, _found: object, error: sqlite3.Error | None) -> None:
        self._adding -= 1
        if error is not None:
            self._forget(entry.id)
            self._respond(exchange, ProblemError("StateUnavailable", "the request could not be stored"))
            return
        self._queued.append(entry.id)
        self._respond(exchange, accepted(entry))
        self._start()

    def _make_room(self, size: int) -> bool:
        """Forget ended entries whose time is over, and more of them when there are too many; whether there is room."""
        dropped: list[str] = []
        while self._ended and len(dropped) < DROPPED_AT_ONCE:
            first = next(iter(self._ended))
            if not self._is_over(self._entries[first]) and self._has_room(size):
                break
            self._forget(first)
            dropped.append(first)
        if dropped:
            self._writer.add(Change(entries.drop(dropped), self._noted))
        return self._has_room(size)

    def _has_room(self, size: int) -> bool:
        return self._bytes + size <= self._most_bytes and len(self._entries) < KEPT

    # Running.

    def _start(self) -> None:
        self._metrics.set("genapps_background_waiting", len(self._queued))
        if not self._admitted or self._closing or self._resume is not None:
            return
        while self._queued and len(self._running) < self._at_once:
            entry = self._entries[self._queued.popleft()]
            if entry.accepted + self._config.responses_seconds < self._now():
                self._settle(entry, State.FAILED, "Expired")
                continue
            entry = replace(entry, state=State.RUNNING, attempts=entry.attempts + 1)
            self._entries[entry.id] = entry
            self._running[entry.id] = None
            self._writer.add(Change(entries.begin(entry), partial(self._begin, entry)))

    def _begin(self, entry: Entry, request: Request | None, error: sqlite3.Error | None) -> None:
        if entry.id not in self._running:
            return  # the process ends
        if request is None:
            logs.write("background not stored", level="error", error=str(error), app=self._config.app)
            self._put_back(replace(entry, attempts=entry.attempts - 1))
        elif entry.id in self._cancelled:
            self._end(entry, State.CANCELLED)
        else:
            exchange = Exchange(request, time.monotonic(), partial(self._replied, entry), internal=BACKGROUND)
            self._running[entry.id] = exchange
            self._run(exchange)

    def _replied(self, entry: Entry, answer: Answer) -> None:
        exchange = self._running.get(entry.id)
        if exchange is None:
            return  # the process ends, and has given it back
        code = exchange.code
        if entry.id in self._cancelled and code == "CallerGone":
            self._end(entry, State.CANCELLED)
        elif code == "ResponseNotKept":  # an attempt before had ended, and its process had not noted that
            self._end(entry, State.SUCCEEDED, "ResultNotKept")
        elif not exchange.tried and entry.id not in self._cancelled:
            self._put_back(replace(entry, attempts=entry.attempts - 1))
        elif code in _TRIED_AGAIN and entry.attempts < ATTEMPTS:
            self._put_back(entry)
        else:
            code = "" if code in _FINE else code
            failed = bool(code) or answer.status >= SERVER_ERROR
            reply = answer if isinstance(answer, Reply) else None
            self._end(entry, State.FAILED if failed else State.SUCCEEDED, code, reply)

    def _put_back(self, entry: Entry) -> None:
        """It waits again, before all others, and nothing begins for a while."""
        del self._running[entry.id]
        self._store(replace(entry, state=State.QUEUED))
        self._queued.appendleft(entry.id)
        if self._resume is None:
            self._resume = asyncio.get_running_loop().call_later(PAUSE_SECONDS, self._go_on)
        if not self._running:
            self._drained.set()

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
        size = entries.reply_bytes(reply) if reply is not None else 0
        if reply is not None and not self._make_room(size):
            reply, size, code = None, 0, code or "ResultNotKept"
        self._bytes += size
        status = reply.status if reply is not None else None
        ended = replace(entry, state=state, code=code, ended=self._now(), status=status, size=entry.size + size)
        self._ended[entry.id] = None
        self._store(ended, reply)

    # Looking, and taking back.

    def _show(self, exchange: Exchange, tenant: str) -> None:
        request = exchange.request
        entry_id, _, rest = request.path.removeprefix(PREFIX).partition("/")
        entry = self._entries.get(entry_id)
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
            self._forget(entry.id)
            self._writer.add(Change(entries.drop([entry.id]), self._noted))
            return Reply(204, [], b"")
        if entry.state is State.QUEUED:
            self._queued.remove(entry.id)
            self._end(entry, State.CANCELLED)
            return status_page(self._entries[entry.id])
        self._cancelled.add(entry.id)
        running = self._running[entry.id]
        if running is not None and not running.gone:
            running.leave()
        return status_page(self._entries[entry.id], status=202)

    def _is_over(self, entry: Entry) -> bool:
        return entry.ended is not None and entry.ended + self._config.responses_seconds < self._now()

    def _forget(self, entry_id: str) -> None:
        self._bytes -= self._entries.pop(entry_id).size
        self._ended.pop(entry_id, None)

    def _store(self, entry: Entry, reply: Reply | None = None) -> None:
        self._entries[entry.id] = entry
        self._writer.add(Change(entries.put(entry, reply), self._noted))

    def _noted(self, _found: Any, error: sqlite3.Error | None) -> None:
        """Without the note the entry may be tried again after a restart, which its attempts bound."""
        if error is not None:
            logs.write("background not stored", level="error", error=str(error), app=self._config.app)
