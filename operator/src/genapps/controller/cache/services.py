# SPDX-License-Identifier: Apache-2.0
"""The Services that connectors name: each with its EndpointSlices, and no other Service of the cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from genapps.cluster.resources import Object
from genapps.controller.cache.changes import Change, Source
from genapps.controller.cache.parse import at
from genapps.controller.cache.store import Name, Store
from genapps.core.catalogue.endpoints import LivePod, NamedPod, ServicePort, ServiceState, SliceState
from genapps.core.drift import live_digest


@dataclass
class FollowedService:
    """One Service and what is known of it."""

    service: Store[ServiceState]
    slices: Store[SliceState]
    synced: bool = False
    """Both lists have come once: what is not here does not exist."""
    refused: str = ""
    """What the API server said when it let us read neither of them, or no pod; empty while it does."""
    pods: dict[str, LivePod] = field(default_factory=dict)
    """Pods that were read, by uid: what is asked of a pod never changes while it has its uid and an address."""


@dataclass(frozen=True, slots=True)
class ConnectorSlice:
    """An EndpointSlice of ours beside the gateway."""

    uid: str
    digest: str


class FollowedServices:
    """By (namespace, name). `notify` is called with what changes in any of them."""

    def __init__(self, notify: Callable[[Change], None]) -> None:
        self._notify = notify
        self._followed: dict[Name, FollowedService] = {}

    def __iter__(self) -> Iterator[Name]:
        return iter(tuple(self._followed))

    def get(self, name: Name) -> FollowedService | None:
        """What is known of a Service; None: nobody follows it."""
        return self._followed.get(name)

    def follow(self, name: Name) -> FollowedService:
        """Begin with a Service of which nothing is known."""
        found = self._followed[name] = FollowedService(
            service=Store(service_state, lambda _, old, new: self._changed(name, old, new)),
            slices=Store(slice_state, lambda _, old, new: self._changed(name, old, new)),
        )
        return found

    def forget(self, name: Name) -> None:
        """No connector names it any more."""
        self._followed.pop(name, None)

    def is_synced(self, name: Name) -> None:
        """Both lists of it have come."""
        followed = self._followed.get(name)
        if followed is not None and not followed.synced:
            followed.synced = True
            self._changed(name, None, None)

    def refuse(self, name: Name, words: str) -> None:
        """The API server lets us read nothing there (empty: it does again)."""
        followed = self._followed.get(name)
        if followed is not None and followed.refused != words:
            followed.refused = words
            self._changed(name, None, None)

    def _changed(self, name: Name, old: object, new: object) -> None:
        self._notify(Change(Source.SERVICE, name, old, new))


def service_state(object_: Object) -> ServiceState:
    """From a Service."""
    spec = object_.get("spec") or {}
    return ServiceState(
        external=spec.get("type") == "ExternalName",
        selector=dict(spec.get("selector") or {}),
        ports=tuple(
            ServicePort(port["port"], port.get("name") or "", port.get("targetPort") or port["port"])
            for port in spec.get("ports") or ()
            if port.get("protocol", "TCP") == "TCP"
        ),
    )


def slice_state(object_: Object) -> SliceState:
    """From an EndpointSlice: what is not certainly a ready pod of its namespace is left out."""
    namespace = object_["metadata"]["namespace"]
    return SliceState(
        ports={
            port.get("name") or "": port["port"]
            for port in object_.get("ports") or ()
            if port.get("protocol", "TCP") == "TCP" and port.get("port")
        },
        pods=tuple(
            pod
            for endpoint in object_.get("endpoints") or ()
            if _ready(endpoint.get("conditions") or {})
            for pod in _pods(endpoint, namespace)
        ),
    )


def live_pod(object_: Object) -> LivePod:
    """From a Pod."""
    status = object_.get("status") or {}
    return LivePod(
        uid=object_["metadata"]["uid"],
        addresses=frozenset(each["ip"] for each in status.get("podIPs") or () if each.get("ip")),
        host_network=bool(at(object_, "spec", "hostNetwork")),
    )


def connector_slice(object_: Object) -> ConnectorSlice:
    """From an EndpointSlice of ours."""
    return ConnectorSlice(object_["metadata"]["uid"], live_digest(object_))


def policy_digest(object_: Object) -> str:
    """From a NetworkPolicy (items of a list do not name their kind)."""
    return live_digest({**object_, "kind": "NetworkPolicy"})


def _ready(conditions: Mapping[str, object]) -> bool:
    return conditions.get("ready") is True and not conditions.get("terminating")


def _pods(endpoint: Object, namespace: str) -> Iterator[NamedPod]:
    target, addresses = endpoint.get("targetRef") or {}, endpoint.get("addresses") or ()
    if target.get("kind") == "Pod" and target.get("namespace", namespace) == namespace and target.get("uid"):
        # Only the first address of an endpoint is used, by everybody: the others have no meaning.
        for address in addresses[:1]:
            yield NamedPod(address, target.get("name", ""), target["uid"])
