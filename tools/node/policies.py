# SPDX-License-Identifier: Apache-2.0
"""The cases of policy_cases.yaml and the pods in them, for the tests of the enforcer (pure and on the node)."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from tools.node.configuration import NETCHECK_IMAGE
from tools.node.settings import HERE

NAMESPACES = ("x", "y")
PODS = tuple(f"{namespace}/{name}" for namespace in NAMESPACES for name in "abc")
WEB_PORTS = {"a": 80, "b": 81}
LISTENING = ("tcp:80", "tcp:81", "tcp:82", "udp:80")
PROBE = re.compile(r"(\S+) -> (\S+) (tcp|udp)/(\d+)")


@dataclass(frozen=True)
class Probe:
    """One connection to try, between places that a case names."""

    source: str
    target: str
    network: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Probe":
        """A probe such as `x/a -> y/b tcp/80`. Raises ValueError for other text."""
        parts = PROBE.fullmatch(text)
        if parts is None:
            raise ValueError(f"not a probe: {text}")
        return cls(parts[1], parts[2], parts[3], int(parts[4]))

    def __str__(self) -> str:
        return f"{self.source} -> {self.target} {self.network}/{self.port}"


@dataclass(frozen=True)
class Case:
    """Policies, and which probes they let through."""

    name: str
    policies: tuple[Mapping[str, Any], ...]
    expected: Mapping[Probe, bool]

    def manifests(self, addresses: Mapping[str, str], prefix: str = "") -> list[dict[str, Any]]:
        """The NetworkPolicies, with the addresses of this run filled in, in namespaces with `prefix`."""
        manifests = []
        for number, policy in enumerate(self.policies):
            spec = json.dumps(policy["spec"])
            for place in sorted(addresses, key=len, reverse=True):
                spec = spec.replace(f"${place}/", f"{addresses[place]}/")
            manifests.append(
                {
                    "apiVersion": "networking.k8s.io/v1",
                    "kind": "NetworkPolicy",
                    "metadata": {"namespace": f"{prefix}{policy['namespace']}", "name": f"case-{number}"},
                    "spec": json.loads(spec),
                }
            )
        return manifests


def cases() -> list[Case]:
    """All cases of the file."""
    loaded = yaml.safe_load((HERE / "policy_cases.yaml").read_text(encoding="utf-8"))
    return [
        Case(
            entry["name"],
            tuple(entry["policies"]),
            {
                Probe.parse(text): wanted
                for wanted in (True, False)
                for text in entry["allowed" if wanted else "denied"]
            },
        )
        for entry in loaded
    ]


def namespace_manifest(name: str, prefix: str = "") -> dict[str, Any]:
    """The namespace of that name, labelled `team`, with `prefix` before its name."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"{prefix}{name}", "labels": {"team": name}}}


def pod_manifest(place: str, prefix: str = "") -> dict[str, Any]:
    """The pod of a place such as `x/a`: netcheck, which answers with the place's name."""
    namespace, name = place.split("/")
    ports = [{"name": "web", "containerPort": WEB_PORTS[name]}] if name in WEB_PORTS else []
    container = {"name": "netcheck", "image": NETCHECK_IMAGE, "args": [place, *LISTENING], "ports": ports}
    # Port 80 for a process that is not root.
    sysctls = [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": f"{prefix}{namespace}", "name": name, "labels": {"pod": name}},
        "spec": {
            "containers": [container],
            "securityContext": {"sysctls": sysctls},
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
        },
    }
