# SPDX-License-Identifier: Apache-2.0
"""`genapps preflight` against real clusters: one that is what it should be, one without the chart, and none."""

import os
import subprocess
import sys
from pathlib import Path

from tools.kubectl import Kubectl
from tools.node import Node


def preflight(kubeconfig: Path) -> tuple[int, str]:
    program = Path(sys.executable).with_name("genapps")
    environment = {"PATH": os.environ["PATH"], "KUBECONFIG": str(kubeconfig)}
    done = subprocess.run([program, "preflight"], env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_cluster_with_the_chart_has_no_failure(installed: Kubectl, node: Node) -> None:
    code, text = preflight(node.kubeconfig)
    assert code == 0, text
    assert "FAIL" not in text
    for wanted in ("pid limit of node", "run namespace genapps-run", "storage class", "genapps-gateway"):
        assert wanted in text


def test_a_cluster_without_the_chart_fails_and_says_what_to_do(bare: Node) -> None:
    code, text = preflight(bare.kubeconfig)
    lines = text.splitlines()
    assert code == 1, text
    assert [line for line in lines if line.startswith("FAIL") and "genapps-operator" in line]
    assert [line for line in lines if line.startswith("OK") and "CRD generatedapps.genapps.dev" in line]
    assert "-> install the chart" in text


def test_a_cluster_that_cannot_be_read_is_another_exit_code(tmp_path: Path) -> None:
    code, text = preflight(tmp_path / "none")
    assert code == 2
    assert "kubeconfig" in text
