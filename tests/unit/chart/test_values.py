# SPDX-License-Identifier: Apache-2.0
"""Values: what the schema refuses, and what each value does to the manifests."""

from typing import Any

import helm_python
import pytest
import yaml

from genapps.api.app_pods import AppPods
from genapps.api.appbudget import AppBudget
from genapps.api.kinds import KINDS
from genapps.api.names import VERSION
from tests.support.value_sets import VALUE_SETS
from tools import helm

CRDS = "artifacthub.io/crds"


def named(manifests: list[helm.Manifest], kind: str, name: str) -> helm.Manifest:
    found = [each for each in manifests if each["kind"] == kind and each["metadata"]["name"] == name]
    assert len(found) == 1, f"{kind} {name}: {len(found)}"
    return found[0]


def environment(manifests: list[helm.Manifest]) -> dict[str, str]:
    pod = named(manifests, "Deployment", "genapps-operator")["spec"]["template"]["spec"]
    return {entry["name"]: entry.get("value", "") for entry in pod["containers"][0]["env"]}


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        pytest.param({"image": {"genapps": "a"}}, "runtime", id="no runtime image"),
        pytest.param({"image": {"genapps": "a b", "runtime": "b"}}, "genapps", id="an image reference with a space"),
        pytest.param({"imagePullPolicy": "Always"}, "imagePullPolicy", id="a misspelt value"),
        pytest.param(
            {"image": {"genapps": "a", "runtime": "b", "pullSecrets": [{"name": "A B"}]}}, "pullSecrets", id="no Secret"
        ),
        pytest.param({"runNamespaces": []}, "runNamespaces", id="no run namespace"),
        pytest.param({"runNamespaces": ["Apps"]}, "runNamespaces", id="a run namespace in capitals"),
        pytest.param({"runNamespaces": ["a", "a"]}, "runNamespaces", id="a run namespace twice"),
        pytest.param({"runNamespaces": ["kube-system"]}, "runNamespaces", id="apps among the cluster's own pods"),
        pytest.param({"runNamespaces": ["default"]}, "runNamespaces", id="apps in the default namespace"),
        pytest.param(
            {"runNamespaces": ["genapps-system"]}, "the namespace of the release", id="apps beside the operator"
        ),
        pytest.param({"runNamespaceQuotas": {"other": {"pods": "1"}}}, "other", id="a quota for no run namespace"),
        pytest.param({"runNamespaceQuotas": {"genapps-run": {"pods": "many"}}}, "pods", id="a quota of no quantity"),
        pytest.param({"runtimeClasses": {"extreme": "kata"}}, "extreme", id="a runtime class for no risk class"),
        pytest.param({"runtimeClasses": {"high": "Kata VM"}}, "high", id="a runtime class with a space"),
        pytest.param({"hostUsers": "no"}, "hostUsers", id="hostUsers as a string"),
        pytest.param({"operator": {"workers": 0}}, "workers", id="no workers"),
        pytest.param({"operator": {"workers": None}}, "workers", id="a default taken away"),
        pytest.param({"runNamespaceQuotas": {"Apps": {"pods": "1"}}}, "Apps", id="a quota for a name in capitals"),
        pytest.param({"operator": {"replicas": 0}}, "replicas", id="no operator"),
        pytest.param({"operator": {"replicas": 6}}, "replicas", id="a crowd of operators"),
        pytest.param({"gateway": {"clusterIP": "gateway.local"}}, "clusterIP", id="a name as cluster address"),
        pytest.param({"admission": {"denyExternalIps": False}}, "denyExternalIps", id="a misspelt rule of admission"),
        pytest.param({"admission": {"denyExternalIPs": "no"}}, "denyExternalIPs", id="a rule of admission as a string"),
        pytest.param({"networkPolicy": {"apiServerCIDRs": ["10.0.0.1"]}}, "apiServerCIDRs", id="an address, no range"),
        pytest.param(
            {"operator": {"pod": {"labels": {"app.kubernetes.io/component": "gateway"}}}},
            "component",
            id="a label that policies select by",
        ),
        pytest.param({"gateway": {"pod": {"labels": {"genapps.dev/app": "a"}}}}, "genapps.dev", id="a label of ours"),
        pytest.param({"apps": {"runAsUser": 0}}, "runAsUser", id="apps as root"),
        pytest.param({"apps": {"pod": {"labels": {"genapps.dev/app": "x"}}}}, "genapps.dev", id="our label of a pod"),
        pytest.param(
            {"apps": {"childLabels": {"app.kubernetes.io/managed-by": "x"}}}, "managed-by", id="our label of a child"
        ),
        pytest.param({"apps": {"childLabels": {"a": "no spaces"}}}, "childLabels", id="no value of a label"),
        pytest.param({"apps": {"pod": {"replicas": 2}}}, "replicas", id="no field of a pod's placement"),
        pytest.param({"apps": {"byRiskClass": {"extreme": {}}}}, "extreme", id="pods of no risk class"),
        pytest.param({"apps": {"byRiskClass": {"high": {"nodeSelektor": {}}}}}, "nodeSelektor", id="a misspelt field"),
        pytest.param({"apps": {"byRunNamespace": {"other": {}}}}, "other", id="pods of no run namespace"),
        pytest.param({"monitoring": {"interval": "0s"}}, "interval", id="a scrape without end"),
        pytest.param({"catalogue": {"readers": "developers"}}, "readers", id="a group that is no list"),
        pytest.param({"catalogue": {"readers": [""]}}, "readers", id="a group without a name"),
        pytest.param({"catalogue": {"readers": ["a", "a"]}}, "readers", id="a group twice"),
        pytest.param({"catalogue": {"readers": ["system:unauthenticated"]}}, "readers", id="everybody as readers"),
        pytest.param({"registries": {"tokenHosts": ["10.0.0.1"]}}, "tokenHosts", id="an address as host of tokens"),
        pytest.param({"registries": {"credentialsSecret": "A"}}, "credentialsSecret", id="a name that no Secret has"),
        pytest.param({"tokenIssuers": {"egress": [{}]}}, "egress", id="egress of the gateway to everywhere"),
        pytest.param({"registries": {"egress": [{}]}}, "egress", id="egress to everywhere"),
        pytest.param({"connectors": {"dns": [{}]}}, "dns", id="DNS everywhere"),
        pytest.param(
            {"connectors": {"serviceNamespaces": ["genapps-run"]}}, "serviceNamespaces", id="Services of apps' pods"
        ),
        pytest.param(
            {"connectors": {"serviceNamespaces": ["kube-system"]}}, "serviceNamespaces", id="Services of the cluster"
        ),
        pytest.param({"networkPolicy": {"apiServerPorts": []}}, "apiServerPorts", id="no port of the API server"),
    ],
)
def test_bad_values_are_refused_by_name(values: helm.Values, wrong: dict[str, Any], complaint: str) -> None:
    if "image" in wrong:
        values = {}
    with pytest.raises(helm_python.HelmError, match=complaint):
        helm.render({**values, **wrong})


