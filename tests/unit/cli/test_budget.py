# SPDX-License-Identifier: Apache-2.0
"""What `genapps budget simulate` prints, and when it refuses."""

import pytest
from click.testing import CliRunner

from genapps.cli.budget.command import limits, told
from genapps.cli.main import main
from genapps.core.budgets.amounts import Limits
from tests.unit.core.budgets.test_balance import account
from tests.unit.core.budgets.test_simulation import DAYS


def test_each_limit_is_a_line_in_the_units_of_limits() -> None:
    spent = account(spent={"tokens": 300, "cpuMillis": 5999, "costMicros": 1_500_000}, days=DAYS)
    assert list(told("finance", spent, Limits(tokens=100, cpu_millis=6000, cost_micros=250_000))) == [
        "AppBudget finance, period 2026-11",
        "  tokens: 300 spent, a limit of 100 would have been reached on 2026-11-11 and refused 200",
        "  cpuSeconds: 5 spent, a limit of 6 would have held all of it",
        "  costUSD: 1.50 spent, a limit of 0.25 would have been reached at the end and refused 1.25",
    ]


def test_limits_are_read_in_the_units_of_manifests() -> None:
    assert limits(1, None, 3, "0.05") == Limits(tokens=1, cpu_millis=3000, cost_micros=50_000)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--tokens", "-1"],
        ["--tokens", "1.5"],
        ["--usd", "NaN"],
        ["--usd", "1e309"],
        ["--usd", "-5"],
        ["--usd", "5 $"],
    ],
)
def test_what_is_no_limit_is_refused(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, ["budget", "simulate", "finance", *arguments])
    assert result.exit_code == 2
    assert "Error" in result.stderr


def test_without_a_cluster_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    result = CliRunner().invoke(main, ["budget", "simulate", "finance", "--tokens", "5"])
    assert result.exit_code == 2
    assert "genapps budget simulate: " in result.stderr
