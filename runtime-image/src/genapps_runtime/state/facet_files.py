# SPDX-License-Identifier: Apache-2.0
"""Where facets are, and what memory SQLite may take for the pages of their files."""

import hashlib
import os
from contextlib import closing
from pathlib import Path

from genapps_runtime.state.ages import Ages
from genapps_runtime.state.connection import Connection
from genapps_runtime.state.errors import FILE_ERRORS, StateUnavailableError
from genapps_runtime.state.layout import LAYOUT, bring_forward, prepare
from genapps_runtime.state.marks import Marks
from genapps_runtime.state.open_transaction import Figures
from genapps_runtime.state.sqlite_checks import check_sqlite

FILE_ENDING = ".sqlite"
READER_CACHES_BYTES = 2 * 1024 * 1024
"""What the page caches of all connections for reading may take together, of all facets."""
WRITER_CACHES_BYTES = 512 * 1024
LEAST_CACHE_BYTES = 16 * 1024


def path_of(directory: str, tenant: str) -> str:
    """Where the file is. Its name tells nobody who the tenant is, and no two tenants have the same one."""
    return str(Path(directory) / (hashlib.sha256(tenant.encode()).hexdigest() + FILE_ENDING))


def reader(path: str, *, sharing: int) -> Connection:
    """A connection for reading; `sharing` is among how many the memory is divided."""
    connection = Connection(path)
    connection.execute(f"PRAGMA cache_size=-{_kibibytes(READER_CACHES_BYTES // sharing)}")
    connection.execute("PRAGMA query_only=ON")
    return connection


def independent_reader(path: str, sharing: int) -> Connection | None:
    """A connection for reading a facet that may be closed, or of an older layout; None when there is no file.

    Raises StateUnavailableError and those of FILE_ERRORS. Call it where nobody opens the facet at the same time.
    """
    if not os.path.lexists(path):
        return None
    found = reader(path, sharing=sharing)
    try:
        (layout,) = found.execute("PRAGMA main.user_version").fetchone()
        if layout == LAYOUT:
            return found
    except BaseException:
        found.close()
        raise
    found.close()
    with closing(writer(path, sharing=sharing)) as preparing:
        bring_forward(preparing)
    return reader(path, sharing=sharing)


def writer(path: str, *, sharing: int) -> Connection:
    """The connection for writing; `sharing` is as for `reader`."""
    connection = Connection(path)
    connection.execute("PRAGMA journal_mode=WAL").fetchall()
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA secure_delete=ON").fetchall()
    connection.execute(f"PRAGMA cache_size=-{_kibibytes(WRITER_CACHES_BYTES // sharing)}")
    return connection


def prepared(writer: Connection, marks: Marks, ages: Ages) -> Figures:
    """The file's figures, when this SQLite and this layout will do; otherwise the connection is closed."""
    try:
        check_sqlite(writer)
        return prepare(writer, marks, ages)
    except (StateUnavailableError, *FILE_ERRORS):
        writer.close()
        raise


def _kibibytes(size: int) -> int:
    return max(LEAST_CACHE_BYTES, size) // 1024
