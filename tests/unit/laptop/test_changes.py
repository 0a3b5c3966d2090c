# SPDX-License-Identifier: Apache-2.0
"""What counts as a change, and how much is looked at."""

import os
from pathlib import Path

from genapps.api.bundles import PATH_DEPTH
from genapps.laptop.changes import ENTRIES, left_out, mark


def test_a_write_a_new_file_a_removal_and_a_replacement_are_changes(tmp_path: Path) -> None:
    file = tmp_path / "inner" / "app.py"
    file.parent.mkdir()
    file.write_text("1")
    marks = [mark([tmp_path])]
    file.write_text("22")
    marks.append(mark([tmp_path]))
    os.utime(file, ns=(1, 1))
    marks.append(mark([tmp_path]))
    (tmp_path / "new").write_text("")
    marks.append(mark([tmp_path]))
    (tmp_path / "new").unlink()
    other = tmp_path / "other"
    other.write_text("22")
    os.utime(other, ns=(1, 1))
    other.replace(file)
    marks.append(mark([tmp_path]))
    assert len(set(marks)) == len(marks)
    assert mark([tmp_path]) == marks[-1]


def test_what_is_no_part_of_an_app_is_no_change(tmp_path: Path) -> None:
    before = mark([tmp_path])
    for name in ("node_modules", ".git", ".venv", "__pycache__", ".genapps"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("")
    (tmp_path / "link").symlink_to("/etc/passwd")
    assert mark([tmp_path]) == before
    assert left_out(tmp_path) == [".git", ".venv", "__pycache__", "node_modules"]


def test_what_is_gone_has_no_mark(tmp_path: Path) -> None:
    assert mark([tmp_path / "gone"]) == ()
    assert left_out(tmp_path / "gone") == []


def test_no_more_than_so_many_entries_are_looked_at(tmp_path: Path) -> None:
    for number in range(ENTRIES + 10):
        (tmp_path / f"{number}").touch()
    assert len(mark([tmp_path])) == ENTRIES


def test_folders_that_are_too_deep_for_a_bundle_are_not_looked_at(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(PATH_DEPTH + 3):
        deep = deep / "d"
        deep.mkdir()
        (deep / "f").touch()
    assert len(mark([tmp_path])) == PATH_DEPTH
