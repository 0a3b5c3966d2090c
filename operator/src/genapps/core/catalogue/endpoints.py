# SPDX-License-Identifier: Apache-2.0
"""Where the Service of a connector is reached: the addresses of its ready pods, and nothing that only claims to be one.

Whoever writes in the Service's namespace may write EndpointSlices there as well. So an address counts only if a pod of
that namespace has it, with the uid that the slice names, and not the network of its node.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from genapps.api import names
from genapps.api.conditions import Reason
from genapps.api.connector import ServiceEndpoint

_PREFIX = "connector-"
_PORTS_SHOWN = 10
MOST_ADDRESSES = 100
"""Of a Service with more ready pods, those with the first addresses are used."""


@dataclass(frozen=True, slots=True)
class ServicePort:
    """A TCP port of a Service."""

    number: int
    name: str
    target: int | str
    """The port of its pods: a number, or the name of a container's port."""


@dataclass(frozen=True, slots=True)
class ServiceState:
    """A Service, as far as it decides where calls go."""

    external: bool
    """It stands for a name elsewhere (ExternalName)."""
    selector: Mapping[str, str]
    ports: tuple[ServicePort, ...]

    def port(self, number: int) -> ServicePort | None:
        """Its port of that number."""
        return next((port for port in self.ports if port.number == number), None)


@dataclass(frozen=True, slots=True, order=True)
class NamedPod:
    """A pod that a slice names at an address; whether there is such a pod is not known yet."""

    address: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class SliceState:
    """An EndpointSlice of a Service, with the ready endpoints that name a pod of its namespace."""

    ports: Mapping[str, int]
    """TCP ports by name."""
    pods: tuple[NamedPod, ...]


@dataclass(frozen=True, slots=True)
class LivePod:
    """What was found when the pod itself was read."""

    uid: str
    addresses: frozenset[str]
    host_network: bool


@dataclass(frozen=True, slots=True)
class Endpoints:
    """A port and the addresses (of one family) at which a connector is called."""

    port: int
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Candidates:
    """A port, and the pods that are said to answer there."""

    port: int
    pods: tuple[NamedPod, ...]


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Why there is no address: ENDPOINT_PENDING when time may help, ENDPOINT_REFUSED when somebody has to act."""

    reason: Reason
    message: str


def refused_place(service: ServiceEndpoint, system_namespace: str, run_namespaces: Iterable[str]) -> Unresolved | None:
    """Why no Service of that namespace is ever called; None for the namespaces of users."""
    namespace = service.namespace
    ours = {system_namespace, names.CREDENTIALS_NAMESPACE, *run_namespaces}
    if namespace not in ours and not namespace.startswith("kube-"):
        return None
    return _refused(
        f"Namespace {namespace} belongs to the cluster or to the platform. Name a Service of another namespace."
    )


def refused_url(url: str) -> Unresolved | None:
    """Why a URL cannot be called, as far as it can be told from its text."""
    try:
        port = urlsplit(url).port
    except ValueError:
        port = 0
    return _refused("The port of spec.endpoint.url is none: write one from 1 to 65535.") if port == 0 else None


def unreadable(service: ServiceEndpoint) -> Unresolved:
    """The operator has no right to read there."""
    return _refused(
        f"The operator may not read Services, EndpointSlices and pods in namespace {service.namespace}. Add it to "
        f"connectors.serviceNamespaces of the chart, or bind ClusterRole {names.SERVICE_READER} there."
    )


def candidates(
    service: ServiceEndpoint, found: ServiceState | None, slices: Iterable[SliceState]
) -> Candidates | Unresolved:
    """The pods that have to be looked at: of one address family and one target port, those of most pods."""
    where = f"Service {service.namespace}/{service.name}"
    if found is None:
        return _pending(f"{where} does not exist.")
    if found.external:
        return _refused(f"{where} is of type ExternalName: write a public host name into spec.endpoint.url.")
    if not found.selector:
        return _refused(f"{where} has no selector: only pods that a Service selects are called.")
    port = found.port(service.port)
    if port is None:
        numbers = ", ".join(str(each.number) for each in found.ports[:_PORTS_SHOWN]) or "none"
        return _refused(f"{where} has no TCP port {service.port}. Its TCP ports: {numbers}.")
    groups: dict[tuple[bool, int], set[NamedPod]] = {}
    for slice_ in slices:
        target = slice_.ports.get(port.name)
        for pod in slice_.pods if target is not None else ():
            groups.setdefault((":" in pod.address, target or 0), set()).add(pod)
    if not groups:
        return _pending(f"{where} has no ready pod.")
    (_, target), pods = min(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    return Candidates(target, tuple(sorted(pods))[:MOST_ADDRESSES])


def resolved(service: ServiceEndpoint, among: Candidates, live: Mapping[str, LivePod]) -> Endpoints | Unresolved:
    """The addresses that pods of that namespace have themselves; `live` are the pods as read there, by uid."""
    proven, on_nodes = [], False
    for pod in among.pods:
        found = live.get(pod.uid)
        if found is None or pod.address not in found.addresses:
            continue
        if found.host_network:
            on_nodes = True
        else:
            proven.append(pod.address)
    if proven:
        return Endpoints(among.port, tuple(dict.fromkeys(proven)))
    where = f"Service {service.namespace}/{service.name}"
    if on_nodes:
        return _refused(f"The pods of {where} use the network of their nodes (hostNetwork): nodes are not called.")
    return _pending(f"{where} has no ready pod.")


def reference(service: ServiceEndpoint) -> str:
    """What a slice says that it resolves."""
    return names.service_reference(service.namespace, service.name, service.port)


def slice_name(connector: str) -> str:
    """The name of the EndpointSlice beside the gateway."""
    return f"{_PREFIX}{connector}"


def connector_of(name: str) -> str:
    """The connector whose EndpointSlice has that name."""
    return name.removeprefix(_PREFIX)


def endpoint_slice(
    connector: str, system_namespace: str, service: ServiceEndpoint, endpoints: Endpoints
) -> dict[str, object]:
    """The EndpointSlice that the gateway reads. It belongs to no Service, so nothing else is routed by it; it says what
    it resolves, so that a Connector that was just led elsewhere is not called at the old place."""
    family = "IPv6" if ":" in endpoints.addresses[0] else "IPv4"
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": slice_name(connector),
            "namespace": system_namespace,
            "labels": {
                "endpointslice.kubernetes.io/managed-by": names.GROUP,
                names.LABEL_MANAGED_BY: names.MANAGED_BY,
                names.LABEL_CONNECTOR: connector,
            },
            "annotations": {names.ANNOTATION_SERVICE: reference(service)},
        },
        "addressType": family,
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}} for address in endpoints.addresses],
        "ports": [{"name": "http", "protocol": "TCP", "port": endpoints.port}],
    }


def _refused(message: str) -> Unresolved:
    return Unresolved(Reason.ENDPOINT_REFUSED, message)


def _pending(message: str) -> Unresolved:
    return Unresolved(Reason.ENDPOINT_PENDING, message)
