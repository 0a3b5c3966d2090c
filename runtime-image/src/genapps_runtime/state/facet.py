# SPDX-License-Identifier: Apache-2.0
"""State facets: one SQLite file per tenant.

An action reads a snapshot. Its writes are committed together and durably, and only if nothing that it read has
changed since. Commits of concurrent actions share a transaction and so one flush to disk (group commit). They run
in a thread, because a slow disk must not block the loop.
"""

import asyncio
import hashlib
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_TENANT = "default"
SQLITE_FULL = 13
PAGE_BYTES = 4096
LIST_BYTES = 1024 * 1024
READERS = 4


class StateConflictError(Exception):
    """Something that the action read has changed."""


class StateFullError(Exception):
    """The facet has reached its tier's limit, or the disk is full."""


class StateUnavailableError(Exception):
    """The file cannot be read or written."""


Writes = list[tuple[str, str | None]]


@dataclass(slots=True)
class Reads:
    """What an action has seen: versions of keys (0: absent) and the results of its listings."""

    sequence: int
    keys: dict[str, int] = field(default_factory=dict)
    lists: list[tuple[str, int, list[tuple[str, int]]]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Commit:
    reads: Reads | None
    writes: Writes
    answer: asyncio.Future[None]


class Facet:
    """The state of one tenant. `size` is in bytes of keys and values; `sequence` is the number of the last commit."""

    def __init__(self, directory: str, tenant: str, limit_bytes: int) -> None:
        """Open or create the file; raises StateUnavailableError. `limit_bytes` bounds keys and values together."""
        self._path = str(Path(directory) / (hashlib.sha256(tenant.encode()).hexdigest() + ".sqlite"))
        self._limit = limit_bytes
        self._readers: list[sqlite3.Connection] = []
        self._waiting: list[_Commit] = []
        self._committing: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="commit")
        try:
            self._writer = self._connect()
            self._writer.execute("PRAGMA journal_mode=WAL").fetchall()
            self._writer.execute("PRAGMA synchronous=FULL")
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

    def view(self) -> "View":
        """A snapshot for one action; the caller closes it."""
        return View(self)

    async def commit(self, reads: Reads | None, writes: Writes) -> None:
        """Apply `writes` durably, or none of them.

        Raises StateConflictError, StateFullError or StateUnavailableError.
        """
        commit = _Commit(reads, writes, asyncio.get_running_loop().create_future())
        self._waiting.append(commit)
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_waiting())
        await commit.answer

    async def close(self) -> None:
        """Finish the running commit, then close the file."""
        if self._committing is not None:
            await self._committing
        self._thread.shutdown()
        for connection in (*self._readers, self._writer):
            connection.close()

    def take_reader(self) -> sqlite3.Connection:
        """A connection for reading; return it with `give_reader`. Raises sqlite3.Error."""
        return self._readers.pop() if self._readers else self._connect()

    def give_reader(self, connection: sqlite3.Connection) -> None:
        """Take a connection back: keep it for the next view, or close it when there are enough."""
        if len(self._readers) < READERS:
            self._readers.append(connection)
        else:
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, cached_statements=32)
        connection.execute("PRAGMA cache_size=-512")
        connection.execute("PRAGMA temp_store=MEMORY")
        return connection

    async def _commit_waiting(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting, []
            verdicts = await loop.run_in_executor(self._thread, self._apply, batch)
            for commit, verdict in zip(batch, verdicts, strict=True):
                if commit.answer.done():
                    continue  # nobody waits any more; what was committed stays
                if verdict is None:
                    commit.answer.set_result(None)
                else:
                    commit.answer.set_exception(verdict)
        self._committing = None

    def _apply(self, batch: list[_Commit]) -> list[Exception | None]:
        """Run in the commit thread: one transaction for the whole batch.

        When that fails, each commit gets its own, so one that does not fit on the disk does not fail the others.
        """
        try:
            return self._transaction(batch)
        except sqlite3.Error as error:
            if len(batch) == 1:
                return [_verdict(error)]
            return [verdict for commit in batch for verdict in self._apply([commit])]

    def _transaction(self, batch: list[_Commit]) -> list[Exception | None]:
        sequence, size = self.sequence, self.size
        verdicts: list[Exception | None] = []
        execute = self._writer.execute
        execute("BEGIN IMMEDIATE")
        try:
            for commit in batch:
                try:
                    self._check(commit.reads, sequence)
                    size = self._fit(commit.writes, size)
                except (StateConflictError, StateFullError) as verdict:
                    verdicts.append(verdict)
                    continue
                sequence += 1
                for key, value in commit.writes:
                    if value is None:
                        execute("DELETE FROM entries WHERE key = ?", (key,))
                    else:
                        execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", (key, value, sequence))
                verdicts.append(None)
            execute("COMMIT")
        except sqlite3.Error:
            if self._writer.in_transaction:
                execute("ROLLBACK")
            raise
        self.sequence, self.size = sequence, size
        return verdicts

    def _check(self, reads: Reads | None, sequence: int) -> None:
        """Raises StateConflictError unless what was read is still there."""
        if reads is None or reads.sequence == sequence:
            return
        for key, version in reads.keys.items():
            row = self._writer.execute("SELECT version FROM entries WHERE key = ?", (key,)).fetchone()
            if (row[0] if row else 0) != version:
                raise StateConflictError(key)
        for prefix, limit, seen in reads.lists:
            if _versions(self._writer, prefix, limit) != seen:
                raise StateConflictError(prefix)

    def _fit(self, writes: Writes, size: int) -> int:
        """The facet's size in bytes after the writes; raises StateFullError."""
        grown = size
        for key, value in writes:
            row = self._writer.execute(
                "SELECT length(CAST(value AS BLOB)) FROM entries WHERE key = ?", (key,)
            ).fetchone()
            if row:
                grown -= len(key.encode()) + row[0]
            if value is not None:
                grown += len(key.encode()) + len(value.encode())
        if grown > self._limit and grown > size:
            raise StateFullError(f"the state would take {grown} bytes; the tier allows {self._limit}")
        return grown


class View:
    """What one action sees: the facet as it was at the first read. `reads` records what was read, for the commit."""

    def __init__(self, facet: Facet) -> None:
        self._facet = facet
        self._connection: sqlite3.Connection | None = None
        self.reads: Reads | None = None

    def get(self, key: str) -> str | None:
        """The JSON text under `key`, or None. Raises StateUnavailableError."""
        connection, reads = self._begin()
        try:
            row = connection.execute("SELECT value, version FROM entries WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error as error:
            raise StateUnavailableError(f"cannot read the state: {error}") from None
        reads.keys[key] = row[1] if row else 0
        return row[0] if row else None

    def list(self, prefix: str, limit: int) -> dict[str, str]:
        """At most `limit` keys that start with `prefix`, with their JSON texts, sorted by key.

        Raises StateFullError when they take more than LIST_BYTES, and StateUnavailableError.
        """
        connection, reads = self._begin()
        found: dict[str, str] = {}
        seen: list[tuple[str, int]] = []
        size = 0
        try:
            for key, value, version in connection.execute(_FROM.format("key, value, version"), (prefix, limit)):
                if not key.startswith(prefix):
                    break
                found[key] = value
                seen.append((key, version))
                size += len(value)
                if size > LIST_BYTES:
                    raise StateFullError(f"a listing of state may have at most {LIST_BYTES} bytes; use a smaller limit")
        except sqlite3.Error as error:
            raise StateUnavailableError(f"cannot read the state: {error}") from None
        reads.lists.append((prefix, limit, seen))
        return found

    def close(self) -> None:
        """End the snapshot and give its connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.execute("COMMIT")
            except sqlite3.Error:
                connection.close()
            else:
                self._facet.give_reader(connection)

    def _begin(self) -> tuple[sqlite3.Connection, Reads]:
        if self._connection is None or self.reads is None:
            try:
                self._connection = self._facet.take_reader()
                # The snapshot begins with the first read after this; a commit in between only makes the check at
                # the end more thorough than it had to be.
                self.reads = Reads(self._facet.sequence)
                self._connection.execute("BEGIN")
            except sqlite3.Error as error:
                raise StateUnavailableError(f"cannot read the state: {error}") from None
        return self._connection, self.reads


_FROM = "SELECT {} FROM entries WHERE key >= ? ORDER BY key LIMIT ?"


def _versions(connection: sqlite3.Connection, prefix: str, limit: int) -> list[tuple[str, int]]:
    rows = connection.execute(_FROM.format("key, version"), (prefix, limit))
    return [(key, version) for key, version in rows if key.startswith(prefix)]


def _verdict(error: sqlite3.Error) -> Exception:
    if getattr(error, "sqlite_errorcode", 0) == SQLITE_FULL:
        return StateFullError("the disk of the app's state is full")
    return StateUnavailableError(f"cannot write the state: {error}")
