"""The operator's own speed: many apps at once without pods, and a restart over all of them."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

from genapps.api.names import RUN_NAMESPACE
from genapps.cluster.client import Client
from genapps.cluster.connection import from_kubeconfig
from genapps.cluster.resources import (
    CLAIM,
    CONFIG_MAP,
    NETWORK_POLICY,
    POD,
    SERVICE,
    SERVICE_ACCOUNT,
    Resource,
)
from tests.bench.apps import ANSWERS, generated_app
from tests.bench.cluster.audit import AuditLog
from tests.bench.cluster.control_plane import ControlPlane, OperatorProcess, control_plane, operator_process
from tests.bench.context import Context
from tests.bench.figures import Figure, figure
from tests.bench.memory import cpu_seconds, rss_mebibytes
from tests.bench.processes import until

_OPERATOR = "genapps-operator"
_OURS = "app.kubernetes.io/managed-by=genapps"
_CHILDREN: dict[Resource, int] = {SERVICE_ACCOUNT: 1, CONFIG_MAP: 2, CLAIM: 1, NETWORK_POLICY: 1, SERVICE: 1, POD: 1}
_WRITERS = 16
_DEADLINE = 300.0
# Two sweeps: whatever would be written without need has had its chance.
_WATCHED_SECONDS = 22.0


async def reconcile(context: Context) -> list[Figure]:
    """From the first create to the last pod object, the creating client on the same cores; then a fresh operator
    process over the same apps, until it has judged each."""
    apps = context.amount(500, 20)
    async with (
        control_plane(context.cache) as plane,
        Client(from_kubeconfig(plane.node.kubeconfig), "genapps-bench") as client,
    ):
        log = AuditLog(plane.node.logs / "audit.log")
        async with operator_process(plane, context.work) as operator:
            before = cpu_seconds(operator.pid)
            seconds = await _burst(client, apps)
            await until(operator.idle, "the operator has nothing to do", _DEADLINE, 0.2)
            await until(lambda: _complete(client, apps), "every app has all its children", _DEADLINE, 0.5)
            used, resident = cpu_seconds(operator.pid) - before, rss_mebibytes(operator.pid)
        if len(log.writes(_OPERATOR)) < apps:
            raise RuntimeError(
                "the audit log does not show what the operator wrote: it cannot show that it wrote nothing"
            )
        synced, written = await _restarts(context, plane, apps)
    return [
        figure("reconciled without pods", "apps/s", "kubernetes", [apps / seconds]),
        figure(f"{apps} apps to their last child", "s", "kubernetes", [seconds]),
        figure("operator CPU per app", "ms", "kubernetes", [used / apps * 1000]),
        figure("operator with all these apps", "MiB RSS", "kubernetes", [resident]),
        figure("restart until all are judged", "s", "kubernetes", synced),
        figure("API writes of a restart", "writes", "kubernetes", [written]),
    ]


async def _burst(client: Client, apps: int) -> float:
    started = time.monotonic()
    pods = asyncio.ensure_future(_pods(client, apps, (await client.list(POD, RUN_NAMESPACE)).resource_version))
    names = iter(range(apps))

    async def write() -> None:
        for number in names:
            await client.apply(generated_app(f"many-{number:04}", ANSWERS))

    await asyncio.gather(*(write() for _ in range(_WRITERS)))
    await asyncio.wait_for(pods, _DEADLINE)
    return time.monotonic() - started


async def _pods(client: Client, expected: int, version: str) -> None:
    seen: set[str] = set()
    async with aclosing(client.watch(POD, RUN_NAMESPACE, resource_version=version, metadata_only=True)) as stream:
        async for kind, pod in stream:
            if kind == "ADDED":
                seen.add(pod["metadata"]["name"])
            if len(seen) == expected:
                return


async def _complete(client: Client, apps: int) -> bool:
    for resource, each in _CHILDREN.items():
        found = await client.list(resource, RUN_NAMESPACE, selector=_OURS, metadata_only=True)
        if len(found.items) < apps * each:
            return False
    return True


async def _restarts(context: Context, plane: ControlPlane, apps: int) -> tuple[list[float], int]:
    """Seconds of each restart until every app was judged, and what all of them wrote."""
    log = AuditLog(plane.node.logs / "audit.log")
    seconds = []
    for _ in range(context.amount(3, 1)):
        async with operator_process(plane, context.work) as operator:
            await until(lambda: _judged(operator, apps), "the restarted operator has judged every app", _DEADLINE)
            seconds.append(time.time() - operator.started)
            await asyncio.sleep(_WATCHED_SECONDS)
    written = log.writes(_OPERATOR)
    for write in written[:3]:
        context.note(f"a restart wrote: {write.what}")
    return seconds, len(written)


async def _judged(operator: OperatorProcess, apps: int) -> bool:
    return await operator.reconciled() >= apps and await operator.idle()
