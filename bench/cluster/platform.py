# SPDX-License-Identifier: Apache-2.0
"""The local node with the chart installed, a namespace with a budget, and a load generator as a caller's pod."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field

from bench.apps import NAMESPACE, Manifest, app_budget
from bench.cluster.caller import caller
from bench.cluster.cleaning import cleaned
from bench.cluster.commands import module
from bench.figures import NotMeasuredError
from bench.load.generator import Generator
from bench.processes import REPOSITORY, until
from genapps.api.names import LABEL_APP_NAMESPACE, RUN_NAMESPACE, SYSTEM_NAMESPACE
from genapps.cluster.client import Client
from genapps.cluster.connection import from_kubeconfig
from genapps.cluster.resources import LEASE, POD, Object, Resource
from genapps.controller.process.leader_election import LEASE_NAME
from tools import helm, node
from tools.kubectl import Kubectl, condition
from tools.node.settings import Node


@dataclass(frozen=True, slots=True)
class Platform:
    """The platform under test. `run` makes the names of this run's apps differ from those of any other run."""

    node: Node
    client: Client
    kubectl: Kubectl
    generator: Generator
    images: dict[str, str]
    run: str
    running: list[Manifest] = field(default_factory=list)

    def name(self, purpose: str, number: int = 0) -> str:
        """An app name that nothing has had before: a name keeps its verdicts when its app is deleted."""
        return f"{purpose}-{self.run}-{number}"

    async def awaited(self, resource: Resource, stored: Object, state: str, deadline: float = 120.0) -> Object:
        """The object once its condition `state` is True. `stored`: as written, so that no event is missed.

        Raises RuntimeError with its last conditions when that does not come to be."""
        metadata, last = stored["metadata"], stored
        stream = self.client.watch(resource, metadata["namespace"], resource_version=metadata["resourceVersion"])
        with suppress(TimeoutError):
            async with asyncio.timeout(deadline), aclosing(stream):
                async for kind, changed in stream:
                    if changed["metadata"].get("name") != metadata["name"] or kind == "BOOKMARK":
                        continue
                    last = changed
                    if condition(changed, state).get("status") == "True":
                        return changed
        status = json.dumps(last.get("status"))
        raise RuntimeError(f"{metadata['name']}: not {state} within {deadline:.0f} s, its status was {status}")

    async def rest(self) -> None:
        """Suspend what runs and wait until its pods are gone: the next measurement has the node to itself."""
        for app in self.running:
            await self.client.apply({**app, "spec": {**app["spec"], "operatingMode": "Suspended"}})
        self.running.clear()
        selector = f"{LABEL_APP_NAMESPACE}={NAMESPACE}"

        async def quiet() -> bool:
            return not (await self.client.list(POD, RUN_NAMESPACE, selector=selector, at_least=None)).items

        await until(quiet, "the pods of suspended apps are gone", 120, 0.5)

    async def pod_of(self, component: str) -> Object:
        """A running pod of the gateway, or that of the operator which leads."""
        selector = f"app.kubernetes.io/component={component}"
        pods = await self.client.list(POD, SYSTEM_NAMESPACE, selector=selector, at_least=None)
        running = [pod for pod in pods.items if pod["status"].get("phase") == "Running"]
        if component == "operator":
            lease = await self.client.get(LEASE, SYSTEM_NAMESPACE, LEASE_NAME)
            uid = lease["spec"]["holderIdentity"].rpartition("_")[2]
            running = [pod for pod in running if pod["metadata"]["uid"] == uid]
        if not running:
            raise RuntimeError(f"no running pod of component {component}")
        return running[0]

    async def app_pod(self, child: str) -> Object:
        """The pod of an app."""
        return await self.client.get(POD, RUN_NAMESPACE, child)


@asynccontextmanager
async def platform() -> AsyncIterator[Platform]:
    """Node, images and chart as `make demo` has them; what the bench adds is gone afterwards."""
    if os.environ.get("CLUSTER", "local") != "local":
        raise NotMeasuredError("Kubernetes figures are measured on the local node only (CLUSTER=local)")
    if not node.node_is_up():
        await module("tools.node", "up")
    await module("tools.images")
    images: dict[str, str] = json.loads((REPOSITORY / "build" / "images.json").read_text())
    kubeconfig = node.kubeconfig()
    # Without the hourly check: its pod would start in the middle of a measurement.
    helm.install(kubeconfig, helm.values_for(images, fenceCheck={"enabled": False}))
    kubectl = Kubectl(node.kubectl_path(), kubeconfig)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(Client(from_kubeconfig(kubeconfig), "genapps-bench"))
        await stack.enter_async_context(cleaned(kubectl))
        kubectl.apply(namespace, app_budget())
        generator = await stack.enter_async_context(caller(kubectl, images["genapps"]))
        yield Platform(node.current(), client, kubectl, generator, images, secrets.token_hex(2))
