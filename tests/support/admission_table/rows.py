# SPDX-License-Identifier: Apache-2.0
"""What a row of the admission table is: a sentence, who asks, what for, and what the API server must say."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.support.admission import REMOVED, Json

SYSTEM = "genapps-system"
RUN = "genapps-run"
OTHER_RUN = "genapps-run-sales"
RUN_NAMESPACES = (RUN, OTHER_RUN)
HOME = "finance"
NEIGHBOUR = "sales"
ABROAD = "lone"
"""A namespace that no AppBudget lists."""
PREPARED = "prepared"
"""A namespace that the platform has called a run namespace before the chart names it."""


class Actor(NamedTuple):
    """Who asks; nobody is impersonated for the empty user, which is the cluster's administrator."""

    user: str
    groups: tuple[str, ...] = ("system:authenticated",)

    @classmethod
    def service_account(cls, namespace: str, name: str) -> "Actor":
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
        return cls(f"system:serviceaccount:{namespace}:{name}", groups)


ADMIN = Actor("")
TENANT = Actor("tina")
"""Has the default role `edit` in HOME and NEIGHBOUR."""
LEAD = Actor("lea")
"""Has the default role `admin` in HOME."""
PROMOTER = Actor("paul")
"""Has `edit` and `genapps-promoter` in HOME."""
BYSTANDER = Actor("otto")
"""Has every verb on every resource that the table is about, but none of the subresource verbs: one RBAC mistake."""
PLATFORM = Actor("petra")
"""The same, and `genapps-platform`."""
OFFICER = Actor("olga@example.com")
"""As the bystander, and `genapps-state` in HOME."""
READER = Actor("rita")
"""As the bystander, and the verb list on generatedapps/state in HOME."""
OPERATOR = Actor.service_account(SYSTEM, "genapps-operator")
GATEWAY = Actor.service_account(SYSTEM, "genapps-gateway")
NAMESAKE = Actor.service_account(HOME, "genapps-operator")
"""A ServiceAccount of the operator's name in the tenant's namespace."""
NAMESPACE_CONTROLLER = Actor.service_account("kube-system", "namespace-controller")
GARBAGE_COLLECTOR = Actor.service_account("kube-system", "generic-garbage-collector")
CONTROLLER_MANAGER = Actor("system:kube-controller-manager")
"""Where its parts have no accounts of their own."""
JOB_CONTROLLER = Actor.service_account("kube-system", "job-controller")


class Request(NamedTuple):
    """One request; nothing of it is stored."""

    method: str
    path: str
    body: Json | None = None


class Refusal(NamedTuple):
    """The policy that refuses, and what its message names: the field, and the way out."""

    policy: str
    field: str
    way_out: str


class Row(NamedTuple):
    """One line of the table; `refusal` is None for what must be accepted."""

    title: str
    actor: Actor
    request: Request
    refusal: Refusal | None = None


_OURS = "/apis/genapps.dev/v1alpha1"
_GROUPS = {
    "generatedapps": _OURS,
    "appbudgets": _OURS,
    "connectors": _OURS,
    "appholds": _OURS,
    "apprecords": _OURS,
    "budgetrecords": _OURS,
    "ledgers": _OURS,
    "deployments": "/apis/apps/v1",
    "jobs": "/apis/batch/v1",
    "networkpolicies": "/apis/networking.k8s.io/v1",
}
_PLURALS = {"NetworkPolicy": "networkpolicies"}


def create(manifest: Json) -> Request:
    """Create that object."""
    resource = _PLURALS.get(manifest["kind"], manifest["kind"].lower() + "s")
    return _tried("POST", _path(resource, manifest["metadata"].get("namespace")), manifest)


def update(what: str, namespace: str | None, name: str, changes: Mapping[str, Any]) -> Request:
    """Change an object (`what` is `resource` or `resource/subresource`) at dotted paths; REMOVED removes."""
    body: Json = {}
    for path, value in changes.items():
        *parents, last = path.split(".")
        part = body
        for parent in parents:
            part = part.setdefault(parent, {})
        part[last] = None if value is REMOVED else value
    return _tried("PATCH", _path(what, namespace, name), body)


def delete(resource: str, namespace: str | None, name: str) -> Request:
    """Delete one object."""
    return _tried("DELETE", _path(resource, namespace, name))


def delete_all(resource: str, namespace: str) -> Request:
    """Delete every object of a namespace at once."""
    return _tried("DELETE", _path(resource, namespace))


def mint(namespace: str, name: str) -> Request:
    """Ask for a token of a ServiceAccount that the gateway would read."""
    wish = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": ["genapps-gateway"]},
    }
    return _tried("POST", _path("serviceaccounts/token", namespace, name), wish)


def enter(way: str, namespace: str, name: str) -> Request:
    """Connect to a pod by exec, attach, portforward or proxy; there is no trial of it, and nothing to reach here."""
    return Request("POST", _path(f"pods/{way}", namespace, name))


def _tried(method: str, path: str, body: Json | None = None) -> Request:
    return Request(method, f"{path}?dryRun=All", body)


def _path(what: str, namespace: str | None, name: str = "") -> str:
    resource, _, subresource = what.partition("/")
    scope = ("namespaces", namespace) if namespace else ()
    parts = (_GROUPS.get(resource, "/api/v1"), *scope, resource, name, subresource)
    return "/".join(part for part in parts if part)
