# SPDX-License-Identifier: Apache-2.0
"""Drains as administrators do them: no `--force`, every app comes back, and its state with it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from demo.callers import Pod
from tests.support.apps import SYSTEM_NAMESPACE, Manifest, app, child_of, is_true, ready, until_app
from tools.kubectl import Kubectl

COUNTER = """
    from genapps import app, state

    @app.post("/count")
    async def count(request):
        value = await state.get("count", 0) + 1
        await state.put("count", value)
        return {"count": value}
"""
APPS = "app.kubernetes.io/managed-by=genapps"
PLATFORM_AND_APPS = "app.kubernetes.io/managed-by"


def count(caller: Pod, found: Manifest) -> int:
    reply = caller.request("POST", found["status"]["url"] + "/count", {}, None)
    return int(json.loads(reply.body)["count"])


@contextmanager
def drained(kubectl: Kubectl, selector: str) -> Iterator[None]:
    """The only node without the pods of that selector; it takes pods again afterwards."""
    (node,) = (found["metadata"]["name"] for found in kubectl.items("nodes"))
    try:
        chosen = ("--ignore-daemonsets", "--delete-emptydir-data", f"--pod-selector={selector}")
        kubectl("drain", node, *chosen, "--timeout=90s", timeout=120)
        yield
    finally:
        kubectl("uncordon", node)


def uids(kubectl: Kubectl, apps: list[Manifest]) -> set[str]:
    return {pod["metadata"]["uid"] for found in apps if (pod := child_of(kubectl, found, "pods"))}


def test_a_drain_of_the_apps_needs_no_force_and_their_state_comes_back(
    installed: Kubectl, tenant: str, caller: Pod
) -> None:
    apps = [ready(installed, app(name, tenant, COUNTER)) for name in ("one", "two", "three")]
    assert [count(caller, found) for found in apps] == [1, 1, 1]
    before = uids(installed, apps)
    with drained(installed, APPS):
        assert not before & uids(installed, apps), "the drain has ended, so their pods have gone"
    for found in apps:
        again = until_app(installed, found, lambda seen: is_true("Ready")(seen) and moved(installed, seen, before))
        assert count(caller, again) == 2


def moved(kubectl: Kubectl, found: Manifest, before: set[str]) -> bool:
    pod = child_of(kubectl, found, "pods")
    return pod is not None and pod["metadata"]["uid"] not in before


@contextmanager
def one_of_each(kubectl: Kubectl) -> Iterator[None]:
    """One operator and one gateway; as many as before afterwards. With two, the second one of each would wait for the
    first one to be ready elsewhere, and there is no other node."""
    names = ("genapps-operator", "genapps-gateway")
    deployments = {name: kubectl.get("deployment", name, SYSTEM_NAMESPACE)["spec"]["replicas"] for name in names}
    where = ("-n", SYSTEM_NAMESPACE)
    try:
        for name in deployments:
            kubectl("scale", f"deployment/{name}", *where, "--replicas=1")
        yield
    finally:
        for name, replicas in deployments.items():
            kubectl("scale", f"deployment/{name}", *where, f"--replicas={replicas}")
        for name in deployments:
            kubectl("rollout", "status", f"deployment/{name}", *where, "--timeout=120s", timeout=150)


def test_a_drain_of_everything_with_one_operator_ends_with_every_app_ready(installed: Kubectl, tenant: str) -> None:
    apps = [ready(installed, app(name, tenant, COUNTER)) for name in ("one", "two")]
    before = uids(installed, apps)
    with one_of_each(installed):
        with drained(installed, PLATFORM_AND_APPS):
            assert not before & uids(installed, apps)
        for found in apps:
            until_app(
                installed, found, lambda seen: is_true("Ready")(seen) and moved(installed, seen, before), seconds=180
            )


def test_each_pod_of_an_app_has_its_service_account_as_controller(installed: Kubectl, tenant: str) -> None:
    found = ready(installed, app("owned", tenant, COUNTER))
    pod, account = child_of(installed, found, "pods"), child_of(installed, found, "serviceaccounts")
    assert pod is not None
    assert account is not None
    (owner,) = pod["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("ServiceAccount", account["metadata"]["uid"], True)
    for kind in ("persistentvolumeclaims", "networkpolicies", "services"):
        child = child_of(installed, found, kind)
        assert child is not None
        assert "ownerReferences" not in child["metadata"]
