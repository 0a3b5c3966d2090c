# SPDX-License-Identifier: Apache-2.0
"""Files that are replaced while the process runs, as the kubelet does it."""

import os
from pathlib import Path

import pytest

from genapps_runtime.egress.mounted_file import MountedFile


def publish(volume: Path, version: str, content: str) -> Path:
    """Replace the folder behind the link `..data` in one step, as the kubelet's atomic writer does."""
    folder = volume / f"..{version}"
    folder.mkdir(parents=True)
    (folder / "token").write_text(content)
    (volume / "..new").symlink_to(folder.name)
    (volume / "..new").rename(volume / "..data")
    if not (volume / "token").is_symlink():
        (volume / "token").symlink_to("..data/token")
    return volume / "token"


def test_a_file_is_read_once_until_it_is_another(tmp_path: Path) -> None:
    path = publish(tmp_path, "1", "token-1")
    file = MountedFile(str(path))
    first = file.read()
    assert first == b"token-1"
    assert file.read() is first


def test_the_next_read_after_a_rotation_has_the_new_content(tmp_path: Path) -> None:
    file = MountedFile(str(publish(tmp_path, "1", "token-1")))
    assert file.read() == b"token-1"
    publish(tmp_path, "2", "token-2")
    assert file.read() == b"token-2"


def test_equal_size_and_time_do_not_hide_another_file(tmp_path: Path) -> None:
    path = publish(tmp_path, "1", "token-1")
    os.utime(path, ns=(1, 1))
    file = MountedFile(str(path))
    assert file.read() == b"token-1"
    os.utime(publish(tmp_path, "2", "token-2"), ns=(1, 1))
    assert file.read() == b"token-2"


def test_a_file_that_is_not_there_is_an_error_each_time(tmp_path: Path) -> None:
    file = MountedFile(str(tmp_path / "token"))
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            file.read()
    (tmp_path / "token").write_text("token-1")
    assert file.read() == b"token-1"
    (tmp_path / "token").unlink()
    with pytest.raises(FileNotFoundError):
        file.read()
