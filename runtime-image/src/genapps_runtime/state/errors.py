# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with an app's state."""

import sqlite3

SQLITE_FULL = 13
FILE_ERRORS = (sqlite3.Error, MemoryError)
"""What statements of the runtime raise: the second one when SQLite has reached its limit of memory."""


class StateConflictError(Exception):
    """Something that the action read has changed."""


class SnapshotOldError(Exception):
    """What the action had read in a snapshot that has grown too old has changed since."""


class StateFullError(Exception):
    """The facet has reached its tier's limit, or the disk is full."""


class StateBusyError(Exception):
    """The log of the file has more than it may, and cannot be emptied while somebody reads an older state."""

    def __init__(self) -> None:
        super().__init__("requests that read an older state keep the log of changes from being emptied")


class StateUnavailableError(Exception):
    """The file cannot be read or written."""


class JournalFullError(Exception):
    """There is no room for what a request wants to ask of a tool."""


class SqlError(Exception):
    """A statement of the app was refused or failed, and changed nothing. `code` is one of those in `sql_rules`."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class SqlWritesError(Exception):
    """A statement would write, and its action has not got the state to itself."""


class TransactionLostError(Exception):
    """The transaction of an action is gone, with what it had written: the action cannot go on."""


class TurnLostError(Exception):
    """The action had the state to itself, and has lost it with what it had written."""


def write_error(error: Exception) -> StateFullError | StateUnavailableError:
    """What a failed write (one of FILE_ERRORS) means to an action."""
    if getattr(error, "sqlite_errorcode", 0) == SQLITE_FULL:
        return StateFullError("the disk of the app's state is full")
    return StateUnavailableError(f"cannot write the state: {str(error) or 'out of memory'}")