def test_chart_without_image_references_is_refused() -> None:
    with pytest.raises(helm_python.HelmError, match="image"):
        helm.render({})


@pytest.mark.parametrize("name", list(VALUE_SETS))
def test_lint_finds_nothing(values: helm.Values, name: str) -> None:
    assert helm.lint({**values, **VALUE_SETS[name].values}) == []


@pytest.mark.parametrize(("value", "setting"), [(None, ""), (True, "true"), (False, "false")])
def test_host_users_reaches_the_operator(values: helm.Values, value: bool | None, setting: str) -> None:
    assert environment(helm.render({**values, "hostUsers": value}))["GENAPPS_HOST_USERS"] == setting


def test_operator_gets_every_setting(values: helm.Values) -> None:
    settings = environment(
        helm.render(
            {
                **values,
                "runNamespaces": ["one", "two"],
                "storage": {"className": "fast", "waitForFirstConsumer": True},
                "runtimeClasses": {"medium": "gvisor", "high": "kata"},
                "operator": {"sweepSeconds": 3, "progressDeadlineSeconds": 45, "workers": 5, "logLevel": "debug"},
                "connectors": {
                    "podCIDRs": ["203.0.112.0/20"],
                    "insideCIDRs": ["2600::/36"],
                    "dns": [{"ports": [{"port": 53}]}],
                },
            }
        )
    )
    assert AppPods.model_validate_json(settings.pop("GENAPPS_APPS")) == AppPods()
    assert settings == {
        "GENAPPS_SYSTEM_NAMESPACE": "genapps-system",
        "GENAPPS_RUN_NAMESPACES": "one,two",
        "GENAPPS_RUNTIME_IMAGE": "localhost/genapps-runtime:1",
        "GENAPPS_IMAGE_PULL_POLICY": "IfNotPresent",
        "GENAPPS_STORAGE_CLASS": "fast",
        "GENAPPS_WAIT_FOR_FIRST_CONSUMER": "true",
        "GENAPPS_HOST_USERS": "",
        "GENAPPS_RUNTIME_CLASSES": "high=kata,medium=gvisor",
        "GENAPPS_SWEEP_SECONDS": "3",
        "GENAPPS_PROGRESS_DEADLINE_SECONDS": "45",
        "GENAPPS_WORKERS": "5",
        "GENAPPS_LOG_LEVEL": "debug",
        "GENAPPS_CLUSTER_CIDRS": "203.0.112.0/20,2600::/36",
        "GENAPPS_GATEWAY_DNS": '[{"ports":[{"port":53}]}]',
        "GENAPPS_IDENTITY": "$(POD_NAME)_$(POD_UID)",
        "POD_NAME": "",
        "POD_UID": "",
    }


