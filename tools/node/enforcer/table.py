# SPDX-License-Identifier: Apache-2.0
"""The nftables table: pure text from the compiled permissions.

Rules look at what a connection was opened as, not at the packet: `ct original ip saddr` is who opened it, `ct reply
ip saddr` and `ct reply proto-src` are the server's address and port behind any Service. These are the same for every
packet of the connection, in both directions: no connection outlives its permission, and replies need no rule.
"""

import ipaddress
from collections.abc import Iterator

from tools.node.enforcer.cluster import Cluster, Endpoint
from tools.node.enforcer.rules import ALL_PORTS, Block, Direction, Permission, Ports, permissions
from tools.node.isolation import UPLINK

NAME = "genapps_policy"
PEER = {"Ingress": "ct original ip saddr", "Egress": "ct reply ip saddr"}

HOOKS = f"""\
	chain forward {{
		type filter hook forward priority filter + 10; policy drop;
		ct state {{ invalid, untracked }} drop
		meta nfproto ipv6 drop
		iifname != "{UPLINK}" iifname . ip saddr != @attached drop
		oifname != "{UPLINK}" oifname . ip daddr != @attached drop
		meta l4proto icmp ct state related accept
		ct original ip saddr vmap @egress
		ct reply ip saddr vmap @ingress
		accept
	}}
	chain input {{
		type filter hook input priority filter + 10; policy drop;
		iifname {{ "lo", "{UPLINK}" }} accept
		ct state {{ invalid, untracked }} drop
		meta nfproto ipv6 drop
		iifname . ip saddr != @attached drop
		ct direction original ct original ip saddr vmap @egress
		accept
	}}
	chain output {{
		type filter hook output priority filter + 10; policy drop;
		oifname {{ "lo", "{UPLINK}" }} accept
		meta nfproto ipv6 drop
		oifname . ip daddr != @attached drop
		ct direction reply ct original ip saddr vmap @egress
		accept
	}}
"""


def compile_table(cluster: Cluster) -> str:
    """The input of `nft -f -` that replaces the table as a whole. The same cluster gives the same text."""
    links = [f'"{endpoint.interface}" . {endpoint.address}' for endpoint in cluster.endpoints]
    chains: list[str] = []
    jumps: dict[Direction, list[str]] = {"Egress": [], "Ingress": []}
    for endpoint in cluster.endpoints:
        for direction, collected in jumps.items():
            allowed = permissions(cluster, endpoint, direction)
            if allowed is not None:
                name = f"{direction.lower()}_{endpoint.address.replace('.', '_')}"
                chains.append(_chain(name, endpoint, direction, allowed))
                collected.append(f"{endpoint.address} : jump {name}")
    return (
        f"table inet {NAME}\ndelete table inet {NAME}\ntable inet {NAME} {{\n"
        + _elements("set attached", "type ifname . ipv4_addr", links)
        + "".join(chains)
        + "".join(_elements(f"map {d.lower()}", "type ipv4_addr : verdict", found) for d, found in jumps.items())
        + HOOKS
        + "}\n"
    )


def _elements(declaration: str, kind: str, elements: list[str]) -> str:
    lines = [f"\t{declaration} {{", f"\t\t{kind}"]
    if elements:
        lines.append("\t\telements = { " + ",\n\t\t\t".join(elements) + " }")
    return "\n".join([*lines, "\t}", ""])


def _chain(name: str, endpoint: Endpoint, direction: Direction, allowed: tuple[Permission, ...]) -> str:
    lines = [f"\tchain {name} {{", f'\t\tcomment "{endpoint.namespace}/{endpoint.name}"']
    # A pod cannot be kept from itself, whichever way it goes there.
    lines.append(f"\t\t{PEER[direction]} {endpoint.address} return")
    lines.extend(f"\t\t{' '.join([*_match(permission, direction), 'return'])}" for permission in allowed)
    return "\n".join([*lines, "\t\tdrop", "\t}", ""])


def _match(permission: Permission, direction: Direction) -> Iterator[str]:
    peers = permission.peers
    if isinstance(peers, Block):
        if peers.network.prefixlen:
            yield f"{PEER[direction]} {peers.network}"
        if peers.excepted:
            parts = ipaddress.collapse_addresses(peers.excepted)
            yield f"{PEER[direction]} != {{ {', '.join(map(str, parts))} }}"
    elif peers is not None:
        yield f"{PEER[direction]} {{ {', '.join(peers)} }}"
    if permission.ports:
        yield from _ports(permission.ports)


def _ports(ports: Ports) -> Iterator[str]:
    yield f"meta l4proto {ports.protocol.lower()}"
    if ports.ranges != (ALL_PORTS,):
        texts = [str(first) if first == last else f"{first}-{last}" for first, last in ports.ranges]
        yield f"ct reply proto-src {{ {', '.join(texts)} }}"


CLOSED = compile_table(Cluster((), {}, ()))
"""The table before the first pod: nothing passes to or from a pod."""
