# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: A005  the name is the one that apps import
"""`sqlite3` for apps: DB-API 2.0 on the app's own database, which is part of its state, and on databases in memory.

Any name of a file is the app's own. There the action is the transaction: what is committed is stored when it succeeds.
"""

from sqlite3.dbapi2 import *  # noqa: F403  as Python's own module does
from sqlite3.dbapi2 import versions
from typing import Any


def __getattr__(name: str) -> Any:
    """`sqlite_version`, which the host is asked for."""
    return versions(name)
