# SPDX-License-Identifier: Apache-2.0
"""`genapps check` with Connectors among its inputs: their risk, and whom they are granted to."""

from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner

from genapps.cli.main import main
from tests.unit.cli.test_check import BUDGET, GOOD, run, written

CALLING = GOOD.replace("riskClass: low", "riskClass: low\n    connectors: [bank]")


def platform(folder: Path, **spec: Any) -> Path:
    """A file with the budget and the connector `bank`."""
    connector = {
        "apiVersion": "genapps.dev/v1alpha1",
        "kind": "Connector",
        "metadata": {"name": "bank"},
        "spec": {"type": "MCP", "endpoint": {"url": "https://bank.example.com"}, "namespaces": ["finance"], **spec},
    }
    return written(folder / "platform.yaml", f"{BUDGET.read_text()}\n---\n{yaml.safe_dump(connector)}")


def test_a_connector_among_the_inputs_raises_the_risk(tmp_path: Path) -> None:
    path = written(tmp_path / "app.yaml", CALLING)
    assert "RiskClassNotAllowed" in str(run(path, "--budget", platform(tmp_path, minimumRiskClass="high")))


def test_a_connector_that_is_not_granted_is_found(tmp_path: Path) -> None:
    path = written(tmp_path / "app.yaml", CALLING)
    code, lines = run(path, "--budget", platform(tmp_path, namespaces=["sales"]))
    assert code == 1
    assert "ConnectorUnknown" in str(lines)
    assert "ConnectorUnknown" not in str(run(path, "--budget", platform(tmp_path)))


def test_without_connectors_among_the_inputs_it_says_that_grants_were_not_checked(tmp_path: Path) -> None:
    path = written(tmp_path / "app.yaml", CALLING)
    result = CliRunner().invoke(main, ["check", str(path), "--budget", str(BUDGET)])
    assert "its connectors was not checked" in result.stderr
    assert "ConnectorUnknown" not in result.stdout
