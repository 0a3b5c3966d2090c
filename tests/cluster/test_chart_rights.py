# SPDX-License-Identifier: Apache-2.0
"""The chart's RBAC as the API server understands it: what it would allow, whoever asks."""

from typing import Any, NamedTuple

import pytest

from genapps.api.names import CREDENTIALS_NAMESPACE
from tools.kubectl import Kubectl, as_list

SYSTEM, RUN = "genapps-system", "genapps-run"
OPERATOR = f"system:serviceaccount:{SYSTEM}:genapps-operator"
GATEWAY = f"system:serviceaccount:{SYSTEM}:genapps-gateway"
OURS = "genapps.dev"


class Ask(NamedTuple):
    """`verb` on `resource` (with `/subresource`) of `group` in `namespace`, perhaps for one `name`."""

    verb: str
    resource: str
    group: str
    namespace: str
    name: str = ""


OPERATOR_MAY = [
    Ask("list", "generatedapps", OURS, ""),
    Ask("patch", "generatedapps/status", OURS, "anywhere"),
    Ask("update", "apprecords", OURS, SYSTEM),
    Ask("update", "leases", "coordination.k8s.io", SYSTEM, "genapps-operator"),
    Ask("create", "pods", "", RUN),
    Ask("delete", "persistentvolumeclaims", "", RUN),
    Ask("watch", "services", "", SYSTEM, "gateway"),
    Ask("create", "events", "", "anywhere"),
    Ask("patch", "resourcequotas", "", RUN, "genapps"),
    Ask("watch", "limitranges", "", RUN, "genapps"),
    Ask("patch", "networkpolicies", "networking.k8s.io", SYSTEM, "genapps-gateway-egress"),
    Ask("delete", "endpointslices", "discovery.k8s.io", SYSTEM),
]
OPERATOR_MAY_NOT = [
    Ask("get", "secrets", "", SYSTEM),
    Ask("list", "secrets", "", RUN),
    Ask("patch", "generatedapps", OURS, "anywhere"),
    Ask("update", "appbudgets", OURS, ""),
    Ask("patch", "ledgers", OURS, SYSTEM),
    Ask("create", "pods", "", "anywhere"),
    Ask("create", "pods", "", SYSTEM),
    Ask("create", "pods/exec", "", RUN),
    Ask("create", "serviceaccounts/token", "", RUN),
    Ask("patch", "namespaces", "", ""),
    Ask("create", "rolebindings", "rbac.authorization.k8s.io", RUN),
    Ask("watch", "services", "", SYSTEM, "other"),
    Ask("patch", "resourcequotas", "", RUN, "genapps-platform"),
    Ask("delete", "resourcequotas", "", RUN, "genapps"),
    Ask("patch", "limitranges", "", "anywhere", "genapps"),
    Ask("update", "leases", "coordination.k8s.io", SYSTEM, "another"),
    Ask("update", "leases", "coordination.k8s.io", RUN, "genapps-operator"),
    Ask("patch", "networkpolicies", "networking.k8s.io", SYSTEM, "genapps-gateway"),
    Ask("patch", "configmaps", "", SYSTEM, "contract-0123456789ab"),
    Ask("get", "pods", "", "anywhere"),
    Ask("list", "endpointslices", "discovery.k8s.io", "anywhere"),
    Ask("get", "secrets", "", CREDENTIALS_NAMESPACE),
]
GATEWAY_MAY = [
    Ask("list", "apprecords", OURS, SYSTEM),
    Ask("patch", "ledgers", OURS, SYSTEM),
    Ask("get", "secrets", "", SYSTEM, "genapps-gateway-tls"),
    Ask("create", "configmaps", "", SYSTEM, "genapps-gateway-ca"),
    Ask("watch", "connectors", OURS, ""),
    Ask("watch", "configmaps", "", SYSTEM),
    Ask("watch", "endpointslices", "discovery.k8s.io", SYSTEM),
    Ask("list", "secrets", "", CREDENTIALS_NAMESPACE),
]
GATEWAY_MAY_NOT = [
    Ask("patch", "apprecords", OURS, SYSTEM),
    Ask("delete", "ledgers", OURS, SYSTEM),
    Ask("get", "secrets", "", SYSTEM, "another"),
    Ask("list", "secrets", "", SYSTEM),
    Ask("get", "secrets", "", RUN),
    Ask("create", "configmaps", "", SYSTEM, "another"),
    Ask("list", "configmaps", "", RUN),
    Ask("list", "pods", "", RUN),
    Ask("list", "generatedapps", OURS, ""),
    Ask("patch", "connectors/status", OURS, ""),
    Ask("list", "endpointslices", "discovery.k8s.io", "anywhere"),
    Ask("create", "secrets", "", CREDENTIALS_NAMESPACE),
]
# A tenant with the default role `edit` in their own namespace, and one with `view`.
EDITOR_MAY = [Ask(verb, "generatedapps", OURS, "own") for verb in ("get", "create", "update", "patch", "delete")]
EDITOR_MAY_NOT = [
    Ask("patch", "generatedapps/status", OURS, "own"),
    Ask("create", "generatedapps", OURS, "anywhere"),
    Ask("create", "apprecords", OURS, "own"),
    Ask("patch", "ledgers", OURS, "own"),
    Ask("patch", "appbudgets", OURS, ""),
    Ask("get", "pods", "", RUN),
    Ask("get", "apprecords", OURS, SYSTEM),
    Ask("update", "generatedapps/promote", OURS, "own"),
    Ask("update", "generatedapps/resume-repeated", OURS, "own"),
    Ask("update", "generatedapps/enter", OURS, RUN),
    Ask("update", "apprecords/restore", OURS, SYSTEM),
    Ask("update", "apprecords/purge", OURS, SYSTEM),
]
RESUME = Ask("update", "generatedapps/resume", OURS, "own")
VIEWER_MAY = [Ask("watch", "generatedapps", OURS, "own")]
VIEWER_MAY_NOT = [Ask("patch", "generatedapps", OURS, "own"), Ask("create", "generatedapps", OURS, "own")]


