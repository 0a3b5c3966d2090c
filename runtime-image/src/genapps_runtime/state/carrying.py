# SPDX-License-Identifier: Apache-2.0
"""The way back of the state leaves marks where they are: a request that was answered is not run again because its app
went back to an earlier revision.

So the marks of the facets that are left go into those that are restored, before these are in force. The ones that are
left came from the same facets and went on, so their marks are all there are. A start that is killed on the way does it
again.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from genapps_runtime.state.connection import Connection
from genapps_runtime.state.errors import FILE_ERRORS, StateUnavailableError, write_error
from genapps_runtime.state.layout import bring_forward

_HAS_MARKS = "SELECT 1 FROM main.sqlite_schema WHERE name = 'genapps_marks'"


def carry_marks(left: str, restored: str) -> int:
    """Give the facets in the directory `restored` the marks of those in `left`; returns how many.

    Raises StateUnavailableError, also when there is no room for them.
    """
    try:
        return sum(_carry(path, Path(restored) / path.name) for path in sorted(Path(left).glob("*.sqlite")))
    except FILE_ERRORS as error:
        found = write_error(error)
        message = f"the marks of answered requests cannot be taken over: {found}"
        raise StateUnavailableError(message) from None


def _carry(left: Path, restored: Path) -> int:
    with closing(Connection(str(left))) as source:
        if source.execute(_HAS_MARKS).fetchone() is None:
            return 0
        rows = source.execute("SELECT id, scope, digest, at, response FROM main.genapps_marks ORDER BY id")
        first = rows.fetchone()
        if first is None:
            return 0
        with closing(Connection(str(restored))) as target:
            target.execute("PRAGMA journal_mode=WAL").fetchall()
            target.execute("PRAGMA synchronous=FULL")
            bring_forward(target)
            return _replace(target, first, rows)


def _replace(target: Connection, first: tuple[object, ...], rows: sqlite3.Cursor) -> int:
    """Put these marks in the place of all others, in one transaction."""
    target.execute("BEGIN IMMEDIATE")
    try:
        target.execute("DELETE FROM main.genapps_marks")
        target.execute("INSERT INTO main.genapps_marks VALUES (?, ?, ?, ?, ?)", first)
        count = target.executemany("INSERT INTO main.genapps_marks VALUES (?, ?, ?, ?, ?)", rows).rowcount
        target.execute("COMMIT")
    finally:
        if target.in_transaction:
            target.execute("ROLLBACK")
    return 1 + max(count, 0)
