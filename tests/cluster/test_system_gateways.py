# SPDX-License-Identifier: Apache-2.0
"""Two gateways on the whole system: one of them can go, by order or without warning. No app notices, and no Write of
their connector is carried out twice."""

import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from demo.callers import Pod
from genapps.api.names import LABEL_CONTRACT, contract_name
from tests.support.apps import RUN_NAMESPACE, SYSTEM_NAMESPACE, Manifest, app, child_of, pod_of, ready
from tests.support.gateway_losses import Loss, cut_off, delete, gateways, hang, kill, pods, restarts
from tests.support.payments import BANK, PAYING, PAYING_JS, Payments
from tests.support.services import start_service
from tools.kubectl import Kubectl, condition, until

LONG = "GENAPPS_CALLS" in os.environ
WRITES = int(os.environ.get("GENAPPS_CALLS", "500"))
LOSSES: tuple[Loss, ...] = (kill, hang, delete, cut_off) + (kill,) * LONG
BETWEEN = 60
"""At most so many outcomes pass from the return of a gateway to the loss of the next one."""
READY = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}{"\\n"}'


@pytest.fixture
def payments(installed: Kubectl, tenant: str, caller: Pod) -> Iterator[Payments]:
    """Two ready apps, one of each language, that pay by a connector to a Service of their namespace."""
    start_service(installed, tenant, "bank", BANK)
    of_one = {
        "type": "object",
        "required": ["id"],
        "additionalProperties": False,
        "properties": {"id": {"type": "string", "maxLength": 20}},
    }
    pay = {"name": "pay", "method": "POST", "path": "/", "effect": "Write", "input": of_one}
    connector = {
        "type": "HTTP",
        "endpoint": {"service": {"namespace": tenant, "name": "bank", "port": 80}},
        "namespaces": [tenant],
        "limits": {"callsPerMinute": 60000, "perApp": {"callsPerMinute": 60000}},
        "tools": [
            pay,
            pay | {"name": "pay-once", "idempotency": "Key"},
            {"name": "made", "method": "GET", "path": "/{id}", "effect": "Read", "input": of_one},
        ],
    }
    faster = {"spec": {"tiers": {"small": {"callsPerMinute": 60000, "toolCallsPerAction": 32}}}}
    installed("patch", "appbudget", tenant, "--type=merge", "-p", json.dumps(faster))
    installed.apply(
        {"apiVersion": "genapps.dev/v1alpha1", "kind": "Connector", "metadata": {"name": "bank"}, "spec": connector},
    )
    granted: dict[str, Any] = {"envelope": {"connectors": ["bank"]}, "workloadClass": "batch"}
    paying = app("paying", tenant, PAYING, **granted)
    in_javascript = app("paying-js", tenant, PAYING_JS, **granted)
    in_javascript["spec"]["code"]["language"] = "javascript"
    apps = tuple(ready(installed, each) for each in (paying, in_javascript))
    bank = f"http://{installed.get('service', 'bank', tenant)['spec']['clusterIP']}/"
    for each in apps:
        first = f"{each['status']['url']}/pay?id=first-{each['metadata']['name']}"
        until(lambda: '"ok"' in caller.request("POST", first, {}, None).body, 60, "the way to the bank")  # noqa: B023
    yield Payments(installed, caller, apps, bank)
    installed("delete", "connector", "bank")


def readiness(kubectl: Kubectl, found: Manifest) -> tuple[Any, ...]:
    """Since when app and pod are ready, the pod's uid and its restarts: when all is as before, both were throughout."""
    pod = child_of(kubectl, found, "pods")
    assert pod is not None
    app_now = kubectl.get("generatedapp", found["metadata"]["name"], found["metadata"]["namespace"])
    since = []
    for each in (app_now, pod):
        assert condition(each, "Ready")["status"] == "True"
        since.append(condition(each, "Ready")["lastTransitionTime"])
    return *since, pod["metadata"]["uid"], restarts(pod)


@contextmanager
def noted(what: str) -> Iterator[None]:
    """What fails says that as well."""
    try:
        yield
    except AssertionError as error:
        error.add_note(what)
        raise


