# SPDX-License-Identifier: Apache-2.0
"""SQL functions in the place of those of SQLite whose time is the product of two lengths.

One call of them is one step, and nothing can end a step: `instr` of two texts of 128 KiB takes seconds.
"""

import sqlite3
from contextlib import closing
from typing import TypeVar

from genapps_runtime.state.sql_rules import VALUE_BYTES

Value = None | int | float | str | bytes
_Text = TypeVar("_Text", str, bytes)
TRIMMED = 1000
"""Characters that a trim may look for."""


def replace_quadratic(connection: sqlite3.Connection) -> None:
    """Define instr, replace, trim, ltrim and rtrim for this connection."""
    connection.create_function("instr", 2, _instr, deterministic=True)
    connection.create_function("replace", 3, _replace, deterministic=True)
    for name, strip in (("trim", _trim), ("ltrim", _left_trim), ("rtrim", _right_trim)):
        connection.create_function(name, 1, strip, deterministic=True)
        connection.create_function(name, 2, strip, deterministic=True)


def _instr(text: Value, wanted: Value) -> int | None:
    if text is None or wanted is None:
        return None
    if isinstance(text, bytes) and isinstance(wanted, bytes):
        return text.find(wanted) + 1
    return _text(text).find(_text(wanted)) + 1


def _replace(text: Value, old: Value, new: Value) -> Value:
    if text is None or old is None:
        return None
    found, wanted = _text(text), _text(old)
    if not wanted:
        return found
    if new is None:
        return None
    inserted = _text(new)
    if len(found) + found.count(wanted) * (len(inserted) - len(wanted)) > VALUE_BYTES:
        raise OverflowError  # before Python makes it: SQLite says that it is too big
    return found.replace(wanted, inserted)


def _trim(text: Value, characters: Value = " ") -> str | None:
    return None if text is None or characters is None else _text(text).strip(_few(characters))


def _left_trim(text: Value, characters: Value = " ") -> str | None:
    return None if text is None or characters is None else _text(text).lstrip(_few(characters))


def _right_trim(text: Value, characters: Value = " ") -> str | None:
    return None if text is None or characters is None else _text(text).rstrip(_few(characters))


def _few(characters: Value) -> str:
    text = _text(characters)
    if len(text) > TRIMMED:
        raise ValueError(f"trim takes at most {TRIMMED} characters")
    return text


def _text(value: Value) -> str:
    """The value as SQLite's CAST AS TEXT gives it."""
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    with closing(sqlite3.connect(":memory:")) as connection:
        text: str = connection.execute("SELECT CAST(? AS TEXT)", (value,)).fetchone()[0]
    return text
