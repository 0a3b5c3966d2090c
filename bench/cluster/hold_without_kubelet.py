# SPDX-License-Identifier: Apache-2.0
"""How long the operator takes to stop 500 apps by one AppHold: more pods than the local node has room for.

As with deletion, this code plays the kubelet, so the figure is the operator's and says nothing of a real node.
"""

from __future__ import annotations

import asyncio

from bench.apps import BUDGET
from bench.cluster.burst import burst, complete
from bench.cluster.control_plane import control_plane, operator_process
from bench.cluster.deletion import PODS
from bench.cluster.deletion_without_kubelet import bind, remove_ending
from bench.cluster.hold import hold_family
from bench.context import Context
from bench.figures import Figure, figure
from bench.processes import until
from genapps.api.names import LABEL_APP, RUN_NAMESPACE
from genapps.cluster.client import Client
from genapps.cluster.connection import from_kubeconfig
from genapps.cluster.resources import POD

_DEADLINE = 600.0
_FAMILY = f"{BUDGET}-held"


async def hold_without_kubelet(context: Context) -> list[Figure]:
    """One value each, on a control plane of its own, with an operator that has nothing else to do."""
    apps = context.amount(500, 20)
    async with (
        control_plane(context.cache) as plane,
        Client(from_kubeconfig(plane.node.kubeconfig), "genapps-bench") as client,
        operator_process(plane, context.work) as operator,
    ):
        await burst(client, apps, _DEADLINE, _FAMILY)
        await until(lambda: complete(client, apps), "every app has all its children", _DEADLINE, 0.5)
        await until(operator.idle, "the operator has nothing to do", _DEADLINE, 0.2)
        pods = (await client.list(POD, RUN_NAMESPACE, selector=PODS, at_least=None)).items
        await bind(plane, pods)
        await until(operator.idle, "the operator has nothing to do", _DEADLINE, 0.2)
        version = (await client.list(POD, RUN_NAMESPACE, metadata_only=True, at_least=None)).resource_version
        kubelet = asyncio.create_task(remove_ending(client, version))
        held = await hold_family(client, _FAMILY, {pod["metadata"]["labels"][LABEL_APP] for pod in pods})
        kubelet.cancel()
    return [
        figure("500 held, no real kubelet", "s", "kubernetes", [held.pods_gone]),
        figure("500 held: last pod ordered to end", "s", "kubernetes", [held.pods_ordered]),
        figure("500 held: last app Suspended", "s", "kubernetes", [held.suspended]),
        figure("500 held: the hold says so", "s", "kubernetes", [held.told]),
    ]
