# SPDX-License-Identifier: Apache-2.0
"""Addresses that nothing of ours may be led to by somebody else's word: private, metadata, reserved ones."""

import ipaddress
import re

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NEVER = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128", "::1/128", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23",
        "2001:db8::/32", "2002::/16", "3fff::/20", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    )
)  # fmt: skip
# All that the Internet has of IPv6. Python calls more global, such as ::127.0.0.1.
_IPV6_INTERNET = ipaddress.ip_network("2000::/3")
_NAME = re.compile(r"(?=.{1,253}\Z)([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z]([-a-z0-9]{0,61}[a-z0-9])?\Z")


def is_public(address: str) -> bool:
    """Whether the address, written in its one usual form, is on the Internet; False for anything else.

    >>> is_public("93.184.216.34"), is_public("169.254.169.254"), is_public("2130706433")
    (True, False, False)
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    # Zones and IPv4 within IPv6 lead elsewhere than the text says.
    if getattr(parsed, "scope_id", None) is not None:
        return False
    if parsed.version == 6 and parsed not in _IPV6_INTERNET:
        return False
    inside = any(parsed in network for network in _NEVER if network.version == parsed.version)
    return parsed.is_global and not inside


def private_within(network: str) -> tuple[str, ...]:
    """The ranges of a network that `is_public` refuses, as far as they are whole ranges.

    >>> private_within("10.0.0.0/7")
    ('10.0.0.0/8',)
    """
    whole = ipaddress.ip_network(network)
    return tuple(str(each) for each in _NEVER if each.version == whole.version and each.subnet_of(whole))  # type: ignore[arg-type]


def is_host_name(host: str) -> bool:
    """Whether the host is a full DNS name in lower case: no address in any spelling, no trailing dot.

    >>> is_host_name("blobs.example.com"), is_host_name("0x7f.1"), is_host_name("localhost")
    (True, False, False)
    """
    return _NAME.match(host) is not None
