# SPDX-License-Identifier: Apache-2.0
"""The process as it is started: what it says when it cannot."""

import json
import os
import signal
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


def test_a_gateway_waits_for_an_api_server_that_does_not_answer_and_can_be_stopped(tmp_path: Path) -> None:
    kubeconfig = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    (tmp_path / "config").write_text(json.dumps(kubeconfig), encoding="utf-8")
    program = Path(sys.executable).with_name("genapps")
    environ = {"PATH": os.environ["PATH"], "KUBECONFIG": str(tmp_path / "config")}
    with subprocess.Popen([program, "gateway"], env=environ, stdout=subprocess.PIPE, text=True) as gateway:
        assert gateway.stdout is not None
        assert json.loads(gateway.stdout.readline())["event"] == "api_server_unavailable"
        assert gateway.poll() is None
        gateway.send_signal(signal.SIGTERM)
        assert gateway.wait(timeout=30) == 0
