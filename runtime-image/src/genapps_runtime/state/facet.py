# SPDX-License-Identifier: Apache-2.0
"""State facets: one SQLite file per tenant.

An action reads a snapshot. Its writes are committed together and durably, and only if nothing that it read has
changed since. Commits of concurrent actions share a transaction and so one flush to disk (group commit). They run
in a thread, because a slow disk must not block the loop.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

from genapps_runtime.state import facet_files
from genapps_runtime.state.ages import Ages
from genapps_runtime.state.claim_space import known_cause
from genapps_runtime.state.connection import Connection
from genapps_runtime.state.errors import FILE_ERRORS, StateConflictError, StateUnavailableError, write_error
from genapps_runtime.state.growth import Growth
from genapps_runtime.state.journal import Journal
from genapps_runtime.state.log_bound import LogBound
from genapps_runtime.state.marks import DAY_SECONDS, Found, Marks, Room
from genapps_runtime.state.memory_database import close_all
from genapps_runtime.state.open_transaction import OpenTransaction
from genapps_runtime.state.readers import Readers
from genapps_runtime.state.removal import REMOVAL_ERRORS, Removal
from genapps_runtime.state.sweeping import Sweeping
from genapps_runtime.state.transaction import Commit, Transaction
from genapps_runtime.state.view import Snapshot, View

DEFAULT_TENANT = "default"

Committed = Callable[[list[Commit]], None]


class Facet:
    """The state of one tenant. `figures` are those of the last commit."""

    def __init__(
        self,
        directory: str,
        tenant: str,
        limit_bytes: int,
        readers: int,
        retention_seconds: int = DAY_SECONDS,
        clock: Callable[[], float] = time.time,
        *,
        state_seconds: int = 0,
        share: int = 1,
        beside: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """Open or create the file; raises StateUnavailableError.

        `limit_bytes` bounds keys, values and tables together. `readers` is how many snapshots are open at once when all
        actions that the tier allows wait for tools: so many connections are kept. Marks of requests with keys are kept
        for `retention_seconds` of `clock`, keys for `state_seconds` after their last write if these are not 0.
        `share` is how many facets share the memory for caches. `beside` says what of the limit each tenant takes
        elsewhere.
        """
        self.tenant = tenant
        self.users = 0
        """How many requests and loads need it to stay open; nobody counts where it is the only one."""
        self.asked = True
        """Whether its tenant has called since `Facets` has noted that."""
        self.path = facet_files.path_of(directory, tenant)
        self._share = share
        self._limit = limit_bytes
        self._beside = beside
        self.marks = Marks(retention_seconds, Room.beside(limit_bytes), clock)
        self._growth = Growth(self.path, 2 * limit_bytes + self.marks.room.bytes)
        self._ages = Ages(state_seconds, clock)
        self._removal = Removal(self._ages, limit_bytes, self.marks)
        self._sweeping = Sweeping(self.marks, lambda: self.commit([Commit(None, [])], lambda _: None))
        self.running: dict[bytes, bytes] = {}
        """Digests of requests with keys that are under way, by their scopes. No file holds them: a process that ends
        runs nothing any more."""
        self.readers = Readers(partial(facet_files.reader, self.path, sharing=share * readers), readers)
        self.log = LogBound(self.path, limit_bytes)
        self._short = False
        """Whether a commit has found no memory."""
        self._shared: Snapshot | None = None
        self._waiting: list[tuple[list[Commit], Committed]] = []
        self._committing: asyncio.Task[None] | None = None
        self._first: list[tuple[list[Commit], Committed]] = []
        self.holding = False
        """Whether somebody holds it: only their writes are stored."""
        self.writing_texts: set[int] = set()
        """Hashes of statements that have been found to write."""
        self._open: tuple[OpenTransaction, list[Commit], Committed] | None = None
        """An open transaction that is to be stored."""
        self._on_held: Callable[[], None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="commit")
        try:
            self._writer = self._connect_writer()
            self.figures = facet_files.prepared(self._writer, self.marks, self._ages)
            folder = str(Path(directory).parent)
            self.journal = Journal(folder, tenant, retention_seconds, self._has_mark, clock)
            """What requests with keys have asked of tools: beside the folder that goes back with the state."""
            self._removal.look(self._writer, self.figures.sequence)
        except FILE_ERRORS as error:
            cause = known_cause(error, directory) or error
            raise StateUnavailableError(f"cannot open the state: {cause}") from None

    @property
    def idle(self) -> bool:
        """Whether it may be closed: nobody needs it, reads it or stores in it."""
        return not (self.users or self.holding or self.storing or self.readers.lent or self._waiting or self._first)

    @property
    def size(self) -> int:
        """Bytes of keys, values and tables."""
        return self.figures.size

    @property
    def _room(self) -> int:
        return self._limit - self._beside.get(self.tenant, 0)

    @property
    def storing(self) -> bool:
        """Whether a commit is running."""
        return self._committing is not None

    def find_mark(self, scope: bytes) -> Found | None:
        """The mark of a request with a key, which may have `expired`. Raises StateUnavailableError.

        It sees all that was stored before the running batch began.
        """
        if not self.figures.kept.marks:
            return None
        try:
            return self.marks.find(self._batch_snapshot().connection, scope)
        except FILE_ERRORS as error:
            raise StateUnavailableError(f"cannot read the state: {str(error) or 'out of memory'}") from None

    def sweep_later(self) -> None:
        """Remove marks when their retention is over, from now on."""
        self._sweeping.later(self.figures.kept)
        self.journal.clean_later()

    def remove_later(self) -> None:
        """Remove what has expired, and what is left of what was deleted, from now on."""
        self._removal.begin(self._commit_soon)

    def view(self) -> View:
        """What one action sees; the caller closes it."""
        return View(self._batch_snapshot)

    def end_batch(self) -> None:
        """From now on views begin a snapshot of their own. Those that were begun keep theirs.

        Call it before the loop goes on: requests that come later must see what was committed before them.
        """
        shared, self._shared = self._shared, None
        if shared is not None:
            shared.end_sharing()

    def commit(self, commits: list[Commit], committed: Committed) -> None:
        """Store the writes of each commit durably, or none of them.

        Calls `committed` with the same list later on the loop: each commit then has a verdict, which is None or a
        StateBusyError, StateConflictError, StateFullError or StateUnavailableError.
        """
        self._waiting.append((commits, committed))
        self._commit_soon()

    def hold(self, held: Callable[[], None]) -> None:
        """Store nothing of others until `release`; calls `held` once no commit is running, which may be at once."""
        self.holding = True
        if self._committing is None:
            held()
        else:
            self._on_held = held

    def commit_held(self, commits: list[Commit], committed: Committed) -> None:
        """Store writes of whoever holds the facet, before all others; see `commit`."""
        self._first.append((commits, committed))
        self._commit_soon()

    def open(self) -> OpenTransaction:
        """A transaction for whoever holds the facet, while no commit is running.

        It ends with `commit_open`, or is rolled back, before anything else is stored. Raises StateBusyError and those
        of FILE_ERRORS.
        """
        if self.log.full:
            self.commit_held([], lambda _: None)  # looks at it again
            raise self.log.refusal
        try:
            self._ready_writer()
            return OpenTransaction(self._writer, self.figures, self._room, self.marks)
        except MemoryError:
            self._writer.exhausted = True
        self._make_room()
        self._ready_writer()
        return OpenTransaction(self._writer, self.figures, self._room, self.marks)

    def commit_open(self, transaction: OpenTransaction, commits: list[Commit], committed: Committed) -> None:
        """Store an open transaction, in which `commits` were added; see `commit`.

        When that fails, nothing of it is stored. Several commits then have a StateConflictError: each may succeed
        alone.
        """
        self._open = transaction, commits, committed
        self._commit_soon()

    def store_now(self, transaction: OpenTransaction) -> Exception | None:
        """Store an open transaction of whoever holds the facet, before this returns; returns what is against it."""
        alone = [Commit(None, [])]
        self._apply_open(transaction, alone)
        self.end_batch()
        return alone[0].verdict

    def release(self) -> None:
        """End the hold: what had to wait is stored, also when the facet is held again at once."""
        self.holding = False
        self._first += self._waiting
        self._waiting = []
        self._commit_soon()

    def snapshot(self) -> Snapshot:
        """A snapshot of its own, with everything that is stored; raises sqlite3.Error.

        The caller ends its sharing when no more views may join.
        """
        # It begins with the first read after this; a commit in between only makes the check at the end more thorough
        # than it had to be.
        return self.readers.snapshot(self.figures.sequence, self.figures.changes, self._removal.expired)

    async def close(self) -> None:
        """Finish the commits, then close the file."""
        self.release()
        if self._committing is not None:
            await self._committing
        await self.stop()
        self.close_files()

    async def stop(self) -> None:
        """Do nothing more on its own."""
        self._sweeping.stop()
        self._removal.stop()
        await self.journal.close()

    def close_files(self) -> None:
        """Close the file of an idle facet that was stopped; whoever asks for it next needs another object."""
        self._thread.shutdown()
        self.readers.close_idle()
        self._writer.close()

    def _has_mark(self, scope: bytes) -> bool:
        return self.marks.find(self._writer, scope) is not None

    def _batch_snapshot(self) -> Snapshot:
        """The snapshot of the running batch; raises sqlite3.Error."""
        if self._shared is not None and self._shared.lost:
            self.end_batch()
        if self._shared is None:
            self._shared = self.snapshot()
            self._shared.renewable = True
        return self._shared

    def _make_room(self) -> None:
        """Close all connections for reading, on the loop's thread: the writer has no memory.

        What an app has prepared on them is most of it. Actions that have read there fail when they read again. What
        apps keep in memory goes too.
        """
        close_all()
        self.readers.close_all()
        self._short = False

    def _connect_writer(self) -> Connection:
        connection = facet_files.writer(self.path, sharing=self._share)
        self._growth.begin(connection)
        return connection

    def _ready_writer(self) -> None:
        """Get ready for a transaction that stores something. Raises one of FILE_ERRORS."""
        self._renew_writer()
        self._growth.look(self._writer)
        self._ages.note(self._writer, self.figures.sequence)

    def _renew_writer(self) -> None:
        if self._writer.exhausted:
            writer = self._connect_writer()
            self._writer.close()
            self._writer = writer
            writer.expired = self._removal.expired

    def _commit_soon(self) -> None:
        others = self._waiting or self._removal.due
        if self._committing is None and (self._open or self._first or (others and not self.holding)):
            self._committing = asyncio.get_running_loop().create_task(self._commit_waiting())

    async def _commit_waiting(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                if self.log.full:
                    self.readers.end_snapshots()
                    await loop.run_in_executor(self._thread, self.log.look, self._writer)
                opened, self._open = self._open, None
                if opened is not None:
                    transaction, commits, committed = opened
                    await loop.run_in_executor(self._thread, self._apply_open, transaction, commits)
                    if self._short:
                        self._make_room()
                    committed(commits)
                    continue
                groups = self._next_groups()
                if not groups and self._removal.due and not self.holding:
                    await loop.run_in_executor(self._thread, self._remove_step)
                    self._removal.later()
                    continue
                if not groups:
                    break
                batch = [one for commits, _ in groups for one in commits]
                await loop.run_in_executor(self._thread, self._apply, batch)
                if self._short:
                    self._make_room()
                    failed = [one for one in batch if isinstance(one.verdict, StateUnavailableError)]
                    await loop.run_in_executor(self._thread, self._apply, failed)
                for commits, committed in groups:
                    committed(commits)
        finally:
            self._committing = None
        self.sweep_later()
        on_held, self._on_held = self._on_held, None
        if on_held is not None:
            on_held()

    def _next_groups(self) -> list[tuple[list[Commit], Committed]]:
        groups, self._first = self._first, []
        if not self.holding:
            groups += self._waiting
            self._waiting = []
        return groups

    def _apply(self, batch: list[Commit]) -> None:
        """Run in the commit thread: one transaction for the whole batch.

        When that fails, each commit gets its own, so one that does not fit on the disk does not fail the others.
        """
        figures = self.figures
        if not batch or self.log.refuses(batch):
            return
        try:
            self._ready_writer()
            numbers = figures.sequence, figures.size, self._room
            transaction = Transaction(self._writer, *numbers, figures.changes, self.marks, figures.kept)
            transaction.run(batch)
        except FILE_ERRORS as error:
            self._note_memory(error)
            if len(batch) == 1:
                batch[0].verdict = write_error(error)
                return
            for commit in batch:
                self._apply([commit])
        else:
            new = transaction
            self.figures = replace(figures, sequence=new.sequence, size=new.size, kept=new.kept)
            self.log.look(self._writer)

    def _remove_step(self) -> None:
        """Run in the commit thread. What cannot be removed now is tried again in the next pass."""
        try:
            self._renew_writer()
            self.figures = self._removal.step(self._writer, self.figures, is_read=self.readers.lent)
            self.log.look(self._writer)
        except REMOVAL_ERRORS as error:
            self._note_memory(error)

    def _note_memory(self, error: Exception) -> None:
        if isinstance(error, MemoryError):
            self._writer.exhausted = self._short = True

    def _apply_open(self, transaction: OpenTransaction, commits: list[Commit]) -> None:
        """Run in the commit thread."""
        verdict: Exception | None = None
        try:
            transaction.commit()
        except StateConflictError as error:
            verdict = error
        except FILE_ERRORS as error:
            self._note_memory(error)
            again = len(commits) > 1 or isinstance(error, MemoryError)
            verdict = StateConflictError() if again else write_error(error)
        else:
            self.figures = transaction.figures
            self.log.look(self._writer)
        for commit in commits:
            commit.verdict = verdict
