# SPDX-License-Identifier: Apache-2.0
"""Pods, namespaces and policies, and two answers to the question who reaches whom: the enforcer's and cyclonus'."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

from tests.oracles.nftables import Table
from tests.oracles.programs import ask
from tools.node.enforcer.cluster import Attachment, observe
from tools.node.enforcer.table import compile_table

Manifest = Mapping[str, Any]
PROTOCOLS = ("TCP", "UDP", "SCTP")


class Flow(NamedTuple):
    """A connection that somebody might open, between places that are named."""

    source: str
    destination: str
    protocol: str
    port: int


@dataclass(frozen=True)
class Situation:
    """Places are pods, or addresses outside of the cluster; each has a name here."""

    namespaces: Mapping[str, Mapping[str, str]]
    """Their labels."""
    pods: Mapping[str, Manifest]
    outside: Mapping[str, str]
    """Addresses."""
    policies: Sequence[Manifest]
    ports: tuple[int, ...]

    @property
    def addresses(self) -> dict[str, str]:
        pods = {place: f"10.244.0.{number}" for number, place in enumerate(self.pods, 2)}
        return {**pods, **self.outside}

    def flows(self) -> list[Flow]:
        """All that there are, in the order in which cyclonus answers."""
        places = (*self.pods, *self.outside)
        return [Flow(*each) for each in product(places, places, PROTOCOLS, self.ports)]

    def question(self) -> dict[str, Any]:
        """What the program `cyclonus` wants to know."""
        pods = [
            {
                "address": self.addresses[place],
                "namespace": pod["metadata"]["namespace"],
                "labels": pod["metadata"].get("labels", {}),
                "ports": [
                    {"protocol": "TCP", **port}
                    for container in pod["spec"]["containers"]
                    for port in container.get("ports", [])
                ],
            }
            for place, pod in self.pods.items()
        ]
        return {
            "policies": [dict(policy) for policy in self.policies],
            "namespaces": {name: dict(labels) for name, labels in self.namespaces.items()},
            "places": [*pods, *({"address": address} for address in self.outside.values())],
            "protocols": PROTOCOLS,
            "ports": self.ports,
        }

    def table(self) -> str:
        """What the enforcer gives to the kernel."""
        known = {place: {**pod, "metadata": {**pod["metadata"], "uid": place}} for place, pod in self.pods.items()}
        links = [Attachment(place, self.addresses[place], f"veth{n}") for n, place in enumerate(self.pods)]
        namespaces = [{"metadata": {"name": name, "labels": labels}} for name, labels in self.namespaces.items()]
        return compile_table(observe(links, known, namespaces, self.policies))


Verdicts = dict[Flow, tuple[bool, bool]]
"""(let in at the destination, let out at the source) for every flow."""


def by_enforcer(situation: Situation) -> Verdicts:
    """Read from the table that the enforcer loads."""
    table, at = Table.read(situation.table()), situation.addresses
    return {
        flow: (
            table.lets("ingress", at[flow.destination], at[flow.source], flow.protocol, flow.port),
            table.lets("egress", at[flow.source], at[flow.destination], flow.protocol, flow.port),
        )
        for flow in situation.flows()
    }


def by_cyclonus(situations: Iterable[Situation]) -> list[Verdicts]:
    """From one run of cyclonus' evaluator."""
    given = list(situations)
    answers = ask("cyclonus", [situation.question() for situation in given])
    return [
        dict(zip(situation.flows(), zip(answer["ingress"], answer["egress"], strict=True), strict=True))
        for situation, answer in zip(given, answers, strict=True)
    ]


def differences(situation: Situation, oracle: Verdicts) -> dict[Flow, dict[str, tuple[bool, bool]]]:
    """Where the two do not agree.

    Not between a pod and itself: by the API's word it cannot be kept from itself, and cyclonus does not know that.
    """
    own = by_enforcer(situation)
    return {
        flow: {"enforcer": own[flow], "cyclonus": oracle[flow]}
        for flow in own
        if flow.source != flow.destination and own[flow] != oracle[flow]
    }


def reached(verdicts: Verdicts) -> set[Flow]:
    """What really passes, from one place to another one."""
    return {flow for flow, both in verdicts.items() if all(both) and flow.source != flow.destination}
