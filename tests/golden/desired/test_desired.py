# SPDX-License-Identifier: Apache-2.0
"""Golden pairs: what is observed of an app (input.yaml) and what should therefore exist (output.yaml).

`GENAPPS_UPDATE_GOLDEN=1` writes each output that differs and fails, naming it. Read the difference
before committing it.
"""

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from genapps.api.app_pods import AppPods
from genapps.api.appbudget import AppBudget
from genapps.api.apprecord import Record
from genapps.api.connector import Connector
from genapps.api.generatedapp import GeneratedApp
from genapps.api.names import AppKey
from genapps.core.code.source import source_of
from genapps.core.desired import desired
from genapps.core.judge import judge
from genapps.core.observed import Child, ClaimState, Observed, Platform, PodState

CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/input.yaml"))
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PLATFORM = Platform(
    system_namespace="genapps-system",
    run_namespaces=frozenset({"genapps-run"}),
    runtime_image="registry.example/genapps-runtime:1",
    gateway_address="10.96.0.50",
    gateway_ca="-----BEGIN CERTIFICATE-----",
)


def observed_of(case: dict[str, Any]) -> Observed:
    """The observation that an input file describes; keys that are left out are absent in the world too."""
    app = GeneratedApp.model_validate(case["app"])
    owner = {"namespace": app.metadata.namespace, "name": app.metadata.name, "uid": app.metadata.uid}
    children = {}
    for entry in case.get("children", []):
        labels = entry.get("app", owner)
        labelled = AppKey(labels["namespace"], labels["name"])
        child = Child(entry["kind"], "genapps-run", entry["name"], "uid", labelled, digest="", app_uid=labels["uid"])
        children[entry["kind"], entry["name"]] = child
    platform = case.get("platform", {})
    if "apps" in platform:
        platform = {**platform, "apps": AppPods.model_validate(platform["apps"])}
    return Observed(
        metadata=app.metadata,
        app=app,
        status={},
        namespace_uid=case.get("namespaceUid", "6b1f0a52-namespace"),
        budget=AppBudget.model_validate(case["budget"]) if "budget" in case else None,
        source=source_of(app.spec.code, case.get("configMap")),
        platform=replace(PLATFORM, **platform),
        connectors={raw["metadata"]["name"]: Connector.model_validate(raw) for raw in case.get("connectors", [])},
        record=Record.model_validate(case["record"]) if "record" in case else None,
        children=children,
        pod=PodState(**case["pod"]) if "pod" in case else None,
        claim=ClaimState(**case["claim"]) if "claim" in case else None,
    )


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_what_is_observed_gives_what_is_desired(case: Path) -> None:
    observed = observed_of(yaml.safe_load((case / "input.yaml").read_text()))
    verdict = judge(observed, NOW, "0" * 32)
    found = {
        "mode": verdict.mode.value,
        "findings": [finding.reason.value for finding in verdict.findings],
        "children": [yaml.safe_load(yaml.safe_dump(manifest)) for manifest in desired(observed, verdict)],
    }
    output = case / "output.yaml"
    if os.environ.get("GENAPPS_UPDATE_GOLDEN") == "1":
        _update(output, found)
    assert found == yaml.safe_load(output.read_text())


def _update(output: Path, found: dict[str, Any]) -> None:
    # It fails, so that no run of the gates passes by writing what it should compare with.
    if not output.exists() or found != yaml.safe_load(output.read_text()):
        output.write_text(yaml.safe_dump(found, sort_keys=False, width=120))
        pytest.fail(f"wrote {output}: read the difference, then run again without GENAPPS_UPDATE_GOLDEN")


def test_there_are_cases() -> None:
    assert len(CASES) >= 10
