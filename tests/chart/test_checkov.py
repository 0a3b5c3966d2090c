# SPDX-License-Identifier: Apache-2.0
"""checkov finds what we know of and can give a reason for, and nothing else."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.conftest import write
from tests.support.chart_judges import installed
from tools import helm

ACCEPTED = Path(__file__).with_name("checkov_accepted.yaml")

Finding = tuple[str, str]
"""Check and resource."""


PRIVILEGED: helm.Manifest = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "privileged"},
    "spec": {"containers": [{"name": "a", "image": "a:1", "securityContext": {"privileged": True}}]},
}
"""Shows that the checks ran: checkov must find it."""


@pytest.fixture(scope="module")
def findings(manifests: list[helm.Manifest], tmp_path_factory: pytest.TempPathFactory) -> set[Finding]:
    """Of the chart and of one pod that is not the chart's."""
    file = write(tmp_path_factory.mktemp("checkov") / "rendered.yaml", [*manifests, PRIVILEGED])
    options = [
        "--framework",
        "kubernetes",
        "--output",
        "json",
        "--compact",
        "--quiet",
        "--skip-download",
        "--soft-fail",
    ]
    done = subprocess.run([installed("checkov"), "--file", file, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["skipped"] == 0, "a finding is accepted in checkov_accepted.yaml, not in the manifest"
    return {(each["check_id"], each["resource"]) for each in report["results"]["failed_checks"]}


def test_checkov_finds_nothing_in_the_chart_but_what_is_accepted_with_a_reason(findings: set[Finding]) -> None:
    accepted = yaml.safe_load(ACCEPTED.read_text(encoding="utf-8"))
    assert all(entry["reason"] for entry in accepted)
    ours = {(check, resource) for check, resource in findings if resource != "Pod.default.privileged"}
    assert ours == {(entry["check"], resource) for entry in accepted for resource in entry["resources"]}


def test_checkov_finds_a_privileged_container(findings: set[Finding]) -> None:
    assert ("CKV_K8S_16", "Pod.default.privileged") in findings
