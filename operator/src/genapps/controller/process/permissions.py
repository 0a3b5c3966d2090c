# SPDX-License-Identifier: Apache-2.0
"""What this process must be allowed to do: one table, held to the chart's RBAC by a test, and asked of the API server
before any work begins. An operator that lacks one right would do half of an app."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from enum import Enum
from typing import NamedTuple

import structlog

from genapps.api.names import GATEWAY_EGRESS_POLICY, GATEWAY_SERVICE, GROUP
from genapps.cluster.client import Client
from genapps.cluster.errors import ApiError, UnavailableError
from genapps.controller.process.leader_election import LEASE_NAME
from genapps.controller.settings import Settings
from genapps.core.namespace_quota import BOUNDS_NAME

_DEFINITION = f"generatedapps.{GROUP}"
_AT_ONCE = 16
_RETRY_SECONDS = 1.0
_ASK_AGAIN_SECONDS = 5.0

_log = structlog.get_logger(__name__)


class Scope(Enum):
    """A ClusterRole, or a Role in the release's namespace or in each run namespace."""

    CLUSTER = "cluster"
    SYSTEM = "system"
    RUN = "run"


class Permission(NamedTuple):
    """One verb. `resource` may have a `/subresource`; `namespace` is empty for all of them."""

    verb: str
    group: str
    resource: str
    namespace: str
    name: str = ""

    def __str__(self) -> str:
        kind = ".".join(filter(None, (self.resource, self.group)))
        scope = f"in namespace {self.namespace}" if self.namespace else "in the cluster"
        return f"{self.verb} {kind}{' ' + self.name if self.name else ''} {scope}"


_CHILD = ("list", "watch", "create", "patch", "delete")
_TABLE: tuple[tuple[Scope, str, str, str, tuple[str, ...]], ...] = (
    (Scope.CLUSTER, GROUP, "generatedapps", "", ("get", "list", "watch")),
    (Scope.CLUSTER, GROUP, "appbudgets", "", ("get", "list", "watch")),
    (Scope.CLUSTER, GROUP, "connectors", "", ("get", "list", "watch")),
    (Scope.CLUSTER, GROUP, "appholds", "", ("get", "list", "watch")),
    (Scope.CLUSTER, GROUP, "generatedapps/status", "", ("patch",)),
    (Scope.CLUSTER, GROUP, "appbudgets/status", "", ("patch",)),
    (Scope.CLUSTER, GROUP, "connectors/status", "", ("patch",)),
    (Scope.CLUSTER, GROUP, "appholds/status", "", ("patch",)),
    (Scope.CLUSTER, "", "configmaps", "", ("get", "list", "watch")),
    (Scope.CLUSTER, "", "namespaces", "", ("get", "list", "watch")),
    (Scope.CLUSTER, "apiextensions.k8s.io", "customresourcedefinitions", _DEFINITION, ("list",)),
    (Scope.CLUSTER, "", "events", "", ("create", "patch")),
    (Scope.SYSTEM, GROUP, "apprecords", "", ("list", "watch", "create", "update", "delete")),
    (Scope.SYSTEM, GROUP, "budgetrecords", "", ("list", "watch", "create", "update", "delete")),
    (Scope.SYSTEM, GROUP, "ledgers", "", ("list", "watch", "delete")),
    (Scope.SYSTEM, "", "configmaps", "", ("create", "delete")),
    (Scope.SYSTEM, "", "services", GATEWAY_SERVICE, ("list", "watch")),
    (Scope.SYSTEM, "discovery.k8s.io", "endpointslices", "", _CHILD),
    (Scope.SYSTEM, "networking.k8s.io", "networkpolicies", GATEWAY_EGRESS_POLICY, ("list", "watch", "create", "patch")),
    (Scope.SYSTEM, "coordination.k8s.io", "leases", "", ("create",)),
    (Scope.SYSTEM, "coordination.k8s.io", "leases", LEASE_NAME, ("get", "update")),
    (Scope.RUN, "", "configmaps", "", _CHILD),
    (Scope.RUN, "", "persistentvolumeclaims", "", _CHILD),
    (Scope.RUN, "", "pods", "", _CHILD),
    (Scope.RUN, "", "serviceaccounts", "", _CHILD),
    (Scope.RUN, "", "services", "", _CHILD),
    (Scope.RUN, "networking.k8s.io", "networkpolicies", "", _CHILD),
    (Scope.RUN, "discovery.k8s.io", "endpointslices", "", _CHILD),
    (Scope.RUN, "", "resourcequotas", "", ("create",)),
    (Scope.RUN, "", "resourcequotas", BOUNDS_NAME, ("list", "watch", "patch")),
    (Scope.RUN, "", "limitranges", "", ("create",)),
    (Scope.RUN, "", "limitranges", BOUNDS_NAME, ("list", "watch", "patch")),
)
"""Where, API group, resource, name (empty: any), verbs."""


def needed(settings: Settings) -> Iterator[Permission]:
    """Every right that an operator with these settings uses, and none that it does not use."""
    places = {
        Scope.CLUSTER: ("",),
        Scope.SYSTEM: (settings.system_namespace,),
        Scope.RUN: tuple(sorted(settings.run_namespaces)),
    }
    for scope, group, resource, name, verbs in _TABLE:
        for namespace in places[scope]:
            for verb in verbs:
                yield Permission(verb, group, resource, namespace, name)


async def missing(client: Client, settings: Settings) -> list[Permission]:
    """What the API server would refuse us. Raises ApiError when it does not answer, or not to us."""
    turns = asyncio.Semaphore(_AT_ONCE)

    async def held(permission: Permission) -> bool:
        resource, _, subresource = permission.resource.partition("/")
        attributes = {**permission._asdict(), "resource": resource, "subresource": subresource}
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

    permissions = list(needed(settings))
    answers = await asyncio.gather(*(held(permission) for permission in permissions))
    return [permission for permission, answer in zip(permissions, answers, strict=True) if not answer]


async def until_granted(client: Client, settings: Settings, waits_for: Callable[[str], None]) -> None:
    """Waits for rights that are missing: an administrator grants them, and a restart would not help. `waits_for` is
    called with what is waited for."""
    while True:
        try:
            lacking = await missing(client, settings)
        except UnavailableError as error:
            waits_for(f"the API server does not answer: {error}")
            _log.warning("api_server_unavailable", error=str(error))
            await asyncio.sleep(_RETRY_SECONDS)
            continue
        except ApiError as error:
            # It does not even say what we may: then each request has to find out.
            _log.warning("rights_unknown", error=str(error))
            return
        if not lacking:
            return
        named = [str(permission) for permission in lacking]
        waits_for(f"rights are missing, the chart's roles grant them: {'; '.join(named)}")
        _log.error("rights_missing", rights=named, next_step="apply the chart's RBAC of this version")
        await asyncio.sleep(_ASK_AGAIN_SECONDS)