@contextmanager
def always_ready(payments: Payments) -> Iterator[None]:
    """Each app, and its pod, are watched meanwhile: no change says anything else, and none was missed, for nothing has
    turned since."""
    kubectl = payments.kubectl
    before = [readiness(kubectl, each) for each in payments.apps]
    with ExitStack() as watching:
        seen = [
            watching.enter_context(kubectl.watching(kind, name, "-n", namespace, "-o", READY))
            for each in payments.apps
            for kind, name, namespace in (
                ("generatedapp", each["metadata"]["name"], each["metadata"]["namespace"]),
                ("pod", pod_of(kubectl, each)["metadata"]["name"], RUN_NAMESPACE),
            )
        ]
        yield
    assert [set(each) for each in seen] == [{"True"}] * len(seen)
    assert [readiness(kubectl, each) for each in payments.apps] == before


def test_a_rolling_restart_of_the_gateways_loses_no_call_and_no_app(installed: Kubectl, payments: Payments) -> None:
    deployment = ("deployment/genapps-gateway", "-n", SYSTEM_NAMESPACE)
    old = {pod["metadata"]["uid"] for pod in gateways(installed)}
    with always_ready(payments), payments.going_on():
        installed("rollout", "restart", *deployment)
        installed("rollout", "status", *deployment, "--timeout=120s", timeout=150)
        until(lambda: not old & {pod["metadata"]["uid"] for pod in pods(installed)}, 90, "the end of the old gateways")
    assert {*payments.told.values(), *payments.read.values()} == {"ok"}
    assert payments.failed == {}
    assert payments.wrong() == []


def test_either_gateway_can_be_lost_and_no_payment_is_made_twice(installed: Kubectl, payments: Payments) -> None:
    """At any moment of many calls. No process ends twice within its back-off."""
    seed = int(os.environ.get("GENAPPS_SEED") or random.randrange(10**6))
    moments = random.Random(seed)
    until(lambda: len(gateways(installed)) == 2, 60, "two gateways")
    with noted(f"GENAPPS_SEED={seed} loses gateways after as many payments"):
        with always_ready(payments), payments.going_on():
            for lose in LOSSES:
                for victim in moments.sample(gateways(installed), 2 if LONG else 1):
                    payments.until_told(len(payments.told) + moments.randrange(BETWEEN))
                    lose(installed, victim, payments.all_succeed)
            payments.until_told(WRITES)
        assert payments.wrong() == []
        assert Counter(payments.told.values())["ok"] > WRITES * 0.9


def _calls(kubectl: Kubectl, connector: str) -> int:
    return int(kubectl.get("connector", connector)["status"].get("calls", 0))


def test_a_tool_that_its_team_renames_is_withdrawn_and_nobody_is_blamed(installed: Kubectl, payments: Payments) -> None:
    found = payments.apps[0]["metadata"]
    before = installed.get("generatedapp", found["name"], found["namespace"])["status"]["connectors"]
    assert [each["state"] for each in before] == ["Granted"]
    until(lambda: _calls(installed, "bank") > 0, 60, "the first calls in the status of the connector")
    renamed = [{"op": "replace", "path": "/spec/tools/0/name", "value": "transfer"}]
    installed("patch", "connector", "bank", "--type=json", "-p", json.dumps(renamed))
    pay = f"{payments.apps[0]['status']['url']}/pay?id=renamed"

    def told() -> Counter[str]:
        return Counter(json.loads(payments.caller.request("POST", pay, {}, None).body).values())

    until(lambda: told() == {"ToolWithdrawn": 12, "ok": 15}, 30, "the gateways to know of the new name")

    def seen() -> Manifest:
        return installed.get("generatedapp", found["name"], found["namespace"])

    until(lambda: seen()["status"]["connectors"][0]["state"] == "Changed", 30, "the operator to tell of it")
    (after,) = seen()["status"]["connectors"]
    assert after["contractDigest"] != before[0]["contractDigest"]
    assert "violations" not in seen()["status"]
    assert condition(seen(), "Suspended")["status"] == "False"
    stored = installed.items("configmaps", "-n", SYSTEM_NAMESPACE, "-l", LABEL_CONTRACT)
    names = {each["metadata"]["name"] for each in stored}
    assert {contract_name(each["contractDigest"]) for each in (after, *before)} <= names
