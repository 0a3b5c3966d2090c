# SPDX-License-Identifier: Apache-2.0
"""RBAC: each process may write what it writes, and nothing else."""

import helm_python
import pytest

from genapps.api.names import CREDENTIALS_NAMESPACE, GATEWAY_EGRESS_POLICY
from tests.support.granted_rights import grants
from tools import helm

READ = {"get", "list", "watch"}
USER_KINDS = {"generatedapps", "appbudgets", "connectors", "appholds"}


def test_no_role_holds_a_wildcard(rendered: list[helm.Manifest]) -> None:
    roles = [each for each in rendered if each["kind"] in {"Role", "ClusterRole"}]
    assert roles
    for role in roles:
        for rule in role["rules"]:
            words = [*rule.get("apiGroups", []), *rule.get("resources", []), *rule["verbs"]]
            assert not [word for word in words if "*" in word], role["metadata"]["name"]
            assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"])


def test_operator_never_touches_secrets_nor_pods_insides(rendered: list[helm.Manifest]) -> None:
    resources = {resource for _, _, resource, _, _ in grants(rendered, "genapps-operator")}
    assert "pods" in resources
    assert not resources & {"secrets", "serviceaccounts/token", "pods/exec", "pods/attach", "pods/portforward"}


def test_operator_writes_no_spec_and_no_namespace(rendered: list[helm.Manifest]) -> None:
    written = {
        (where, resource) for where, _, resource, verb, _ in grants(rendered, "genapps-operator") if verb not in READ
    }
    assert not {resource for _, resource in written} & {*USER_KINDS, "namespaces"}
    everywhere = {resource for where, resource in written if where == "*"}
    assert everywhere == {"generatedapps/status", "appbudgets/status", "connectors/status", "appholds/status", "events"}


def test_operator_reads_ledgers_and_removes_them_but_never_writes_one(rendered: list[helm.Manifest]) -> None:
    verbs = {verb for _, _, resource, verb, _ in grants(rendered, "genapps-operator") if resource == "ledgers"}
    assert verbs == {"list", "watch", "delete"}


def test_operator_makes_children_in_run_namespaces_only(rendered: list[helm.Manifest]) -> None:
    run = {
        each["metadata"]["name"]
        for each in rendered
        if each["kind"] == "Namespace" and "genapps.dev/run-namespace" in each["metadata"]["labels"]
    }
    children = {"pods", "services", "persistentvolumeclaims", "networkpolicies", "endpointslices", "serviceaccounts"}
    written = {
        (place, resource, names)
        for place, _, resource, verb, names in grants(rendered, "genapps-operator")
        if resource in children and verb not in READ
    }
    beside_the_gateway = {
        (helm.NAMESPACE, "endpointslices", ()),
        (helm.NAMESPACE, "networkpolicies", (GATEWAY_EGRESS_POLICY,)),
    }
    assert beside_the_gateway <= written
    assert {place for place, _, _ in written - beside_the_gateway} == run


def test_operator_reads_pods_of_users_only_where_that_was_granted_and_one_at_a_time(values: helm.Values) -> None:
    def held(manifests: list[helm.Manifest]) -> set[tuple[str, str, str]]:
        rights = grants(manifests, "genapps-operator")
        known = {helm.NAMESPACE, "*", "genapps-run"}
        return {(place, resource, verb) for place, _, resource, verb, _ in rights if place not in known}

    assert held(helm.render(values)) == set()
    granted = held(helm.render({**values, "connectors": {"serviceNamespaces": ["billing"]}}))
    lists = {("billing", resource, verb) for resource in ("services", "endpointslices") for verb in ("list", "watch")}
    assert granted == {*lists, ("billing", "pods", "get")}


def test_operator_makes_and_collects_config_maps_beside_the_gateway_and_changes_none(
    rendered: list[helm.Manifest],
) -> None:
    verbs = {
        verb
        for where, _, resource, verb, _ in grants(rendered, "genapps-operator")
        if (where, resource) == (helm.NAMESPACE, "configmaps")
    }
    assert verbs == {"create", "delete"}


def test_gateway_writes_its_ledger_its_key_and_its_authority(rendered: list[helm.Manifest]) -> None:
    held = set(grants(rendered, "genapps-gateway"))
    written = {(resource, verb, names) for _, _, resource, verb, names in held if verb not in READ}
    assert written == {
        ("ledgers", "create", ()),
        ("ledgers", "patch", ()),
        ("secrets", "create", ()),
        ("secrets", "patch", ("genapps-gateway-tls",)),
        ("configmaps", "create", ("genapps-gateway-ca", "genapps-step-token-keys")),
        ("configmaps", "patch", ("genapps-gateway-ca", "genapps-step-token-keys")),
    }
    assert {where for where, _, _, verb, _ in held if verb not in READ} == {helm.NAMESPACE}


