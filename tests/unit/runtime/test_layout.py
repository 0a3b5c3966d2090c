# SPDX-License-Identifier: Apache-2.0
"""The file of an older runtime becomes one of this layout, whole or not at all; that of a newer one is refused."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from genapps_runtime.state import layout
from genapps_runtime.state.connection import Connection
from genapps_runtime.state.errors import StateUnavailableError
from genapps_runtime.state.layout import LAYOUT, prepare
from genapps_runtime.state.marks import Marks, Room
from genapps_runtime.state.open_transaction import Figures
from genapps_runtime.state.tables import TableChanges
from tests.unit.runtime.claims import die_at


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file as the runtimes of layout 0 made it."""
    file = tmp_path / "old"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=WAL").fetchall()
        connection.execute(
            "CREATE TABLE entries (key TEXT PRIMARY KEY, value TEXT NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID"
        )
        connection.execute("INSERT INTO entries VALUES ('a', '12', 7)")
        connection.commit()
    return file


def figures(file: Path) -> Figures:
    with closing(Connection(str(file))) as connection:
        return prepare(connection, Marks(86_400, Room.beside(0)))


def test_a_file_of_the_first_layout_keeps_its_keys(old: Path) -> None:
    first = figures(old)
    assert (first.sequence, first.changes, first.size, first.tables) == (7, TableChanges(7), 3, 0)
    assert figures(old) == first
    with closing(Connection(str(old))) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (LAYOUT,)
        assert connection.execute("SELECT * FROM genapps_entries").fetchall() == [("a", "12", 7)]
        connection.execute("CREATE TABLE entries (n)")  # the name is the app's now
        assert prepare(connection, Marks(86_400, Room.beside(0))).size == 3
        assert connection.execute("SELECT * FROM genapps_entries").fetchall() == [("a", "12", 7)]


@pytest.mark.parametrize("layout_before", [1, 2])
def test_a_file_of_a_layout_between_gets_what_it_lacks(old: Path, layout_before: int) -> None:
    figures(old)
    with closing(sqlite3.connect(old)) as connection:
        for table in ("genapps_marks", "genapps_ages")[layout_before - 1 :]:
            connection.execute(f"DROP TABLE {table}")
        connection.execute(f"PRAGMA user_version={layout_before}")
        connection.commit()
    assert figures(old).sequence == 7
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (LAYOUT,)
        assert connection.execute("SELECT count(*) FROM genapps_marks, genapps_ages").fetchone() == (0,)
        assert connection.execute("SELECT * FROM genapps_entries").fetchall() == [("a", "12", 7)]


def test_a_newer_file_is_refused_and_left_as_it_is(old: Path) -> None:
    with closing(sqlite3.connect(old)) as connection:
        connection.execute(f"PRAGMA user_version={LAYOUT + 1}")
    with pytest.raises(StateUnavailableError, match=f"newer runtime .layout {LAYOUT + 1}"):
        figures(old)
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("entries",)]


def _killed(old: Path) -> Iterator[Path]:
    """Files as a runtime leaves them that is killed before its first statement, its second, ..."""
    for calls in range(1, 100):
        file = old.with_name("killed")
        for name in old.parent.glob("killed*"):
            name.unlink()
        for suffix in ("", "-wal"):
            if old.with_name(old.name + suffix).exists():
                shutil.copy(old.with_name(old.name + suffix), file.with_name(file.name + suffix))
        if (child := os.fork()) == 0:
            connection = Connection(str(file))
            die_at(calls, {layout.__file__})
            prepare(connection, Marks(86_400, Room.beside(0)))
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code in (0, 9)
        if code == 0:
            assert calls > 8
            return
        yield file
    pytest.fail("there is no end to it")


def test_a_runtime_that_is_killed_half_way_leaves_the_old_file_or_the_new_one(old: Path) -> None:
    seen: set[int] = set()
    for file in _killed(old):
        with closing(sqlite3.connect(file)) as connection:
            (found,) = connection.execute("PRAGMA user_version").fetchone()
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
            new = {"genapps_entries", "genapps_facet", "genapps_marks", "genapps_ages"}
            assert tables == (new if found else {"entries"})
            seen.add(found)
        again = figures(file)
        assert (again.sequence, again.size) == (7, 3)
    assert seen == {0, LAYOUT}
