"""The process as it is started: what it says when it cannot."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "genapps gateway: no API server"),
        ({"GENAPPS_GATEWAY_PORT": "none"}, "genapps gateway: GENAPPS_GATEWAY_PORT must be a port number"),
    ],
)
def test_a_gateway_that_cannot_start_says_why_in_one_line(tmp_path: Path, environ: dict[str, str], said: str) -> None:
    program = Path(sys.executable).with_name("genapps")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)} | environ
    done = subprocess.run([program, "gateway"], env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1
