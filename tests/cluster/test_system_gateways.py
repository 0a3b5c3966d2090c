# SPDX-License-Identifier: Apache-2.0
"""Two gateways on the whole system: one of them can go, by order or without warning. No app notices, and no Write of
its connector is carried out twice."""

import json
import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from demo.callers import Pod
from genapps.api.names import LABEL_CONTRACT, contract_name
from tests.support.apps import SYSTEM_NAMESPACE, Manifest, app, child_of, ready
from tests.support.payments import BANK, PAYING, Payments
from tests.support.services import start_service
from tools.kubectl import Kubectl, condition, until

GATEWAYS = "app.kubernetes.io/component=gateway"
WRITES = 1000
BETWEEN = 120
"""At most so many outcomes pass from the return of a gateway to the end of the next one."""


@pytest.fixture
def payments(installed: Kubectl, tenant: str, caller: Pod) -> Iterator[Payments]:
    """A ready app that pays by a connector to a Service of its namespace."""
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
    found = ready(installed, app("paying", tenant, PAYING, envelope={"connectors": ["bank"]}))
    bank = f"http://{installed.get('service', 'bank', tenant)['spec']['clusterIP']}/"
    first = f"{found['status']['url']}/pay?id=first"
    until(lambda: '"ok"' in caller.request("POST", first, {}, None).body, 60, "the way to the bank")
    yield Payments(installed, caller, found, bank)
    installed("delete", "connector", "bank")


def gateways(kubectl: Kubectl) -> list[Manifest]:
    """The pods that are ready and not about to end."""
    return [
        pod
        for pod in kubectl.items("pods", "-n", SYSTEM_NAMESPACE, "-l", GATEWAYS)
        if "deletionTimestamp" not in pod["metadata"] and condition(pod, "Ready").get("status") == "True"
    ]


def readiness(kubectl: Kubectl, found: Manifest) -> tuple[Any, ...]:
    """Since when app and pod are ready, the pod's uid and its restarts: when all is as before, both were throughout."""
    pod = child_of(kubectl, found, "pods")
    assert pod is not None
    app_now = kubectl.get("generatedapp", found["metadata"]["name"], found["metadata"]["namespace"])
    since = []
    for each in (app_now, pod):
        assert condition(each, "Ready")["status"] == "True"
        since.append(condition(each, "Ready")["lastTransitionTime"])
    return *since, pod["metadata"]["uid"], _restarts(pod)


def kill(pod: Manifest) -> None:
    """End the process of the pod's gateway without warning."""
    uid = pod["metadata"]["uid"]
    places = uid, uid.replace("-", "_")
    for process in Path("/proc").iterdir():
        try:
            words = (process / "cmdline").read_bytes().split(b"\0") if process.name.isdecimal() else []
            if b"gateway" in words and any(place in (process / "cgroup").read_text() for place in places):
                os.kill(int(process.name), signal.SIGKILL)
                return
        except OSError:
            continue
    raise AssertionError(f"no process of pod {pod['metadata']['name']}")


def delete(kubectl: Kubectl, pod: Manifest) -> None:
    """The same for its pod, which another one replaces."""
    kubectl("delete", "pod", pod["metadata"]["name"], "-n", SYSTEM_NAMESPACE, "--grace-period=0", "--force")


def _restarts(pod: Manifest) -> int:
    return sum(container["restartCount"] for container in pod["status"]["containerStatuses"])


def _is_made_up_for(kubectl: Kubectl, ended: Manifest) -> bool:
    """Two are ready, and the one that ended is none of them unless it has restarted."""
    found = gateways(kubectl)
    return len(found) == 2 and not any(
        pod["metadata"]["uid"] == ended["metadata"]["uid"] and _restarts(pod) == _restarts(ended) for pod in found
    )


@contextmanager
def noted(what: str) -> Iterator[None]:
    """What fails says that as well."""
    try:
        yield
    except AssertionError as error:
        error.add_note(what)
        raise


def _gone(kubectl: Kubectl, uids: set[str]) -> bool:
    pods = kubectl.items("pods", "-n", SYSTEM_NAMESPACE, "-l", GATEWAYS)
    return not uids & {pod["metadata"]["uid"] for pod in pods}


def test_a_rolling_restart_of_the_gateways_loses_no_call_and_no_app(installed: Kubectl, payments: Payments) -> None:
    before = readiness(installed, payments.app)
    deployment = ("deployment/genapps-gateway", "-n", SYSTEM_NAMESPACE)
    old = {pod["metadata"]["uid"] for pod in gateways(installed)}
    with payments.going_on():
        installed("rollout", "restart", *deployment)
        installed("rollout", "status", *deployment, "--timeout=120s", timeout=150)
        until(lambda: _gone(installed, old), 90, "the end of the old gateways")
    assert {*payments.told.values(), *payments.read.values()} == {"ok"}
    assert payments.failed == {}
    assert payments.wrong() == []
    assert readiness(installed, payments.app) == before


def test_either_gateway_can_be_killed_and_no_payment_is_made_twice(installed: Kubectl, payments: Payments) -> None:
    """At any moment of 1,000 Writes. Processes end first, then pods, so that no restart waits for its back-off."""
    seed = int(os.environ.get("GENAPPS_SEED") or random.randrange(10**6))
    moments = random.Random(seed)
    until(lambda: len(gateways(installed)) == 2, 60, "two gateways")
    before = readiness(installed, payments.app)
    with noted(f"GENAPPS_SEED={seed} ends gateways after as many payments"):
        with payments.going_on():
            for end in (kill, partial(delete, installed), kill):
                for victim in moments.sample(gateways(installed), 2):
                    payments.until_told(len(payments.told) + moments.randrange(BETWEEN))
                    end(victim)
                    until(partial(_is_made_up_for, installed, victim), 90, "two gateways again")
            payments.until_told(WRITES)
        assert payments.wrong() == []
        assert Counter(payments.told.values())["ok"] > WRITES * 0.9
        assert readiness(installed, payments.app) == before


def _calls(kubectl: Kubectl, connector: str) -> int:
    return int(kubectl.get("connector", connector)["status"].get("calls", 0))


def test_a_tool_that_its_team_renames_is_withdrawn_and_nobody_is_blamed(installed: Kubectl, payments: Payments) -> None:
    found = payments.app["metadata"]
    before = installed.get("generatedapp", found["name"], found["namespace"])["status"]["connectors"]
    assert [each["state"] for each in before] == ["Granted"]
    until(lambda: _calls(installed, "bank") > 0, 60, "the first calls in the status of the connector")
    renamed = [{"op": "replace", "path": "/spec/tools/0/name", "value": "transfer"}]
    installed("patch", "connector", "bank", "--type=json", "-p", json.dumps(renamed))
    pay = f"{payments.app['status']['url']}/pay?id=renamed"

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
