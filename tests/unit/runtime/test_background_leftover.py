# SPDX-License-Identifier: Apache-2.0
"""What callers had sent to an app of the background does not outlive the revision that would have run it."""

import os
from pathlib import Path

import pytest

from genapps_runtime.serve.background import leftover
from genapps_runtime.serve.background.entries import FILE, FOLDER, LEFT, Change, Entry, EntryFile, add
from genapps_runtime.serve.background.leftover import remove_queue
from genapps_runtime.serve.messages import Request
from genapps_runtime.state import safe_dir
from tests.unit.runtime.claims import die_at, in_child

SECRET = b"0f-a-caller"


def leave_queue(directory: Path) -> None:
    """A queue with an entry, as a killed process leaves it."""

    def run() -> None:
        file = EntryFile.open(str(directory))
        request = Request("r", "POST", "/work", "", [], SECRET)
        entry = Entry("1" * 32, "acme", 1.0, 2000, 1000)
        assert file.store([Change(add(entry, request, "a" * 12), lambda *_: None)]) == [(None, None)]
        os._exit(3)

    assert in_child(run) == 3
    assert {path.name for path in (directory / FOLDER).iterdir()} > {FILE, f"{FILE}-wal"}


def test_it_goes_with_its_bytes_and_where_there_is_none_nothing_happens(tmp_path: Path) -> None:
    leave_queue(tmp_path)
    linked = tmp_path / "blocks"
    linked.hardlink_to(tmp_path / FOLDER / f"{FILE}-wal")
    assert SECRET in linked.read_bytes()
    for _ in range(2):
        remove_queue(str(tmp_path))
        assert [path.name for path in tmp_path.iterdir()] == ["blocks"]
    assert not any(linked.read_bytes())


def test_a_kill_leaves_a_queue_that_opens_and_the_next_start_removes_it(tmp_path: Path) -> None:
    for calls in range(1, 200):
        directory = tmp_path / str(calls)
        directory.mkdir()
        leave_queue(directory)

        def run(directory: Path = directory, calls: int = calls) -> None:
            die_at(calls, {leftover.__file__, safe_dir.__file__})
            remove_queue(str(directory))

        code = in_child(run)
        EntryFile.open(str(directory)).close()  # the way back to the revision before
        assert LEFT not in {path.name for path in (directory / FOLDER).iterdir()}
        remove_queue(str(directory))
        assert list(directory.iterdir()) == []
        if code == 0:
            assert calls > 10
            return
    pytest.fail("there is no end to it")
