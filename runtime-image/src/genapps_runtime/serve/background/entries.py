# SPDX-License-Identifier: Apache-2.0
"""The file of a queue: one SQLite database beside the facets, outside of what a rollback brings back.

An entry is a request as data. Whatever could prove who sent it is not in it.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from genapps_runtime.serve.messages import Headers, Reply, Request
from genapps_runtime.state.claim_space import known_cause
from genapps_runtime.state.erasure import Erased, wipe
from genapps_runtime.state.errors import StateUnavailableError
from genapps_runtime.state.safe_dir import SafeDir
from genapps_runtime.traceparent import read_traceparent

FOLDER = "background"
FILE = "queue.sqlite3"
LEFT = f"{FILE}.left"
"""What a kill has left of a queue that was being removed: see `leftover`."""
LAYOUT = 1
ATTEMPTS = 3
"""So many attempts may be lost, because the process ended in them, until the entry has failed."""
ROW_BYTES = 1024
"""What an entry counts beside its texts."""
_KEPT_HEADERS = frozenset(
    {b"accept", b"accept-language", b"content-encoding", b"content-language", b"content-type", b"user-agent"}
)
"""Nothing else is stored: a list of what may not be would miss somebody's own header for a token."""
_TABLE = """
CREATE TABLE entries (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL, revision TEXT NOT NULL,
    key TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL, query TEXT NOT NULL, headers TEXT NOT NULL,
    body BLOB NOT NULL, state TEXT NOT NULL, code TEXT NOT NULL, attempts INTEGER NOT NULL, accepted REAL NOT NULL,
    ended REAL, status INTEGER, reply_headers TEXT, reply BLOB
)
"""


class State(StrEnum):
    """How far an entry is."""

    QUEUED = "Queued"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing happens to it any more."""
        return self not in (State.QUEUED, State.RUNNING)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of an entry without reading the file. Times are seconds since 1970, `size` is in bytes.

    `lasting` is what is left of the size when it has ended, without the reply: body and headers go then.
    `code` says why it has not succeeded: a code of a problem, RevisionChanged, AttemptsLost or Expired.
    """

    id: str
    tenant: str
    accepted: float
    size: int
    lasting: int
    state: State = State.QUEUED
    attempts: int = 0
    code: str = ""
    ended: float | None = None
    status: int | None = None
    """Of the reply, where one is kept."""


class Stored(NamedTuple):
    """All of an entry. A body that is not needed any more is empty."""

    entry: Entry
    request: Request
    reply: Reply | None


class Change(NamedTuple):
    """A change of the file, and what is called when it is durable, or has failed: then with the error."""

    run: Callable[[sqlite3.Connection], Any]
    done: Callable[[Any, sqlite3.Error | None], None]


def lasting_bytes(request: Request) -> int:
    """What an entry of this request counts at the least."""
    return ROW_BYTES + len(request.path) + len(request.query)


def request_bytes(request: Request) -> int:
    """What an entry of this request counts until it has ended."""
    return lasting_bytes(request) + len(_stored(request.headers)) + len(request.body)


def reply_bytes(reply: Reply) -> int:
    """What a kept reply counts."""
    return len(_text(reply.headers)) + len(reply.body)


class EntryFile:
    """The open file. It is used by one thread at a time, after `open` never by that of the loop."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def open(cls, state_directory: str) -> "EntryFile":
        """Open or create it on the app's volume; raises StateUnavailableError."""
        try:
            with closing(SafeDir(state_directory)) as root, closing(root.enter_or_make(FOLDER)) as folder:
                folder.sizes()  # raises for what is no plain file
                wipe(folder, LEFT, Erased())
            path = Path(state_directory) / FOLDER / FILE
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "trusted_schema=OFF"):
                connection.execute(f"PRAGMA {pragma}")
            (layout,) = connection.execute("PRAGMA user_version").fetchone()
            if layout > LAYOUT:
                raise StateUnavailableError(f"the background queue was written by a newer runtime (layout {layout})")
            if layout < LAYOUT:
                connection.execute(_TABLE)
                connection.execute(f"PRAGMA user_version={LAYOUT}")
        except (OSError, sqlite3.Error) as error:
            cause = known_cause(error, state_directory) or error
            raise StateUnavailableError(f"the background queue cannot be opened: {cause}") from None
        return cls(connection)

    def store(self, changes: list[Change]) -> list[tuple[Any, sqlite3.Error | None]]:
        """Make these changes durable together; what each gave, or the error of all."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            found: list[tuple[Any, sqlite3.Error | None]] = [(change.run(self._connection), None) for change in changes]
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            return [(None, error)] * len(changes)
        return found

    def empty_log(self) -> None:
        """What was deleted leaves SQLite's log (WAL) as well; raises sqlite3.Error."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def recover(connection: sqlite3.Connection, revision: str, now: float) -> list[Entry]:
    """Settle what an earlier process has left, for this revision; returns all entries in their order."""
    end = "UPDATE entries SET body=x'', headers='', ended=?, state=?, code=? WHERE "
    connection.execute(
        end + "state IN ('Queued', 'Running') AND revision <> ?", [now, State.CANCELLED, "RevisionChanged", revision]
    )
    connection.execute(end + "state = 'Running' AND attempts >= ?", [now, State.FAILED, "AttemptsLost", ATTEMPTS])
    connection.execute("UPDATE entries SET state='Queued' WHERE state = 'Running'")
    return list(_entries(connection))


