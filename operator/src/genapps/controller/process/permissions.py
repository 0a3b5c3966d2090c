"""What this process must be allowed to do: one table, held to the chart's RBAC by a test, and asked of the API server
before any work begins. An operator that lacks one right would do half of an app."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from genapps.api.names import GATEWAY_SERVICE, GROUP
from genapps.cluster.client import Client
from genapps.controller.process.leader_election import LEASE_NAME
from genapps.controller.settings import Settings
from genapps.core.namespace_quota import BOUNDS_NAME

_AT_ONCE = 16


class Where(Enum):
    """A ClusterRole, or a Role in the release's namespace or in each run namespace."""

    CLUSTER = "cluster"
    SYSTEM = "system"
    RUN = "run"


class Right(NamedTuple):
    """One verb. ``resource`` may have a ``/subresource``; ``namespace`` is empty for all of them."""

    verb: str
    group: str
    resource: str
    namespace: str
    name: str = ""

    def __str__(self) -> str:
        kind = ".".join(filter(None, (self.resource, self.group)))
        where = f"in namespace {self.namespace}" if self.namespace else "in the cluster"
        return f"{self.verb} {kind}{' ' + self.name if self.name else ''} {where}"


_CHILD = ("list", "watch", "create", "patch", "delete")
_TABLE: tuple[tuple[Where, str, str, str, tuple[str, ...]], ...] = (
    (Where.CLUSTER, GROUP, "generatedapps", "", ("get", "list", "watch")),
    (Where.CLUSTER, GROUP, "appbudgets", "", ("get", "list", "watch")),
    (Where.CLUSTER, GROUP, "connectors", "", ("get", "list", "watch")),
    (Where.CLUSTER, GROUP, "generatedapps/status", "", ("patch",)),
    (Where.CLUSTER, GROUP, "appbudgets/status", "", ("patch",)),
    (Where.CLUSTER, GROUP, "connectors/status", "", ("patch",)),
    (Where.CLUSTER, "", "configmaps", "", ("get", "list", "watch")),
    (Where.CLUSTER, "", "namespaces", "", ("list", "watch")),
    (Where.CLUSTER, "", "events", "", ("create", "patch")),
    (Where.SYSTEM, GROUP, "apprecords", "", ("list", "watch", "create", "update", "delete")),
    (Where.SYSTEM, GROUP, "ledgers", "", ("list", "watch", "delete")),
    (Where.SYSTEM, "", "services", GATEWAY_SERVICE, ("list", "watch")),
    (Where.SYSTEM, "discovery.k8s.io", "endpointslices", "", ("list", "watch")),
    (Where.SYSTEM, "coordination.k8s.io", "leases", "", ("create",)),
    (Where.SYSTEM, "coordination.k8s.io", "leases", LEASE_NAME, ("get", "update")),
    (Where.RUN, "", "configmaps", "", _CHILD),
    (Where.RUN, "", "persistentvolumeclaims", "", _CHILD),
    (Where.RUN, "", "pods", "", _CHILD),
    (Where.RUN, "", "serviceaccounts", "", _CHILD),
    (Where.RUN, "", "services", "", _CHILD),
    (Where.RUN, "networking.k8s.io", "networkpolicies", "", _CHILD),
    (Where.RUN, "discovery.k8s.io", "endpointslices", "", _CHILD),
    (Where.RUN, "", "resourcequotas", "", ("create",)),
    (Where.RUN, "", "resourcequotas", BOUNDS_NAME, ("list", "watch", "patch")),
    (Where.RUN, "", "limitranges", "", ("create",)),
    (Where.RUN, "", "limitranges", BOUNDS_NAME, ("list", "watch", "patch")),
)
"""Where, API group, resource, name (empty: any), verbs."""


def needed(settings: Settings) -> Iterator[Right]:
    """Every right that an operator with these settings uses, and none that it does not use."""
    places = {
        Where.CLUSTER: ("",),
        Where.SYSTEM: (settings.system_namespace,),
        Where.RUN: tuple(sorted(settings.run_namespaces)),
    }
    for where, group, resource, name, verbs in _TABLE:
        for namespace in places[where]:
            for verb in verbs:
                yield Right(verb, group, resource, namespace, name)


async def missing(client: Client, settings: Settings) -> list[Right]:
    """What the API server would refuse us. Raises ApiError when it does not answer, or not to us."""
    turns = asyncio.Semaphore(_AT_ONCE)

    async def held(right: Right) -> bool:
        resource, _, subresource = right.resource.partition("/")
        attributes = {**right._asdict(), "resource": resource, "subresource": subresource}
        given = {name: value for name, value in attributes.items() if value}
        async with turns:
            answer = await client.create(
                {
                    "apiVersion": "authorization.k8s.io/v1",
                    "kind": "SelfSubjectAccessReview",
                    "metadata": {},
                    "spec": {"resourceAttributes": given},
                }
            )
        return bool(answer["status"]["allowed"])

    rights = list(needed(settings))
    answers = await asyncio.gather(*(held(right) for right in rights))
    return [right for right, answer in zip(rights, answers, strict=True) if not answer]
