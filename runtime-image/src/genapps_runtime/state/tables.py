# SPDX-License-Identifier: Apache-2.0
"""Which tables the statements of an app read and change, and when each was changed last.

An action that has read by SQL conflicts with a commit that changed one of the tables that it has read, and with no
other.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

ALL = "*"
"""Among the names of tables: any of them. A table of that name is no harm: it is taken for all."""
SCHEMA = "*schema"
"""Among those that are changed: any of them, if the number of the schema has changed."""
MOST_NAMES = 256

_CHANGES = frozenset({sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})
_SEQUENCE = "sqlite_sequence"
"""The one table of SQLite that apps may change like their own."""
_NEITHER = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE, sqlite3.SQLITE_FUNCTION})


class Touched(NamedTuple):
    """Tables that a statement reads and changes, by their names in lower case."""

    read: frozenset[str]
    changed: frozenset[str]


UNKNOWN = Touched(frozenset({ALL}), frozenset({ALL}))


class Noted:
    """What SQLite asks its authorizer while it prepares a statement, as tables."""

    def __init__(self) -> None:
        self._read: set[str] = set()
        self._changed: set[str] = set()
        self._any = False

    def add(self, code: int, first: str | None) -> None:
        """Note one question: `first` is the name of a table, if it has one."""
        self._any = True
        if code in _NEITHER:
            return
        name = (first or "").lower()
        if code == sqlite3.SQLITE_PRAGMA:
            self._read.add(ALL)
        elif code == sqlite3.SQLITE_READ:
            self._read.add(ALL if name.startswith("sqlite_") else name)
        elif code in _CHANGES and (name == _SEQUENCE or not name.startswith("sqlite_")):
            self._changed.add(name)
        else:
            self._changed.add(SCHEMA)

    def take(self) -> Touched | None:
        """What was noted since the last call; None when SQLite has asked nothing, for it knew the statement."""
        if not self._any:
            return None
        touched = Touched(frozenset(self._read), frozenset(self._changed))
        self._read, self._changed, self._any = set(), set(), False
        return touched


@dataclass(frozen=True, slots=True)
class TableChanges:
    """Numbers of commits: the last that may have changed any table (`all`), and the last of each table by name."""

    all: int
    named: Mapping[str, int] = field(default_factory=dict)

    def touched_since(self, tables: set[str], sequence: int) -> bool:
        """Whether one of these tables may have changed after the commit with this number."""
        if not tables:
            return False
        if self.all > sequence:
            return True
        names = self.named if ALL in tables else tables
        return any(self.named.get(name, 0) > sequence for name in names)

    def after(self, changed: frozenset[str] | set[str], sequence: int) -> "TableChanges":
        """With a further commit that has changed these tables."""
        if not changed:
            return self
        if ALL in changed or SCHEMA in changed or len(self.named) + len(changed) > MOST_NAMES:
            return TableChanges(sequence)
        return TableChanges(self.all, {**self.named, **dict.fromkeys(changed, sequence)})
