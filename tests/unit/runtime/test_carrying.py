# SPDX-License-Identifier: Apache-2.0
"""On the way back of the state the marks of answered requests stay, also when the start is killed anywhere."""

import hashlib
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from genapps_runtime.state import carrying
from genapps_runtime.state import volume as volume_module
from genapps_runtime.state.connection import Connection
from genapps_runtime.state.layout import prepare
from genapps_runtime.state.marks import Mark, Marks, Room
from genapps_runtime.state.transaction import Commit, Transaction
from genapps_runtime.state.volume import Volume
from genapps_runtime.termination import Reason, RefusedError
from tests.unit.runtime.claims import A, B, die_at, in_child

TENANT = hashlib.sha256(b"default").hexdigest() + ".sqlite"
MARKS = Marks(86_400, Room.beside(0), lambda: 1000.0)


def begin(directory: Path, revision: str, *, restore: bool = False) -> Path:
    """A revision takes the claim over; returns the folder of its facets."""
    with closing(Volume(str(directory), revision)) as volume:
        volume.prepare(snapshot=not restore, restore=restore)
        volume.hand_over()
        return Path(volume.facets)


def answered(file: Path, *scopes: bytes, value: str) -> None:
    """Requests with these scopes, each of which has written `value`."""
    with closing(Connection(str(file))) as connection:
        connection.execute("PRAGMA journal_mode=WAL").fetchall()
        figures = prepare(connection, MARKS)
        transaction = Transaction(
            connection, figures.sequence, figures.size, 1_000_000, figures.changes, MARKS, figures.kept
        )
        transaction.run([Commit(None, [("n", value)], mark=Mark(scope, b"d", scope)) for scope in scopes])


def found(file: Path) -> tuple[list[str], list[bytes]]:
    """What is under the key and the scopes of the marks."""
    with closing(sqlite3.connect(file)) as connection:
        values = [value for (value,) in connection.execute("SELECT value FROM genapps_entries")]
        return values, [scope for (scope,) in connection.execute("SELECT scope FROM genapps_marks ORDER BY id")]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A claim that was A's, then B's, each with requests that were answered."""
    made = tmp_path / "claim"
    made.mkdir()
    answered(begin(made, A) / TENANT, b"1", b"2", value="a")
    facets = begin(made, B)
    answered(facets / TENANT, b"3", value="b")
    answered(facets / "new.sqlite", b"4", value="b")
    return made


def test_the_state_goes_back_and_the_marks_and_journals_stay(directory: Path) -> None:
    (directory / "journals").mkdir()
    (directory / "journals" / "x.journal").write_bytes(b"what was done outside")
    facets = begin(directory, A, restore=True)
    assert (directory / "journals" / "x.journal").read_bytes() == b"what was done outside"
    assert found(facets / TENANT) == (["a"], [b"1", b"2", b"3"])
    assert found(facets / "new.sqlite") == ([], [b"4"])
    with closing(Connection(str(facets / TENANT))) as connection:
        assert prepare(connection, MARKS).kept.marks == 3


def _killed(directory: Path) -> Iterator[Path]:
    files = {carrying.__file__, volume_module.__file__}
    for calls in range(1, 200):
        copy = directory.with_name("killed")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(directory, copy)

        def run(copy: Path = copy, calls: int = calls) -> None:
            die_at(calls, files)
            begin(copy, A, restore=True)

        code = in_child(run)
        assert code in (0, 9)
        if code == 0:
            assert calls > 20
            return
        yield copy
    pytest.fail("there is no end to it")


def test_a_return_that_is_killed_anywhere_keeps_the_marks_at_the_next_try(directory: Path) -> None:
    for claim in _killed(directory):
        facets = begin(claim, A, restore=True)
        assert found(facets / TENANT) == (["a"], [b"1", b"2", b"3"])
        assert found(facets / "new.sqlite") == ([], [b"4"])


def test_a_return_that_is_killed_and_given_up_keeps_what_the_left_revision_had(directory: Path) -> None:
    for claim in _killed(directory):
        facets = begin(claim, B)
        values, scopes = found(facets / TENANT)
        # Killed after the pointer named the restored facets: B then begins with those.
        assert (values, scopes) in ((["b"], [b"1", b"2", b"3"]), (["a"], [b"1", b"2", b"3"]))


def test_facets_from_before_there_were_marks_are_restored_as_they_are(tmp_path: Path) -> None:
    directory = tmp_path / "claim"
    directory.mkdir()
    for revision in (A, B):
        with closing(sqlite3.connect(begin(directory, revision) / TENANT)) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS entries (value TEXT)")
            connection.execute("INSERT INTO entries VALUES (?)", (revision,))
            connection.commit()
    with closing(sqlite3.connect(begin(directory, A, restore=True) / TENANT)) as connection:
        assert connection.execute("SELECT value FROM entries").fetchall() == [(A,)]


def test_a_return_without_room_for_the_marks_does_not_start_and_says_why(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    monkeypatch.setattr(carrying, "_replace", full)
    with pytest.raises(RefusedError) as refused:
        begin(directory, A, restore=True)
    assert refused.value.reason is Reason.STATE_UNAVAILABLE
    assert "marks of answered requests cannot be taken over: the disk of the app's state is full" in str(refused.value)
    monkeypatch.undo()
    assert found(begin(directory, B) / TENANT) == (["b"], [b"1", b"2", b"3"])
