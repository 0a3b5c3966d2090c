# SPDX-License-Identifier: Apache-2.0
"""A process that is told what to run after it has started."""

import os
import subprocess
import sys

import pytest

from genapps_runtime.termination import EXIT_REFUSED

DIGESTS = f"--config-digest sha256:{'a' * 64} --code-digest sha256:{'b' * 64}"


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("", 0, ""),  # whoever started it has ended
        (DIGESTS, 0, ""),  # and did so in the middle of the line
        ("--debug\n", 2, "two options are required"),
        ("x" * 2000 + "\n", 2, "more than 1024 bytes"),
        (f"{DIGESTS} --debug\n", EXIT_REFUSED, "cannot read the RuntimeConfig"),
    ],
)
def test_it_runs_what_one_line_says(line: str, code: int, said: str) -> None:
    settings = {"config_file": "/none", "app_port": 0, "health_port": 0, "state_socket": f"test-standby-{os.getpid()}"}
    environment = {f"GENAPPS_RUNTIME_{name.upper()}": str(value) for name, value in settings.items()}
    done = subprocess.run(
        [sys.executable, "-m", "genapps_runtime.main", "standby"],
        input=line, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert said in done.stdout + done.stderr
