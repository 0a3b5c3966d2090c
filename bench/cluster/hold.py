# SPDX-License-Identifier: Apache-2.0
"""How long the kill switch takes: from an AppHold over 60 running apps until none of them has a pod any more."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass

from bench.apps import ANSWERS, BUDGET, NAMESPACE, Manifest, generated_app
from bench.cluster.deletion import PODS, count_down, ready_together
from bench.cluster.platform import Platform
from bench.context import Context
from bench.figures import Figure, figure
from genapps.api.names import API_VERSION, LABEL_APP, RUN_NAMESPACE
from genapps.cluster.client import Client
from genapps.cluster.resources import APP_HOLD, GENERATED_APP, POD, Object
from tools.kubectl import condition

_ENDING_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Held:
    """Seconds from the order: when the last pod was ordered to end, when its object was gone, when the last app said
    Suspended, and when the hold said that nothing which it matches runs."""

    pods_ordered: float
    pods_gone: float
    suspended: float
    told: float


async def hold(context: Context, platform: Platform) -> list[Figure]:
    """One value each. The apps are one family, so that the hold matches no other ones; they stay suspended."""
    apps, family = context.amount(60, 8), platform.name("family")
    manifests = [generated_app(platform.name("held", number), ANSWERS, family=family) for number in range(apps)]
    # `rest` would stop them anyway, and finds them stopped.
    platform.running.extend(manifests)
    await ready_together(platform.client, manifests)
    held = await hold_family(platform.client, family, {manifest["metadata"]["name"] for manifest in manifests})
    return [
        figure("60 apps held: last pod gone", "s", "kubernetes", [held.pods_gone]),
        figure("the same: last pod ordered to end", "s", "kubernetes", [held.pods_ordered]),
        figure("the same: last app Suspended", "s", "kubernetes", [held.suspended]),
        figure("the same: the hold says so", "s", "kubernetes", [held.told]),
    ]


def app_hold(family: str) -> Manifest:
    """A hold over the apps of that family."""
    spec = {"selector": {"family": family}, "reason": "the bench measures how long it takes"}
    return {"apiVersion": API_VERSION, "kind": "AppHold", "metadata": {"name": f"{BUDGET}-{family}"}, "spec": spec}


async def hold_family(client: Client, family: str, names: set[str]) -> Held:
    """Hold the family, of which these are all apps, each with a pod. Raises RuntimeError when one has none, and
    TimeoutError when one stays."""
    pods = await client.list(POD, RUN_NAMESPACE, selector=PODS, metadata_only=True, at_least=None)
    uids = {pod["metadata"]["uid"] for pod in pods.items if pod["metadata"]["labels"][LABEL_APP] in names}
    if len(uids) < len(names):
        raise RuntimeError(f"{len(uids)} pods of {len(names)} apps: the end of all cannot be measured")
    apps = await client.list(GENERATED_APP, NAMESPACE, metadata_only=True, at_least=None)
    started = time.monotonic()

    async def ordered() -> float:
        await until_ordered(client, {*uids}, pods.resource_version)
        return time.monotonic() - started

    async def gone() -> float:
        await count_down(client, uids, pods.resource_version)
        return time.monotonic() - started

    async def suspended() -> float:
        await until_suspended(client, set(names), apps.resource_version)
        return time.monotonic() - started

    async with asyncio.timeout(_ENDING_SECONDS), asyncio.TaskGroup() as together:
        pods_ordered = together.create_task(ordered())
        pods_gone, all_suspended = together.create_task(gone()), together.create_task(suspended())
        stored = await client.apply(app_hold(family))
        told = together.create_task(until_told(client, stored, len(names)))
    return Held(pods_ordered.result(), pods_gone.result(), all_suspended.result(), told.result() - started)


async def until_ordered(client: Client, left: set[str], version: str) -> None:
    """Return when each of the pods with these uids has been ordered to end since that version. Raises RuntimeError when
    the watch ends."""
    stream = client.watch(POD, RUN_NAMESPACE, resource_version=version, selector=PODS, metadata_only=True)
    async with aclosing(stream) as events:
        async for kind, pod in events:
            if kind == "DELETED" or "deletionTimestamp" in pod["metadata"]:
                left.discard(pod["metadata"].get("uid", ""))
            if not left:
                return
    raise RuntimeError(f"the watch of pods ended while {len(left)} were not ordered to end")


async def until_suspended(client: Client, left: set[str], version: str) -> None:
    """Return when each of these apps has said Suspended since that version. Raises RuntimeError when the watch ends."""
    stream = client.watch(GENERATED_APP, NAMESPACE, resource_version=version)
    async with aclosing(stream) as events:
        async for _, app in events:
            if condition(app, "Suspended").get("status") == "True":
                left.discard(app["metadata"]["name"])
            if not left:
                return
    raise RuntimeError(f"the watch of apps ended while {len(left)} were not suspended")


async def until_told(client: Client, stored: Object, apps: int) -> float:
    """When its status counts all apps, and no pod of them, by the monotonic clock. Raises RuntimeError when the watch
    ends before."""
    stream = client.watch(APP_HOLD, None, resource_version=stored["metadata"]["resourceVersion"])
    async with aclosing(stream) as events:
        async for _, changed in events:
            status = changed.get("status", {})
            if changed["metadata"].get("name") != stored["metadata"]["name"]:
                continue
            if status.get("active") and status["matched"] == apps and status["draining"] == 0:
                return time.monotonic()
    raise RuntimeError("the watch of the hold ended before it said that nothing runs")
