# SPDX-License-Identifier: Apache-2.0
"""The command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from genapps_runtime.listening import listening_socket
from genapps_runtime.main import main
from genapps_runtime.settings import PREFIX
from genapps_runtime.termination import EXIT_REFUSED
from tests.unit.runtime.supervised import free_port

DIGESTS = ["--config-digest", "sha256:" + "a" * 64, "--code-digest", "sha256:" + "b" * 64]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--restore-state"],
        DIGESTS[:2],
        [*DIGESTS[:2], "--restore-state"],
        [*DIGESTS[:2], "--restore-state", *DIGESTS[2:]],
        [*DIGESTS, "--restore-state", "--restore-state"],
        [*DIGESTS, "--debug", "--debug"],
        [*DIGESTS, "--debug", "--restore-state", "--debug"],
        [*DIGESTS, "--fresh-instances", "--fresh-instances"],
        ["--debug", *DIGESTS],
        [*DIGESTS, "--restore"],
        [*DIGESTS[:3], "sha256:" + "B" * 64],
        [*DIGESTS[:3], "b" * 64],
    ],
)
def test_any_other_command_line_is_an_error_of_use(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "usage: genapps-runtime" in capsys.readouterr().err


WITHOUT_PROCESSES = """
import errno, os, sys
from genapps_runtime.main import main

def fork():
    raise OSError(errno.EAGAIN, "no process to spare")

os.fork = fork
sys.exit(main())
"""


def ended(termination: Path, port: int) -> int:
    """The exit code of a supervisor that gets no child."""
    given = {
        "ADDRESS": "127.0.0.1", "APP_PORT": port, "HEALTH_PORT": free_port(), "STATE_SOCKET": f"genapps-test-{port}",
        "TERMINATION_FILE": termination,
    }  # fmt: skip
    environ = {**os.environ, **{PREFIX + name: str(value) for name, value in given.items()}}
    return subprocess.run([sys.executable, "-c", WITHOUT_PROCESSES, *DIGESTS], env=environ, check=False).returncode


def test_a_port_that_is_taken_is_told_to_the_operator(tmp_path: Path) -> None:
    with listening_socket("127.0.0.1", 0) as taken:
        assert ended(tmp_path / "said", taken.getsockname()[1]) == EXIT_REFUSED
    said = json.loads((tmp_path / "said").read_text())
    assert said["reason"] == "ConfigInvalid"
    assert "cannot listen" in said["message"]


def test_a_node_without_processes_is_not_blamed_on_the_config(tmp_path: Path) -> None:
    assert ended(tmp_path / "said", free_port()) == 1
    assert not (tmp_path / "said").exists()
