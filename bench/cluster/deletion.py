# SPDX-License-Identifier: Apache-2.0
"""How long a mass deletion takes: 90 running apps are deleted together, until the last of their pods is gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing

from bench.apps import ANSWERS, NAMESPACE, Manifest, generated_app
from bench.cluster.platform import Platform
from bench.context import Context
from bench.figures import Figure, figure
from bench.processes import until
from genapps.api.names import LABEL_APP_NAMESPACE, RUN_NAMESPACE
from genapps.cluster.client import Client
from genapps.cluster.resources import GENERATED_APP, POD, Object
from tools.kubectl import condition

_STARTING_SECONDS = 300.0
_ENDING_SECONDS = 120.0
PODS = f"{LABEL_APP_NAMESPACE}={NAMESPACE}"


async def deletion(context: Context, platform: Platform) -> list[Figure]:
    """One value: seconds from the first delete to the end of the last pod object, its own time to stop included.

    90 is what the local node has room for beside the platform (110 pods). So many at once raise the operator's alarm,
    which holds back their state and not their pods. They are the last apps of a run: the alarm ends when it cleans up.
    """
    manifests = [generated_app(platform.name("deleted", number), ANSWERS) for number in range(context.amount(90, 8))]
    platform.running.extend(manifests)
    apps = await ready_together(platform.client, manifests)
    seconds = await _until_gone(platform.client, apps)
    # `rest` would apply them again.
    platform.running[:] = [other for other in platform.running if other not in manifests]
    return [figure("90 apps deleted: last pod gone", "s", "kubernetes", [seconds])]


async def ready_together(client: Client, manifests: Sequence[Manifest]) -> list[Object]:
    """Apply them all, and answer them once each is Ready."""
    names = {manifest["metadata"]["name"] for manifest in manifests}
    found: list[Object] = []
    for manifest in manifests:
        await client.apply(manifest)

    async def all_ready() -> bool:
        listing = await client.list(GENERATED_APP, NAMESPACE, at_least=None)
        found[:] = [app for app in listing.items if app["metadata"]["name"] in names]
        return all(condition(app, "Ready").get("status") == "True" for app in found)

    await until(all_ready, f"{len(manifests)} apps are Ready", _STARTING_SECONDS, 1)
    return found


async def _until_gone(client: Client, apps: list[Object]) -> float:
    """Delete them together and count their pods down. Raises TimeoutError when one stays."""
    pods = await client.list(POD, RUN_NAMESPACE, selector=PODS, metadata_only=True, at_least=None)
    left = {pod["metadata"]["uid"] for pod in pods.items}
    if len(left) < len(apps):
        raise RuntimeError(f"{len(left)} pods of {len(apps)} apps that are Ready: their end cannot be measured")
    started = time.monotonic()
    async with asyncio.timeout(_ENDING_SECONDS), asyncio.TaskGroup() as together:
        together.create_task(count_down(client, left, pods.resource_version))
        for app in apps:
            name, uid = app["metadata"]["name"], app["metadata"]["uid"]
            together.create_task(client.delete(GENERATED_APP, NAMESPACE, name, uid=uid))
    return time.monotonic() - started


async def count_down(client: Client, left: set[str], version: str) -> None:
    """Return when none of the pods with these uids is left, nor any that was created since that version.

    Raises RuntimeError when the stream ends before, because nobody knows then when the last one went."""
    stream = client.watch(POD, RUN_NAMESPACE, resource_version=version, selector=PODS, metadata_only=True)
    async with aclosing(stream) as events:
        async for kind, pod in events:
            if kind == "ADDED":
                left.add(pod["metadata"]["uid"])
            elif kind == "DELETED":
                left.discard(pod["metadata"]["uid"])
            if not left:
                return
    raise RuntimeError(f"the watch of pods ended while {len(left)} were left")
