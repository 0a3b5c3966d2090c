# SPDX-License-Identifier: Apache-2.0
"""A tenant's files leave the claim with their bytes, and whole, also when the process is killed or the disk is full."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from genapps_runtime.state import erasure, safe_dir
from genapps_runtime.state.erasure import ERASED_ENDING, Erased, erase, finish_erasures
from genapps_runtime.state.safe_dir import SafeDir
from genapps_runtime.state.volume import Volume
from tests.unit.runtime.claims import die_at, in_child

GONE, STAYS = "a" * 64, "b" * 64
FOLDERS = ["facets-1", "facets-2"]
SECRET = b"0f-a-tenant-who-left"


def make(directory: Path) -> set[str]:
    """A claim with two tenants, in use, copied and journalled; the names of all files."""
    for folder in (*FOLDERS, "journals"):
        (directory / folder).mkdir(parents=True)
    for name in (GONE, STAYS):
        for folder in FOLDERS:
            for ending in (".sqlite", ".sqlite-wal", ".sqlite-shm", ".tenant"):
                (directory / folder / (name + ending)).write_bytes(SECRET * 100)
        for ending in (".journal", ".journal.new"):
            (directory / "journals" / (name + ending)).write_bytes(SECRET)
    return names(directory)


def names(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


def test_all_of_one_tenant_goes_and_nothing_of_others(tmp_path: Path) -> None:
    before = make(tmp_path)
    linked = tmp_path.parent / "another-name-of-the-file"
    os.link(tmp_path / FOLDERS[0] / f"{GONE}.sqlite", linked)
    assert erase(str(tmp_path), FOLDERS, GONE) == Erased(files=10, bytes=len(SECRET) * 802)
    assert names(tmp_path) == {name for name in before if STAYS in name}
    assert linked.read_bytes() == bytes(len(SECRET) * 100), "the bytes are gone, and not the name alone"
    assert erase(str(tmp_path), FOLDERS, GONE) == Erased()


def test_what_is_left_of_a_tenant_without_a_facet_goes_too(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / FOLDERS[0] / f"{GONE}.sqlite").unlink()
    erase(str(tmp_path), FOLDERS, GONE)
    assert not [name for name in names(tmp_path) if GONE in name]
    shutil.rmtree(tmp_path / "journals")
    assert erase(str(tmp_path), FOLDERS[:1], GONE) == Erased()


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """In memory where that is to be had: so many claims wait for the disk otherwise."""
    where = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=where if os.access(where, os.W_OK) else tmp_path) as directory:
        yield Path(directory)


def test_a_kill_leaves_all_of_it_or_what_the_next_start_removes(memory: Path) -> None:
    outcomes = set()
    for calls in range(1, 1000):
        directory = memory / str(calls)
        before = make(directory)

        def run(directory: Path = directory, calls: int = calls) -> None:
            die_at(calls, {erasure.__file__, safe_dir.__file__})
            erase(str(directory), FOLDERS, GONE)

        code = in_child(run)
        assert code in (0, 9)
        finish_erasures(str(directory), FOLDERS)
        left = {name for name in names(directory) if GONE in name}
        assert left in (set(), {name for name in before if GONE in name}), calls
        assert {name for name in names(directory) if STAYS in name} == {name for name in before if STAYS in name}
        outcomes.add(bool(left))
        if code == 0:
            assert calls > 50
            assert not left
            assert outcomes == {True, False}
            return
        shutil.rmtree(directory)
    pytest.fail("there is no end to it")


def test_a_start_finishes_it_before_anything_is_copied(tmp_path: Path) -> None:
    volume = Volume(str(tmp_path), "a" * 12)
    volume.prepare(snapshot=False, restore=False)
    volume.hand_over()
    volume.close()
    facets = tmp_path / "facets-1"
    (facets / (GONE + ERASED_ENDING)).write_bytes(SECRET)
    (facets / f"{GONE}.sqlite-wal").write_bytes(SECRET)
    again = Volume(str(tmp_path), "b" * 12)
    again.prepare(snapshot=True, restore=False)
    assert again.folders == ["facets-1", "facets-2"]
    again.close()
    assert not [name for name in names(tmp_path) if GONE in name]


def test_what_a_tenant_has_stored_since_an_error_stays(tmp_path: Path) -> None:
    make(tmp_path)
    left = tmp_path / FOLDERS[0] / (GONE + ERASED_ENDING)
    left.write_bytes(SECRET)
    before = names(tmp_path)
    finish_erasures(str(tmp_path), FOLDERS)
    assert names(tmp_path) == before - {str(left.relative_to(tmp_path))}


def test_a_full_disk_hinders_nothing_and_another_error_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path)

    def failing(code: int) -> None:
        def overwrite(self: SafeDir, name: str) -> int:
            raise OSError(code if name in self.names() else errno.ENOENT, os.strerror(code))

        monkeypatch.setattr(SafeDir, "overwrite", overwrite)

    failing(errno.EIO)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        erase(str(tmp_path), FOLDERS, GONE)
    failing(errno.ENOSPC)
    erase(str(tmp_path), FOLDERS, GONE)
    assert not [name for name in names(tmp_path) if GONE in name]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    make(tmp_path)
    target = tmp_path / "target"
    target.write_bytes(SECRET)
    (tmp_path / FOLDERS[1] / f"{GONE}.sqlite").unlink()
    (tmp_path / FOLDERS[1] / f"{GONE}.sqlite").symlink_to(target)
    with pytest.raises(OSError, match="symbolic links"):
        erase(str(tmp_path), FOLDERS, GONE)
    assert target.read_bytes() == SECRET
