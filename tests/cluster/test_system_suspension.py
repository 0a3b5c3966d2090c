# SPDX-License-Identifier: Apache-2.0
"""Suspension on the whole system: it begins automatically, outlives everything, and ends in one way only."""

import re

import pytest

from demo.callers import Pod
from tests.support.admission import CONNECTOR, changed
from tests.support.apps import SYSTEM_NAMESPACE, Manifest, app, child_of, is_true, ready, until_app
from tools.kubectl import Kubectl, KubectlError, condition, until

PRYING = """
    from genapps import app, tools, ToolError

    @app.get("/pry")
    async def pry(request):
        try:
            await tools.call(request.query["connector"], "dump")
        except ToolError as error:
            return {"refused": error.code}
        return {"refused": None}
"""


def pry(caller: Pod, found: Manifest, connector: str = "payroll") -> str:
    return caller.request("GET", f"{found['status']['url']}/pry?connector={connector}", {}, None).body


def suspended(installed: Kubectl, tenant: str, caller: Pod, name: str) -> Manifest:
    """An app that made its threshold of violations."""
    manifest = app(name, tenant, PRYING)
    found = ready(installed, manifest)
    for _ in range(3):
        assert "ConnectorNotInEnvelope" in pry(caller, found)
    return until_app(installed, manifest, is_true("Suspended", "RepeatedViolations"))


def restart(installed: Kubectl) -> None:
    for deployment in ("genapps-operator", "genapps-gateway"):
        installed("rollout", "restart", f"deployment/{deployment}", "-n", SYSTEM_NAMESPACE)
    for deployment in ("genapps-operator", "genapps-gateway"):
        installed("rollout", "status", f"deployment/{deployment}", "-n", SYSTEM_NAMESPACE, "--timeout=120s")


def test_a_connector_that_is_withdrawn_stops_its_calls_and_not_the_app(
    installed: Kubectl, tenant: str, caller: Pod
) -> None:
    fx_rates = changed(CONNECTOR, {"metadata.name": "fx-rates", "spec.namespaces": [tenant]})
    installed.apply(fx_rates)
    manifest = app("granted", tenant, PRYING, envelope={"connectors": ["fx-rates"]})
    found = ready(installed, manifest)
    installed("delete", "connector", "fx-rates")
    until_app(installed, manifest, lambda seen: condition(seen, "EnvelopeValid")["reason"] == "ConnectorUnknown")
    for _ in range(4):
        assert '"refused":null' not in pry(caller, found, "fx-rates").replace(" ", "")
    late = app("late", tenant, PRYING, envelope={"connectors": ["fx-rates"]})
    installed.apply(late)
    until_app(installed, late, is_true("Stalled", "ConnectorUnknown"))
    after = installed.get("gapp", "granted", tenant)
    assert condition(after, "Ready")["status"] == "True"
    assert not after["status"].get("violations", {}).get("total"), "it was granted, so that is no violation"


def test_two_violations_are_counted_and_the_third_suspends(installed: Kubectl, tenant: str, caller: Pod) -> None:
    manifest = app("prying", tenant, PRYING)
    found = ready(installed, manifest)
    for count in (1, 2):
        assert "ConnectorNotInEnvelope" in pry(caller, found)
        expected = count
        counted = until_app(
            installed,
            manifest,
            lambda seen, n=expected: seen["status"].get("violations", {}).get("count") == n,  # type: ignore[misc]
        )
        assert condition(counted, "Ready")["status"] == "True"
    pry(caller, found)
    stopped = until_app(installed, manifest, is_true("Suspended", "RepeatedViolations"))
    assert re.fullmatch("[0-9a-f]{32}", stopped["status"]["suspension"]["id"])
    assert condition(stopped, "Stalled")["status"] == "True"
    until(lambda: child_of(installed, stopped, "pods") is None, what="no pod")
    assert child_of(installed, stopped, "persistentvolumeclaims") is not None
    policy = child_of(installed, stopped, "networkpolicies")
    assert policy is not None
    assert not policy["spec"].get("ingress")
    assert not policy["spec"].get("egress")

    def told() -> bool:
        events = installed.items("events", "-n", tenant, "--field-selector=involvedObject.name=prying")
        return any(event["reason"] == "RepeatedViolations" for event in events)

    until(told, 20, "an Event that says so")


def test_a_suspension_outlives_restarts_and_the_app_itself(installed: Kubectl, tenant: str, caller: Pod) -> None:
    first = suspended(installed, tenant, caller, "stubborn")
    identity = first["status"]["suspension"]["id"]
    restart(installed)
    manifest = app("stubborn", tenant, PRYING)
    assert until_app(installed, manifest, is_true("Suspended"))["status"]["suspension"]["id"] == identity
    installed("delete", "gapp", "stubborn", "-n", tenant)
    installed.apply(manifest)
    again = until_app(installed, manifest, is_true("Suspended", "RepeatedViolations"))
    assert again["metadata"]["uid"] != first["metadata"]["uid"]
    assert again["status"]["suspension"]["id"] == identity
    assert child_of(installed, again, "pods") is None


def test_a_suspension_follows_the_code_to_another_name(installed: Kubectl, tenant: str, caller: Pod) -> None:
    suspended(installed, tenant, caller, "original")
    copy = app("copy", tenant, PRYING)
    installed.apply(copy)
    found = until_app(installed, copy, is_true("Suspended", "RepeatedViolations"))
    assert child_of(installed, found, "pods") is None


def test_only_the_right_acknowledgement_resumes_and_the_count_starts_anew(
    installed: Kubectl, tenant: str, caller: Pod
) -> None:
    stopped = suspended(installed, tenant, caller, "sorry")
    assert stopped["status"]["suspension"]["repeats"] == 0
    wrong = app("sorry", tenant, PRYING, acknowledgedSuspension="0" * 32)
    with pytest.raises(KubectlError, match=r"copy the id from status\.suspension\.id"):
        installed.apply(wrong)
    right = app("sorry", tenant, PRYING, acknowledgedSuspension=stopped["status"]["suspension"]["id"])
    installed("create", "rolebinding", "editor", "-n", tenant, "--clusterrole=edit", "--user=tina")
    installed("create", "rolebinding", "lead", "-n", tenant, "--clusterrole=admin", "--user=lea")
    with pytest.raises(KubectlError, match="ask an administrator of the namespace"):
        installed.impersonating("tina").apply(right)
    installed.impersonating("lea").apply(right)
    resumed = until_app(installed, right, is_true("Ready"))
    assert "suspension" not in resumed["status"]
    assert resumed["status"].get("violations", {}).get("count", 0) == 0
    assert "ConnectorNotInEnvelope" in pry(caller, resumed)
    until_app(installed, right, lambda seen: seen["status"].get("violations", {}).get("count") == 1)
    assert condition(installed.get("gapp", "sorry", tenant), "Ready")["status"] == "True"
