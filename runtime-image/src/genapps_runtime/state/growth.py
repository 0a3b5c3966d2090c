# SPDX-License-Identifier: Apache-2.0
"""How large a facet's file may become: as its state needs, and no larger while little is free on the claim."""

import sqlite3
from contextlib import suppress
from pathlib import Path

from genapps_runtime.state.claim_space import spare
from genapps_runtime.state.connection import Connection
from genapps_runtime.state.open_transaction import PAGE_BYTES

NEAR_BYTES = 128 * 1024 * 1024
"""With more to spare, no transaction is so large that it has to be measured."""
_MORE_PAGES = 1024


class Growth:
    """Of one facet. All methods that take a connection raise those of FILE_ERRORS."""

    def __init__(self, path: str, most_bytes: int) -> None:
        self._path = path
        self._most_pages = most_bytes // PAGE_BYTES + _MORE_PAGES
        self._bounded = False
        """Whether the file may have fewer pages than that."""

    def begin(self, writer: Connection) -> None:
        """It is the connection for writing from now on."""
        self._bounded = False
        writer.execute(f"PRAGMA max_page_count={self._most_pages}").fetchall()

    def look(self, writer: Connection) -> None:
        """Call it before each transaction that stores something: it bounds what that may add.

        What it adds goes into the log, and from there into the file, beside what is in the log already: all of it must
        fit, or the log could never begin anew. With little to spare the log is put into the file first. Then what is
        stored next has the room that the log has, even if somebody else takes what was left free.
        """
        spared = spare(self._path)
        if spared >= NEAR_BYTES and not self._bounded:
            return
        (pages,) = writer.execute("PRAGMA main.page_count").fetchone()
        missing = pages * PAGE_BYTES - Path(self._path).stat().st_size
        more = max(0, (spared - missing) // 2 // PAGE_BYTES)
        most = min(self._most_pages, pages + more)
        self._bounded = most < self._most_pages
        writer.execute(f"PRAGMA max_page_count={max(1, most)}").fetchall()
        if more < _MORE_PAGES:
            with suppress(sqlite3.OperationalError):  # the transaction will say whether it fits
                writer.execute("PRAGMA main.wal_checkpoint(PASSIVE)").fetchall()
