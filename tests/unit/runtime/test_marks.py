# SPDX-License-Identifier: Apache-2.0
"""Marks of answered requests: stored with the state or not at all, kept for their time, and their responses as long as
there is room."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps_runtime.state import marks as marks_module
from genapps_runtime.state import transaction as transaction_module
from genapps_runtime.state.connection import Connection
from genapps_runtime.state.layout import prepare
from genapps_runtime.state.marks import MARK_BYTES, SWEPT, Kept, Mark, Marks, Room
from genapps_runtime.state.open_transaction import Figures
from genapps_runtime.state.transaction import Commit, Transaction, Writes
from tests.unit.runtime.claims import die_at, in_child

RETENTION, MOST, ROOM, LIMIT = 100, 70, 30, 1_000_000


class File:
    """A facet's file, and the clock of its marks."""

    def __init__(self, path: Path, now: float = 1000.0) -> None:
        self.path = path
        self.now = now
        self.marks = Marks(RETENTION, Room(MOST, ROOM), lambda: self.now)
        self.connection = Connection(str(path))
        self.connection.execute("PRAGMA journal_mode=WAL").fetchall()
        self.figures: Figures = prepare(self.connection, self.marks)

    @property
    def kept(self) -> Kept:
        return self.figures.kept

    def transaction(self) -> Transaction:
        before = self.figures
        return Transaction(
            self.connection, before.sequence, before.size, LIMIT, before.changes, self.marks, before.kept
        )

    def store(self, *marks: Mark, writes: Writes | None = None) -> None:
        transaction = self.transaction()
        transaction.run([Commit(None, writes or [], mark=mark) for mark in marks] or [Commit(None, [])])
        before = self.figures
        self.figures = Figures(
            transaction.sequence, before.changes, transaction.size, before.tables, before.schema, transaction.kept
        )

    def rows(self) -> list[tuple[bytes, int, bytes | None]]:
        return self.connection.execute("SELECT scope, at, response FROM genapps_marks ORDER BY id").fetchall()

    def close(self) -> None:
        self.connection.close()


def mark(scope: int, size: int | None = 1, replaces: int | None = None) -> Mark:
    return Mark(b"s%d" % scope, b"digest", None if size is None else b"r" * size, replaces)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[File]:
    made = File(tmp_path / "facet")
    yield made
    made.close()


@dataclass
class Model:
    """The rules over a list: scope, time, and the size of the response if it is kept."""

    rows: list[tuple[int, int, int | None]] = field(default_factory=list)

    def store(self, scope: int, size: int | None, now: int) -> None:
        while self.rows and now - self.rows[0][1] >= RETENTION:
            self.rows.pop(0)
        self.rows = [row for row in self.rows if row[0] != scope]
        self.rows.append((scope, now, size))
        for index, (one, at, _) in enumerate(self.rows):
            if sum(kept or 0 for _, _, kept in self.rows) <= ROOM:
                break
            self.rows[index] = one, at, None

    def find(self, scope: int, now: int) -> tuple[int, int | None] | None:
        return next(((at, size) for one, at, size in self.rows if one == scope and now - at < RETENTION), None)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("answer"), st.integers(0, 5), st.sampled_from([None, 0, 1, 7, 20, 31])),
        st.tuples(st.just("wait"), st.sampled_from([1, 40, 99, 100]), st.none()),
        st.tuples(st.just("restart"), st.none(), st.none()),
    ),
    max_size=25,
)


@given(STEPS)
def test_marks_and_responses_are_kept_as_the_model_says(steps: list[tuple[str, int, int | None]]) -> None:
    model = Model()
    with TemporaryDirectory() as folder:
        file = File(Path(folder) / "facet")
        for step, number, size in steps:
            if step == "wait":
                file.now += number
            elif step == "restart":
                file.close()
                file = File(file.path, file.now)
            else:
                found = file.marks.find(file.connection, b"s%d" % number)
                known = model.find(number, int(file.now))
                if found is not None and not file.marks.expired(found.at):
                    assert known == (found.at, None if found.response is None else len(found.response))
                    continue
                assert known is None
                file.store(mark(number, size, found.at if found is not None else None))
                model.store(number, size, int(file.now))
            assert file.kept.marks == len(file.rows())
            assert file.kept.bytes == sum(len(response or b"") for *_, response in file.rows()) <= ROOM
        live = [(b"s%d" % scope, at, size) for scope, at, size in model.rows if file.now - at < RETENTION]
        rows = [(scope, at, None if found is None else len(found)) for scope, at, found in file.rows()]
        assert [row for row in rows if file.now - row[1] < RETENTION] == live
        file.close()


