# SPDX-License-Identifier: Apache-2.0
"""How large a facet's file may become: as its state needs, and no larger while little is free on the claim."""

from genapps_runtime.state.claim_space import is_low
from genapps_runtime.state.connection import Connection
from genapps_runtime.state.open_transaction import PAGE_BYTES

_MORE_PAGES = 1024


class Growth:
    """Of one facet. All methods that take a connection raise those of FILE_ERRORS."""

    def __init__(self, path: str, most_bytes: int) -> None:
        self._path = path
        self._most_pages = most_bytes // PAGE_BYTES + _MORE_PAGES
        self._allowed = True

    def begin(self, writer: Connection) -> None:
        """It is the connection for writing from now on."""
        self._allowed = True
        writer.execute(f"PRAGMA max_page_count={self._most_pages}").fetchall()

    def look(self, writer: Connection) -> None:
        """Call it before each transaction that stores something.

        While little is free, the log is put into the file first. That makes the file as large as its pages need, so
        nothing is missing for it later, and the log begins anew: what is stored next has the room that the log has
        already, even if somebody else takes what was left free.
        """
        before, self._allowed = self._allowed, not is_low(self._path)
        if self._allowed and before:
            return
        # It is never less than what the file has.
        writer.execute(f"PRAGMA max_page_count={self._most_pages if self._allowed else 1}").fetchall()
        if not self._allowed:
            writer.execute("PRAGMA main.wal_checkpoint(PASSIVE)").fetchall()
