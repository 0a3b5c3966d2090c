# SPDX-License-Identifier: Apache-2.0
"""What a run namespace may hold, and on which runtime it runs, on a real API server; no kubelet."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.operator_process import World, budget, world
from tools.kubectl import Kubectl, KubectlError, condition, until
from tools.node import Node


@pytest.fixture(scope="module")
def here(bare: Node, bare_kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    log = tmp_path_factory.mktemp("operator") / "log"
    with world(bare_kubectl, bare, log, GENAPPS_RUNTIME_CLASSES="medium=tests-sandbox") as made:
        yield made


def allow(here: World, apps: int, **policy: Any) -> None:
    patch = json.dumps({"spec": {"policy": {"maxApps": apps, **policy}}})
    here.kubectl("patch", "appbudget", here.namespace, "--type=merge", "-p", patch)


def hard(here: World) -> dict[str, str]:
    """The bounds as the API server holds to them."""
    quota = here.kubectl.find("resourcequota", "genapps", here.run)
    return dict(quota.get("status", {}).get("hard") or {}) if quota else {}


def stranger(name: str, **resources: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "localhost/none:1", "resources": resources}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container]}}


def until_recorded(here: World, app: str) -> None:
    until(lambda: here.record(app), 30, f"the record of {app}")


def until_marked(here: World, app: str) -> None:
    until(lambda: "deletedAt" in (here.record(app) or {}), 30, f"the mark on the record of {app}")


def forget(here: World, *apps: str) -> None:
    """Delete apps and purge what they leave."""
    for app in apps:
        here.kubectl("delete", "gapp", app, "-n", here.namespace)
    for app in apps:
        until_marked(here, app)
        here.kubectl("delete", "apprecord", here.child(app), "-n", here.system, "--timeout=60s")


def test_the_bounds_follow_the_budgets_and_heal(here: World) -> None:
    allow(here, 1000)
    until(lambda: hard(here).get("pods") == "1100", 30, "the bounds of a budget of 1000 apps")
    assert hard(here)["requests.storage"] == "125Gi"
    allow(here, 10)
    until(lambda: hard(here).get("pods") == "11", 30, "the bounds of a budget of 10 apps")
    edit = json.dumps({"spec": {"hard": {"pods": "500"}}})
    here.kubectl("patch", "resourcequota", "genapps", "-n", here.run, "--type=merge", "-p", edit)
    until(lambda: hard(here).get("pods") == "11", 30, "the bounds as they were")
    here.kubectl("delete", "limitrange", "genapps", "-n", here.run)
    limits = until(lambda: here.kubectl.find("limitrange", "genapps", here.run), 30, "the limit range again")
    assert limits is not None
    assert limits["spec"]["limits"][0]["max"] == {"cpu": "500m", "memory": "160Mi", "ephemeral-storage": "512Mi"}
    until(here.operator.idle, 30, "an idle operator")
    versions = [here.kubectl.get("limitrange", "genapps", here.run)["metadata"]["resourceVersion"] for _ in range(2)]
    assert versions == [limits["metadata"]["resourceVersion"]] * 2, "written once"


def test_a_pod_beyond_the_bounds_is_refused_and_status_says_so_until_there_is_room(here: World) -> None:
    allow(here, 2)
    until(lambda: hard(here).get("pods") == "3", 30, "the bounds of a budget of 2 apps")
    here.kubectl("create", "-n", here.run, "-f", "-", given=json.dumps(stranger("one")))
    defaulted = here.kubectl.get("pod", "one", here.run)["spec"]["containers"][0]["resources"]["limits"]
    assert defaulted == {"cpu": "20m", "memory": "96Mi", "ephemeral-storage": "1Mi"}
    too_large = json.dumps(stranger("large", limits={"memory": "161Mi"}))
    with pytest.raises(KubectlError, match="maximum memory usage per Container is 160Mi"):
        here.kubectl("create", "-n", here.run, "-f", "-", given=too_large)
    for name in ("two", "three"):
        here.kubectl("create", "-n", here.run, "-f", "-", given=json.dumps(stranger(name)))
    here.apply(here.app("crowded"))
    stalled = here.until_condition("crowded", "Stalled", "True", "ChildRefused")
    assert "exceeded quota: genapps" in stalled["message"]
    assert here.find("pod", "crowded") is None
    here.kubectl("delete", "pod", "one", "two", "three", "-n", here.run)
    here.until_pod("crowded")
    here.until_condition("crowded", "Stalled", "False", "NotStalled")
    forget(here, "crowded")


def test_whoever_applies_and_deletes_in_a_circle_comes_to_an_end(here: World) -> None:
    allow(here, 1)
    for name in ("round-1", "round-2"):
        here.apply(here.app(name))
        here.until_pod(name)
        until_recorded(here, name)
        here.kubectl("delete", "gapp", name, "-n", here.namespace)
        until_marked(here, name)
    here.apply(here.app("round-3"))
    refused = here.until_condition("round-3", "Stalled", "True", "TooManyApps")
    assert "state of 2 deleted apps" in refused["message"]
    here.apply(here.app("round-2"))
    here.until_pod("round-2")
    here.kubectl("delete", "gapp", "round-3", "-n", here.namespace)
    forget(here, "round-2")


def test_a_connector_that_demands_more_moves_the_app_to_the_runtime_of_its_risk(here: World) -> None:
    allow(here, 100, maxRiskClass="medium")
    runtime_class = {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": "tests-sandbox"},
        "handler": "tests",
    }
    connector: dict[str, Any] = {
        "apiVersion": "genapps.dev/v1alpha1",
        "kind": "Connector",
        "metadata": {"name": f"{here.namespace}-fx"},
        "spec": {
            "type": "HTTP",
            "description": "Rates",
            "endpoint": {"url": "https://rates.example.com"},
            "namespaces": [here.namespace],
            "minimumRiskClass": "low",
            "tools": [
                {
                    "name": "latest",
                    "description": "The latest.",
                    "method": "GET",
                    "path": "/v1",
                    "effect": "Read",
                    "idempotency": "None",
                    "input": {"type": "object"},
                    "output": {"type": "object"},
                }
            ],
        },
    }
    here.kubectl.apply(connector)
    name = connector["metadata"]["name"]
    envelope = {"owner": {"team": "tests"}, "riskClass": "low", "connectors": [name]}
    here.apply(here.app("rising", envelope=envelope))
    first = here.until_pod("rising")
    assert "runtimeClassName" not in first["spec"]
    connector["spec"]["minimumRiskClass"] = "medium"
    here.kubectl.apply(connector)
    refused = here.until_condition("rising", "Stalled", "True", "ChildRefused")
    assert "tests-sandbox" in refused["message"], "without the class there is no pod at all"
    here.kubectl.apply(runtime_class)
    second = here.until_pod("rising", other_than=first["metadata"]["uid"])
    assert second["spec"]["runtimeClassName"] == "tests-sandbox"
    status = here.until_judged("rising")["status"]
    assert status["riskReason"] == f"medium: connector {name} demands it, the app declares low"
    here.kubectl("delete", "connector", name)
    here.kubectl("delete", "runtimeclass", "tests-sandbox")


def test_a_budget_whose_run_namespace_is_not_prepared_says_so_in_status_and_event(here: World) -> None:
    name = f"{here.namespace}-lost"
    here.kubectl.apply(budget(name, "nowhere-prepared"))

    def told() -> bool:
        events = here.kubectl.items("event", "-n", "default", "--field-selector", f"involvedObject.name={name}")
        return [event["reason"] for event in events if event["type"] == "Warning"] == ["RunNamespaceNotPrepared"]

    until(told, 30, "the Event")
    assert condition(here.kubectl.get("appbudget", name), "Stalled")["status"] == "True"
    here.kubectl("delete", "appbudget", name)
