# SPDX-License-Identifier: Apache-2.0
"""The local node's NetworkPolicy enforcer against cyclonus' evaluator, on every connection between all places.

What cyclonus is asked is compared with the table that goes to the kernel, so the whole compiler is judged: selectors,
rules and their text.
"""

import ipaddress
from typing import Any

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.oracles.nftables import Table, UnreadRuleError
from tests.oracles.programs import BUILD_SECONDS, ask
from tests.oracles.situations import Situation, by_cyclonus, by_enforcer, differences
from tools.node.enforcer.selectors import selects
from tools.node.policies import PODS, cases
from tools.node.settings import REPOSITORY

pytestmark = pytest.mark.timeout(BUILD_SECONDS)
NAMESPACES = {"x": {"team": "x"}, "y": {"team": "y", "stage": "test"}, "z": {"team": ""}}
OUTSIDE = {"host": "10.201.0.1", "node": "10.201.0.2", "elsewhere": "192.0.2.7"}
PORTS = (1, 53, 79, 80, 81, 82, 8080, 65535)
MORE = yaml.safe_load((REPOSITORY / "tests" / "oracles" / "more_policies.yaml").read_text(encoding="utf-8"))


PORTS_OF_PODS: dict[str, list[dict[str, Any]]] = {
    "a": [
        {"name": "web", "containerPort": 80},
        {"name": "signal", "protocol": "SCTP", "containerPort": 80},
        {"containerPort": 82},
    ],
    "b": [{"name": "web", "containerPort": 81}],
    "c": [{"name": "names", "protocol": "UDP", "containerPort": 53}],
}
LABELS_OF_PODS = {"a": {"pod": "a", "odd": "1", "empty": ""}, "b": {"pod": "b", "odd": "2"}, "c": {"pod": "c"}}


def pod(place: str) -> dict[str, Any]:
    namespace, name = place.split("/")
    return {
        "metadata": {"namespace": namespace, "name": name, "labels": LABELS_OF_PODS[name]},
        "spec": {"containers": [{"name": "c", "ports": PORTS_OF_PODS[name]}]},
    }


def situation(*policies: dict[str, Any]) -> Situation:
    return Situation(NAMESPACES, {place: pod(place) for place in PODS}, OUTSIDE, policies, PORTS)


