# SPDX-License-Identifier: Apache-2.0
"""A second local node without kubelet and scheduler: the API server and the objects of many apps, but no pods.

The operator runs beside it as a process of the host, with the rights of its ServiceAccount, so that its CPU time and
memory can be read and its restart is exactly that.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import yaml

from bench.apps import NAMESPACE, Manifest, app_budget
from bench.cluster.commands import module
from bench.processes import REPOSITORY, answers, free_port, stopped, until
from genapps.api.names import GATEWAY_CA_CONFIGMAP, GATEWAY_CA_KEY, RUN_NAMESPACE, SYSTEM_NAMESPACE
from tools import helm, node
from tools.kubectl import Kubectl
from tools.node.settings import Node

_INDEX = int(os.environ.get("GENAPPS_BARE_NODE", "2"))
_STORAGE_CLASS = "genapps-bench-unbound"
# These need a kubelet.
_WITHOUT_KUBELET = {"Deployment", "Pod"}


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """`operator_kubeconfig` has a token of the operator's ServiceAccount."""

    node: Node
    kubectl: Kubectl
    operator_kubeconfig: Path


@asynccontextmanager
async def control_plane(cache: Path) -> AsyncIterator[ControlPlane]:
    """CRDs, rights, admission policies and namespaces of the chart; a budget; a class whose claims nobody binds."""
    own = Node(_INDEX, cache)
    environment = {"GENAPPS_NODE": str(_INDEX), "GENAPPS_CACHE": str(cache)}
    await module("tools.node", "up", "--fresh", "--without-kubelet", **environment)
    try:
        await module("tools.node", "stop", "scheduler", **environment)
        kubectl = Kubectl(node.kubectl_path(), own.kubeconfig)
        _install(kubectl)
        with tempfile.TemporaryDirectory() as private:
            yield ControlPlane(own, kubectl, _operator_kubeconfig(own, kubectl, Path(private)))
    finally:
        await module("tools.node", "down", **environment)


def _install(kubectl: Kubectl) -> None:
    rendered = helm.render(helm.values_for({"genapps": "none", "runtime": "none"}))
    manifests = [one for one in rendered if one["kind"] not in _WITHOUT_KUBELET and "helm.sh/hook" not in _notes(one)]
    namespaces = [_named("Namespace", name) for name in (SYSTEM_NAMESPACE, NAMESPACE)]
    first = [one for one in manifests if one["kind"] in {"CustomResourceDefinition", "Namespace"}]
    kubectl.apply(*namespaces, *first)
    kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    authority = _named("ConfigMap", GATEWAY_CA_CONFIGMAP, SYSTEM_NAMESPACE) | {"data": {GATEWAY_CA_KEY: "none"}}
    unbound = {
        **_named("StorageClass", _STORAGE_CLASS),
        "apiVersion": "storage.k8s.io/v1",
        "provisioner": "genapps.dev/none",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    kubectl.apply(*(one for one in manifests if one not in first), authority, unbound)
    kubectl.apply(app_budget())


def _named(kind: str, name: str, namespace: str | None = None) -> Manifest:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata}


def _notes(manifest: Manifest) -> Manifest:
    return dict(manifest["metadata"].get("annotations") or {})


def _operator_kubeconfig(own: Node, kubectl: Kubectl, folder: Path) -> Path:
    token = kubectl("create", "token", "genapps-operator", f"--namespace={SYSTEM_NAMESPACE}", "--duration=1h").strip()
    content = yaml.safe_load(own.kubeconfig.read_text(encoding="utf-8"))
    for user in content["users"]:
        user["user"] = {"token": token}
    path = folder / "operator.kubeconfig"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@dataclass(frozen=True, slots=True)
class OperatorProcess:
    """A running `genapps operator`. Unix times: `started` when the process began, `synced` when its caches were
    complete."""

    pid: int
    port: int
    started: float
    synced: float

    async def reconciled(self) -> int:
        """How many reconciliations it has finished; 0 while it does not answer yet."""
        return int(await self._sum("controller_runtime_reconcile_total"))

    async def idle(self) -> bool:
        """Whether nothing waits in its queue and no worker works."""
        return not await self._sum("workqueue_depth") + await self._sum("controller_runtime_active_workers")

    async def _sum(self, metric: str) -> float:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{self.port}/metrics") as got:
                lines = (await got.text()).splitlines()
        except aiohttp.ClientError:
            return 0.0
        return sum(float(line.split()[-1]) for line in lines if line.startswith((f"{metric}{{", f"{metric} ")))


@asynccontextmanager
async def operator_process(plane: ControlPlane, work: Path, **settings: str) -> AsyncIterator[OperatorProcess]:
    """One operator until the end of the context, with more environment variables; its log is `operator.log` in
    `work`."""
    port = free_port()
    environment = {
        **os.environ,
        "KUBECONFIG": str(plane.operator_kubeconfig),
        "GENAPPS_SYSTEM_NAMESPACE": SYSTEM_NAMESPACE,
        "GENAPPS_RUN_NAMESPACES": RUN_NAMESPACE,
        "GENAPPS_RUNTIME_IMAGE": "localhost/genapps-runtime:none",
        "GENAPPS_STORAGE_CLASS": _STORAGE_CLASS,
        "GENAPPS_WAIT_FOR_FIRST_CONSUMER": "true",
        "GENAPPS_HEALTH_PORT": str(port),
        "GENAPPS_IDENTITY": "bench",
        **settings,
    }
    command = str(Path(sys.executable).with_name("genapps"))
    with (work / "operator.log").open("ab") as log:
        started = time.time()
        process = await asyncio.create_subprocess_exec(
            *(command, "operator"),
            cwd=REPOSITORY,
            env=environment,
            stdout=log,
            stderr=log,
        )
        async with stopped(process):
            await until(
                lambda: answers(process, "operator", f"http://127.0.0.1:{port}/readyz"),
                f"the operator is ready (see {log.name})",
                60,
            )
            yield OperatorProcess(process.pid, port, started, time.time())
