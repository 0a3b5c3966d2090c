# SPDX-License-Identifier: Apache-2.0
"""How long the operator takes to end 1,000 apps that are deleted together: more pods than the local node has room for.

There is no kubelet. This code plays its part: it binds the pods to a node, so that the API server does not drop them
at once, and removes each as soon as its deletion is ordered. Of a real node the figure says nothing.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing, suppress

from bench.apps import NAMESPACE
from bench.cluster.burst import spread
from bench.cluster.control_plane import ControlPlane
from bench.cluster.deletion import PODS, count_down
from genapps.api.names import LABEL_APP, RUN_NAMESPACE
from genapps.cluster.client import Client
from genapps.cluster.connection import from_kubeconfig, open_session
from genapps.cluster.errors import NotFoundError
from genapps.cluster.resources import GENERATED_APP, POD, Object

_NODE = "genapps-bench"
_ENDING_SECONDS = 300.0


async def deletion_without_kubelet(plane: ControlPlane, client: Client, apps: int) -> float:
    """Seconds from the first delete to the end of the last pod object of so many of the apps that are there.

    The operator has to be at rest before, else what it still writes is measured too."""
    pods = (await client.list(POD, RUN_NAMESPACE, selector=PODS, at_least=None)).items[:apps]
    names = {pod["metadata"]["labels"][LABEL_APP] for pod in pods}
    if len(names) < apps:
        raise RuntimeError(f"{len(names)} apps have a pod, {apps} should be deleted")
    await bind(plane, pods)
    version = (await client.list(POD, RUN_NAMESPACE, metadata_only=True, at_least=None)).resource_version
    listing = await client.list(GENERATED_APP, NAMESPACE, metadata_only=True, at_least=None)
    chosen = [item["metadata"] for item in listing.items if item["metadata"]["name"] in names]

    async def delete(metadata: Object) -> None:
        await client.delete(GENERATED_APP, NAMESPACE, metadata["name"], uid=metadata["uid"])

    left = {pod["metadata"]["uid"] for pod in pods}
    started = time.monotonic()
    async with asyncio.timeout(_ENDING_SECONDS), asyncio.TaskGroup() as together:
        kubelet = together.create_task(remove_ending(client, version))
        together.create_task(spread(chosen, delete))
        await count_down(client, left, version)
        kubelet.cancel()
    return time.monotonic() - started


async def remove_ending(client: Client, version: str) -> None:
    """What a kubelet does when the containers of a pod have ended, at once and for all nodes. Until cancelled."""
    known: set[str] = set()

    async def remove(metadata: Object) -> None:
        # Somebody else's removal was quicker.
        with suppress(NotFoundError):
            await client.delete(POD, RUN_NAMESPACE, metadata["name"], uid=metadata["uid"], grace_seconds=0)

    stream = client.watch(POD, RUN_NAMESPACE, resource_version=version, selector=PODS, metadata_only=True)
    async with aclosing(stream) as events, asyncio.TaskGroup() as removals:
        async for kind, pod in events:
            metadata = pod["metadata"]
            if kind == "MODIFIED" and "deletionTimestamp" in metadata and metadata["uid"] not in known:
                known.add(metadata["uid"])
                removals.create_task(remove(metadata))


async def bind(plane: ControlPlane, pods: list[Object]) -> None:
    """As the scheduler would: a pod without a node is removed by the API server itself."""
    connection = from_kubeconfig(plane.node.kubeconfig)
    plane.kubectl.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": _NODE}})
    async with open_session(connection, "genapps-bench") as session:

        async def bind(pod: Object) -> None:
            binding = {
                "apiVersion": "v1",
                "kind": "Binding",
                "metadata": {"name": pod["metadata"]["name"]},
                "target": {"apiVersion": "v1", "kind": "Node", "name": _NODE},
            }
            path = f"{POD.path(RUN_NAMESPACE, pod['metadata']['name'])}/binding"
            async with session.post(connection.server + path, json=binding) as answer:
                answer.raise_for_status()

        await spread(pods, bind)
