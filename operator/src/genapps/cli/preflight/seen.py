# SPDX-License-Identifier: Apache-2.0
"""What the API server answered about a cluster, and what a check makes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Object = Mapping[str, Any]

OPERATOR, GATEWAY = "genapps-operator", "genapps-gateway"


class Level(StrEnum):
    """How a check ended; `fail` makes the command fail."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the table."""

    name: str
    level: Level
    found: str
    next_step: str = ""


@dataclass(frozen=True)
class Seen:
    """The answers of the API server: objects by name; in place of an object that could not be read, the error."""

    system_namespace: str
    version: Object
    nodes: Sequence[Object] = ()
    kubelets: Mapping[str, Object | str] = field(default_factory=dict)
    """`kubeletconfig` of each node by its name, or why there is none."""
    crds: Mapping[str, Object] = field(default_factory=dict)
    expected_crds: Mapping[str, Object] = field(default_factory=dict)
    """As this version of the command would install them."""
    policies: Mapping[str, Object] = field(default_factory=dict)
    bindings: Sequence[Object] = ()
    namespaces: Mapping[str, Object] = field(default_factory=dict)
    network_policies: Mapping[str, Sequence[Object]] = field(default_factory=dict)
    """By run namespace, like the two that follow: names of the Roles bound there, of the quotas."""
    roles: Mapping[str, Sequence[str]] = field(default_factory=dict)
    quotas: Mapping[str, Sequence[str]] = field(default_factory=dict)
    storage_classes: Mapping[str, Object] = field(default_factory=dict)
    runtime_classes: frozenset[str] = frozenset()
    deployments: Mapping[str, Object] = field(default_factory=dict)
    """Of the system namespace."""
    system_policies: Mapping[str, Object] = field(default_factory=dict)
    """NetworkPolicies of the system namespace."""
    secrets: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """What is wrong with a pull secret by run namespace and name; empty where it exists."""

    @property
    def settings(self) -> Mapping[str, str]:
        """The operator's environment; empty while there is no operator."""
        return _environment(self.deployments.get(OPERATOR, {}))

    @property
    def gateway_settings(self) -> Mapping[str, str]:
        """The gateway's environment; empty while there is no gateway."""
        return _environment(self.deployments.get(GATEWAY, {}))

    @property
    def run_namespaces(self) -> tuple[str, ...]:
        """The run namespaces that the operator serves, as its Deployment names them."""
        named = self.settings.get("GENAPPS_RUN_NAMESPACES", "")
        return tuple(filter(None, (name.strip() for name in named.split(","))))

    @property
    def pull_secrets(self) -> tuple[str, ...]:
        """Names of the Secrets that apps' pods name."""
        named = self.settings.get("GENAPPS_PULL_SECRETS", "")
        return tuple(filter(None, (name.strip() for name in named.split(","))))


def _environment(deployment: Object) -> Mapping[str, str]:
    pod = deployment.get("spec", {}).get("template", {}).get("spec", {})
    return {
        entry["name"]: str(entry.get("value", ""))
        for container in pod.get("containers", ())
        for entry in container.get("env", ())
    }
