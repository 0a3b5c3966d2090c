# SPDX-License-Identifier: Apache-2.0
"""The names of DB-API 2.0, and those that Python's own module has beside them."""

import collections.abc
import datetime
import time
from sqlite3.columns import PARSE_COLNAMES, PARSE_DECLTYPES
from sqlite3.connection import LEGACY_TRANSACTION_CONTROL, Connection, complete_statement
from sqlite3.cursor import Cursor
from sqlite3.databases import is_in_memory, name_of
from sqlite3.errors import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Warning,  # noqa: A004  the name is DB-API's
)
from sqlite3.rows import Row
from sqlite3.values import PrepareProtocol, adapt, adapters, converters, register_adapter, register_converter
from typing import Any

from genapps.immediate import ask_sql
from genapps.logs import log
from genapps.sql import rows_of

__all__ = [
    "LEGACY_TRANSACTION_CONTROL", "PARSE_COLNAMES", "PARSE_DECLTYPES", "Binary", "Connection", "Cursor", "DataError",
    "DatabaseError", "Date", "DateFromTicks", "Error", "IntegrityError", "InterfaceError", "InternalError",
    "NotSupportedError", "OperationalError", "PrepareProtocol", "ProgrammingError", "Row", "Time", "TimeFromTicks",
    "Timestamp", "TimestampFromTicks", "Warning", "adapt", "adapters", "apilevel", "complete_statement", "connect",
    "converters", "enable_callback_tracebacks", "paramstyle", "register_adapter", "register_converter", "threadsafety",
]  # fmt: skip

apilevel, paramstyle, threadsafety = "2.0", "qmark", 3
Date, Time, Timestamp, Binary = datetime.date, datetime.time, datetime.datetime, memoryview
_names: set[str] = set()


def connect(database: Any, *arguments: Any, factory: Any = Connection, **options: Any) -> Any:
    """A connection to the app's own database, which any name of a file is, or to one in memory. Raises Error."""
    name = name_of(database)
    if len(arguments) >= 5:  # `factory` has the sixth place
        factory, arguments = arguments[4], (*arguments[:4], *arguments[5:])
    if not is_in_memory(name):
        _names.add(name.rpartition("/")[2])
        if len(_names) == 2:
            names = ", ".join(sorted(_names))
            log.warning(f"sqlite3: the app has one database, and these names are all of it: {names}")
    return factory(database, *arguments, **options)


def enable_callback_tracebacks(flag: bool, /) -> None:
    """Nothing."""


def DateFromTicks(ticks: float) -> datetime.date:  # noqa: N802  the names are DB-API's
    """The local day of a time in seconds."""
    return Date(*time.localtime(ticks)[:3])


def TimeFromTicks(ticks: float) -> datetime.time:  # noqa: N802
    """The local time of day."""
    return Time(*time.localtime(ticks)[3:6])


def TimestampFromTicks(ticks: float) -> datetime.datetime:  # noqa: N802
    """The local time."""
    return Timestamp(*time.localtime(ticks)[:6])


def versions(name: str) -> Any:
    """`sqlite_version` and `sqlite_version_info`. Raises AttributeError for other names."""
    if name not in {"sqlite_version", "sqlite_version_info"}:
        raise AttributeError(f"module 'sqlite3' has no attribute {name!r}")
    text: str = rows_of(ask_sql("SELECT sqlite_version()", []))[0][0]
    return text if name == "sqlite_version" else tuple(map(int, text.split(".")))


def __getattr__(name: str) -> Any:
    return versions(name)


collections.abc.Sequence.register(Row)