def policy(number: int, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": f"policy-{number}"}, "spec": spec}


def all_situations() -> dict[str, Situation]:
    """Those of the node's own cases, and more, by name."""
    addresses = situation().addresses
    found = {case.name: situation(*case.manifests(addresses)) for case in cases()}
    for entry in MORE:
        policies = [policy(n, each["namespace"], each["spec"]) for n, each in enumerate(entry["policies"])]
        found[entry["name"]] = situation(*policies)
    return found


SITUATIONS = all_situations()


def test_there_are_enough_policies() -> None:
    assert sum(len(each.policies) for each in SITUATIONS.values()) >= 60
    assert len(SITUATIONS) == len(cases()) + len(MORE) >= 50


def test_enforcer_and_cyclonus_agree_on_every_connection() -> None:
    oracle = dict(zip(SITUATIONS, by_cyclonus(SITUATIONS.values()), strict=True))
    disagreed = {name: differences(each, oracle[name]) for name, each in SITUATIONS.items()}
    assert {name: found for name, found in disagreed.items() if found} == {}


def test_the_judge_sees_a_policy_that_is_missing() -> None:
    isolated = SITUATIONS["selection for ingress without rules lets nothing in and everything out"]
    (without,) = by_cyclonus([situation()])
    found = differences(isolated, without)
    assert {flow.destination for flow in found} == {"x/a"}
    assert all(both == {"enforcer": (False, True), "cyclonus": (True, True)} for both in found.values())


@pytest.mark.parametrize("rule", ["ct mark 7 return", "accept", "ct reply ip saddr 10.0.0.2 return"])
def test_a_rule_that_the_reader_of_tables_does_not_know_is_not_passed_over(rule: str) -> None:
    with pytest.raises(UnreadRuleError, match=rule):
        Table.read(f'\tchain ingress_10_0_0_1 {{\n\t\tcomment "x"\n\t\t{rule}\n\t\tdrop\n\t}}')


KEYS = st.sampled_from(["pod", "odd", "empty", "none"])
VALUES = st.sampled_from(["a", "b", "1", "2", ""])
EXPRESSIONS = st.builds(
    lambda key, operator, values: {"key": key, "operator": operator, "values": values},
    KEYS,
    st.sampled_from(["In", "NotIn"]),
    st.lists(VALUES, min_size=1, max_size=2),
) | st.builds(
    lambda key, operator: {"key": key, "operator": operator}, KEYS, st.sampled_from(["Exists", "DoesNotExist"])
)


def selectors(labels: st.SearchStrategy[dict[str, str]]) -> st.SearchStrategy[dict[str, Any]]:
    expressions = st.lists(EXPRESSIONS, max_size=2)
    return st.fixed_dictionaries({}, optional={"matchLabels": labels, "matchExpressions": expressions})


POD_SELECTORS = selectors(st.dictionaries(KEYS, VALUES, max_size=2))
NAMESPACE_SELECTORS = selectors(st.just({}) | st.sampled_from([{"team": "x"}, {"team": "y"}, {"stage": "test"}]))


@st.composite
def blocks(draw: st.DrawFn) -> dict[str, Any]:
    address = draw(st.sampled_from(["10.244.0.0", "10.244.0.6", "10.201.0.2", "192.0.2.7", "0.0.0.0"]))
    length = draw(st.integers(0, 31))
    network = ipaddress.ip_network(f"{address}/{length}", strict=False)
    inside = st.integers(0, network.num_addresses - 1).flatmap(
        lambda offset: st.integers(length + 1, 32).map(
            lambda longer: str(ipaddress.ip_network((int(network.network_address) + offset, longer), strict=False))
        )
    )
    return {"ipBlock": {"cidr": str(network), "except": draw(st.lists(inside, max_size=3))}}


PEERS = blocks() | st.sampled_from(["podSelector", "namespaceSelector", "both"]).flatmap(
    lambda kind: st.fixed_dictionaries(
        {
            **({"podSelector": POD_SELECTORS} if kind != "namespaceSelector" else {}),
            **({"namespaceSelector": NAMESPACE_SELECTORS} if kind != "podSelector" else {}),
        }
    )
)
PROTOCOL = st.fixed_dictionaries({}, optional={"protocol": st.sampled_from(["TCP", "UDP", "SCTP"])})
ONE_PORT = st.sampled_from([*PORTS, "web", "names", "signal"]).map(lambda port: {"port": port})
RANGE = st.tuples(st.sampled_from(PORTS), st.sampled_from(PORTS)).map(
    lambda ends: {"port": min(ends), "endPort": max(ends)}
)
POLICY_PORTS = st.builds(lambda which, protocol: {**which, **protocol}, st.just({}) | ONE_PORT | RANGE, PROTOCOL)


def rules(peers: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    parts = {peers: st.lists(PEERS, max_size=3), "ports": st.lists(POLICY_PORTS, max_size=3)}
    return st.lists(st.fixed_dictionaries({}, optional=parts), max_size=2)


SPECS = st.fixed_dictionaries(
    {"podSelector": POD_SELECTORS},
    optional={
        "policyTypes": st.sampled_from([["Ingress"], ["Egress"], ["Ingress", "Egress"]]),
        "ingress": rules("from"),
        "egress": rules("to"),
    },
)
POLICIES = st.lists(st.tuples(st.sampled_from(["x", "y"]), SPECS), min_size=1, max_size=4)
UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
"""To look for the smallest difference takes minutes, and the one that is found names its connection already."""
TOGETHER = 8
"""Situations for one run of cyclonus: to start it costs more than an answer."""


@settings(max_examples=12, phases=UNSHRUNK)
@given(st.lists(POLICIES, min_size=TOGETHER, max_size=TOGETHER))
def test_they_agree_on_policies_that_nobody_thought_of(drawn: list[list[tuple[str, dict[str, Any]]]]) -> None:
    given_situations = [
        situation(*(policy(number, namespace, spec) for number, (namespace, spec) in enumerate(policies)))
        for policies in drawn
    ]
    for each, oracle in zip(given_situations, by_cyclonus(given_situations), strict=True):
        assert differences(each, oracle) == {}


LABELS = st.dictionaries(KEYS, VALUES, max_size=4)


@settings(max_examples=20)
@given(st.lists(st.tuples(POD_SELECTORS, LABELS), min_size=20, max_size=40))
def test_selectors_match_as_kubernetes_own_code_does(drawn: list[tuple[dict[str, Any], dict[str, str]]]) -> None:
    questions = [{"selector": selector, "labels": labels} for selector, labels in drawn]
    assert [selects(selector, labels) for selector, labels in drawn] == ask("selectors", questions)


def test_a_pod_is_never_kept_from_itself() -> None:
    closed = SITUATIONS["a denied pod still reaches itself, also through a Service"]
    within = {flow: both for flow, both in by_enforcer(closed).items() if flow.source == flow.destination}
    assert {both for flow, both in within.items() if flow.source in closed.pods} == {(True, True)}
