# SPDX-License-Identifier: Apache-2.0
"""What the command needs for itself: a path, a port, a state that nobody else has."""

import fcntl
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from genapps.cli.main import main


def refused(*arguments: object) -> str:
    done = CliRunner().invoke(main, ["dev", *map(str, arguments)])
    assert done.exit_code == 1, done.output
    return done.output


@pytest.fixture
def code(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text("x = 1\n")
    return tmp_path / "app.py"


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "there is no such file or folder" in refused(tmp_path / "gone")


def test_a_port_that_another_process_has_is_refused(code: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(code, "--port", port)
    assert f"port {port} of 127.0.0.1: Address already in use; name another one with --port" in said


def test_a_state_that_another_process_has_is_refused(code: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    with (state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another genapps dev has this state" in refused(code, "--port", 0, "--state", state)


def test_a_state_that_cannot_be_a_folder_is_refused(code: Path) -> None:
    assert "name another folder with --state" in refused(code, "--port", 0, "--state", code)
