# SPDX-License-Identifier: Apache-2.0
"""What requests with keys have asked of tools: the intent before a call is made, and what it brought.

A tool may change something outside that no transaction takes back. So a repeat of a request that was cut short gets
what its calls have brought, and makes none of them twice. The journal has a file of its own: through the facet's
connection an intent would wait for the transaction of its own action, or be stored with half of it. It lies outside
the folder that goes back with the state, because what was done outside does not go back.

A request is finished by its mark in the facet: what is here of it counts for nothing then.
"""

import asyncio
import errno
import hashlib
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import orjson

from genapps_runtime.state.claim_space import spare
from genapps_runtime.state.errors import JournalFullError, StateUnavailableError
from genapps_runtime.state.journal_file import HEAD_BYTES, NEW_ENDING, JournalFile
from genapps_runtime.state.safe_dir import SafeDir

FOLDER = "journals"
LIVE_BYTES = 4 * 1024 * 1024
"""Of the requests that are not finished. The file may have twice as many: then it is written anew."""
_ENDING = ".journal"
JOURNAL_ENDINGS = (_ENDING, f"{_ENDING}{NEW_ENDING}")
"""Of the files of a tenant's journal: the second is there for a moment, or was left by a kill."""
CLEAN_SECONDS = 60.0
"""How long the records of finished requests may stay in the file."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
OUTCOME_BYTES = 256 * 1024
"""A larger outcome is not kept: it is as one that nobody knows."""


@dataclass(slots=True)
class Intent:
    """A call that was about to be made. `digest` is that of the arguments, in hexadecimal.

    `outcome` is what it brought, as JSON text; None when nobody knows. `failed`: it is a problem. `wrote`: the tool may
    have changed something.
    """

    number: int
    connector: str
    tool: str
    digest: str
    outcome: str | None = None
    failed: bool = False
    wrote: bool = True
    last: int = 0
    """The highest number of a call that was begun before the outcome was known: later ones may follow from it."""


@dataclass(slots=True)
class Unfinished:
    """A request that has called tools. `request` is the hash of it, `at` when it did so first."""

    request: bytes
    at: int
    intents: list[Intent] = field(default_factory=list)
    records: list[bytes] = field(default_factory=list)
    size: int = 0

    def put(self, intent: Intent) -> None:
        """Add an intent, in the place of one with its number, which was refused."""
        place = next((n for n, one in enumerate(self.intents) if one.number == intent.number), len(self.intents))
        self.intents[place : place + 1] = [intent]

    @property
    def last(self) -> int:
        """The highest number of its calls."""
        return max(intent.number for intent in self.intents)


class Journal:
    """The journal of one facet. All that waits is stored by one flush."""

    def __init__(
        self,
        directory: str,
        tenant: str,
        retention_seconds: int,
        finished: Callable[[bytes], bool],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`directory` is that of the volume. `finished` tells whether the facet has a mark of a scope.

        Raises StateUnavailableError.
        """
        self._directory = directory
        self._name = hashlib.sha256(tenant.encode()).hexdigest() + _ENDING
        self._retention = retention_seconds
        self._clock = clock
        self._file: JournalFile | None = None
        self._folder: SafeDir | None = None
        self._live: dict[bytes, Unfinished] = {}
        self._live_bytes = 0
        self._dead: set[bytes] = set()
        """Scopes of finished requests whose records are still in the file."""
        self._waiting: list[tuple[list[bytes], asyncio.Future[None]]] = []
        self._storing: asyncio.Task[None] | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._cleaning: asyncio.TimerHandle | None = None
        self._clean = False
        """Whether the file is to be written anew."""
        try:
            self._find(finished)
        except OSError as error:
            raise StateUnavailableError(f"cannot read the journal: {error.strerror}") from None

    def unfinished(self, scope: bytes) -> Unfinished | None:
        """What a request of this scope has called, if it is not finished and not too old."""
        if not self._live:
            return None
        found = self._live.get(scope)
        if found is not None and self._expired(found):
            self.finish(scope)
            return None
        return found

    def finish(self, scope: bytes) -> None:
        """The request is finished, or has called nothing that counts. Its records go with the next compaction."""
        gone = self._live.pop(scope, None)
        if gone is not None:
            self._live_bytes -= gone.size
            self._dead.add(scope)

    async def intend(self, scope: bytes, request: bytes, intent: Intent) -> None:
        """Store durably that this call is about to be made.

        Raises JournalFullError, or StateUnavailableError: then nothing was stored, and the call must not be made.
        """
        record = orjson.dumps(
            {
                "scope": scope.hex(), "request": request.hex(), "at": math.ceil(self._clock()),
                "step": intent.number, "connector": intent.connector, "tool": intent.tool, "arguments": intent.digest,
            }
        )  # fmt: skip
        if not self._fits(len(record)):
            raise JournalFullError("too many requests with tool calls are not finished")
        if spare(self._directory) < 0:
            raise JournalFullError("the claim is full: what is left is for deletes")
        self._add(scope, record)
        unfinished = self._live[scope]
        unfinished.put(intent)
        self._clean = self._clean or scope in self._dead  # else a kill would mix two requests
        try:
            await self._store([record])
        except OSError as error:
            self._take_back(scope, intent, record)
            if error.errno in _FULL:
                raise JournalFullError("the disk of the app's state is full") from None
            raise StateUnavailableError(f"cannot write the journal: {error.strerror}") from None

    async def ended(self, scope: bytes, intent: Intent) -> None:
        """Store durably what a call brought. It stays unknown, but for this process, where that does not succeed."""
        if intent.outcome is None:
            return
        record = orjson.dumps(
            {
                "scope": scope.hex(), "step": intent.number, "outcome": intent.outcome,
                "failed": intent.failed, "wrote": intent.wrote,
            }
        )  # fmt: skip
        if len(record) > OUTCOME_BYTES or not self._fits(len(record)) or scope not in self._live:
            intent.outcome = None
            return
        self._add(scope, record)
        intent.last = self._live[scope].last
        try:
            await self._store([record])
        except OSError:
            self._drop(scope, record)
            intent.outcome = None

    def clean_later(self) -> None:
        """Take from the file what counts for nothing any more, soon and whenever something has expired."""
        if self._cleaning is None and self._file is not None and self._file.size:
            seconds = CLEAN_SECONDS
            if self._file.size == self._live_bytes:
                oldest = min(found.at for found in self._live.values())
                seconds = max(seconds, oldest + self._retention - self._clock())
            self._cleaning = asyncio.get_running_loop().call_later(seconds, self._clean_now)

    async def close(self) -> None:
        """Store what waits, and close the file: nothing stays in it that counts for nothing."""
        self._clean_now()
        if self._storing is not None:
            await self._storing
        if self._cleaning is not None:
            self._cleaning.cancel()
        if self._thread is not None:
            self._thread.shutdown()
        if self._file is not None:
            self._file.close()
        if self._folder is not None:
            self._folder.close()
            self._folder = None

    def _find(self, finished: Callable[[bytes], bool]) -> None:
        root = SafeDir(self._directory)
        try:
            if FOLDER not in root.names():
                return
            self._folder = root.enter(FOLDER)
        finally:
            root.close()
        if self._name not in self._folder.names():
            self._folder.close()
            self._folder = None
            return
        self._file = JournalFile(self._folder, self._name, 4 * LIVE_BYTES)
        for record in self._file.records:
            self._take(record)
        self._file.records.clear()
        for scope in [one for one, found in self._live.items() if self._expired(found) or finished(one)]:
            self.finish(scope)
        if self._file.size > self._live_bytes:
            self._file.replace(self._left())

    def _take(self, record: bytes) -> None:
        """Note a record of the file. Raises StateUnavailableError for one that this runtime does not know."""
        try:
            told = orjson.loads(record)
            scope = bytes.fromhex(told["scope"])
            if "connector" in told:
                self._add(scope, record)
                names = told["step"], told["connector"], told["tool"], told["arguments"]
                self._live[scope].put(Intent(*names))
            elif scope in self._live:
                self._add(scope, record)
                intent = next(one for one in self._live[scope].intents if one.number == told["step"])
                intent.outcome, intent.failed, intent.wrote = told["outcome"], told["failed"], told["wrote"]
                intent.last = self._live[scope].last
        except (ValueError, KeyError, TypeError, StopIteration):
            raise StateUnavailableError("the journal has a record of another runtime") from None

    def _add(self, scope: bytes, record: bytes) -> None:
        unfinished = self._live.get(scope)
        if unfinished is None:
            told: dict[str, Any] = orjson.loads(record)
            unfinished = self._live[scope] = Unfinished(bytes.fromhex(told["request"]), told["at"])
        unfinished.records.append(record)
        unfinished.size += HEAD_BYTES + len(record)
        self._live_bytes += HEAD_BYTES + len(record)

    def _drop(self, scope: bytes, record: bytes) -> None:
        unfinished = self._live.get(scope)
        if unfinished is not None:
            unfinished.records.remove(record)
            unfinished.size -= HEAD_BYTES + len(record)
            self._live_bytes -= HEAD_BYTES + len(record)

    def _take_back(self, scope: bytes, intent: Intent, record: bytes) -> None:
        self._drop(scope, record)
        unfinished = self._live.get(scope)
        if unfinished is not None:
            unfinished.intents.remove(intent)
            if not unfinished.intents:
                self.finish(scope)

    def _fits(self, size: int) -> bool:
        if self._live_bytes + HEAD_BYTES + size > LIVE_BYTES:
            for scope in [one for one, found in self._live.items() if self._expired(found)]:
                self.finish(scope)
        return self._live_bytes + HEAD_BYTES + size <= LIVE_BYTES

    def _expired(self, unfinished: Unfinished) -> bool:
        return abs(self._clock() - unfinished.at) >= self._retention

    def _left(self) -> list[bytes]:
        return [record for found in self._live.values() for record in found.records]

    async def _store(self, records: list[bytes]) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.add_done_callback(_look)  # who waits for it may have been cancelled
        self._waiting.append((records, done))
        self._store_soon()
        await asyncio.shield(done)

    def _clean_now(self) -> None:
        if self._cleaning is not None:
            self._cleaning.cancel()
            self._cleaning = None
        for scope in [one for one, found in self._live.items() if self._expired(found)]:
            self.finish(scope)
        if self._file is not None and self._file.size > self._live_bytes:
            self._clean = True
            self._store_soon()

    def _store_soon(self) -> None:
        if self._storing is None:
            self._storing = asyncio.get_running_loop().create_task(self._store_waiting())

    async def _store_waiting(self) -> None:
        loop = asyncio.get_running_loop()
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        try:
            while self._waiting or self._clean:
                waiting, self._waiting = self._waiting, []
                whole = [record for records, _ in waiting for record in records]
                failed: OSError | None = None
                dead: set[bytes] = set()
                try:
                    # All that is live has what waits as well: written anew, the file holds it.
                    full = self._file is not None and self._file.size > 2 * LIVE_BYTES
                    anew = self._left() if full or self._clean else None
                    self._clean = False
                    if anew is not None:
                        dead, self._dead = self._dead, dead
                    await loop.run_in_executor(self._thread, self._write, whole, anew)
                except OSError as error:
                    failed = error
                    self._dead |= dead
                for _, done in waiting:
                    if not done.done():
                        if failed is None:
                            done.set_result(None)
                        else:
                            done.set_exception(failed)
        finally:
            self._storing = None
        self.clean_later()

    def _write(self, records: list[bytes], anew: list[bytes] | None) -> None:
        """Run in the journal's thread."""
        if self._file is None:
            self._file = self._make()
        if anew is not None:
            self._file.replace(anew)
        else:
            self._file.append(records)

    def _make(self) -> JournalFile:
        if self._folder is None:
            root = SafeDir(self._directory)
            try:
                self._folder = root.enter_or_make(FOLDER)
            finally:
                root.close()
        return JournalFile(self._folder, self._name, 4 * LIVE_BYTES)


def _look(done: asyncio.Future[None]) -> None:
    if not done.cancelled():
        done.exception()