def add(entry: Entry, request: Request, revision: str) -> Callable[[sqlite3.Connection], None]:
    """The change that adds an entry."""
    row = [
        entry.id, entry.tenant, revision, request.key or entry.id, request.method, request.path, request.query,
        _stored(request.headers), request.body, entry.accepted,
    ]  # fmt: skip

    def run(connection: sqlite3.Connection) -> None:
        connection.execute(
            "INSERT INTO entries (id, tenant, revision, key, method, path, query, headers, body, accepted, state, "
            "code, attempts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'Queued', '', 0)",
            row,
        )

    return run


def put(entry: Entry, reply: Reply | None = None) -> Callable[[sqlite3.Connection], None]:
    """The change that stores what has become of an entry; a body that is not needed any more goes."""
    kept = (reply.status, _text(reply.headers), reply.body) if reply is not None else (None, None, None)

    def run(connection: sqlite3.Connection) -> None:
        connection.execute(
            "UPDATE entries SET state=?, code=?, attempts=?, ended=?, status=?, reply_headers=?, reply=? WHERE id=?",
            [entry.state, entry.code, entry.attempts, entry.ended, *kept, entry.id],
        )
        if entry.state.ended:
            connection.execute("UPDATE entries SET body=x'', headers='' WHERE id=?", [entry.id])

    return run


def begin(entry: Entry) -> Callable[[sqlite3.Connection], Request]:
    """The change that stores an attempt before it begins, and gives the request.

    Its key is the caller's, or its id. So an attempt after one that had changed the state, and whose end was not noted,
    answers as that one did; and so does the entry of a caller who has asked again.
    """

    def run(connection: sqlite3.Connection) -> Request:
        put(entry)(connection)
        return _request(connection, entry)

    return run


def drop(ids: list[str]) -> Callable[[sqlite3.Connection], None]:
    """The change that forgets entries."""

    def run(connection: sqlite3.Connection) -> None:
        connection.executemany("DELETE FROM entries WHERE id=?", [[one] for one in ids])

    return run


def drop_of(tenant: str) -> Callable[[sqlite3.Connection], None]:
    """The change that forgets all entries of a tenant."""

    def run(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM entries WHERE tenant=?", [tenant])

    return run


def stored_of(tenant: str) -> Callable[[sqlite3.Connection], list[Stored]]:
    """What reads all entries of a tenant."""

    def run(connection: sqlite3.Connection) -> list[Stored]:
        found = [entry for entry in _entries(connection) if entry.tenant == tenant]
        return [Stored(entry, _request(connection, entry), reply_of(entry)(connection)) for entry in found]

    return run


def reply_of(entry: Entry) -> Callable[[sqlite3.Connection], Reply | None]:
    """What reads the kept reply."""

    def run(connection: sqlite3.Connection) -> Reply | None:
        row = connection.execute("SELECT status, reply_headers, reply FROM entries WHERE id=?", [entry.id]).fetchone()
        return Reply(row[0], _headers(row[1]), row[2]) if row is not None and row[0] is not None else None

    return run


def _request(connection: sqlite3.Connection, entry: Entry) -> Request:
    key, method, path, query, headers, body = connection.execute(
        "SELECT key, method, path, query, headers, body FROM entries WHERE id=?", [entry.id]
    ).fetchone()
    kept = _headers(headers)
    traced = any(name == b"traceparent" for name, _ in kept)
    return Request(key, method, path, query, kept, body, key=key, traced=traced)


def _entries(connection: sqlite3.Connection) -> Iterator[Entry]:
    found = connection.execute(
        "SELECT id, tenant, accepted, lasting + length(headers) + length(body) + "
        "coalesce(length(reply_headers) + length(reply), 0), lasting, state, attempts, code, ended, status "
        "FROM (SELECT *, ? + length(path) + length(query) AS lasting FROM entries) ORDER BY number",
        [ROW_BYTES],
    )
    for row in found:
        entry = Entry(*row)
        yield replace(entry, state=State(entry.state))


def _stored(headers: Headers) -> str:
    return _text([header for header in headers if header[0] in _KEPT_HEADERS or _is_trace(*header)])


def _is_trace(name: bytes, value: bytes) -> bool:
    """Attempts go on with the caller's trace; what only has its name might be a token."""
    return name == b"traceparent" and read_traceparent(value.decode("latin-1")) is not None


def _text(headers: Headers) -> str:
    return orjson.dumps([[name.decode("latin-1"), value.decode("latin-1")] for name, value in headers]).decode()


def _headers(text: str) -> Headers:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in orjson.loads(text or "[]")]
