# SPDX-License-Identifier: Apache-2.0
"""Objects that never work, or never rest, beside fifty that do: nobody waits for them."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from genapps.cluster.client import Client
from genapps.cluster.connection import from_kubeconfig
from tests.support.operator_process import World, budget, world
from tools.kubectl import Kubectl, KubectlError, until
from tools.node import Node

GOOD, FLOOD = 50, 2000
NAMES = "jsonpath={.items[*].metadata.name}"
CRD = "generatedapps.genapps.dev"


@pytest.fixture
def here(bare: Node, bare_kubectl: Kubectl, tmp_path: Path) -> Iterator[World]:
    with world(bare_kubectl, bare, tmp_path / "log") as made:
        yield made


def unparsable(here: World, name: str) -> None:
    """An app with a list for its tier, as another version of the CRD may have let it in."""
    known = json.loads(here.kubectl("get", "crd", CRD, "-o", "json"))
    path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/tier"
    tier = known["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["tier"]
    anything = {"x-kubernetes-preserve-unknown-fields": True}
    patch = [{"op": "replace", "path": path, "value": anything}]
    here.kubectl("patch", "crd", CRD, "--type=json", "-p", json.dumps(patch))

    def stored() -> bool:
        broken = here.app(name, tier=[1, 2])
        try:
            here.kubectl("create", "--validate=false", "-f", "-", given=json.dumps(broken))
        except KubectlError:
            return False
        return True

    try:
        until(stored, 30, "an app whose tier is a list")
    finally:
        patch[0]["value"] = tier
        here.kubectl("patch", "crd", CRD, "--type=json", "-p", json.dumps(patch))


def labelled(here: World, name: str) -> dict[str, Any]:
    """Nearly a mebibyte of labels and annotations."""
    app = here.app(name)
    prefix = ".".join(["x" * 60] * 4)
    app["metadata"]["labels"] = {f"{prefix}/{number:060}": "y" * 63 for number in range(2400)}
    app["metadata"]["annotations"] = {"note": "z" * 60_000}
    return app


def refused(here: World) -> list[dict[str, Any]]:
    """A budget whose claims are larger than the run namespace admits, and apps under it."""
    greedy = budget(f"{here.namespace}-greedy", here.run)
    greedy["spec"]["namespaces"] = [here.namespace]
    greedy["spec"]["tiers"]["small"]["state"]["claim"] = "9Gi"
    limits = [{"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}}]
    limit = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "small", "namespace": here.run}}
    apps = [here.app(f"refused-{number}", budget=greedy["metadata"]["name"]) for number in range(10)]
    return [greedy, {**limit, "spec": {"limits": limits}}, *apps]


def source(here: World, turn: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "flapping", "namespace": here.namespace, "labels": {"genapps.dev/source": "true"}},
        "data": {"app.py": f"# {turn}\n"} if turn % 2 else {},
    }


async def keep_on(stop: asyncio.Event, once: Callable[[int], Awaitable[object]], turns: int) -> None:
    for turn in range(turns):
        if stop.is_set():
            return
        await once(turn)


async def beside_poison(here: World) -> None:
    """Fifty apps are applied while objects flap and are flooded; returns when each has its pod."""
    stop = asyncio.Event()
    async with Client(from_kubeconfig(here.operator.kubeconfig), "tests") as client:

        async def touch(turn: int) -> None:
            flooded = here.app("flooded")
            flooded["metadata"]["annotations"] = {"turn": str(turn)}
            await client.apply(flooded)

        poison = [
            asyncio.create_task(keep_on(stop, lambda turn: client.apply(source(here, turn)), 10_000)),
            asyncio.create_task(keep_on(stop, touch, FLOOD)),
        ]
        good = [f"good-{number}" for number in range(GOOD)]
        await asyncio.gather(*(client.apply(here.app(name)) for name in good))
        names = {here.child(name) for name in good}

        def all_there() -> bool:
            return names <= set(here.kubectl("get", "pods", "-n", here.run, "-o", NAMES).split())

        await asyncio.to_thread(until, all_there, 120, "a pod of every good app")
        stop.set()
        await asyncio.gather(*poison)


def test_poisoned_objects_delay_no_other_app(here: World, bare: Node) -> None:
    unparsable(here, "unparsable")
    flapping = here.app(
        "flapping", code={"language": "python", "source": {"configMap": {"name": "flapping", "entry": "app.py"}}}
    )
    here.kubectl.apply(*refused(here), source(here, 0), flapping)

    async def apply_large() -> None:
        async with Client(from_kubeconfig(here.operator.kubeconfig), "tests") as client:
            await client.create(labelled(here, "labelled"))

    asyncio.run(apply_large())
    here.until_condition("refused-0", "Stalled", "True", "ChildRefused")
    asyncio.run(beside_poison(here))
    # As long as its schema refuses the object, the API server takes no status of it: then the log says so.
    assert "unparsable" in here.operator.log.read_text(encoding="utf-8")
    here.until_pod("labelled")
    until(lambda: here.operator.metric("workqueue_depth") == 0, 60, "an empty line")
    assert here.operator.get("/livez") == "ok"
