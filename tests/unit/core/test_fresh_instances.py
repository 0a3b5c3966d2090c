# SPDX-License-Identifier: Apache-2.0
"""Apps of high effective risk run, with an instance for each request, whichever revision it is."""

import pytest

from tests.unit.core.revising import answer, crash, replace_pod, runs, switch
from tests.unit.core.world import CHILD, World, app, budget, connector

HIGH_ALLOWED = {"policy": {"maxRiskClass": "high"}}


def fresh(world: World) -> bool:
    """Whether the live pod makes an instance for each request."""
    return "--fresh-instances" in world.manifests["Pod", CHILD]["spec"]["containers"][0]["args"]


@pytest.mark.parametrize(("risk", "wanted"), [("low", False), ("medium", False), ("high", True)])
def test_only_an_app_of_high_risk_gets_an_instance_for_each_request(risk: str, wanted: bool) -> None:
    world = World(app=app({"envelope": {"riskClass": risk}}), budget=budget(HIGH_ALLOWED)).run()
    assert world.condition("Ready") == ("True", "Available")
    assert fresh(world) is wanted


def test_a_connector_that_demands_high_risk_changes_the_running_pod() -> None:
    wanted = app({"envelope": {"connectors": ["payroll"]}})
    world = World(app=wanted, budget=budget(HIGH_ALLOWED), others={"connectors": {"payroll": connector("low")}}).run()
    assert not fresh(world)
    world.others["connectors"] = {"payroll": connector("high")}
    replace_pod(world)
    assert fresh(world)


def test_a_revision_that_is_returned_to_has_the_risk_of_today() -> None:
    wanted = app({"envelope": {"connectors": ["payroll"]}})
    world = World(app=wanted, budget=budget(HIGH_ALLOWED), others={"connectors": {"payroll": connector("low")}}).run()
    before = runs(world)
    envelope = {"owner": {"team": "finance-tools"}, "riskClass": "low", "connectors": ["payroll"]}
    switch(world, "two", {"envelope": envelope})
    crash(world)
    replace_pod(world)
    answer(world)
    assert (runs(world), fresh(world)) == (before, False)
    world.others["connectors"] = {"payroll": connector("high")}
    replace_pod(world)
    assert runs(world) == before
    assert fresh(world)
