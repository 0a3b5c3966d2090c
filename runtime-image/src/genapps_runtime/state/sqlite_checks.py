# SPDX-License-Identifier: Apache-2.0
"""What the rules for SQL need of the SQLite in this image. They rest on it, so they are tried out at the start.

An image may have another version than the one that the tests ran with, or one that was built without a part.
"""

import sqlite3

from genapps_runtime.state import sql_rules
from genapps_runtime.state.connection import Connection
from genapps_runtime.state.errors import SqlError, StateUnavailableError

LEAST_VERSION = (3, 40, 0)
"""The oldest one with which the rules were tested."""

PROBES = {
    "the authorizer": ("ATTACH ':memory:' AS probe", sql_rules.REFUSED, 1e12),
    "the limit of time": (
        "WITH RECURSIVE r(n) AS (VALUES(1) UNION ALL SELECT n + 1 FROM r LIMIT 5000) SELECT count(*) FROM r",
        sql_rules.TOO_SLOW,
        0.0,
    ),
    "the limit of values": (f"SELECT zeroblob({sql_rules.VALUE_BYTES + 1})", sql_rules.TOO_LARGE, 1e12),
    "the limit of columns": ("SELECT " + ",".join("1" * 101), sql_rules.INVALID, 1e12),
}
"""Statements of an app that must fail: with a code, and a time of the processor's clock until which they may run."""
_ALLOCATES = f"SELECT length(randomblob({sql_rules.HEAP_BYTES}))"


def check_sqlite(connection: Connection, version: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
    """Raises StateUnavailableError when something is missing."""
    if version < LEAST_VERSION:
        found, least = (".".join(map(str, numbers)) for numbers in (version, LEAST_VERSION))
        raise StateUnavailableError(f"this image has SQLite {found}; the runtime needs {least}")
    for name, (text, expected, until) in PROBES.items():
        try:
            connection.run(text, [], until)
        except SqlError as error:
            if error.code == expected:
                continue
        raise _missing(name)
    try:
        connection.execute(_ALLOCATES)
    except MemoryError:
        return
    raise _missing("the limit of memory")


def _missing(name: str) -> StateUnavailableError:
    return StateUnavailableError(f"SQLite {sqlite3.sqlite_version} of this image does not keep {name} for SQL of apps")
