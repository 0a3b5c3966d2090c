# SPDX-License-Identifier: Apache-2.0
"""The fence: who may call the app, and that it reaches the gateway and nothing else.

Ports are those of the containers: a policy is enforced after the Service's address has been translated. 9090 (health
and metrics) is open to nobody yet; kubelet probes come from the node, which policies do not cover.
"""

from collections.abc import Mapping
from typing import Any

from genapps.api import names
from genapps.core.desired.metadata import app_labels, metadata
from genapps.core.observed import Manifest, Observed
from genapps.core.verdict import Grant


def network_policy(observed: Observed, grant: Grant) -> Manifest:
    """The fence of a running app."""
    peers = [*_own_peers(observed), *(dict(peer) for peer in _platform_peers(observed, grant))]
    # `from: []` would admit everybody, so without peers there is no rule at all.
    ingress = [{"from": peers, "ports": [_tcp(names.APP_PORT)]}] if peers else []
    return _policy(observed, grant, ingress, [{"to": [_gateway(observed)], "ports": [_tcp(names.GATEWAY_PORT)]}])


def deny_all(observed: Observed, grant: Grant) -> Manifest:
    """The fence of a stopped app: both directions, no rules. The empty lists are named, so that we own them."""
    return _policy(observed, grant, [], [])


def _policy(observed: Observed, grant: Grant, ingress: list[Any], egress: list[Any]) -> Manifest:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(observed, grant),
        "spec": {
            "podSelector": {"matchLabels": app_labels(observed)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": ingress,
            "egress": egress,
        },
    }


def _platform_peers(observed: Observed, grant: Grant) -> tuple[Mapping[str, Any], ...]:
    # A pod that tells callers what its app says may still be there: peers from outside come after its end.
    return () if observed.pod and observed.pod.debug else grant.ingress_from


def _own_peers(observed: Observed) -> list[Mapping[str, Any]]:
    # The namespace is always the app's own: no field of the app can name another.
    own = _namespace(observed.key.namespace)
    if observed.spec is None:
        return []
    if observed.spec.ingress is None or observed.spec.ingress.from_ is None:
        return [own]
    selectors = (peer.pod_selector for peer in observed.spec.ingress.from_)
    wire = (selector.model_dump(by_alias=True, exclude_none=True, mode="json") for selector in selectors)
    return [{**own, "podSelector": without_empties(selector)} for selector in wire]


def _gateway(observed: Observed) -> Mapping[str, Any]:
    labels = {names.LABEL_NAME: names.MANAGED_BY, names.LABEL_COMPONENT: names.GATEWAY_COMPONENT}
    return {**_namespace(observed.platform.system_namespace), "podSelector": {"matchLabels": labels}}


def _namespace(name: str) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {names.LABEL_NAMESPACE_NAME: name}}}


def _tcp(port: int) -> dict[str, Any]:
    return {"protocol": "TCP", "port": port}


def without_empties(selector: Mapping[str, Any]) -> dict[str, Any]:
    """A selector or block as the API server stores it: empty parts left out."""
    return {name: value for name, value in selector.items() if value not in ({}, [], None)}
