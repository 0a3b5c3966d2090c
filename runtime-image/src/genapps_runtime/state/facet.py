# SPDX-License-Identifier: Apache-2.0
"""State facets: one SQLite file per tenant.

An action reads a snapshot. Its writes are committed together and durably, and only if nothing that it read has
changed since. Commits of concurrent actions share a transaction and so one flush to disk (group commit). They run
in a thread, because a slow disk must not block the loop.
"""

import asyncio
import hashlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from genapps_runtime.state.errors import StateUnavailableError, write_error
from genapps_runtime.state.transaction import Commit, Transaction
from genapps_runtime.state.view import Snapshot, View

DEFAULT_TENANT = "default"
PAGE_BYTES = 4096
READER_CACHES_BYTES = 2 * 1024 * 1024
"""What the page caches of all connections for reading may take together."""

Committed = Callable[[list[Commit]], None]


class Facet:
    """The state of one tenant. `size` is in bytes of keys and values; `sequence` is the number of the last commit."""

    def __init__(self, directory: str, tenant: str, limit_bytes: int, readers: int) -> None:
        """Open or create the file; raises StateUnavailableError.

        `limit_bytes` bounds keys and values together. `readers` is how many snapshots are open at once when all
        actions that the tier allows wait for tools: so many connections are kept.
        """
        self._path = str(Path(directory) / (hashlib.sha256(tenant.encode()).hexdigest() + ".sqlite"))
        self._limit = limit_bytes
        self._most_readers = readers
        self._readers: list[sqlite3.Connection] = []
        self._shared: Snapshot | None = None
        self._waiting: list[tuple[list[Commit], Committed]] = []
        self._committing: asyncio.Task[None] | None = None
        self._first: list[tuple[list[Commit], Committed]] = []
        self.holding = False
        """Whether somebody holds it: only their writes are stored."""
        self._on_held: Callable[[], None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="commit")
        try:
            self._writer = self._connect()
            self._writer.execute("PRAGMA journal_mode=WAL").fetchall()
            self._writer.execute("PRAGMA synchronous=FULL")
            self._writer.execute("PRAGMA cache_size=-512")
            self._writer.execute(f"PRAGMA max_page_count={2 * limit_bytes // PAGE_BYTES + 1024}").fetchall()
            self._writer.execute(
                "CREATE TABLE IF NOT EXISTS entries "
                "(key TEXT PRIMARY KEY, value TEXT NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID"
            )
            self.sequence, self.size = self._writer.execute(
                "SELECT coalesce(max(version), 0), "
                "coalesce(sum(length(CAST(key AS BLOB)) + length(CAST(value AS BLOB))), 0) FROM entries"
            ).fetchone()
        except sqlite3.Error as error:
            raise StateUnavailableError(f"cannot open the state: {error}") from None

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
        StateConflictError, StateFullError or StateUnavailableError.
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
        connection = self._readers.pop() if self._readers else self._connect_reader()
        # It begins with the first read after this; a commit in between only makes the check at the end more thorough
        # than it had to be.
        return Snapshot(connection, self.sequence, self._give_back)

    async def close(self) -> None:
        """Finish the commits, then close the file."""
        self.release()
        if self._committing is not None:
            await self._committing
        self._thread.shutdown()
        for connection in (*self._readers, self._writer):
            connection.close()

    def _batch_snapshot(self) -> Snapshot:
        """The snapshot of the running batch; raises sqlite3.Error."""
        if self._shared is None:
            self._shared = self.snapshot()
        return self._shared

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if len(self._readers) < self._most_readers:
            self._readers.append(connection)
        else:
            connection.close()

    def _connect_reader(self) -> sqlite3.Connection:
        connection = self._connect()
        connection.execute(f"PRAGMA cache_size=-{max(16, READER_CACHES_BYTES // 1024 // self._most_readers)}")
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, cached_statements=32)
        connection.execute("PRAGMA temp_store=MEMORY")
        return connection

    def _commit_soon(self) -> None:
        if self._committing is None and (self._first or (self._waiting and not self.holding)):
            self._committing = asyncio.get_running_loop().create_task(self._commit_waiting())

    async def _commit_waiting(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while groups := self._next_groups():
                await loop.run_in_executor(self._thread, self._apply, [one for commits, _ in groups for one in commits])
                for commits, committed in groups:
                    committed(commits)
        finally:
            self._committing = None
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
        transaction = Transaction(self._writer, self.sequence, self.size, self._limit)
        try:
            transaction.run(batch)
        except sqlite3.Error as error:
            if len(batch) == 1:
                batch[0].verdict = write_error(error)
                return
            for commit in batch:
                self._apply([commit])
        else:
            self.sequence, self.size = transaction.sequence, transaction.size
