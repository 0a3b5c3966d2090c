# SPDX-License-Identifier: Apache-2.0
"""The effective risk class and the sentence that explains it."""

from dataclasses import replace

import pytest

from genapps.api.envelope import RiskClass
from genapps.core.risk import effective_risk, risk_reason
from tests.unit.core.world import CHILD, PLATFORM, World, app, connector

CATALOGUE = {
    "fx": connector("medium"),
    "hr": connector("medium"),
    "pay": connector("high"),
    "crm": connector("medium"),
    "news": connector("low"),
}
LOW, MEDIUM = RiskClass.LOW, RiskClass.MEDIUM


@pytest.mark.parametrize(
    ("declared", "connectors", "says"),
    [
        (LOW, [], "low: declared in spec.envelope.riskClass"),
        (LOW, ["news", "absent"], "low: declared in spec.envelope.riskClass"),
        (MEDIUM, ["fx"], "medium: declared in spec.envelope.riskClass"),
        (LOW, ["news", "fx"], "medium: connector fx demands it, the app declares low"),
        (LOW, ["hr", "fx"], "medium: connectors fx, hr demand it, the app declares low"),
        (LOW, ["hr", "fx", "crm"], "medium: connectors crm, fx and 1 more demand it, the app declares low"),
        (MEDIUM, ["hr", "pay"], "high: connector pay demands it, the app declares medium"),
    ],
)
def test_the_reason_names_who_decides(declared: RiskClass, connectors: list[str], says: str) -> None:
    assert risk_reason(declared, connectors, CATALOGUE) == says
    assert says.startswith(effective_risk(declared, connectors, CATALOGUE))


def test_a_connector_that_demands_more_moves_the_pod_to_another_runtime_and_status_says_why() -> None:
    classes = replace(PLATFORM, runtime_class_by_risk={"medium": "gvisor"})
    world = World(app=app({"envelope": {"connectors": ["fx"]}}), platform=classes)
    world.others = {"connectors": {"fx": connector("low")}}
    world.run()
    first = world.pod
    assert "runtimeClassName" not in world.manifests["Pod", CHILD]["spec"]
    world.others = {"connectors": CATALOGUE}
    world.settle()
    world.pod_is_gone()
    world.settle()
    assert world.pod
    assert first
    assert world.pod.uid != first.uid
    assert world.manifests["Pod", CHILD]["spec"]["runtimeClassName"] == "gvisor"
    assert world.status["riskReason"] == "medium: connector fx demands it, the app declares low"
