# SPDX-License-Identifier: Apache-2.0
"""`Row`: values by number, or by name in any case."""

from collections.abc import Iterator
from typing import Any


class Row:
    """For `connection.row_factory`."""

    __slots__ = ("_names", "_values")

    def __new__(cls, cursor: Any, values: tuple[Any, ...], /) -> "Row":
        """The values are a row of this cursor. Raises TypeError."""
        if not isinstance(values, tuple):
            raise TypeError("tuple required for second argument")
        row = super().__new__(cls)
        row._names = cursor.names or []
        row._values = values
        return row

    _names: list[str]
    _values: tuple[Any, ...]

    def keys(self) -> list[str]:
        """The names of the columns."""
        return list(self._names)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            lowered = key.lower()
            for name, value in zip(self._names, self._values, strict=False):
                if name == key or name.lower() == lowered:
                    return value
            raise IndexError("No item with that key")
        if not isinstance(key, int | slice):
            raise IndexError("Index must be int or string")
        return self._values[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Row):
            return NotImplemented
        return self._names == other._names and self._values == other._values

    def __hash__(self) -> int:
        return hash((*self._names, self._values))

    def __repr__(self) -> str:
        return f"<sqlite3.Row object at {id(self):#x}>"
