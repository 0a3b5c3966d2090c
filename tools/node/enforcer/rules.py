# SPDX-License-Identifier: Apache-2.0
"""Compiles policies to permissions: pure, and without knowledge of nftables.

A permission is one conjunction: the other end is one of `peers` and the server's port is one of `ports`. None means
any.
"""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tools.node.enforcer.cluster import Cluster, Endpoint, Manifest
from tools.node.enforcer.selectors import selects

Direction = Literal["Ingress", "Egress"]
ALL_PORTS = (0, 65535)


@dataclass(frozen=True)
class Block:
    """A range of addresses, except some parts of it."""

    network: ipaddress.IPv4Network
    excepted: tuple[ipaddress.IPv4Network, ...] = ()

    def __contains__(self, address: str) -> bool:
        parsed = ipaddress.ip_address(address)
        return parsed in self.network and not any(parsed in part for part in self.excepted)


@dataclass(frozen=True)
class Ports:
    """Ports of one protocol, as (first, last) pairs."""

    protocol: str
    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Permission:
    """What may pass in one direction. None means any peer, or any port."""

    peers: tuple[str, ...] | Block | None
    ports: Ports | None


def permissions(cluster: Cluster, endpoint: Endpoint, direction: Direction) -> tuple[Permission, ...] | None:
    """What may pass in one direction; None when no policy isolates the endpoint in it."""
    isolating = [policy for policy in cluster.policies if _isolates(policy, endpoint, direction)]
    if not isolating:
        return None
    found = [
        permission
        for policy in isolating
        for rule in policy["spec"].get(direction.lower()) or []
        for permission in _of_rule(cluster, policy, rule, endpoint, direction)
    ]
    return tuple(dict.fromkeys(found))


def _isolates(policy: Manifest, endpoint: Endpoint, direction: Direction) -> bool:
    spec = policy["spec"]
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    same = policy["metadata"]["namespace"] == endpoint.namespace
    return same and direction in types and selects(spec.get("podSelector") or {}, endpoint.labels)


def _of_rule(
    cluster: Cluster, policy: Manifest, rule: Manifest, endpoint: Endpoint, direction: Direction
) -> Iterator[Permission]:
    entries = rule.get("from" if direction == "Ingress" else "to") or []
    peers = list(_peers(cluster, policy["metadata"]["namespace"], entries)) if entries else [None]
    wanted = rule.get("ports") or []
    for peer in peers:
        if not wanted:
            yield Permission(peer, None)
        plain = [port for port in wanted if not isinstance(port.get("port"), str)]
        named = [port for port in wanted if isinstance(port.get("port"), str)]
        for ports in _numbered(plain):
            yield Permission(peer, ports)
        for port in named:
            yield from _named(cluster, port, peer, endpoint, direction)


def _peers(cluster: Cluster, namespace: str, entries: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, ...] | Block]:
    for entry in entries:
        if block := entry.get("ipBlock"):
            network = ipaddress.ip_network(block["cidr"])
            excepted = [ipaddress.ip_network(part) for part in block.get("except") or []]
            if isinstance(network, ipaddress.IPv4Network):
                yield Block(network, tuple(n for n in excepted if isinstance(n, ipaddress.IPv4Network)))
    addresses = {
        endpoint.address
        for endpoint in cluster.endpoints
        if any(_is_peer(cluster, namespace, entry, endpoint) for entry in entries)
    }
    if addresses:
        yield tuple(sorted(addresses, key=ipaddress.ip_address))


def _is_peer(cluster: Cluster, namespace: str, entry: Mapping[str, Any], endpoint: Endpoint) -> bool:
    pods, namespaces = entry.get("podSelector"), entry.get("namespaceSelector")
    if pods is None and namespaces is None:
        return False
    if namespaces is None:
        there = endpoint.namespace == namespace
    else:
        there = selects(namespaces, cluster.namespaces[endpoint.namespace])
    return there and (pods is None or selects(pods, endpoint.labels))


def _numbered(wanted: Sequence[Mapping[str, Any]]) -> Iterator[Ports]:
    for protocol in sorted({port.get("protocol", "TCP") for port in wanted}):
        ranges = [_range(port) for port in wanted if port.get("protocol", "TCP") == protocol]
        yield Ports(protocol, _merged(ranges))


def _range(port: Mapping[str, Any]) -> tuple[int, int]:
    if port.get("port") is None:
        return ALL_PORTS
    return (port["port"], port.get("endPort", port["port"]))


def _merged(ranges: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def _named(
    cluster: Cluster,
    port: Mapping[str, Any],
    peer: tuple[str, ...] | Block | None,
    endpoint: Endpoint,
    direction: Direction,
) -> Iterator[Permission]:
    """A named port is a number of the serving pod: of this one for ingress, of each peer for egress."""
    key = (port["port"], port.get("protocol", "TCP"))
    if direction == "Ingress":
        if number := endpoint.ports.get(key):
            yield Permission(peer, Ports(key[1], ((number, number),)))
        return
    by_number: dict[int, list[str]] = {}
    for server in cluster.endpoints:
        if key in server.ports and (peer is None or server.address in peer):
            by_number.setdefault(server.ports[key], []).append(server.address)
    for number, addresses in sorted(by_number.items()):
        yield Permission(tuple(addresses), Ports(key[1], ((number, number),)))
