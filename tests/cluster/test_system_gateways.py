# SPDX-License-Identifier: Apache-2.0
"""Two gateways on the whole system: one of them can go, by order or without warning, and no app notices."""

import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from demo.callers import Pod
from tests.support.admission import CONNECTOR, changed
from tests.support.apps import SYSTEM_NAMESPACE, Manifest, app, child_of, ready, until_app
from tools.kubectl import Kubectl, condition, until

CALLING = """
    from genapps import app, tools, ToolError

    @app.get("/call")
    async def call(request):
        codes = []
        for _ in range(8):
            try:
                await tools.call("fx-rates", "latest")
            except ToolError as error:
                codes.append(error.code)
        return codes
"""
GATEWAYS = "app.kubernetes.io/component=gateway"
WITHDRAWN = "ConnectorUnavailable"
"""What the gateway says of a connector that is in the envelope, and not in the catalogue any more: nothing is counted
for it."""
LOST = {"GatewayUnavailable", "OutcomeUnknown"}
"""What a call may end as whose gateway is killed."""
CALLERS = 3


@pytest.fixture
def calling(installed: Kubectl, tenant: str) -> Manifest:
    """A ready app whose calls are all answered by the gateway, with a refusal."""
    fx_rates = changed(CONNECTOR, {"metadata.name": "fx-rates", "spec.namespaces": [tenant]})
    installed.apply(fx_rates)
    manifest = app("calling", tenant, CALLING, envelope={"connectors": ["fx-rates"]})
    ready(installed, manifest)
    installed("delete", "connector", "fx-rates")
    return until_app(installed, manifest, lambda seen: condition(seen, "EnvelopeValid")["reason"] == "ConnectorUnknown")


def gateways(kubectl: Kubectl) -> list[Manifest]:
    """The pods that are ready and not about to end."""
    return [
        pod
        for pod in kubectl.items("pods", "-n", SYSTEM_NAMESPACE, "-l", GATEWAYS)
        if "deletionTimestamp" not in pod["metadata"] and condition(pod, "Ready")["status"] == "True"
    ]


@contextmanager
def called(caller: Pod, found: Manifest, codes: Counter[str]) -> Iterator[None]:
    """Several callers ask the app without pause; what its calls ended as is in `codes`."""
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            reply = caller.request("GET", found["status"]["url"] + "/call", {}, None)
            codes.update(json.loads(reply.body) if reply.status == 200 else [f"{reply.status} {reply.body}"])

    threads = [threading.Thread(target=ask) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: codes.total() >= 8 * CALLERS, 60, "the first calls")
        yield
        enough = codes.total() + 2 * 8 * CALLERS
        until(lambda: codes.total() >= enough, 60, "calls after it")
    finally:
        done.set()
        for thread in threads:
            thread.join()


def unready_since(kubectl: Kubectl, found: Manifest) -> tuple[str, str, int]:
    """Uid, last change of readiness and restarts of the app's pod: when they are as before, it was ready throughout."""
    pod = child_of(kubectl, found, "pods")
    assert pod is not None
    assert condition(pod, "Ready")["status"] == "True"
    (container,) = pod["status"]["containerStatuses"]
    return pod["metadata"]["uid"], condition(pod, "Ready")["lastTransitionTime"], container["restartCount"]


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


def test_a_rolling_restart_of_the_gateways_loses_no_call_and_no_app(
    installed: Kubectl, calling: Manifest, caller: Pod
) -> None:
    codes: Counter[str] = Counter()
    before = unready_since(installed, calling)
    deployment = ("deployment/genapps-gateway", "-n", SYSTEM_NAMESPACE)
    old = {pod["metadata"]["uid"] for pod in gateways(installed)}
    with called(caller, calling, codes):
        installed("rollout", "restart", *deployment)
        installed("rollout", "status", *deployment, "--timeout=120s", timeout=150)
        until(lambda: _gone(installed, old), 90, "the end of the old gateways")
    assert set(codes) == {WITHDRAWN}
    assert unready_since(installed, calling) == before


def _gone(kubectl: Kubectl, uids: set[str]) -> bool:
    pods = kubectl.items("pods", "-n", SYSTEM_NAMESPACE, "-l", GATEWAYS)
    return not uids & {pod["metadata"]["uid"] for pod in pods}


@pytest.mark.parametrize("which", [0, 1])
def test_either_gateway_can_be_killed_during_calls(
    installed: Kubectl, calling: Manifest, caller: Pod, which: int
) -> None:
    until(lambda: len(gateways(installed)) == 2, 60, "two gateways")
    codes: Counter[str] = Counter()
    before = unready_since(installed, calling)
    victim = sorted(gateways(installed), key=lambda pod: str(pod["metadata"]["name"]))[which]
    with called(caller, calling, codes):
        kill(victim)
        until(lambda: len(gateways(installed)) == 2, 60, "two gateways again")
    assert WITHDRAWN in codes
    assert set(codes) <= {WITHDRAWN, *LOST}
    assert unready_since(installed, calling) == before
