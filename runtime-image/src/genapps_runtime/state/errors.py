# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with an app's state."""

import sqlite3

SQLITE_FULL = 13


class StateConflictError(Exception):
    """Something that the action read has changed."""


class StateFullError(Exception):
    """The facet has reached its tier's limit, or the disk is full."""


class StateUnavailableError(Exception):
    """The file cannot be read or written."""


def write_error(error: sqlite3.Error) -> StateFullError | StateUnavailableError:
    """What a failed write means to an action."""
    if getattr(error, "sqlite_errorcode", 0) == SQLITE_FULL:
        return StateFullError("the disk of the app's state is full")
    return StateUnavailableError(f"cannot write the state: {error}")
