# SPDX-License-Identifier: Apache-2.0
"""The compiler of policies, without a node: the same cases that tests/cluster tries with real connections."""

from collections.abc import Mapping
from typing import Any

import pytest

from tools.node.enforcer.cluster import Attachment, Cluster, observe
from tools.node.enforcer.rules import Direction, Permission, Ports, permissions
from tools.node.enforcer.selectors import selects
from tools.node.policies import PODS, Case, Probe, cases, namespace_manifest, pod_manifest

ADDRESSES = {place: f"10.244.0.{number}" for number, place in enumerate(PODS, 2)}
OUTSIDE = {"host": "10.201.0.1", "node": "10.201.0.2"}
CASES = cases()


def cluster_of(policies: list[dict[str, Any]]) -> Cluster:
    pods = {place: with_uid(pod_manifest(place), place) for place in PODS}
    links = [Attachment(place, address, f"veth{address[-1]}") for place, address in ADDRESSES.items()]
    return observe(links, pods, [namespace_manifest("x"), namespace_manifest("y")], policies)


def with_uid(pod: dict[str, Any], uid: str) -> dict[str, Any]:
    return {**pod, "metadata": {**pod["metadata"], "uid": uid}}


def permits(allowed: tuple[Permission, ...] | None, peer: str, protocol: str, port: int) -> bool:
    """The meaning of permissions, said a second time and in other words than the nftables text."""
    return allowed is None or any(
        (permission.peers is None or peer in permission.peers)
        and (permission.ports is None or covers(permission.ports, protocol, port))
        for permission in allowed
    )


def covers(ports: Ports, protocol: str, port: int) -> bool:
    return ports.protocol == protocol and any(first <= port <= last for first, last in ports.ranges)


def reached(cluster: Cluster, probe: Probe) -> bool:
    target, port = ("x/a", 80) if probe.target == "service" else (probe.target, probe.port)
    if probe.source == target:
        return True
    everywhere = {**ADDRESSES, **OUTSIDE}
    ends: list[tuple[str, str, Direction]] = [(probe.source, target, "Egress"), (target, probe.source, "Ingress")]
    endpoints = {endpoint.address: endpoint for endpoint in cluster.endpoints}
    return all(
        permits(
            permissions(cluster, endpoints[ADDRESSES[end]], direction), everywhere[other], probe.network.upper(), port
        )
        for end, other, direction in ends
        if end in ADDRESSES
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_permissions_are_as_the_policies_say(case: Case) -> None:
    cluster = cluster_of(case.manifests({**ADDRESSES, **OUTSIDE}))
    assert {str(probe): reached(cluster, probe) for probe in case.expected} == {
        str(probe): wanted for probe, wanted in case.expected.items()
    }


def test_every_case_of_isolation_has_something_allowed_and_something_denied() -> None:
    assert all(set(case.expected.values()) == {True, False} for case in CASES if case.policies)


def test_a_link_without_its_pod_or_its_namespace_is_not_known() -> None:
    pod = with_uid(pod_manifest("x/a"), "1")
    links = [Attachment("1", "10.244.0.2", "veth1"), Attachment("2", "10.244.0.3", "veth2")]
    assert [e.address for e in observe(links, {"1": pod}, [namespace_manifest("x")], []).endpoints] == ["10.244.0.2"]
    assert observe(links, {"1": pod}, [namespace_manifest("y")], []).endpoints == ()


def test_overlapping_ports_are_merged_because_nftables_refuses_overlaps() -> None:
    ports = [{"port": 80, "endPort": 90}, {"port": 85}, {"port": 91}, {"port": 100}, {"protocol": "UDP", "port": 53}]
    policy = {
        "metadata": {"namespace": "x", "name": "p"},
        "spec": {"podSelector": {}, "ingress": [{"ports": ports}]},
    }
    cluster = cluster_of([policy])
    assert permissions(cluster, cluster.endpoints[0], "Ingress") == (
        Permission(None, Ports("TCP", ((80, 91), (100, 100)))),
        Permission(None, Ports("UDP", ((53, 53),))),
    )


def test_policy_types_default_to_ingress_and_to_egress_only_with_egress_rules() -> None:
    def isolated(spec: Mapping[str, Any]) -> list[bool]:
        cluster = cluster_of([{"metadata": {"namespace": "x", "name": "p"}, "spec": {"podSelector": {}, **spec}}])
        directions: tuple[Direction, ...] = ("Ingress", "Egress")
        return [permissions(cluster, cluster.endpoints[0], direction) is not None for direction in directions]

    assert isolated({}) == [True, False]
    assert isolated({"egress": []}) == [True, False]
    assert isolated({"egress": [{}]}) == [True, True]
    assert isolated({"policyTypes": ["Egress"]}) == [False, True]


@pytest.mark.parametrize(
    ("expression", "labels", "wanted"),
    [
        ({"key": "k", "operator": "In", "values": ["v"]}, {"k": "v"}, True),
        ({"key": "k", "operator": "In", "values": ["v"]}, {}, False),
        ({"key": "k", "operator": "NotIn", "values": ["v"]}, {}, True),
        ({"key": "k", "operator": "NotIn", "values": ["v"]}, {"k": "v"}, False),
        ({"key": "k", "operator": "Exists"}, {"k": ""}, True),
        ({"key": "k", "operator": "Exists"}, {}, False),
        ({"key": "k", "operator": "DoesNotExist"}, {}, True),
        ({"key": "k", "operator": "DoesNotExist"}, {"k": "v"}, False),
    ],
)
def test_expressions_select_as_kubernetes_says(
    expression: Mapping[str, Any], labels: Mapping[str, str], wanted: bool
) -> None:
    assert selects({"matchExpressions": [expression]}, labels) is wanted


def test_an_operator_that_is_not_known_is_an_error_and_not_a_match() -> None:
    with pytest.raises(KeyError):
        selects({"matchExpressions": [{"key": "k", "operator": "Near"}]}, {})