def test_gateway_reads_the_secret_of_a_certificate_that_it_is_given(values: helm.Values) -> None:
    manifests = helm.render({**values, "gateway": {"tls": {"secretName": "gateway-certificate"}}})
    held = {
        (verb, names) for _, _, resource, verb, names in grants(manifests, "genapps-gateway") if resource == "secrets"
    }
    assert [verb for verb, names in held if names == ("gateway-certificate",)] == ["get"]
    (gateway,) = [each for each in manifests if each["kind"] == "Deployment" and "gateway" in each["metadata"]["name"]]
    told = {each["name"]: each.get("value") for each in gateway["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert told["GENAPPS_TLS_SECRET"] == "gateway-certificate"


def test_the_gateways_own_secret_is_not_given_to_it(values: helm.Values) -> None:
    with pytest.raises(helm_python.HelmError, match=r"gateway\.tls\.secretName"):
        helm.render({**values, "gateway": {"tls": {"secretName": "genapps-gateway-tls"}}})


def test_gateway_reads_no_secret_but_its_own_and_the_credentials_of_connectors(rendered: list[helm.Manifest]) -> None:
    reads = {
        (where, verb, names)
        for where, _, resource, verb, names in grants(rendered, "genapps-gateway")
        if resource == "secrets" and verb in READ
    }
    credentials = {(CREDENTIALS_NAMESPACE, verb, ()) for verb in READ}
    assert reads == {(helm.NAMESPACE, "get", ("genapps-gateway-tls",)), *credentials}


def test_gateway_reads_connectors_everywhere_and_endpoints_beside_itself_only(rendered: list[helm.Manifest]) -> None:
    held = {(where, resource, verb) for where, _, resource, verb, _ in grants(rendered, "genapps-gateway")}
    everywhere = {(resource, verb) for where, resource, verb in held if where == "*"}
    assert everywhere == {("connectors", "list"), ("connectors", "watch")}
    slices = {(where, verb) for where, resource, verb in held if resource == "endpointslices"}
    assert slices == {(helm.NAMESPACE, "list"), (helm.NAMESPACE, "watch")}


def test_nobody_but_the_gateway_has_rights_where_credentials_are_and_no_pod_runs_there(
    rendered: list[helm.Manifest],
) -> None:
    there = [each for each in rendered if each["metadata"].get("namespace") == CREDENTIALS_NAMESPACE]
    assert {each["kind"] for each in there} == {"Role", "RoleBinding", "NetworkPolicy", "ResourceQuota"}
    (binding,) = (each for each in there if each["kind"] == "RoleBinding")
    assert [each["name"] for each in binding["subjects"]] == ["genapps-gateway"]
    (policy,) = (each for each in there if each["kind"] == "NetworkPolicy")
    assert policy["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (quota,) = (each for each in there if each["kind"] == "ResourceQuota")
    assert quota["spec"] == {"hard": {"pods": "0"}}
    namespaces = {each["metadata"]["name"]: each for each in rendered if each["kind"] == "Namespace"}
    namespace = namespaces[CREDENTIALS_NAMESPACE]
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_default_roles_reach_generatedapps_and_nothing_else(rendered: list[helm.Manifest]) -> None:
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    reached: dict[str, set[tuple[str, str]]] = {}
    for role in rendered:
        if role["kind"] != "ClusterRole":
            continue
        for label in role["metadata"]["labels"]:
            if label.startswith(prefix):
                pairs = {(res, verb) for rule in role["rules"] for res in rule["resources"] for verb in rule["verbs"]}
                reached.setdefault(label.removeprefix(prefix), set()).update(pairs)
    write = {"create", "update", "patch", "delete", "deletecollection"}
    assert reached["view"] == {("generatedapps", verb) for verb in READ}
    assert reached["edit"] == {("generatedapps", verb) for verb in write}
    assert reached["admin"] == reached["edit"] | {("generatedapps/resume", "update")}


def test_what_the_platform_binds_is_part_of_no_default_role(rendered: list[helm.Manifest]) -> None:
    unbound = {
        role["metadata"]["name"]: [resource for rule in role["rules"] for resource in rule["resources"]]
        for role in rendered
        if role["kind"] == "ClusterRole" and not [label for label in role["metadata"]["labels"] if "aggregate" in label]
    }
    assert unbound["genapps-promoter"] == ["generatedapps/promote"]
    verbs = {"resume", "resume-repeated", "promote", "enter"}
    subresources = {f"generatedapps/{verb}" for verb in verbs} | {"apprecords/purge", "apprecords/restore"}
    assert set(unbound["genapps-platform"]) == subresources | {"apprecords", "budgetrecords", "ledgers", "appholds"}
    bound = {each["roleRef"]["name"] for each in rendered if each["kind"] in {"RoleBinding", "ClusterRoleBinding"}}
    assert not bound & {"genapps-promoter", "genapps-platform", "genapps-resume", "genapps-state", "genapps-state-exec"}
    assert unbound["genapps-state"] == ["generatedapps/state", "generatedapps"]
    assert unbound["genapps-state-exec"] == ["pods/exec"]


def test_the_catalogue_is_read_by_named_groups_and_by_default_by_nobody(values: helm.Values) -> None:
    def bound(manifests: list[helm.Manifest]) -> list[helm.Manifest]:
        return [each for each in manifests if each.get("roleRef", {}).get("name") == "genapps-catalogue"]

    assert bound(helm.render(values)) == []
    manifests = helm.render({**values, "catalogue": {"readers": ["developers", "oidc:data: team"]}})
    (binding,) = bound(manifests)
    assert [(each["kind"], each["name"]) for each in binding["subjects"]] == [
        ("Group", "developers"),
        ("Group", "oidc:data: team"),
    ]
    role = next(each for each in manifests if each["metadata"]["name"] == binding["roleRef"]["name"])
    assert binding["roleRef"]["kind"] == role["kind"] == "ClusterRole"
    assert not [label for label in role["metadata"]["labels"] if "aggregate" in label]
    assert role["rules"] == [
        {"apiGroups": ["genapps.dev"], "resources": ["appbudgets", "connectors"], "verbs": sorted(READ)}
    ]


def test_operator_bounds_run_namespaces_under_one_name_and_never_lifts_a_bound(rendered: list[helm.Manifest]) -> None:
    kinds = {"resourcequotas", "limitranges"}
    held = {(verb, names) for _, _, resource, verb, names in grants(rendered, "genapps-operator") if resource in kinds}
    assert held == {("list", ("genapps",)), ("watch", ("genapps",)), ("patch", ("genapps",)), ("create", ())}
    where = {place for place, _, resource, _, _ in grants(rendered, "genapps-operator") if resource in kinds}
    assert "*" not in where
