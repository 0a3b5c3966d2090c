# SPDX-License-Identifier: Apache-2.0
"""200 apps on an API server without kubelet: a restarted operator judges them all and writes nothing."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from genapps.cluster.client import Client
from genapps.cluster.connection import from_kubeconfig
from tests.support.operator_process import World, world
from tools.kubectl import Kubectl, until
from tools.node import Node

APPS = 200
KINDS = "pods,services,configmaps,serviceaccounts,persistentvolumeclaims,networkpolicies,endpointslices"


@pytest.fixture(scope="module")
def here(bare: Node, bare_kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    log = tmp_path_factory.mktemp("operator") / "log"
    with world(bare_kubectl, bare, log) as made:
        yield made


@pytest.fixture(scope="module")
def many(here: World) -> World:
    """200 apps with all their children; every second one answers."""
    asyncio.run(apply(here, [here.app(f"app-{number}") for number in range(APPS)]))
    until(lambda: len(pods(here)) == APPS, 120, "all pods")
    asyncio.run(apply(here, [ready_pod(here, number) for number in range(0, APPS, 2)], "status"))
    until(lambda: ready(here) == APPS // 2, 120, "every second app ready")
    # A pod without a node is reported as such after a while: the last thing that time alone changes.
    until(lambda: stalled(here) == APPS // 2, 60, "the others reported as unschedulable")
    until(here.operator.idle, 60, "an idle operator")
    return here


async def apply(here: World, manifests: list[dict[str, Any]], subresource: str | None = None) -> None:
    """All at once: kubectl takes its time with so many."""
    async with Client(from_kubeconfig(here.operator.kubeconfig), "tests") as client:
        await asyncio.gather(*(client.apply(manifest, subresource=subresource) for manifest in manifests))


def ready_pod(here: World, number: int) -> dict[str, Any]:
    """What a kubelet would say of an app's pod."""
    status = {
        "phase": "Running",
        "podIP": f"10.9.{number // 100}.{number % 100 + 1}",
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    metadata = {"name": here.child(f"app-{number}"), "namespace": here.run}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": status}


def pods(here: World) -> list[str]:
    return here.kubectl("get", "pods", "-n", here.run, "-o", "name").split()


def ready(here: World) -> int:
    return _with_condition(here, "Ready")


def stalled(here: World) -> int:
    return _with_condition(here, "Stalled")


def _with_condition(here: World, kind: str) -> int:
    path = f'{{range .items[*]}}{{.status.conditions[?(@.type=="{kind}")].status}} {{end}}'
    return here.kubectl("get", "gapp", "-n", here.namespace, "-o", f"jsonpath={path}").split().count("True")


def versions(here: World) -> dict[str, str]:
    """What every write of the operator would move."""
    found = {}
    wanted = ((KINDS, here.run), ("gapp", here.namespace), ("apprecords", here.system), ("events", here.namespace))
    for kinds, namespace in wanted:
        for item in json.loads(here.kubectl("get", kinds, "-n", namespace, "-o", "json"))["items"]:
            metadata = item["metadata"]
            # The scheduler writes the status of pods; an operator's write would move uid, generation or labels.
            version = metadata["resourceVersion"]
            if item["kind"] == "Pod":
                version = f"{metadata['uid']} {metadata.get('generation')} {metadata['labels']}"
            found[f"{item['kind']}/{metadata['namespace']}/{metadata['name']}"] = version
    return found


def test_a_restart_with_200_apps_writes_nothing(many: World) -> None:
    before, written = versions(many), len(many.writes())
    assert len(before) > APPS * 8
    assert many.operator.stop() == 0
    many.operator.start()
    reconciled = "controller_runtime_reconcile_total"
    until(lambda: many.operator.metric(reconciled) >= APPS and many.operator.idle(), 120, "200 reconciliations")
    until(lambda: many.operator.metric("genapps_sweeps_total") >= 2 and many.operator.idle(), 30, "two sweeps")
    assert many.writes()[written:] == []
    assert versions(many) == before


def test_applying_everything_again_changes_nothing(many: World) -> None:
    """The slow sweep for drift that no digest shows: its applies find everything as it should be."""
    before, written = versions(many), len(many.writes())
    assert many.operator.stop() == 0
    many.operator.environment["GENAPPS_FORCED_APPLY_SECONDS"] = "10"
    many.operator.start()
    until(lambda: len(many.writes()) > written + 100, 60, "forced applies")
    del many.operator.environment["GENAPPS_FORCED_APPLY_SECONDS"]
    assert many.operator.stop() == 0
    assert {verb for verb, _, _ in many.writes()[written:]} == {"patch"}
    assert versions(many) == before
    many.operator.start()


def test_a_kill_during_the_work_leaves_nothing_half_done(many: World) -> None:
    changed = [f"app-{number}" for number in range(1, APPS, 40)]
    for name in changed:
        patch = {"spec": {"code": {"source": {"inline": f"# {name} changed\n"}}}}
        many.kubectl("patch", "gapp", name, "-n", many.namespace, "--type=merge", "-p", json.dumps(patch))
        many.operator.kill()
        many.operator.start()
    until(many.operator.idle, 120, "an idle operator")
    for name in changed:
        pod = many.until_pod(name)
        snapshots = many.snapshots(name)
        mounted = {v["configMap"]["name"] for v in pod["spec"]["volumes"] if "configMap" in v}
        assert len(snapshots) == 4, "those of the revision before are kept"
        assert len(mounted.intersection(snapshots)) == 2
        record = many.record(name)
        assert record is not None
        assert record["pod"]["uid"] == pod["metadata"]["uid"]
