# SPDX-License-Identifier: Apache-2.0
"""Every rendered manifest against the published schemas of each Kubernetes version that the chart supports."""

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.chart.conftest import write
from tests.support.chart_judges import installed
from tests.support.value_sets import MONITORING
from tools import helm

VERSIONS = ("1.32", "1.33", "1.34", "1.35", "1.36", "1.37")


def judge(version: str, file: Path) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [installed("kubernetes-validate"), "--kubernetes-version", version, "--strict", file]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_fits_the_schemas_of(version: str, manifests: list[helm.Manifest], tmp_path: Path) -> None:
    # Kubernetes has no schema of the Prometheus operator's kinds.
    ours = [each for each in manifests if each["apiVersion"] != MONITORING]
    done = judge(version, write(tmp_path / "ours.yaml", ours))
    assert done.returncode == 0, [line for line in done.stdout.splitlines() if not line.startswith("INFO")]
    assert len([line for line in done.stdout.splitlines() if " passed for resource " in line]) == len(ours)


def test_the_oldest_version_is_the_one_that_the_chart_names() -> None:
    chart = yaml.safe_load((helm.CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["kubeVersion"] == f">={VERSIONS[0]}.0-0"


def test_a_field_that_does_not_exist_is_found(tmp_path: Path) -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"port": 80}}
    done = judge(VERSIONS[0], write(tmp_path / "wrong.yaml", [service]))
    assert done.returncode != 0
    assert "port" in done.stdout
