# SPDX-License-Identifier: Apache-2.0
"""Where each kind lives in the API server's URL space; the closed list of what this project touches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

Object = dict[str, Any]
"""A Kubernetes object, to be written or as stored, as plain JSON."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind: `path()` gives its URL path, for a collection or one object."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """Group and version, as in `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """URL path; `namespace=None` of a namespaced kind means the collection of all namespaces."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        parts = [root]
        if namespace is not None and self.namespaced:
            parts += ["namespaces", quote(namespace, safe="")]
        parts.append(self.plural)
        parts += [quote(part, safe="") for part in (name, subresource) if part is not None]
        return "/".join(parts)


_OWN = ("genapps.dev", "v1alpha1")

GENERATED_APP = Resource(*_OWN, "GeneratedApp", "generatedapps")
APP_BUDGET = Resource(*_OWN, "AppBudget", "appbudgets", namespaced=False)
CONNECTOR = Resource(*_OWN, "Connector", "connectors", namespaced=False)
APP_HOLD = Resource(*_OWN, "AppHold", "appholds", namespaced=False)
APP_RECORD = Resource(*_OWN, "AppRecord", "apprecords")
BUDGET_RECORD = Resource(*_OWN, "BudgetRecord", "budgetrecords")
LEDGER = Resource(*_OWN, "Ledger", "ledgers")

NAMESPACE = Resource("", "v1", "Namespace", "namespaces", namespaced=False)
EVENT = Resource("", "v1", "Event", "events")
SERVICE_ACCOUNT = Resource("", "v1", "ServiceAccount", "serviceaccounts")
CONFIG_MAP = Resource("", "v1", "ConfigMap", "configmaps")
SECRET = Resource("", "v1", "Secret", "secrets")
CLAIM = Resource("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims")
POD = Resource("", "v1", "Pod", "pods")
SERVICE = Resource("", "v1", "Service", "services")
ENDPOINT_SLICE = Resource("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices")
NETWORK_POLICY = Resource("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies")
RESOURCE_QUOTA = Resource("", "v1", "ResourceQuota", "resourcequotas")
LIMIT_RANGE = Resource("", "v1", "LimitRange", "limitranges")

# Only read, by `genapps preflight`.
NODE = Resource("", "v1", "Node", "nodes", namespaced=False)
ROLE = Resource("rbac.authorization.k8s.io", "v1", "Role", "roles")
DEPLOYMENT = Resource("apps", "v1", "Deployment", "deployments")
STORAGE_CLASS = Resource("storage.k8s.io", "v1", "StorageClass", "storageclasses", namespaced=False)
RUNTIME_CLASS = Resource("node.k8s.io", "v1", "RuntimeClass", "runtimeclasses", namespaced=False)
DEFINITION = Resource("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", False)
_ADMISSION = ("admissionregistration.k8s.io", "v1")
POLICY = Resource(*_ADMISSION, "ValidatingAdmissionPolicy", "validatingadmissionpolicies", namespaced=False)
POLICY_BINDING = Resource(
    *_ADMISSION, "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", namespaced=False
)
LEASE = Resource("coordination.k8s.io", "v1", "Lease", "leases")
OWN_RIGHTS = Resource(
    "authorization.k8s.io", "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", namespaced=False
)
"""Stored nowhere: the answer to its creation says whether we may."""
OWN_NAME = Resource("authentication.k8s.io", "v1", "SelfSubjectReview", "selfsubjectreviews", namespaced=False)
"""Stored nowhere: the answer to its creation says who we are."""
QUESTIONS = (OWN_RIGHTS, OWN_NAME)

BY_KIND = {
    resource.kind: resource
    for resource in (
        GENERATED_APP,
        APP_BUDGET,
        CONNECTOR,
        APP_HOLD,
        APP_RECORD,
        BUDGET_RECORD,
        LEDGER,
        NAMESPACE,
        EVENT,
        SERVICE_ACCOUNT,
        CONFIG_MAP,
        SECRET,
        CLAIM,
        POD,
        SERVICE,
        ENDPOINT_SLICE,
        NETWORK_POLICY,
        RESOURCE_QUOTA,
        LIMIT_RANGE,
        LEASE,
        *QUESTIONS,
    )
}
