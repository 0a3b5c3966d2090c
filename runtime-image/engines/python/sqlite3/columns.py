# SPDX-License-Identifier: Apache-2.0
"""Which function reads the values of a column: `text_factory`, or a converter by `detect_types`.

SQLite tells a type for a column of a result; the host does not. A column has the type of the one with its name, in the
tables that the statement names.
"""

import re
from collections.abc import Callable
from sqlite3.values import bytes_of, converters
from typing import TYPE_CHECKING, Any

from genapps.calls import ToolError
from genapps.encoding import from_json
from genapps.sql import SqlError

if TYPE_CHECKING:
    from sqlite3.connection import Connection

PARSE_DECLTYPES, PARSE_COLNAMES = 1, 2
_TABLE = re.compile(r"""\b(?:from|join|into|update)\s+["`\[]?(\w+)""", re.IGNORECASE)

Reader = Callable[[Any], Any]


def names_and_readers(connection: "Connection", sql: str, columns: list[str]) -> tuple[list[str], list[Reader]]:
    """The names for the description, and what reads each column."""
    detect, factory = connection.detect_types, connection.text_factory
    names = [name.partition(" [")[0] for name in columns] if detect & PARSE_COLNAMES else columns
    types = _types(connection, sql) if detect & PARSE_DECLTYPES else {}
    readers: list[Reader] = []
    for column, name in zip(columns, names, strict=True):
        kind = types.get(name.lower(), "")
        if detect & PARSE_COLNAMES and column != name:
            kind = column.partition(" [")[2].partition("]")[0].upper()
        converter = converters.get(kind)
        readers.append(_converting(converter) if converter is not None else _texts(factory))
    return names, readers


def _types(connection: "Connection", sql: str) -> dict[str, str]:
    """The first words of the columns' declared types, by names in lower case."""
    found: dict[str, str] = {}
    for table in dict.fromkeys(_TABLE.findall(sql)):
        try:
            result = from_json(connection.database.run(f'PRAGMA table_info("{table}")', [], 0))
        except (SqlError, ToolError):
            continue
        for row in result[1]:
            found.setdefault(row[1].lower(), re.split(r"[ (]", row[2])[0].upper())
    return found


def _converting(converter: Callable[[bytes], Any]) -> Reader:
    return lambda value: None if value is None else converter(bytes_of(value))


def _texts(factory: Any) -> Reader:
    if factory is str:
        return _as_it_is
    return lambda value: factory(value.encode()) if isinstance(value, str) else value


def _as_it_is(value: Any) -> Any:
    return value
