# SPDX-License-Identifier: Apache-2.0
"""Our own pods: restricted Pod Security, probes, policies that select them, Services that find them."""

from typing import Any

import pytest

from tests.support.value_sets import VERIFIER
from tools import helm

Pod = tuple[str, dict[str, str], dict[str, Any]]


def pods(manifests: list[helm.Manifest]) -> list[Pod]:
    """(name, labels, spec) of every pod that the chart makes, directly, through a Deployment or a CronJob."""
    found: list[Pod] = []
    for each in manifests:
        if each["kind"] == "Pod":
            found.append((each["metadata"]["name"], each["metadata"]["labels"], each["spec"]))
        elif each["kind"] == "CronJob":
            template = each["spec"]["jobTemplate"]["spec"]["template"]
            found.append((each["metadata"]["name"], template["metadata"]["labels"], template["spec"]))
        elif "template" in each.get("spec", {}):
            template = each["spec"]["template"]
            assert each["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
            found.append((each["metadata"]["name"], template["metadata"]["labels"], template["spec"]))
    return found


def policies_for(manifests: list[helm.Manifest], labels: dict[str, str]) -> list[dict[str, Any]]:
    return [
        each["spec"]
        for each in manifests
        if each["kind"] == "NetworkPolicy"
        and each["metadata"]["namespace"] == helm.NAMESPACE
        and each["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    ]


def test_every_pod_passes_restricted_pod_security(rendered: list[helm.Manifest]) -> None:
    found = pods(rendered)
    processes = {"genapps-operator", "genapps-gateway"}
    assert {name for name, _, _ in found} == {*processes, "genapps-test-fence", "genapps-fence-check"}
    for name, _, spec in found:
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(spec), name
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for volume in spec.get("volumes", []):
            assert set(volume) - {"name"} <= {"configMap", "emptyDir", "projected", "secret", "persistentVolumeClaim"}
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert not [port for port in container.get("ports", []) if "hostPort" in port]


def test_every_container_is_bounded_and_every_server_is_probed(rendered: list[helm.Manifest]) -> None:
    for name, _, spec in pods(rendered):
        for container in spec["containers"]:
            assert container["resources"]["limits"]["memory"], name
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}
            if spec.get("restartPolicy") != "Never":
                ports = {port["name"]: port["containerPort"] for port in container["ports"]}
                for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                    assert ports[container[probe]["httpGet"]["port"]] == 9090


def test_only_processes_that_call_the_api_server_hold_a_token(rendered: list[helm.Manifest]) -> None:
    tokens = {name: spec["automountServiceAccountToken"] for name, _, spec in pods(rendered)}
    assert {name for name, mounted in tokens.items() if mounted} == {"genapps-operator", "genapps-gateway"}
    accounts = [each for each in rendered if each["kind"] == "ServiceAccount"]
    assert all(account["automountServiceAccountToken"] is False for account in accounts)


def test_every_pod_is_isolated_in_both_directions(rendered: list[helm.Manifest]) -> None:
    for name, labels, _ in pods(rendered):
        policies = policies_for(rendered, labels)
        assert len(policies) == 1, name
        assert policies[0]["policyTypes"] == ["Ingress", "Egress"]


def test_only_run_namespaces_the_test_and_the_check_reach_the_gateway(rendered: list[helm.Manifest]) -> None:
    labels = next(labels for name, labels, _ in pods(rendered) if name == "genapps-gateway")
    (policy,) = policies_for(rendered, labels)
    first, check, *others = policy["ingress"]
    assert [port["port"] for port in first["ports"]] == [8443, 8444]
    from_namespaces, from_test = first["from"]
    assert from_namespaces == {"namespaceSelector": {"matchLabels": {"genapps.dev/run-namespace": "true"}}}
    test_labels = next(labels for name, labels, _ in pods(rendered) if name == "genapps-test-fence")
    assert from_test["podSelector"]["matchLabels"].items() <= test_labels.items()
    check_labels = next(labels for name, labels, _ in pods(rendered) if name == "genapps-fence-check")
    assert [port["port"] for port in check["ports"]] == [8444]
    assert [peer["podSelector"]["matchLabels"].items() <= check_labels.items() for peer in check["from"]] == [True]
    assert all([port["port"] for port in rule["ports"]] in ([8445], [9090]) for rule in others)


def test_the_keys_of_step_tokens_are_read_by_named_peers_and_these_reach_no_other_port(values: helm.Values) -> None:
    peers = [VERIFIER]
    manifests = helm.render({**values, "networkPolicy": {"stepTokenKeysFrom": peers}})
    labels = next(labels for name, labels, _ in pods(manifests) if name == "genapps-gateway")
    (policy,) = policies_for(manifests, labels)
    assert [[port["port"] for port in rule["ports"]] for rule in policy["ingress"] if rule["from"] == peers] == [[8445]]
    default = next(each for each in policies_for(helm.render(values), labels))
    assert 8445 not in [port["port"] for rule in default["ingress"] for port in rule["ports"]]


def test_the_test_pod_is_fenced_from_the_canary_by_its_own_policy_alone(rendered: list[helm.Manifest]) -> None:
    labels = next(labels for name, labels, _ in pods(rendered) if name == "genapps-test-fence")
    (policy,) = policies_for(rendered, labels)
    assert [port["port"] for rule in policy["egress"] for port in rule["ports"]] == [8443]
    gateway = next(labels for name, labels, _ in pods(rendered) if name == "genapps-gateway")
    assert policy["egress"][0]["to"][0]["podSelector"]["matchLabels"].items() <= gateway.items()


def test_service_gateway_finds_the_gateways_pods_and_ports(rendered: list[helm.Manifest]) -> None:
    service = next(each for each in rendered if each["kind"] == "Service" and each["metadata"]["name"] == "gateway")
    labels, spec = next((labels, spec) for name, labels, spec in pods(rendered) if name == "genapps-gateway")
    assert service["spec"]["selector"].items() <= labels.items()
    ports = {port["name"]: port["containerPort"] for port in spec["containers"][0]["ports"]}
    assert {port["port"]: ports[port["targetPort"]] for port in service["spec"]["ports"]} == {
        port: port for port in (8443, 8444, 8445)
    }


def test_metrics_services_find_their_process_and_its_port(rendered: list[helm.Manifest]) -> None:
    found = {name: (labels, spec) for name, labels, spec in pods(rendered)}
    services = {each["metadata"]["name"]: each["spec"] for each in rendered if each["kind"] == "Service"}
    for name, service in services.items():
        if name == "gateway":
            continue
        labels, pod = found[name]
        assert service["selector"].items() <= labels.items()
        assert service["clusterIP"] == "None"
        ports = {port["name"]: port["containerPort"] for port in pod["containers"][0]["ports"]}
        assert [(port["port"], ports[port["targetPort"]]) for port in service["ports"]] == [(9090, 9090)]


def test_no_pod_of_ours_but_the_check_may_ask_for_names_or_reach_more_than_the_api_server(
    rendered: list[helm.Manifest],
) -> None:
    for name, labels, _ in pods(rendered):
        if name == "genapps-fence-check":
            continue
        (policy,) = policies_for(rendered, labels)
        ports = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
        assert ports
        assert ports <= ({8443} if name == "genapps-test-fence" else {443, 6443})


def test_disruptions_take_one_of_each_at_a_time_and_never_block_a_drain(rendered: list[helm.Manifest]) -> None:
    budgets = {each["metadata"]["name"]: each["spec"] for each in rendered if each["kind"] == "PodDisruptionBudget"}
    assert set(budgets) == {"genapps-operator", "genapps-gateway"}
    for wanted, budget in budgets.items():
        assert (budget["maxUnavailable"], budget["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")
        selected = budget["selector"]["matchLabels"].items()
        assert [name for name, labels, _ in pods(rendered) if selected <= labels.items()] == [wanted]


@pytest.mark.parametrize("process", ["genapps-operator", "genapps-gateway"])
def test_replicas_are_spread_where_that_is_possible(rendered: list[helm.Manifest], process: str) -> None:
    labels, spec = next((labels, spec) for name, labels, spec in pods(rendered) if name == process)
    spread = spec["topologySpreadConstraints"]
    assert [each["topologyKey"] for each in spread] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    for each in spread:
        assert each["whenUnsatisfiable"] == "ScheduleAnyway"
        assert each["labelSelector"]["matchLabels"].items() <= labels.items()


def test_a_second_operator_waits_and_a_second_gateway_serves(rendered: list[helm.Manifest]) -> None:
    deployments = {each["metadata"]["name"]: each["spec"] for each in rendered if each["kind"] == "Deployment"}
    assert {name: (spec["replicas"], spec["strategy"]["type"]) for name, spec in deployments.items()} == {
        "genapps-operator": (2, "RollingUpdate"),
        "genapps-gateway": (2, "RollingUpdate"),
    }
    assert deployments["genapps-gateway"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_gateways_prefer_different_nodes_unless_another_affinity_is_given(values: helm.Values) -> None:
    def affinity(**pod: Any) -> Any:
        manifests = helm.render({**values, "gateway": {"pod": pod}})
        return next(spec for name, _, spec in pods(manifests) if name == "genapps-gateway")["affinity"]

    (preferred,) = affinity()["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert preferred["podAffinityTerm"]["topologyKey"] == "kubernetes.io/hostname"
    chosen: dict[str, Any] = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}
    assert affinity(affinity=chosen) == chosen


@pytest.mark.parametrize("seconds", [60, 300])
def test_a_gateway_knows_how_long_it_has_to_end(values: helm.Values, seconds: int) -> None:
    manifests = helm.render({**values, "gateway": {"graceSeconds": seconds}})
    spec = next(spec for name, _, spec in pods(manifests) if name == "genapps-gateway")
    told = {each["name"]: each.get("value") for each in spec["containers"][0]["env"]}
    assert (spec["terminationGracePeriodSeconds"], told["GENAPPS_GRACE_SECONDS"]) == (seconds, str(seconds))


def test_operators_are_told_apart_by_pod(rendered: list[helm.Manifest]) -> None:
    spec = next(spec for name, _, spec in pods(rendered) if name == "genapps-operator")
    variables = {each["name"]: each for each in spec["containers"][0]["env"]}
    named = {
        f"$({name})": entry["valueFrom"]["fieldRef"]["fieldPath"]
        for name, entry in variables.items()
        if "valueFrom" in entry
    }
    assert named["$(POD_UID)"] == "metadata.uid"
    assert "$(POD_UID)" in variables["GENAPPS_IDENTITY"]["value"]
