# SPDX-License-Identifier: Apache-2.0
"""Two gateways on the whole system: one of them can go, by order or without warning. No app notices, and no Write of
its connector is carried out twice."""

import itertools
import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from demo.callers import Pod
from genapps.api.names import LABEL_CONTRACT, contract_name
from tests.support.apps import SYSTEM_NAMESPACE, Manifest, app, child_of, ready
from tests.support.services import start_service
from tools.kubectl import Kubectl, condition, until

PAYING = """
    from genapps import app, tools, ToolError

    @app.post("/pay")
    async def pay(request):
        outcomes = {}
        for number in range(8):
            payment = f"{request.query['id']}-{number}"
            try:
                await tools.call("bank", "pay", id=payment)
                outcomes[payment] = "ok"
            except ToolError as error:
                outcomes[payment] = error.code
        return outcomes
"""
BANK = """
import json, time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
made = Counter()
class Bank(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_POST(self):
        made[json.loads(self.rfile.read(int(self.headers["content-length"])))["id"]] += 1
        time.sleep(0.02)
        self.answer(None)
    def do_GET(self):
        self.answer(made)
    def log_message(self, *_):
        pass
ThreadingHTTPServer(("", 8000), Bank).serve_forever()
"""
GATEWAYS = "app.kubernetes.io/component=gateway"
MAY_BE_MADE = "OutcomeUnknown"
NOT_MADE = "GatewayUnavailable"
CALLERS = 3
ENOUGH = 8 * CALLERS * 3


@dataclass
class Payments:
    """What the app was told of each payment, and how often the bank made it."""

    kubectl: Kubectl
    caller: Pod
    app: Manifest
    bank: str
    told: dict[str, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _done: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Several callers ask without pause, also for a while after what happens meanwhile."""
        threads = [threading.Thread(target=self._ask) for _ in range(CALLERS)]
        for thread in threads:
            thread.start()
        try:
            until(lambda: len(self.told) >= ENOUGH, 90, "the first payments")
            yield
            enough = len(self.told) + ENOUGH
            until(lambda: len(self.told) >= enough, 90, "payments after it")
        finally:
            self._done.set()
            for thread in threads:
                thread.join()

    def made(self) -> Counter[str]:
        return Counter(json.loads(self.caller.request("GET", self.bank, {}, None).body))

    def _ask(self) -> None:
        while not self._done.is_set():
            number = next(self._numbers)
            reply = self.caller.request("POST", f"{self.app['status']['url']}/pay?id={number}", {}, None)
            self.told |= (
                json.loads(reply.body) if reply.status == 200 else {str(number): f"{reply.status} {reply.body}"}
            )


@pytest.fixture
def payments(installed: Kubectl, tenant: str, caller: Pod) -> Iterator[Payments]:
    """A ready app that pays by a connector to a Service of its namespace."""
    start_service(installed, tenant, "bank", BANK)
    connector = {
        "type": "HTTP",
        "endpoint": {"service": {"namespace": tenant, "name": "bank", "port": 80}},
        "namespaces": [tenant],
        "tools": [
            {
                "name": "pay",
                "method": "POST",
                "path": "/pay",
                "effect": "Write",
                "input": {
                    "type": "object",
                    "required": ["id"],
                    "additionalProperties": False,
                    "properties": {"id": {"type": "string", "maxLength": 20}},
                },
            }
        ],
    }
    faster = {"spec": {"tiers": {"small": {"callsPerMinute": 60000}}}}
    installed("patch", "appbudget", tenant, "--type=merge", "-p", json.dumps(faster))
    installed.apply(
        {"apiVersion": "genapps.dev/v1alpha1", "kind": "Connector", "metadata": {"name": "bank"}, "spec": connector},
    )
    found = ready(installed, app("paying", tenant, PAYING, envelope={"connectors": ["bank"]}))
    bank = f"http://{installed.get('service', 'bank', tenant)['spec']['clusterIP']}/"
    pay = f"{found['status']['url']}/pay?id=first"
    until(lambda: '"ok"' in caller.request("POST", pay, {}, None).body, 60, "the way to the bank")
    yield Payments(installed, caller, found, bank)
    installed("delete", "connector", "bank")


def gateways(kubectl: Kubectl) -> list[Manifest]:
    """The pods that are ready and not about to end."""
    return [
        pod
        for pod in kubectl.items("pods", "-n", SYSTEM_NAMESPACE, "-l", GATEWAYS)
        if "deletionTimestamp" not in pod["metadata"] and condition(pod, "Ready")["status"] == "True"
    ]


def readiness(kubectl: Kubectl, found: Manifest) -> tuple[str, str, int]:
    """Uid, last change of readiness and restarts of the app's pod: when they are as before, it was ready throughout."""
    pod = child_of(kubectl, found, "pods")
    assert pod is not None
    assert condition(pod, "Ready")["status"] == "True"
    return pod["metadata"]["uid"], condition(pod, "Ready")["lastTransitionTime"], _restarts(pod)


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


def _restarts(pod: Manifest) -> int:
    return sum(container["restartCount"] for container in pod["status"]["containerStatuses"])


def _is_back(kubectl: Kubectl, killed: Manifest) -> bool:
    """Not before its death was noticed: until then it counts as ready."""
    return any(
        pod["metadata"]["uid"] == killed["metadata"]["uid"] and _restarts(pod) > _restarts(killed)
        for pod in gateways(kubectl)
    )


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
    assert set(payments.told.values()) == {"ok"}
    made = payments.made()
    assert {made[payment] for payment in payments.told} == {1}
    assert readiness(installed, payments.app) == before


def test_either_gateway_can_be_killed_and_no_payment_is_made_twice(installed: Kubectl, payments: Payments) -> None:
    until(lambda: len(gateways(installed)) == 2, 60, "two gateways")
    before = readiness(installed, payments.app)
    with payments.going_on():
        for victim in gateways(installed):
            kill(victim)
            until(partial(_is_back, installed, victim), 90, "the gateway that was killed")
    made = payments.made()
    times = {"ok": {1}, NOT_MADE: {0}, MAY_BE_MADE: {0, 1}}
    wrong = {payment: (told, made[payment]) for payment, told in payments.told.items()
             if made[payment] not in times.get(told, set())}  # fmt: skip
    assert not wrong, json.dumps(wrong, indent=1)
    assert "ok" in payments.told.values()
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

    def told() -> set[str]:
        return set(json.loads(payments.caller.request("POST", pay, {}, None).body).values())

    until(lambda: told() == {"ToolWithdrawn"}, 30, "the gateways to know of the new name")

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
