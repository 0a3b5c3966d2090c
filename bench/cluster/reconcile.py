# SPDX-License-Identifier: Apache-2.0
"""The operator's own speed: many apps at once without pods, a restart over all of them, and what they cost at rest."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from bench.cluster.audit import AuditLog
from bench.cluster.burst import burst, complete, floor
from bench.cluster.control_plane import ControlPlane, OperatorProcess, control_plane, operator_process
from bench.cluster.deletion_without_kubelet import deletion_without_kubelet
from bench.context import Context
from bench.figures import Figure, figure, peer
from bench.memory import cpu_seconds, rss_mebibytes
from bench.processes import until
from genapps.cluster.client import Client
from genapps.cluster.connection import from_kubeconfig

_OPERATOR = "genapps-operator"
_DEADLINE = 600.0
# Two sweeps: whatever would be written without need has had its chance.
_WATCHED_SECONDS = 22.0
_RESTING_SECONDS = 60.0
_SETTLING_SECONDS = 5.0
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class _Burst:
    """`seconds` to the last pod object; CPU seconds, MiB and writes of the operator for all apps together."""

    seconds: float
    cpu: float
    resident: float
    writes: int


async def reconcile(context: Context) -> list[Figure]:
    """500 and 2,000 apps, each on a control plane of its own, from the first create to the last pod object.

    The creating client runs on the same cores. Then a new operator process over the same apps, until it has judged
    each; and half of the 2,000 are deleted together, on a node that this process plays.
    """
    few, many = context.amount(500, 20), context.amount(2000, 40)
    async with (
        control_plane(context.cache) as plane,
        Client(from_kubeconfig(plane.node.kubeconfig), "genapps-bench") as client,
    ):
        first = await _measured(context, plane, client, few)
        resting = await _resting(context, plane, few)
        bare = await floor(client, few)
    async with (
        control_plane(context.cache) as plane,
        Client(from_kubeconfig(plane.node.kubeconfig), "genapps-bench") as client,
    ):
        second = await _measured(context, plane, client, many)
        synced, judged, written = await _restarts(context, plane, many)
        ended = await _ended(context, plane, client, many)
    return [
        figure("reconciled without pods", "apps/s", "kubernetes", [few / first.seconds]),
        figure("500 apps to their last child", "s", "kubernetes", [first.seconds], peer("bare client", [bare])),
        figure("2,000 apps to their last child", "s", "kubernetes", [second.seconds]),
        figure("API writes per app, no pods run", "writes", "kubernetes", [first.writes / few]),
        figure("operator CPU/app, 500 apps", "ms", "kubernetes", [first.cpu / few * 1000]),
        figure("operator CPU/app, 2,000 apps", "ms", "kubernetes", [second.cpu / many * 1000]),
        figure("operator with 500 apps", "MiB RSS", "kubernetes", [first.resident]),
        figure("operator with 2,000 apps", "MiB RSS", "kubernetes", [second.resident]),
        figure("restart with 2,000: synced", "s", "kubernetes", synced),
        figure("restart with 2,000: all judged", "s", "kubernetes", judged),
        figure("API writes of a restart", "writes", "kubernetes", [written]),
        figure("at rest: API calls/app and hour", "calls", "kubernetes", [resting]),
        figure("1,000 deleted, no real kubelet", "s", "kubernetes", [ended]),
    ]


async def _measured(context: Context, plane: ControlPlane, client: Client, apps: int) -> _Burst:
    log = AuditLog(plane.node.logs / "audit.log")
    async with operator_process(plane, context.work) as operator:
        before = cpu_seconds(operator.pid)
        seconds = await burst(client, apps, _DEADLINE)
        await until(operator.idle, "the operator has nothing to do", _DEADLINE, 0.2)
        await until(lambda: complete(client, apps), "every app has all its children", _DEADLINE, 0.5)
        used, resident = cpu_seconds(operator.pid) - before, rss_mebibytes(operator.pid)
    writes = len(log.writes(_OPERATOR))
    if writes < apps:
        raise RuntimeError("the audit log does not show what the operator wrote: it cannot show that it wrote nothing")
    return _Burst(seconds, used, resident, writes)


async def _restarts(context: Context, plane: ControlPlane, apps: int) -> tuple[list[float], list[float], int]:
    """Seconds of each restart until its caches were complete and until every app was judged; all that they wrote."""
    log = AuditLog(plane.node.logs / "audit.log")
    synced, judged = [], []
    for _ in range(context.amount(3, 1)):
        async with operator_process(plane, context.work) as operator:
            synced.append(operator.synced - operator.started)
            await until(lambda: _judged(operator, apps), "the restarted operator has judged every app", _DEADLINE)
            judged.append(time.time() - operator.started)
            await asyncio.sleep(_WATCHED_SECONDS)
    written = log.writes(_OPERATOR)
    for write in written[:3]:
        context.note(f"a restart wrote: {write.what}")
    return synced, judged, len(written)


async def _resting(context: Context, plane: ControlPlane, apps: int) -> float:
    """Calls of one app in an hour in which nothing happens: sweeps, watches and leadership by the minute, and one
    forced apply of its children. Both are counted; the hour is worked out."""
    seconds = context.amount(int(_RESTING_SECONDS), 12)
    async with operator_process(plane, context.work) as operator:
        await until(lambda: _judged(operator, apps), "every app is judged", _DEADLINE)
        quiet = await _calls(plane, seconds)
    # All apps are due once in this interval, and not twice in the time that is counted.
    async with operator_process(plane, context.work, GENAPPS_FORCED_APPLY_SECONDS=str(seconds)) as operator:
        await until(lambda: _judged(operator, apps), "every app is judged", _DEADLINE)
        busy = await _calls(plane, 2 * seconds - _SETTLING_SECONDS)
    forced = busy - quiet * (2 * seconds - _SETTLING_SECONDS) / seconds
    return quiet / apps * _HOUR / seconds + max(0.0, forced) / apps


async def _ended(context: Context, plane: ControlPlane, client: Client, apps: int) -> float:
    """Seconds in which the pods of half of the apps are gone; the last that is measured on this control plane."""
    async with operator_process(plane, context.work) as operator:
        await until(lambda: _judged(operator, apps), "every app is judged", _DEADLINE)
        return await deletion_without_kubelet(plane, client, apps // 2)


async def _calls(plane: ControlPlane, seconds: float) -> int:
    log = AuditLog(plane.node.logs / "audit.log")
    await asyncio.sleep(seconds)
    return log.calls(_OPERATOR)


async def _judged(operator: OperatorProcess, apps: int) -> bool:
    return await operator.reconciled() >= apps and await operator.idle()
