# SPDX-License-Identifier: Apache-2.0
"""Which addresses the gateway connects to: public ones for a host name, pods for a Service."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from genapps.api.addresses import Address, is_public

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# This host, metadata services, groups, and IPv6 that stands for IPv4.
_NEVER_PODS = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32",
        "::/8", "2001::/32", "2002::/16", "fd00:ec2::/32", "fe80::/10", "fec0::/10", "ff00::/8",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ranges:
    """What is known of the cluster's own addresses."""

    pods: tuple[Network, ...] = ()
    """Where pods have their addresses. Empty: not known, any unicast address may be a pod's."""
    inside: tuple[Network, ...] = ()
    """Services, nodes and whatever else no host name may lead to. Needed where these have public addresses."""

    def admits_host(self, address: str) -> bool:
        """Whether a host name may resolve to the address: public, and none of the cluster's."""
        return is_public(address) and not _within(ipaddress.ip_address(address), (*self.pods, *self.inside))

    def admits_pod(self, address: str) -> bool:
        """Whether the address can be a pod's: in the pods' ranges if these are known, and never loopback, link-local
        (where metadata services are) or multicast."""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        if getattr(parsed, "scope_id", None) is not None or _within(parsed, _NEVER_PODS):
            return False
        return _within(parsed, self.pods) if self.pods else not _within(parsed, self.inside)


@lru_cache(maxsize=1024)
def refused_pod(ranges: Ranges, addresses: tuple[str, ...]) -> str | None:
    """The first address that no pod can have. Remembered: a Service has up to a hundred, and they change rarely."""
    return next((address for address in addresses if not ranges.admits_pod(address)), None)


def parse_ranges(text: str) -> tuple[Network, ...]:
    """Networks separated by commas. Raises ValueError for one with host bits, or that is none.

    >>> parse_ranges("10.244.0.0/16, fd00:1::/64")
    (IPv4Network('10.244.0.0/16'), IPv6Network('fd00:1::/64'))
    """
    return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)
