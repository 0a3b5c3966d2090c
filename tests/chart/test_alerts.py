# SPDX-License-Identifier: Apache-2.0
"""promtool reads the alerts, and each one fires for what it names and for nothing less."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.chart_judges import NoJudgeError, promtool
from tools import helm

ALERTS = helm.CHART / "files" / "alerts.yaml"
CASES: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("alert_cases.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def program() -> Path:
    try:
        return promtool()
    except NoJudgeError as missing:
        pytest.skip(str(missing))


def run(program: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def test_promtool_accepts_the_rules(program: Path) -> None:
    done = run(program, "check", "rules", ALERTS)
    assert done.returncode == 0, done.stdout + done.stderr


def promtool_test(healthy: dict[str, str], case: dict[str, Any]) -> dict[str, Any]:
    """A case in promtool's form. `ALERTS` is what Prometheus itself says of its alerts."""
    series = {**healthy, **case.get("series", {})}
    return {
        "name": case["name"],
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items() if values is not None],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": case["at"],
                "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in case["firing"]],
            }
        ],
    }


def test_alerts_fire_when_they_should_and_not_before(program: Path, tmp_path: Path) -> None:
    tests = [promtool_test(CASES["healthy"], case) for case in CASES["cases"]]
    document = {"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": tests}
    (tmp_path / "cases.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    done = run(program, "test", "rules", tmp_path / "cases.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case_in_which_it_fires() -> None:
    rules = [rule for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"] for rule in group["rules"]]
    assert {rule["alert"] for rule in rules} == {name for case in CASES["cases"] for name in case["firing"]}
    assert any(not case["firing"] for case in CASES["cases"])
