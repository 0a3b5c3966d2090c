# SPDX-License-Identifier: Apache-2.0
"""Suspension on a real API server: a Ledger as the gateway writes it, and what the operator makes of it; no kubelet."""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.operator_process import World, world
from tools.kubectl import Kubectl, until
from tools.node import Node


@pytest.fixture(scope="module")
def here(bare: Node, bare_kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    log = tmp_path_factory.mktemp("operator") / "log"
    with world(bare_kubectl, bare, log) as made:
        yield made


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def violate(here: World, app: str, times: int) -> None:
    """Write the Ledger of an app that broke a rule so many times, as the gateway does."""
    entries = [
        {"at": now(), "rule": "connector_not_in_envelope", "subject": "bank", "requestId": f"{app}-{now()}-{number}"}
        for number in range(times)
    ]
    live = here.get(app)
    reference = {"namespace": here.namespace, "name": app, "uid": live["metadata"]["uid"]}
    violations: dict[str, Any] = {"total": times, "window": entries}
    if times >= 3:
        violations["tripped"] = {"at": now(), "count": times}
    here.kubectl.apply(
        {
            "apiVersion": "genapps.dev/v1alpha1",
            "kind": "Ledger",
            "metadata": {"name": here.child(app), "namespace": here.system},
            "record": {"app": reference, "violations": violations},
        }
    )


def suspension_of(here: World, app: str) -> dict[str, Any]:
    record = here.record(app)
    return dict(record.get("suspension") or {}) if record else {}


@pytest.fixture
def suspended(here: World) -> str:
    """An app of the test's own that was suspended for repeated violations; its name."""
    name = f"app-{uuid.uuid4().hex[:8]}"
    here.apply(here.app(name))
    here.until_pod(name)
    here.make_ready(name)
    here.until_condition(name, "Ready", "True", "Available")
    violate(here, name, 3)
    here.until_condition(name, "Suspended", "True", "RepeatedViolations")
    return name


def test_violations_below_the_threshold_are_shown_and_nothing_else_happens(here: World) -> None:
    here.apply(here.app("careless"))
    pod = here.until_pod("careless")
    violate(here, "careless", 2)
    here.until_condition("careless", "Violated", "True", "ViolationsCounted")
    assert here.get("careless")["status"]["violations"]["count"] == 2
    assert here.uid("pod", "careless") == pod["metadata"]["uid"]
    assert suspension_of(here, "careless") == {}


def test_a_suspended_app_loses_pod_endpoints_and_network_and_keeps_its_claim(here: World, suspended: str) -> None:
    until(lambda: here.find("pod", suspended) is None, 30, "the end of the pod")
    until(lambda: here.find("endpointslice", suspended) is None, 30, "the end of the endpoints")
    policy = here.find("networkpolicy", suspended)
    assert policy is not None
    assert (policy["spec"].get("ingress"), policy["spec"].get("egress")) == (None, None)
    assert set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"}
    assert here.find("persistentvolumeclaim", suspended) is not None
    record = here.record(suspended)
    assert record is not None
    assert "pod" not in record


def test_the_record_is_written_before_the_pod_goes_and_the_policy_after_it(here: World) -> None:
    here.apply(here.app("ordered"))
    here.until_pod("ordered")
    before = len(here.writes())
    violate(here, "ordered", 3)
    here.until_condition("ordered", "Suspended", "True", "RepeatedViolations")
    order = [resource for _, resource, name in here.writes()[before:] if name in (here.child("ordered"), "ordered")]
    assert order[:3] == ["apprecords", "pods", "networkpolicies"]
    assert order.index("generatedapps/status") > 2


def test_status_and_event_carry_the_id_that_ends_the_suspension(here: World, suspended: str) -> None:
    suspension = suspension_of(here, suspended)
    assert len(suspension["id"]) == 32
    assert here.get(suspended)["status"]["suspension"]["id"] == suspension["id"]

    def told() -> list[str]:
        events = here.kubectl.items("events", "-n", here.namespace)
        return [e["message"] for e in events if e["involvedObject"]["name"] == suspended and e["type"] == "Warning"]

    until(lambda: any(suspension["id"] in message for message in told()), 30, "an Event with the id")


def test_only_the_right_id_ends_a_suspension_and_then_counting_starts_anew(here: World, suspended: str) -> None:
    suspension = suspension_of(here, suspended)
    here.apply(here.app(suspended, acknowledgedSuspension="0" * 32))
    here.until_condition(suspended, "Suspended", "True", "RepeatedViolations")
    assert here.find("pod", suspended) is None
    here.apply(here.app(suspended, acknowledgedSuspension=suspension["id"]))
    here.until_condition(suspended, "Suspended", "False", "Resumed")
    here.until_pod(suspended)
    record = here.record(suspended)
    assert record is not None
    assert [entry["id"] for entry in record["acknowledged"]] == [suspension["id"]]
    assert record["countFrom"] > suspension["at"]
    violate(here, suspended, 3)
    here.until_condition(suspended, "Suspended", "True", "RepeatedViolations")
    assert suspension_of(here, suspended)["id"] != suspension["id"], "an old id must not open a new suspension"


def test_a_suspension_survives_a_restart_of_the_operator(here: World, suspended: str) -> None:
    suspension = suspension_of(here, suspended)
    here.operator.kill()
    here.operator.start()
    until(here.operator.idle, 30, "an idle operator")
    assert suspension_of(here, suspended) == suspension
    assert here.find("pod", suspended) is None


def test_violations_counted_while_the_operator_was_down_suspend_when_it_is_back(here: World) -> None:
    here.apply(here.app("sneaky"))
    here.until_pod("sneaky")
    here.operator.kill()
    violate(here, "sneaky", 3)
    here.operator.start()
    here.until_condition("sneaky", "Suspended", "True", "RepeatedViolations")
    until(lambda: here.find("pod", "sneaky") is None, 30, "the end of the pod")


def test_a_suspension_survives_deletion_and_re_creation(here: World, suspended: str) -> None:
    suspension = suspension_of(here, suspended)
    here.kubectl("delete", "gapp", suspended, "-n", here.namespace)
    here.apply(here.app(suspended))
    here.until_condition(suspended, "Suspended", "True", "RepeatedViolations")
    assert suspension_of(here, suspended) == suspension
    assert here.find("pod", suspended) is None


def test_a_stale_acknowledgement_in_git_neither_refuses_nor_resumes_a_re_created_app(
    here: World, suspended: str
) -> None:
    ended = suspension_of(here, suspended)["id"]
    in_git = here.app(suspended, acknowledgedSuspension=ended)
    here.apply(in_git)
    here.until_condition(suspended, "Suspended", "False", "Resumed")
    before = here.get(suspended)["metadata"]["uid"]
    here.kubectl("replace", "--force", "-f", "-", given=json.dumps(in_git))
    assert here.get(suspended)["metadata"]["uid"] != before
    here.until_pod(suspended)
    here.until_condition(suspended, "Suspended", "False", "Resumed")
    violate(here, suspended, 3)
    here.until_condition(suspended, "Suspended", "True", "RepeatedViolations")
    opened = suspension_of(here, suspended)["id"]
    assert opened != ended


def test_deleting_an_app_and_creating_it_with_the_id_of_its_suspension_does_not_resume_it(
    here: World, suspended: str
) -> None:
    opened = suspension_of(here, suspended)["id"]
    knowing = here.app(suspended, acknowledgedSuspension=opened)
    here.kubectl("replace", "--force", "-f", "-", given=json.dumps(knowing))
    here.until_judged(suspended)
    here.operator.kill()
    here.operator.start()
    until(here.operator.idle, 30, "an idle operator")
    here.until_condition(suspended, "Suspended", "True", "RepeatedViolations")
    assert here.find("pod", suspended) is None
    here.apply(here.app(suspended, acknowledgedSuspension=""))
    here.apply(knowing)
    here.until_condition(suspended, "Suspended", "False", "Resumed")
    here.until_pod(suspended)


def test_a_suspension_follows_the_code_to_another_name(here: World, suspended: str) -> None:
    same_code = here.get(suspended)["spec"]["code"]
    here.apply(here.app("alias", code=same_code))
    here.until_condition("alias", "Suspended", "True", "RepeatedViolations")
    assert here.find("pod", "alias") is None


def test_a_suspension_reaches_an_app_with_the_same_code_that_runs_already(here: World) -> None:
    code = {"language": "python", "source": {"inline": "# shared by two\n"}}
    here.apply(here.app("first", code=code), here.app("second", code=code))
    here.until_pod("second")
    violate(here, "first", 3)
    here.until_condition("second", "Suspended", "True", "RepeatedViolations")
    until(lambda: here.find("pod", "second") is None, 30, "the end of the other pod")
