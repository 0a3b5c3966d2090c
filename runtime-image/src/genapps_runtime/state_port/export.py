# SPDX-License-Identifier: Apache-2.0
"""All that the claim has of one tenant, as lines of JSON: the first member of each says what it is.

`key` and `value` of the state; `schema` of a table, index, view or trigger of SQL; a `row` of the `table` that was
named last; a `mark` of a request with a key, with the stored response; a `call` of the journal; an entry of the
`background`. Blobs, and texts that are no UTF-8, are `{"base64": ...}`.
"""

import base64
import math
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import chain
from typing import Any

import orjson

from genapps_runtime.serve.background.entries import Stored
from genapps_runtime.serve.messages import Headers
from genapps_runtime.state.connection import STEPS, Connection
from genapps_runtime.state.journal import FOLDER as JOURNALS
from genapps_runtime.state.journal import JOURNAL_ENDINGS, LIVE_BYTES
from genapps_runtime.state.journal_file import read_records
from genapps_runtime.state.safe_dir import SafeDir

CHUNK_BYTES = 64 * 1024
VALUE_BYTES = 1024 * 1024
"""More than any value, row or stored response has: what SQL of the app computes when it is read (generated columns) is
bounded by it."""
CHUNK_SECONDS = 10.0
"""Of the processor, for one chunk: an app may have columns that compute for as long as it likes."""
_SCHEMA = (
    "SELECT type, name, sql FROM main.sqlite_schema "
    "WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE 'genapps\\_%' ESCAPE '\\' AND sql IS NOT NULL "
    "ORDER BY rowid"
)

Line = dict[str, Any]


class Export:
    """The chunks of one export, which is used by one thread at a time.

    `counts` are how many lines of each kind there were. `connection` reads the tenant's facet; None: there is none.
    """

    def __init__(
        self, connection: Connection | None, state_directory: str, name: str, entries: Sequence[Stored] = ()
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._until = 0.0
        if connection is not None:
            connection.set_progress_handler(lambda: time.thread_time() >= self._until, STEPS)
        self._lines = chain(
            _facet(connection) if connection is not None else (),
            _journal(state_directory, name),
            map(_entry, entries),
        )

    def chunk(self) -> bytes:
        """Some more lines; empty at the end. Raises sqlite3.Error, OSError and ValueError."""
        written = bytearray()
        self._until = time.thread_time() + CHUNK_SECONDS
        try:
            for line in self._lines:
                self.counts[next(iter(line))] += 1
                written += orjson.dumps(line, default=_shown, option=orjson.OPT_APPEND_NEWLINE)
                if len(written) >= CHUNK_BYTES:
                    break
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
            raise ValueError("a table computes for too long as it is read") from None
        return bytes(written)


def _facet(connection: Connection) -> Iterator[Line]:
    """In one snapshot."""
    connection.text_factory = _text
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_BYTES)
    connection.execute("BEGIN")
    for key, value in connection.execute("SELECT key, value FROM main.genapps_entries ORDER BY key"):
        yield {"key": key, "value": value}
    schema = connection.execute(_SCHEMA).fetchall()
    for kind, name, sql in schema:
        yield {"schema": sql, "type": kind, "name": name}
    for kind, name, _ in schema:
        if kind == "table":
            yield from _rows(connection, name)
    marks = connection.execute("SELECT scope, digest, at, response FROM main.genapps_marks ORDER BY id")
    for scope, digest, at, response in marks:
        yield {"mark": scope.hex(), "request": digest.hex(), "at": at, "response": response}


def _rows(connection: Connection, table: str) -> Iterator[Line]:
    escaped = table.replace('"', '""')
    rows = connection.execute(f'SELECT * FROM main."{escaped}"')  # noqa: S608  escaped
    yield {"table": table, "columns": [column[0] for column in rows.description]}
    for row in rows:
        yield {"row": [_value(one) for one in row]}


def _journal(state_directory: str, name: str) -> Iterator[Line]:
    with closing(SafeDir(state_directory)) as root:
        if JOURNALS not in root.names():
            return
        with closing(root.enter(JOURNALS)) as folder:
            records = read_records(folder, name + JOURNAL_ENDINGS[0], 4 * LIVE_BYTES)
    for record in records:
        yield {"call": orjson.loads(record)}


def _entry(stored: Stored) -> Line:
    entry, request, reply = stored
    return {
        "background": entry.id, "state": entry.state, "code": entry.code, "attempts": entry.attempts,
        "accepted": entry.accepted, "ended": entry.ended, "key": request.key, "method": request.method,
        "path": request.path, "query": request.query, "headers": _headers(request.headers), "body": request.body,
        "reply": None if reply is None else
        {"status": reply.status, "headers": _headers(reply.headers), "body": reply.body},
    }  # fmt: skip


def _headers(headers: Headers) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]


def _text(content: bytes) -> str | bytes:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content


def _value(value: Any) -> Any:
    """JSON has no infinity, and SQLite no other number that is none."""
    return {"real": str(value)} if isinstance(value, float) and not math.isfinite(value) else value


def _shown(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode("ascii")}
    raise TypeError
