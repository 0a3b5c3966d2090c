# SPDX-License-Identifier: Apache-2.0
"""What the gateway may reach: the NetworkPolicy `genapps-gateway-egress`, compiled from the connectors.

It holds where the gateway's own checks would fail: no private address but the pods of named Services. Host names are
held by the gateway alone, since a policy knows none: the ports of public connectors are open to all public addresses.
"""

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from genapps.api import names
from genapps.api.addresses import private_within
from genapps.api.connector import Connector
from genapps.core.catalogue.endpoints import ServiceState, refused_url

HTTPS_PORT = 443
CLUSTER_DNS: tuple[Mapping[str, Any], ...] = (
    {
        "to": [
            {
                "namespaceSelector": {"matchLabels": {names.LABEL_NAMESPACE_NAME: "kube-system"}},
                "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
            }
        ],
        "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
    },
)
"""Where DNS is in most clusters."""
_EVERYWHERE = ("0.0.0.0/0", "2000::/3")
"""All of IPv4, and what the Internet has of IPv6."""


def public_ports(connector: Connector) -> frozenset[int]:
    """The ports of the URLs that calls of a connector need: its own, and that of the server of its tokens. None of one
    that is refused."""
    credential = connector.spec.credential
    oauth = credential.oauth if credential is not None else None
    urls = (connector.spec.endpoint.url, oauth.token_url if oauth is not None else None)
    return frozenset(urlsplit(url).port or HTTPS_PORT for url in urls if url is not None and not refused_url(url))


def gateway_egress(
    system_namespace: str,
    connectors: Iterable[Connector],
    services: Mapping[tuple[str, str], ServiceState],
    dns: Sequence[Mapping[str, Any]],
    cluster_ranges: Sequence[str],
) -> dict[str, Any]:
    """The policy. `services` are those that may be called, by (namespace, name); `dns` are the rules that lead to the
    cluster's DNS, `cluster_ranges` what is the cluster's own although its addresses are public."""
    known = sorted(connectors, key=lambda connector: connector.metadata.name)
    ports = sorted(set().union(*map(public_ports, known)))
    public = [
        {
            "to": [_block(network, cluster_ranges) for network in _EVERYWHERE],
            "ports": [{"protocol": "TCP", "port": port} for port in ports],
        }
    ]
    inside: list[dict[str, Any]] = []
    for connector in known:
        rule = _to_service(connector, services)
        if rule is not None and rule not in inside:
            inside.append(rule)
    gateway = {names.LABEL_NAME: names.MANAGED_BY, names.LABEL_COMPONENT: names.GATEWAY_COMPONENT}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": names.GATEWAY_EGRESS_POLICY,
            "namespace": system_namespace,
            "labels": {names.LABEL_MANAGED_BY: names.MANAGED_BY},
        },
        "spec": {
            "podSelector": {"matchLabels": gateway},
            "policyTypes": ["Egress"],
            # Who calls no host name asks no DNS.
            "egress": [*([*public, *map(dict, dns)] if ports else ()), *inside],
        },
    }


def _block(network: str, cluster_ranges: Sequence[str]) -> dict[str, Any]:
    whole = ipaddress.ip_network(network)
    own = (ipaddress.ip_network(each) for each in cluster_ranges)
    inside = [str(each) for each in own if each.version == whole.version and each.subnet_of(whole)]  # type: ignore[arg-type]
    return {"ipBlock": {"cidr": network, "except": sorted({*private_within(network), *inside})}}


def _to_service(connector: Connector, services: Mapping[tuple[str, str], ServiceState]) -> dict[str, Any] | None:
    service = connector.spec.endpoint.service
    found = services.get((service.namespace, service.name)) if service is not None else None
    if service is None or found is None or found.external or not found.selector:
        return None
    port = found.port(service.port)
    if port is None:
        return None
    peer = {
        "namespaceSelector": {"matchLabels": {names.LABEL_NAMESPACE_NAME: service.namespace}},
        "podSelector": {"matchLabels": dict(found.selector)},
    }
    return {"to": [peer], "ports": [{"protocol": "TCP", "port": port.target}]}
