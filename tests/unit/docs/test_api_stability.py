# SPDX-License-Identifier: Apache-2.0
"""docs/api-stability.md and the code name the same fields as refused and as inactive."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from genapps.api.appbudget import AppBudget
from genapps.api.connector import Connector, ToolCost
from genapps.api.crd import root_schema
from genapps.api.generatedapp import GeneratedApp
from genapps.api.kinds import KINDS
from genapps.core.checks import facts_of
from genapps.core.checks.envelope import fields_supported
from genapps.core.inactive import inactive_fields
from genapps.core.status.connector import connector_status, judged_contract
from tests.support.markdown import text_of
from tests.unit.core.world import World, app, budget, merged

STATES = {"in force", "refused", "inactive", "recorded"}
DIGEST = "sha256:" + "0" * 64
REFUSED: Mapping[str, Any] = {
    "code": {
        "language": "component",
        "digest": DIGEST,
        "source": {"inline": None, "image": {"reference": f"r.example/a@{DIGEST}"}},
    },
    "stage": "Internal",
    "attestation": {"configMap": {"name": "x", "key": "y"}},
}
INACTIVE: Mapping[str, Any] = {
    "idleTimeout": "10m",
    "slo": {"availability": "99.5"},
    "incident": {"contact": "team"},
    "rollback": {"to": "fallback"},
}
BUDGET: Mapping[str, Any] = {
    "limits": {"tokens": 1},
    "prices": {"perCpuHour": "1"},
    "period": {},
    "alerts": [50],
    "onLimit": "Suspend",
    "mode": "Shadow",
    "policy": {"violations": {"slowThreshold": 7, "slowWindow": "2h"}},
    "tiers": {
        "small": {
            "tokensPerPeriod": 1,
            "cpuSecondsPerPeriod": 1,
            "costUSDPerPeriod": "1",
            "callsPerMinute": 1,
        }
    },
}
CONNECTOR = {
    "metadata": {"name": "rates"},
    "spec": {
        "type": "Model",
        "endpoint": {"url": "https://rates.example.com"},
        "namespaces": ["finance"],
        "credential": {"secretName": "key", "key": "token", "as": {"header": "Authorization"}},
        "tools": [{"name": "chat", "effect": "Read"}],
        "models": ["small"],
        "maxTokens": 100,
    },
}
"""Every field that is not in force."""


def rows(kind: str) -> dict[str, str]:
    """State by field, of the section of one kind."""
    _, _, rest = text_of("docs/api-stability.md").partition(f"\n## {kind}\n")
    section = rest.partition("\n## ")[0]
    return dict(re.findall(r"^\| `([^`]+)` \| ([a-z ]+) \|", section, re.MULTILINE))


def listed(kind: str, state: str) -> set[str]:
    return {field for field, said in rows(kind).items() if said == state}


def small_app(spec: Mapping[str, Any]) -> GeneratedApp:
    return app(spec)


def full_budget() -> AppBudget:
    return budget(BUDGET)


def test_every_field_of_each_spec_has_a_row_with_a_state() -> None:
    for kind in (kind for kind in KINDS if kind.status is not None):
        table = rows(kind.name)
        assert set(table.values()) <= STATES
        for name in root_schema(kind)["properties"]["spec"]["properties"]:
            assert any(re.match(rf"spec\.{name}\b", field) for field in table), f"{kind.name} spec.{name}"


def test_rows_name_fields_that_exist() -> None:
    for kind in (kind for kind in KINDS if kind.status is not None):
        for field in rows(kind.name):
            node = root_schema(kind)
            for step in field.split()[0].split(".") if field.startswith("spec.") else ():
                node = node.get("items", node)
                node = node["additionalProperties"] if step == "*" else node["properties"][step]


def test_the_page_lists_what_the_checks_refuse() -> None:
    wanted = small_app(REFUSED)
    found = fields_supported(facts_of(World(app=wanted).observe(), wanted))
    assert found is not None
    named = set(re.findall(r"(spec\.[\w.]+(?: \w+)?)(?= \()", found.message))
    assert named == listed("GeneratedApp", "refused")


def test_the_page_lists_the_fields_of_an_app_that_are_inactive() -> None:
    assert set(inactive_fields(small_app(INACTIVE), None)) == listed("GeneratedApp", "inactive")


def test_no_field_of_a_budget_is_inactive() -> None:
    assert listed("AppBudget", "inactive") == set()


def test_no_field_of_a_connector_is_inactive() -> None:
    connector = Connector.model_validate(merged(CONNECTOR, {}))
    tools = [tool.model_copy(update={"cost": ToolCost(usd="1")}) for tool in connector.spec.tools]
    connector = connector.model_copy(update={"spec": connector.spec.model_copy(update={"tools": tuple(tools)})})
    status = connector_status(connector, 0, judged_contract(connector), None, {}, datetime(2026, 11, 23, tzinfo=UTC))
    told = next(one["status"] for one in status["conditions"] if one["type"] == "FieldsInactive")
    assert (told, listed("Connector", "inactive")) == ("False", set())


def test_these_examples_set_every_field_that_can_be_inactive() -> None:
    assert len(inactive_fields(small_app(INACTIVE), full_budget())) == len(INACTIVE)
    assert inactive_fields(small_app({}), None) == ()
