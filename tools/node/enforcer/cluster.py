# SPDX-License-Identifier: Apache-2.0
"""The input of the rules: the pods on this node as the network sees them, namespaces and policies."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tools.node.enforcer.selectors import Labels

Manifest = Mapping[str, Any]


@dataclass(frozen=True)
class Attachment:
    """A pod's link, as its CNI plugin recorded it."""

    uid: str
    address: str
    interface: str


@dataclass(frozen=True)
class Endpoint:
    """A pod with its link."""

    namespace: str
    name: str
    labels: Labels
    address: str
    interface: str
    ports: Mapping[tuple[str, str], int]
    """(port name, protocol) -> container port."""


@dataclass(frozen=True)
class Cluster:
    """The input of the compiler."""

    endpoints: tuple[Endpoint, ...]
    namespaces: Mapping[str, Labels]
    policies: tuple[Manifest, ...]


def observe(
    attachments: Iterable[Attachment],
    pods: Mapping[str, Manifest],
    namespaces: Iterable[Manifest],
    policies: Iterable[Manifest],
) -> Cluster:
    """Join links with their pods, by uid; a link whose pod (or its namespace) is not known yet stays out."""
    labels = {n["metadata"]["name"]: n["metadata"].get("labels") or {} for n in namespaces}
    endpoints = [
        _endpoint(pods[attachment.uid], attachment)
        for attachment in attachments
        if attachment.uid in pods and pods[attachment.uid]["metadata"]["namespace"] in labels
    ]
    ordered = sorted(policies, key=lambda p: (p["metadata"]["namespace"], p["metadata"]["name"]))
    return Cluster(tuple(sorted(endpoints, key=lambda e: (e.namespace, e.name, e.address))), labels, tuple(ordered))


def _endpoint(pod: Manifest, attachment: Attachment) -> Endpoint:
    spec = pod["spec"]
    containers = [*spec["containers"], *(c for c in spec.get("initContainers") or [] if c.get("restartPolicy"))]
    ports = {
        (port["name"], port.get("protocol", "TCP")): port["containerPort"]
        for container in containers
        for port in container.get("ports") or []
        if port.get("name")
    }
    metadata = pod["metadata"]
    return Endpoint(
        namespace=metadata["namespace"],
        name=metadata["name"],
        labels=metadata.get("labels") or {},
        address=attachment.address,
        interface=attachment.interface,
        ports=ports,
    )
