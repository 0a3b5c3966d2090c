# SPDX-License-Identifier: Apache-2.0
"""A process that is told what to run after it has started."""

import json
import os
import subprocess
import sys

import pytest

from genapps_runtime.termination import EXIT_REFUSED

SETTINGS = {"config_file": "/none", "app_port": 0, "health_port": 0, "state_socket": f"test-standby-{os.getpid()}"}


def line(*arguments: str) -> str:
    environment = {f"GENAPPS_RUNTIME_{name.upper()}": str(value) for name, value in SETTINGS.items()}
    return json.dumps({"arguments": arguments, "environment": environment})


DIGESTS = line("--config-digest", f"sha256:{'a' * 64}", "--code-digest", f"sha256:{'b' * 64}", "--debug")


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("", 0, ""),  # whoever started it has ended
        (DIGESTS, 0, ""),  # and did so in the middle of the line
        (line("--debug") + "\n", 2, "two options are required"),
        ("--debug\n", 2, "Expecting value"),
        ("[]\n", 2, "must be an object with arguments"),
        ('{"arguments": {}, "environment": {}}\n', 2, "arguments, a list"),
        ("x" * 70_000 + "\n", 2, "more than 65536 bytes"),
        (f"{DIGESTS}\n", EXIT_REFUSED, "cannot read the RuntimeConfig"),
    ],
)
def test_it_runs_what_one_line_says(line: str, code: int, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "genapps_runtime.main", "standby"],
        input=line, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert said in done.stdout + done.stderr
