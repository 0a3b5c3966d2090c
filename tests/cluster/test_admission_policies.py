# SPDX-License-Identifier: Apache-2.0
"""The chart's admission policies on a real API server, no operator near: each row of the table is one request."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.support.admission_table import ROWS, objects
from tests.support.admission_table.rows import (
    BYSTANDER,
    CONTROLLER_MANAGER,
    GATEWAY,
    HOME,
    LEAD,
    NAMESAKE,
    NEIGHBOUR,
    OFFICER,
    OPERATOR,
    PLATFORM,
    PROMOTER,
    READER,
    RUN_NAMESPACES,
    SYSTEM,
    TENANT,
    Actor,
    Row,
)
from tests.support.api_server import Answer, Api
from tools import helm
from tools.kubectl import Kubectl, Manifest, until
from tools.node import Node

POLICY_KINDS = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
CLEANED = ("generatedapps", "appbudgets", "connectors", "appholds", "apprecords", "budgetrecords", "ledgers")
EVERYWHERE = (BYSTANDER, PLATFORM, OFFICER, READER, OPERATOR, GATEWAY, NAMESAKE, CONTROLLER_MANAGER)
EVERYTHING = [
    ("genapps.dev", [name for kind in CLEANED for name in (kind, f"{kind}/status")]),
    ("", ["namespaces", "services", "secrets", "pods", "persistentvolumeclaims", "serviceaccounts/token"]),
    ("", [f"pods/{way}" for way in ("exec", "attach", "portforward", "proxy", "ephemeralcontainers")]),
    ("apps", ["deployments"]),
    ("batch", ["jobs"]),
    ("networking.k8s.io", ["networkpolicies"]),
]


def ask(api: Api, row: Row) -> Answer:
    """The answer to a row; nothing is stored."""
    return api.ask(*row.request, user=row.actor.user, groups=row.actor.groups)


def policy_of(answer: Answer) -> str:
    """The policy that refused; empty when none did."""
    return answer.message.partition("ValidatingAdmissionPolicy '")[2].partition("'")[0]


def role(name: str, rules: list[tuple[str, list[str]]], verb: str = "*") -> Manifest:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": [{"apiGroups": [group], "resources": names, "verbs": [verb]} for group, names in rules],
    }


def bound(actor: Actor, role: str, namespace: str | None = None) -> Manifest:
    """A binding of a ClusterRole, in one namespace or everywhere."""
    where = {"namespace": namespace} if namespace else {}
    api = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{api}/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": {"name": f"{role}-{re.sub('[:@]', '.', actor.user)}", **where},
        "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": api, "kind": "User", "name": actor.user}],
    }


def rendered() -> list[Manifest]:
    """Roles and policies of the chart for two run namespaces."""
    images = {"genapps": "localhost/genapps:1", "runtime": "localhost/genapps-runtime:1"}
    kinds = ("ClusterRole", "Namespace", *POLICY_KINDS)
    values = helm.values_for(images, runNamespaces=list(RUN_NAMESPACES))
    return [each for each in helm.render(values) if each["kind"] in kinds]


def stored() -> list[Manifest]:
    """What the rows are about, in the order in which it has to be made."""
    bindings = [
        *(bound(actor, "table-everything") for actor in EVERYWHERE),
        *(bound(TENANT, "edit", where) for where in (HOME, NEIGHBOUR)),
        *(bound(PROMOTER, each, HOME) for each in ("edit", "genapps-promoter")),
        bound(LEAD, "admin", HOME),
        bound(PLATFORM, "genapps-platform"),
        bound(OFFICER, "genapps-state", HOME),
        bound(READER, "table-lists-state", HOME),
    ]
    ours = (*objects.BUDGETS, objects.CONNECTOR, objects.HOLD, *objects.APPS, *objects.RECORDS, *objects.SERVICES)
    roles = [
        role("table-everything", EVERYTHING),
        role("table-lists-state", [("genapps.dev", ["generatedapps/state"])], "list"),
    ]
    return [*objects.NAMESPACES, *roles, *bindings, *ours, *objects.INSIDE]


@pytest.fixture(scope="module")
def api(bare: Node, bare_kubectl: Kubectl) -> Iterator[Api]:
    """The table's objects, and then the policies in force; all of it gone afterwards."""
    manifests = rendered()
    policies = [each for each in manifests if each["kind"] in POLICY_KINDS]
    others = [each for each in manifests if each["kind"] not in POLICY_KINDS]
    bare_kubectl.apply(*others, *stored())
    for name, status in objects.STATUSES.items():
        patch = json.dumps({"status": {"suspension": status}})
        bare_kubectl("patch", "gapp", name, "-n", HOME, "--subresource=status", "--type=merge", "-p", patch)
    bare_kubectl.apply(*policies)
    # A policy holds a moment after it is stored: each is in force when it has refused what it has to.
    probes = {row.refusal.policy: row for row in ROWS if row.refusal}
    with Api(bare) as found:
        until(lambda: {policy_of(ask(found, row)) for row in probes.values()} == set(probes), 30, "every policy")
        yield found
        for kind in POLICY_KINDS:
            bare_kubectl("delete", kind, *(each["metadata"]["name"] for each in policies if each["kind"] == kind))
        until(lambda: not any(policy_of(ask(found, row)) for row in probes.values()), 30, "no policy in force")
    bare_kubectl(
        "patch",
        "apprecord",
        "held",
        "-n",
        SYSTEM,
        "--type=json",
        "-p",
        '[{"op":"remove","path":"/metadata/finalizers"}]',
    )
    bare_kubectl("delete", "appbudgets,connectors,appholds", "--all")
    names = [each["metadata"]["name"] for each in objects.NAMESPACES]
    bare_kubectl("delete", "namespace", *names, *RUN_NAMESPACES, "--wait=false")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.title)
def test_the_table_holds(api: Api, row: Row) -> None:
    answer = ask(api, row)
    if row.refusal is None:
        # No kubelet runs here: a pod that may be entered cannot be reached.
        assert answer.code < 300 or "does not have a host assigned" in answer.message, answer
    else:
        assert policy_of(answer) == row.refusal.policy, answer
        assert row.refusal.field in answer.message
        assert row.refusal.way_out in answer.message


def test_the_table_is_long_and_every_policy_refuses_and_admits_something_in_it() -> None:
    assert len(ROWS) >= 120
    assert len({row.title for row in ROWS}) == len(ROWS)
    policies = {each["metadata"]["name"] for each in rendered() if each["kind"] == POLICY_KINDS[0]}
    assert {row.refusal.policy for row in ROWS if row.refusal} == policies
    assert {row.actor for row in ROWS if row.refusal} >= {TENANT, LEAD, BYSTANDER, OPERATOR, GATEWAY}


def test_the_api_server_finds_no_fault_in_the_expressions(api: Api) -> None:
    def checked() -> list[Manifest]:
        found = api.ask("GET", "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies").body["items"]
        ours = [each for each in found if each["metadata"]["name"].startswith("genapps-")]
        return ours if all("typeChecking" in each.get("status", {}) for each in ours) else []

    for policy in until(checked, 30, "types checked"):
        assert not policy["status"]["typeChecking"].get("expressionWarnings"), policy["metadata"]["name"]
