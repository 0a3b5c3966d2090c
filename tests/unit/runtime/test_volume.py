# SPDX-License-Identifier: Apache-2.0
"""The claim between two revisions: what is copied, what comes back, and what a kill at any moment leaves."""

import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any

import orjson
import pytest

from genapps_runtime.state.volume import POINTER, POINTER_BYTES, Volume
from genapps_runtime.termination import Reason, RefusedError
from tests.unit.runtime.claims import TENANTS, A, B, C, Start, both, found, in_child, killed, take_over, values


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """In memory where that is to be had: hundreds of starts wait for the disk otherwise."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path) as parent:
        directory = Path(parent) / "claim"
        directory.mkdir()
        yield directory


WROTE_A = Start(A, "by a")
CASES: list[tuple[str, list[Start], dict[str, Any]]] = [
    ("the first revision has nothing to copy", [Start(A)], {"revision": A, "values": [], "copy": None}),
    (
        "a new revision finds the state, and a copy of it is kept",
        [WROTE_A, Start(B, "by b")],
        {"revision": B, "values": both("by a", "by b"), "copy": (A, both("by a"))},
    ),
    (
        "without the wish for copies none is made",
        [WROTE_A, Start(B, "by b", snapshot=False)],
        {"revision": B, "values": both("by a", "by b"), "copy": None},
    ),
    (
        "only the newest copy is kept",
        [WROTE_A, Start(B, "by b"), Start(C)],
        {"revision": C, "values": both("by a", "by b"), "copy": (B, both("by a", "by b"))},
    ),
    (
        "who wants no copies any more gets the room of the last one back",
        [WROTE_A, Start(B, "by b"), Start(C, snapshot=False)],
        {"revision": C, "values": both("by a", "by b"), "copy": None},
    ),
    (
        "a restart copies nothing",
        [WROTE_A, Start(B, "by b"), Start(B, "again")],
        {"revision": B, "values": both("by a", "by b", "again"), "copy": (A, both("by a"))},
    ),
    (
        "a return gives back what the revision had left",
        [WROTE_A, Start(B, "by b"), Start(A, restore=True)],
        {"revision": A, "values": both("by a"), "copy": None},
    ),
    (
        "a return needs no wish for copies",
        [WROTE_A, Start(B, "by b"), Start(A, restore=True, snapshot=False)],
        {"revision": A, "values": both("by a"), "copy": None},
    ),
    (
        "a restart does not return a second time",
        [WROTE_A, Start(B, "by b"), Start(A, "more", restore=True), Start(A, restore=True)],
        {"revision": A, "values": both("by a", "more"), "copy": None},
    ),
    (
        "a return that is to keep the state keeps it",
        [WROTE_A, Start(B, "by b"), Start(A, "more")],
        {"revision": A, "values": both("by a", "by b", "more"), "copy": (B, both("by a", "by b"))},
    ),
    (
        "a copy of another revision is not given to this one",
        [WROTE_A, Start(B, "by b"), Start(C, "by c"), Start(A, restore=True)],
        {"revision": A, "values": both("by a", "by b", "by c"), "copy": (C, both("by a", "by b", "by c"))},
    ),
    (
        "a revision that never loaded does not push out the copy of the one before",
        [WROTE_A, Start(B, loads=False), Start(C, "by c"), Start(A, restore=True)],
        {"revision": A, "values": both("by a"), "copy": None},
    ),
    (
        "a revision that never loaded leaves the state to the one before",
        [WROTE_A, Start(B, loads=False), Start(B, loads=False)],
        {"revision": A, "values": both("by a"), "copy": (A, both("by a"))},
    ),
    (
        "what is written after a return without need is kept, and copied for the next revision",
        [WROTE_A, Start(B, loads=False), Start(A, "more", restore=True), Start(B, "by b"), Start(A, restore=True)],
        {"revision": A, "values": both("by a", "more"), "copy": None},
    ),
    (
        "revisions can come and go",
        [WROTE_A, Start(B, "1"), Start(A, "2", restore=True), Start(B, "3"), Start(A, "4", restore=True), Start(C)],
        {"revision": C, "values": both("by a", "2", "4"), "copy": (A, both("by a", "2", "4"))},
    ),
]


@pytest.mark.parametrize(("starts", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_starts_one_after_the_other(directory: Path, starts: list[Start], expected: dict[str, Any]) -> None:
    for start in starts:
        take_over(directory, start)
    assert found(directory) == expected


INTERRUPTED = [
    "the first revision has nothing to copy",
    "a new revision finds the state, and a copy of it is kept",
    "only the newest copy is kept",
    "who wants no copies any more gets the room of the last one back",
    "a return gives back what the revision had left",
]


@pytest.mark.parametrize("name", INTERRUPTED)
def test_a_start_that_is_killed_anywhere_ends_well_at_the_next_try(directory: Path, name: str) -> None:
    starts, expected = next(case[1:] for case in CASES if case[0] == name)
    *before, last = starts
    for start in before:
        take_over(directory, start)
    last = Start(last.revision, None, last.snapshot, last.restore)
    whole = directory.with_name("whole")
    shutil.copytree(directory, whole)
    take_over(whole, last)
    expected = found(whole)
    for volume in killed(directory, last):
        take_over(volume, last)
        assert found(volume) == expected
        pointer = (volume / POINTER).read_bytes()
        take_over(volume, last)
        assert (volume / POINTER).read_bytes() == pointer


def test_a_switch_that_is_killed_anywhere_leaves_the_way_back(directory: Path) -> None:
    take_over(directory, WROTE_A)
    for volume in killed(directory, Start(B)):
        take_over(volume, Start(A, restore=True))
        assert found(volume) == {"revision": A, "values": both("by a"), "copy": None}


def test_a_copy_is_flushed_before_the_mark_names_it(directory: Path) -> None:
    take_over(directory, WROTE_A)
    files = [path for path in (directory / "facets-1").iterdir() if not path.name.endswith("-shm")]
    assert len(files) == 4  # two facets, and what is only in their logs
    calls: list[str] = []

    def note(_frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_call" and argument.__name__ in ("fsync", "replace"):
            calls.append(argument.__name__)

    with closing(Volume(str(directory), B)) as volume:
        sys.setprofile(note)
        try:
            volume.prepare(snapshot=True, restore=False)
        finally:
            sys.setprofile(None)
    copied, folders, pointer = ["fsync"] * len(files), ["fsync"] * 2, ["fsync"]
    assert calls == [*copied, *folders, *pointer, "replace", "fsync"]


def _limited(directory: Path, size: int) -> None:
    """A start of B in a process whose files end at that size."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    with closing(Volume(str(directory), B)) as volume, pytest.raises(RefusedError) as refused:
        volume.prepare(snapshot=True, restore=False)
    assert refused.value.reason is Reason.STATE_SNAPSHOT_FAILED
    assert "File too large): it takes " in refused.value.message
    assert "spec.rollback.state: Keep" in refused.value.message


