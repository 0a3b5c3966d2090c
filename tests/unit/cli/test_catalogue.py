# SPDX-License-Identifier: Apache-2.0
"""What `genapps catalogue` prints, from objects as the API server answers them."""

import json
from typing import Any

import pytest
from click.testing import CliRunner

from genapps.cli.catalogue.offers import as_json, as_text, catalogue
from genapps.cli.main import main
from tests.support.admission import BUDGET, CONNECTOR, changed

FINANCE = changed(
    BUDGET,
    {
        "spec.tiers.large": {"guestMemory": "1G", "cpu": 2, "state": {"claim": "4Gi"}},
        "spec.limits": {"costUSD": "250"},
        "status": {"spent": {"costUSD": "17.5"}},
    },
)
SALES = changed(BUDGET, {"metadata.name": "sales", "spec.namespaces": ["sales"]})
RATES = changed(
    CONNECTOR, {"spec.endpoint": {"service": {"namespace": "db", "name": "secret-host", "port": 80}},
                "spec.tools.0.description": "Rates\x1b[2J of today."}
)  # fmt: skip
MODEL = changed(
    CONNECTOR,
    {"metadata.name": "llm", "spec.type": "Model", "spec.models": ["m-1"], "spec.tools": [], "spec.namespaces": ["x"]},
)


def test_a_row_for_each_tier_and_each_tool() -> None:
    text = as_text(catalogue([SALES, FINANCE], [RATES, MODEL], ""), wide=False)
    rows = [line.split() for line in text.splitlines()]
    assert ["BUDGET", "TIER", "MEMORY", "CPU", "CONCURRENCY", "CALLS/MIN", "STATE"] in rows
    assert ["finance", "large", "1G", "2", "8", "600", "4Gi"] in rows
    assert ["finance", "small", "64Mi", "500m", "8", "600", "1Gi"] in rows
    assert ["rates", "HTTP", "low", "latest", "Read"] in rows
    assert ["llm", "Model", "low", "m-1", "model"] in rows
    assert [row[0] for row in rows if row[1:2] == ["small"]] == ["finance", "sales"]


def test_only_what_is_granted_to_the_namespace() -> None:
    found = catalogue([SALES, FINANCE], [RATES, MODEL], "finance")
    assert [each.metadata.name for each in found.budgets] == ["finance"]
    assert [each.metadata.name for each in found.connectors] == ["rates"]
    empty = as_text(catalogue([FINANCE], [RATES], "other"), wide=True)
    assert empty == "No tiers: no AppBudget lists the namespace.\n\nNo connectors."


@pytest.mark.parametrize("wide", [False, True])
def test_neither_spend_nor_hosts_are_printed(wide: bool) -> None:
    found = catalogue([FINANCE], [RATES], "")
    for text in (as_text(found, wide=wide), json.dumps(as_json(found))):
        assert "17.5" not in text
        assert "250" not in text
        assert "secret-host" not in text
    assert "\x1b" not in as_text(found, wide=wide)


def test_wide_has_what_the_budget_allows() -> None:
    text = as_text(catalogue([FINANCE], [RATES], ""), wide=True)
    row = next(line for line in text.splitlines() if line.startswith("finance  small"))
    assert row.split()[7:] == ["low", "python,javascript", "interactive,batch", "finance"]


def test_output_for_machines_has_the_names_of_the_manifests() -> None:
    found: dict[str, Any] = as_json(catalogue([FINANCE], [RATES], ""))
    (budget,), (connector,) = found["budgets"], found["connectors"]
    assert (budget["name"], budget["tiers"]["large"]["guestMemory"]) == ("finance", "1G")
    assert budget["policy"]["maxRiskClass"] == "low"
    assert (connector["name"], connector["tools"][0]["name"]) == ("rates", "latest")
    assert set(budget) == {"name", "namespaces", "tiers", "policy"}


def test_an_object_of_another_version_is_named_and_left_out() -> None:
    found = catalogue([changed(FINANCE, {"spec.tiers.small.speed": 1})], [RATES], "")
    assert found.budgets == ()
    assert found.unreadable == ("AppBudget finance: spec.tiers.small.speed: Extra inputs are not permitted",)


def test_without_a_cluster_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    result = CliRunner().invoke(main, ["catalogue"])
    assert result.exit_code == 2
    assert "genapps catalogue: " in result.stderr