def allowed(kubectl: Kubectl, user: str, asks: list[Ask]) -> list[bool]:
    """The API server's answers, in order."""
    reviews = as_list(tuple(review(user, ask) for ask in asks))
    answers = kubectl("create", "-f", "-", "-o", r"jsonpath={.status.allowed}{'\n'}", given=reviews).split()
    return [answer == "true" for answer in answers]


def review(user: str, ask: Ask) -> dict[str, Any]:
    resource, _, subresource = ask.resource.partition("/")
    attributes = {**ask._asdict(), "resource": resource, "subresource": subresource}
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "resourceAttributes": {key: value for key, value in attributes.items() if value}},
    }


@pytest.mark.parametrize(
    ("user", "may", "may_not"),
    [
        pytest.param(OPERATOR, OPERATOR_MAY, OPERATOR_MAY_NOT, id="the operator"),
        pytest.param(GATEWAY, GATEWAY_MAY, GATEWAY_MAY_NOT, id="the gateway"),
    ],
)
def test_our_processes_may_do_their_work_and_nothing_else(
    installed: Kubectl, user: str, may: list[Ask], may_not: list[Ask]
) -> None:
    answers = dict(zip([*may, *may_not], allowed(installed, user, [*may, *may_not]), strict=True))
    assert answers == {ask: ask in may for ask in answers}


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        pytest.param("edit", EDITOR_MAY, [*EDITOR_MAY_NOT, RESUME], id="edit"),
        pytest.param("admin", [*EDITOR_MAY, RESUME], EDITOR_MAY_NOT, id="admin"),
        pytest.param("view", VIEWER_MAY, [*VIEWER_MAY_NOT, RESUME], id="view"),
    ],
)
def test_default_roles_reach_generatedapps_of_their_namespace_only(
    installed: Kubectl, tenant: str, role: str, may: list[Ask], may_not: list[Ask]
) -> None:
    installed("create", "rolebinding", "tester", "-n", tenant, f"--clusterrole={role}", f"--user={tenant}")
    asks = [ask._replace(namespace=tenant) if ask.namespace == "own" else ask for ask in (*may, *may_not)]
    answers = allowed(installed, tenant, asks)
    assert answers == [True] * len(may) + [False] * len(may_not)