@pytest.mark.parametrize("size", [300, 5000, 9000])
def test_a_copy_that_cannot_be_made_leaves_the_state_as_it_was(directory: Path, size: int) -> None:
    take_over(directory, WROTE_A)
    assert in_child(lambda: _limited(directory, size)) == 0
    assert found(directory) == {"revision": A, "values": both("by a"), "copy": None}
    take_over(directory, Start(A, "more"))
    take_over(directory, Start(B))
    assert found(directory) == {"revision": B, "values": both("by a", "more"), "copy": (A, both("by a", "more"))}


def _pointer(**changes: Any) -> bytes:
    return orjson.dumps({"revision": A, "folder": "facets-1", "copy": None, **changes})


OTHER = {"revision": B, "folder": "facets-2"}
DAMAGED = [
    ("nothing", b""),
    ("no JSON", b"{"),
    ("a list", b"[]"),
    ("half of it", orjson.dumps({"revision": A})),
    ("a number for a revision", _pointer(revision=1)),
    ("a path", _pointer(folder="../facets-1")),
    ("an absolute path", _pointer(folder="/etc")),
    ("a folder of another name", _pointer(folder="lost+found")),
    ("a folder that is not there", _pointer(folder="facets-7")),
    ("a copy that is not there", _pointer(copy={**OTHER, "folder": "facets-7"})),
    ("a copy that is what is in force", _pointer(copy={**OTHER, "folder": "facets-1"})),
    ("a copy of another form", _pointer(copy=[])),
    ("a field too many", _pointer(more=1)),
    ("a field of another layout", _pointer(layout=0)),
    ("a layout that is no number", _pointer(layout="1")),
    ("more than a pointer takes", b" " * POINTER_BYTES + _pointer()),
]


@pytest.mark.parametrize("content", [row[1] for row in DAMAGED], ids=[row[0] for row in DAMAGED])
def test_a_damaged_pointer_stops_the_start_and_touches_nothing(directory: Path, content: bytes) -> None:
    take_over(directory, WROTE_A)
    (directory / "facets-2").mkdir()
    (directory / POINTER).write_bytes(content)
    _refuses(directory)
    assert values(directory / "facets-1") == both("by a")


def test_state_without_a_mark_is_not_taken_for_an_empty_claim(directory: Path) -> None:
    take_over(directory, WROTE_A)
    (directory / POINTER).unlink()
    _refuses(directory)
    assert values(directory / "facets-1") == both("by a")


def _refuses(directory: Path) -> None:
    with closing(Volume(str(directory), B)) as volume, pytest.raises(RefusedError) as refused:
        volume.prepare(snapshot=True, restore=True)
    assert refused.value.reason is Reason.STATE_UNAVAILABLE


@pytest.mark.parametrize("name", [POINTER, "facets-1", f"facets-1/{TENANTS[0]}", f"facets-1/{TENANTS[0]}-shm"])
def test_a_link_on_the_claim_is_not_followed(directory: Path, name: str) -> None:
    take_over(directory, WROTE_A)
    outside = directory.with_name("outside")
    (directory / name).rename(outside)
    (directory / name).symlink_to(outside)
    _refuses(directory)


def test_a_link_among_what_is_to_be_removed_goes_without_what_it_leads_to(directory: Path, tmp_path: Path) -> None:
    take_over(directory, WROTE_A)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    (directory / "facets-9").symlink_to(outside)
    (directory / "facets-8").mkdir()
    (directory / "facets-8" / "link").symlink_to(outside)
    take_over(directory, Start(A))
    assert found(directory)["revision"] == A
    assert (outside / "kept").read_text() == "kept"


def test_a_pipe_in_the_place_of_the_mark_does_not_stop_the_process(directory: Path) -> None:
    os.mkfifo(directory / POINTER)
    _refuses(directory)


def test_files_of_others_on_the_claim_are_left_alone(directory: Path) -> None:
    (directory / "lost+found").mkdir()
    (directory / "note").write_text("of the platform")
    take_over(directory, WROTE_A)
    take_over(directory, Start(B))
    assert (directory / "lost+found").is_dir()
    assert (directory / "note").read_text() == "of the platform"


def test_a_claim_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as refused:
        Volume(str(tmp_path / "nowhere"), A)
    assert refused.value.reason is Reason.STATE_UNAVAILABLE