def test_a_scope_is_stored_once_whoever_comes_second(file: File) -> None:
    file.store(mark(1), writes=[("a", "1")])
    with pytest.raises(sqlite3.IntegrityError):
        file.store(mark(1), writes=[("a", "2")])
    assert file.connection.execute("SELECT value FROM genapps_entries").fetchall() == [("1",)]
    file.store(mark(2))
    assert file.kept.marks == 2


def test_a_commit_removes_a_bounded_number_of_old_marks(file: File) -> None:
    file.store(*(mark(number) for number in range(SWEPT + 3)))
    file.now += RETENTION
    file.store()
    assert (file.kept.marks, len(file.rows())) == (3, 3)
    assert file.marks.due(file.kept)
    file.store()
    assert (file.kept.marks, file.rows()) == (0, [])
    assert not file.marks.due(file.kept)


def test_a_mark_of_a_clock_that_was_wrong_does_not_stay_for_ever(file: File) -> None:
    file.now = 1e9
    file.store(mark(1))
    file.now = 1000.0
    found = file.marks.find(file.connection, b"s1")
    assert found is not None
    assert file.marks.expired(found.at)
    file.now = 1e9 - RETENTION + 1
    assert not file.marks.expired(found.at)


def test_a_response_goes_when_a_newer_one_needs_its_room_and_the_mark_stays(file: File) -> None:
    file.store(mark(1, ROOM))
    assert [len(response or b"") for *_, response in file.rows()] == [ROOM]
    file.store(mark(2, 1))
    assert [response for *_, response in file.rows()] == [None, b"r"]


def test_the_room_beside_the_state_follows_the_tier_within_bounds(file: File) -> None:
    mib = 1024 * 1024
    assert Room.beside(mib) == Room.beside(8 * mib) == Room(10_000, mib)
    assert Room.beside(64 * mib) == Room(65_536, 8 * mib)
    assert Room.beside(2**40) == Room(250_000, 64 * mib)
    file.store(*(mark(number) for number in range(MOST - 1)))
    assert not file.marks.full(file.kept, 0)
    assert file.marks.full(file.kept, 1)
    file.now += RETENTION
    assert not file.marks.full(file.kept, 1)


def test_a_mark_takes_no_more_of_the_disk_than_is_reckoned_with(tmp_path: Path) -> None:
    with closing(File(tmp_path / "facet")) as file:
        for _ in range(0, 3000, 60):
            file.store(*(Mark(os.urandom(16), os.urandom(16), None) for _ in range(60)))
        (pages,) = file.connection.execute("PRAGMA page_count").fetchone()
        assert pages * 4096 < 3000 * MARK_BYTES


def test_an_app_cannot_name_the_table(file: File) -> None:
    for text in ("SELECT * FROM genapps_marks", 'DELETE FROM "GenApps_Marks"', "DROP TABLE genapps_marks"):
        with pytest.raises(Exception, match="runtime's own"):
            file.connection.run(text, [], 1e12)


def _killed(path: Path) -> Iterator[Path]:
    """Files as a process leaves them that is killed before its first call of a commit, its second, ..."""
    files = {marks_module.__file__, transaction_module.__file__}
    for calls in range(1, 100):
        copy = path.with_name("killed")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(path, copy)

        def run(copy: Path = copy, calls: int = calls) -> None:
            file = File(copy / "facet", 1200.0)
            die_at(calls, files)
            file.store(mark(1, ROOM, 1000), writes=[("n", "2")])
            os._exit(0)

        code = in_child(run)
        assert code in (0, 9)
        yield copy
        if code == 0:
            assert calls > 8
            return
    pytest.fail("there is no end to it")


def test_a_process_that_is_killed_leaves_the_mark_and_what_was_written_or_neither(tmp_path: Path) -> None:
    folder = tmp_path / "claim"
    folder.mkdir()
    with closing(File(folder / "facet")) as file:
        file.store(mark(1, 3), mark(2, 4), writes=[("n", "1")])
    seen = set()
    for path in _killed(folder):
        with closing(File(path / "facet", 1200.0)) as file:
            ((value,),) = file.connection.execute("SELECT value FROM genapps_entries").fetchall()
            found = [(scope, at) for scope, at, _ in file.rows()]
            assert found == ([(b"s1", 1000), (b"s2", 1000)] if value == "1" else [(b"s1", 1200)])
            seen.add(value)
    assert seen == {"1", "2"}