def test_every_run_namespace_is_prepared_and_outlives_the_release(values: helm.Values) -> None:
    manifests = helm.render({**values, "runNamespaces": ["one", "two"], "runNamespaceQuotas": {"two": {"pods": "3"}}})
    for name in ("one", "two"):
        namespace = named(manifests, "Namespace", name)
        assert namespace["metadata"]["labels"]["genapps.dev/run-namespace"] == "true"
        assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
        inside = [each for each in manifests if each["metadata"].get("namespace") == name]
        deny = next(each for each in inside if each["kind"] == "NetworkPolicy")
        assert deny["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
        for kept in (namespace, deny):
            assert kept["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
        quotas = [each["spec"]["hard"] for each in inside if each["kind"] == "ResourceQuota"]
        assert quotas == ([{"pods": "3"}] if name == "two" else [])


def test_crds_come_with_the_release_and_stay_after_it(values: helm.Values) -> None:
    crds = [each for each in helm.render(values) if each["kind"] == "CustomResourceDefinition"]
    assert {crd["spec"]["names"]["kind"] for crd in crds} == {
        "GeneratedApp",
        "AppBudget",
        "Connector",
        "AppHold",
        "AppRecord",
        "BudgetRecord",
        "Ledger",
    }
    assert all(crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep" for crd in crds)


def test_the_budget_in_the_notes_is_valid_and_names_a_run_namespace_of_the_release(values: helm.Values) -> None:
    text = helm.notes({**values, "runNamespaces": ["apps-finance", "apps-sales"]})
    manifest = yaml.safe_load(text.partition("<<EOF\n")[2].partition("\nEOF\n")[0])
    assert AppBudget.model_validate(manifest).spec.run_namespace == "apps-finance"


def test_the_charts_own_description_names_the_kinds_that_users_write() -> None:
    chart = yaml.safe_load((helm.CHART / "Chart.yaml").read_text(encoding="utf-8"))
    told = {(each["kind"], each["name"], each["version"]) for each in yaml.safe_load(chart["annotations"][CRDS])}
    assert told == {(kind.name, kind.crd_name, VERSION) for kind in KINDS if kind.status is not None}


def test_crds_can_be_left_to_another_hand(values: helm.Values) -> None:
    manifests = helm.render({**values, "crds": {"enabled": False}})
    assert [each for each in manifests if each["kind"] == "CustomResourceDefinition"] == []


@pytest.mark.parametrize("process", ["operator", "gateway"])
def test_a_process_runs_where_its_values_say_and_carries_their_marks(values: helm.Values, process: str) -> None:
    pod = {
        "priorityClassName": "high",
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}},
        "labels": {"team": "platform"},
        "annotations": {"example.com/mesh": "off"},
    }
    deployment = named(helm.render({**values, process: {"pod": pod}}), "Deployment", f"genapps-{process}")
    template = deployment["spec"]["template"]
    placed = {key: template["spec"][key] for key in ("priorityClassName", "nodeSelector", "tolerations", "affinity")}
    assert placed == {key: pod[key] for key in placed}
    assert template["metadata"]["labels"]["team"] == "platform"
    assert template["metadata"]["annotations"] == {"example.com/mesh": "off"}
    assert "team" not in deployment["spec"]["selector"]["matchLabels"]


def test_values_of_apps_pods_reach_the_operator_as_they_are(values: helm.Values) -> None:
    apps = {
        "pod": {"tolerations": [{"key": "apps", "operator": "Exists", "tolerationSeconds": 3600}]},
        "byRiskClass": {"high": {"nodeSelector": {"pool": "untrusted"}}},
        "byRunNamespace": {"one": {"priorityClassName": "low"}},
        "childLabels": {"cost-centre": "42"},
    }
    manifests = helm.render({**values, "runNamespaces": ["one"], "apps": apps})
    assert AppPods.model_validate_json(environment(manifests)["GENAPPS_APPS"]) == AppPods.model_validate(apps)


def test_a_user_that_is_left_to_the_cluster_is_in_no_pod(values: helm.Values) -> None:
    manifests = helm.render({**values, "apps": {"runAsUser": None}})
    assert AppPods.model_validate_json(environment(manifests)["GENAPPS_APPS"]).run_as_user is None
    for process in ("operator", "gateway"):
        context = named(manifests, "Deployment", f"genapps-{process}")["spec"]["template"]["spec"]["securityContext"]
        assert context == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    chosen = helm.render({**values, "apps": {"runAsUser": 1000}})
    context = named(chosen, "Deployment", "genapps-gateway")["spec"]["template"]["spec"]["securityContext"]
    assert (context["runAsUser"], context["runAsGroup"], context["fsGroup"]) == (1000, 1000, 1000)


def test_pull_secrets_reach_our_own_pods_and_by_name_those_of_apps(values: helm.Values) -> None:
    image = {**values["image"], "pullSecrets": [{"name": "registry"}, {"name": "backup"}]}
    manifests = helm.render({**values, "image": image})
    assert environment(manifests)["GENAPPS_PULL_SECRETS"] == "registry,backup"
    for process in ("operator", "gateway"):
        pod = named(manifests, "Deployment", f"genapps-{process}")["spec"]["template"]["spec"]
        assert pod["imagePullSecrets"] == image["pullSecrets"]
    assert "GENAPPS_PULL_SECRETS" not in environment(helm.render(values))


def test_without_registries_the_operator_reaches_the_api_server_only(values: helm.Values) -> None:
    manifests = helm.render(values)
    assert len(named(manifests, "NetworkPolicy", "genapps-operator")["spec"]["egress"]) == 1
    assert "volumes" not in named(manifests, "Deployment", "genapps-operator")["spec"]["template"]["spec"]
    assert not [name for name in environment(manifests) if "REGISTRY" in name]


def test_issuers_of_tenants_reach_the_gateway(values: helm.Values) -> None:
    manifests = helm.render(values)
    assert len(named(manifests, "NetworkPolicy", "genapps-gateway")["spec"]["egress"]) == 1
    assert "volumes" not in named(manifests, "Deployment", "genapps-gateway")["spec"]["template"]["spec"]
    rule = {"to": [{"ipBlock": {"cidr": "192.0.2.7/32"}}], "ports": [{"port": 443}]}
    manifests = helm.render({**values, "tokenIssuers": {"caConfigMap": "ca", "egress": [rule]}})
    assert rule in named(manifests, "NetworkPolicy", "genapps-gateway")["spec"]["egress"]
    pod = named(manifests, "Deployment", "genapps-gateway")["spec"]["template"]["spec"]
    (mount,) = pod["containers"][0]["volumeMounts"]
    settings = {variable["name"]: variable.get("value") for variable in pod["containers"][0]["env"]}
    assert settings["GENAPPS_ISSUER_CA"] == f"{mount['mountPath']}/ca.crt"
    assert pod["volumes"] == [{"name": mount["name"], "configMap": {"name": "ca"}}]


def test_registries_reach_the_operator(values: helm.Values) -> None:
    rule = {"to": [{"ipBlock": {"cidr": "192.0.2.7/32"}}], "ports": [{"port": 443}]}
    chosen = {"caConfigMap": "ca", "credentialsSecret": "login", "tokenHosts": ["a.example", "b.example"]}
    manifests = helm.render({**values, "registries": {**chosen, "egress": [rule]}})
    assert rule in named(manifests, "NetworkPolicy", "genapps-operator")["spec"]["egress"]
    settings = environment(manifests)
    assert settings["GENAPPS_REGISTRY_TOKEN_HOSTS"] == "a.example,b.example"
    pod = named(manifests, "Deployment", "genapps-operator")["spec"]["template"]["spec"]
    mounted = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    assert settings["GENAPPS_REGISTRY_CA"] == f"{mounted['registries-ca']}/ca.crt"
    assert settings["GENAPPS_REGISTRY_CREDENTIALS"] == f"{mounted['registries-credentials']}/.dockerconfigjson"
    assert {"name": "registries-ca", "configMap": {"name": "ca"}} in pod["volumes"]
    assert {"name": "registries-credentials", "secret": {"secretName": "login"}} in pod["volumes"]
