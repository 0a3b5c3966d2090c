# SPDX-License-Identifier: Apache-2.0
"""SQL on the app's state: what `state.sql` takes and gives."""

import binascii
from collections.abc import Iterator
from typing import Any

from genapps.encoding import from_json
from genapps.plain import plain

_LEAST, _MOST = -(2**63), 2**63 - 1


class SqlError(Exception):
    """A statement was refused or failed, and has changed nothing.

    `code` is SqlInvalid, SqlConstraint, SqlRefused, SqlTooSlow or SqlTooLarge. `detail` is a sentence.
    """

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        self.detail = detail
        super().__init__(f"{code}: {detail}")


class Row:
    """One row: values by number or by name, `dict(row)`, and in JSON an object."""

    __slots__ = ("_names", "_values")

    def __init__(self, names: list[str], values: list[Any]) -> None:
        self._names = names
        self._values = values

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            return self._values[key]
        for name, value in zip(self._names, self._values, strict=True):
            if name == key:
                return value
        for name, value in zip(self._names, self._values, strict=True):
            if name.lower() == key.lower():
                return value
        raise KeyError(f"{key!r}: the row has {', '.join(self._names)}")

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Row | tuple | list) and list(self) == list(other)

    def __hash__(self) -> int:
        return hash(tuple(self._values))

    def __repr__(self) -> str:
        return f"Row({self.to_dict()!r})"

    def get(self, key: str, default: Any = None) -> Any:
        """The value of that name, or `default`."""
        try:
            return self[key]
        except KeyError:
            return default

    def keys(self) -> list[str]:
        """The names of the columns."""
        return list(self._names)

    def values(self) -> list[Any]:
        """The values."""
        return list(self._values)

    def items(self) -> list[tuple[str, Any]]:
        """Names with values."""
        return list(zip(self._names, self._values, strict=True))

    def to_dict(self) -> dict[str, Any]:
        """Values by name; the last one of several columns with one name."""
        return dict(zip(self._names, self._values, strict=True))


class Rows(list[Row]):
    """The rows that a statement gave.

    `rowcount` is how many rows it changed, -1 when it only reads; `lastrowid` the rowid of the last row that it
    inserted; `columns` the names.
    """

    rowcount: int
    lastrowid: int | None
    columns: list[str]


def rows_of(result: str) -> Rows:
    """The host's result, which is JSON, as rows."""
    columns, values, rowcount, lastrowid = from_json(result)
    if '{"' in result:  # there may be a blob, or a number that JSON has not
        values = [[_value(value) for value in row] for row in values]
    rows = Rows([Row(columns, row) for row in values])
    rows.rowcount, rows.lastrowid, rows.columns = rowcount, lastrowid, columns
    return rows


def payload_of(text: str, parameters: tuple[Any, ...]) -> dict[str, Any]:
    """What the host takes. A dictionary as the only parameter has values by name, a list or tuple all values."""
    if not isinstance(text, str):
        raise TypeError(f"state.sql takes the text of one statement, not {type(text).__name__}")
    _whole(text)
    if len(parameters) == 1 and isinstance(parameters[0], dict):
        named = {_whole(str(name)): _parameter(value) for name, value in parameters[0].items()}
        return {"text": text, "parameters": named}
    if len(parameters) == 1 and isinstance(parameters[0], list | tuple):
        parameters = tuple(parameters[0])
    return {"text": text, "parameters": [_parameter(value) for value in parameters]}


def _value(value: Any) -> Any:
    if type(value) is dict:
        return binascii.a2b_base64(value["base64"]) if "base64" in value else float(value["float"])
    return value


def _parameter(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _whole(value)
    if isinstance(value, int):
        if not _LEAST <= value <= _MOST:
            raise OverflowError("an integer in SQL has at most 64 bits: store it as text")
        return int(value)
    if isinstance(value, float):
        if value != value or value in (float("inf"), -float("inf")):
            raise ValueError("a parameter of SQL cannot be NaN or infinite: use None")
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return {"base64": binascii.b2a_base64(bytes(value), newline=False).decode()}
    converted = None if isinstance(value, list | tuple | dict | set | frozenset) else _plain(value)
    if isinstance(converted, str | int | float):
        return _parameter(converted)
    advice = "store it with json.dumps(value)"
    raise TypeError(f"a parameter of SQL is None, a number, a text or bytes, not {type(value).__name__}; {advice}")


def _plain(value: Any) -> Any:
    try:
        return plain(value)
    except TypeError:
        return None


def _whole(text: str) -> str:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError("a text of SQL cannot hold half a character (a lone surrogate)") from None
    return text
