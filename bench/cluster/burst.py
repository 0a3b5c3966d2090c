# SPDX-License-Identifier: Apache-2.0
"""Many apps at once: created by one client on the machine's own cores, counted until each has its last child."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing, suppress
from typing import TypeVar

from bench.apps import ANSWERS, BUDGET, Manifest, generated_app
from genapps.api.names import RUN_NAMESPACE
from genapps.cluster.client import Client
from genapps.cluster.errors import ConflictError
from genapps.cluster.resources import (
    APP_BUDGET,
    CLAIM,
    CONFIG_MAP,
    NETWORK_POLICY,
    POD,
    SERVICE,
    SERVICE_ACCOUNT,
    Resource,
)

_OURS = "app.kubernetes.io/managed-by=genapps"
_CHILDREN: dict[Resource, int] = {SERVICE_ACCOUNT: 1, CONFIG_MAP: 2, CLAIM: 1, NETWORK_POLICY: 1, SERVICE: 1, POD: 1}
_WRITERS = 16
_POD_SECURITY = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
_RESTRICTED = {"securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}}

T = TypeVar("T")


async def burst(client: Client, apps: int, deadline: float, family: str | None = None) -> float:
    """Seconds from the first create to the last pod object of so many apps, all of one family if one is named."""
    started = time.monotonic()
    pods = asyncio.ensure_future(_pods(client, apps, (await client.list(POD, RUN_NAMESPACE)).resource_version))

    async def write(number: int) -> None:
        await client.apply(generated_app(f"many-{number:04}", ANSWERS, family=family))

    await spread(range(apps), write)
    await asyncio.wait_for(pods, deadline)
    return time.monotonic() - started


async def complete(client: Client, apps: int) -> bool:
    """Whether every app has all its children, and the budget says so."""
    for resource, each in _CHILDREN.items():
        found = await client.list(resource, RUN_NAMESPACE, selector=_OURS, metadata_only=True)
        if len(found.items) < apps * each:
            return False
    budget = await client.get(APP_BUDGET, None, BUDGET)
    return bool(budget["status"].get("apps") == apps)


async def floor(client: Client, apps: int) -> float:
    """Seconds in which the same client writes children of the same kinds for as many apps, without an operator.

    That is what the API server alone takes on this machine. The objects stay: the control plane ends with its last
    measurement.
    """
    started = time.monotonic()

    async def write(number: int) -> None:
        for manifest in _children(f"floor-{number:04}"):
            await _applied(client, manifest)

    await spread(range(apps), write)
    return time.monotonic() - started


async def _applied(client: Client, manifest: Manifest) -> None:
    """All of them count in one ResourceQuota: the API server refuses some writes because others were quicker."""
    while True:
        with suppress(ConflictError):
            await client.apply(manifest)
            return


async def spread(work: Iterable[T], do: Callable[[T], Awaitable[None]]) -> None:
    """A few at a time, each writer with the next one when it is done."""
    waiting = iter(work)

    async def writer() -> None:
        for item in waiting:
            await do(item)

    await asyncio.gather(*(writer() for _ in range(_WRITERS)))


async def _pods(client: Client, expected: int, version: str) -> None:
    seen: set[str] = set()
    async with aclosing(client.watch(POD, RUN_NAMESPACE, resource_version=version, metadata_only=True)) as stream:
        async for kind, pod in stream:
            if kind == "ADDED":
                seen.add(pod["metadata"]["name"])
            if len(seen) == expected:
                return


def _children(name: str) -> tuple[Manifest, ...]:
    """One object of each kind that an app has, as plain as that kind can be."""
    container = {"name": "runtime", "image": "none", **_RESTRICTED}
    return (
        _named("v1", "ServiceAccount", name),
        _named("v1", "ConfigMap", f"{name}-code") | {"data": {"app.py": ANSWERS}},
        _named("v1", "ConfigMap", f"{name}-config") | {"data": {"runtime.json": "{}"}},
        _named("v1", "PersistentVolumeClaim", name)
        | {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "64Mi"}}}},
        _named("networking.k8s.io/v1", "NetworkPolicy", name) | {"spec": {"podSelector": {"matchLabels": {"a": name}}}},
        _named("v1", "Service", name) | {"spec": {"ports": [{"port": 80}]}},
        _named("v1", "Pod", name) | {"spec": {"containers": [container], "securityContext": _POD_SECURITY}},
    )


def _named(version: str, kind: str, name: str) -> Manifest:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": RUN_NAMESPACE}}
