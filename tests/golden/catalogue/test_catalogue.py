# SPDX-License-Identifier: Apache-2.0
"""Golden pairs: Connectors, and the objects of the cluster that they lead to (input.yaml), and what the operator makes
of them beside the gateway (output.yaml): slices with addresses, reasons for having none, and the policy on egress.

`GENAPPS_UPDATE_GOLDEN=1` writes each output that differs and fails, naming it. Read the difference
before committing it.
"""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from genapps.api.connector import Connector
from genapps.controller.cache.services import live_pod, service_state, slice_state
from genapps.core.catalogue.endpoints import (
    Endpoints,
    Unresolved,
    candidates,
    endpoint_slice,
    refused_place,
    resolved,
)
from genapps.core.catalogue.gateway_egress import CLUSTER_DNS, gateway_egress

CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/input.yaml"))
SYSTEM, RUN = "genapps-system", frozenset({"genapps-run"})


def outcome(connector: Connector, case: dict[str, Any]) -> Any:
    """The slice that is made, or why there is none; None for a connector that needs none."""
    service = connector.spec.endpoint.service
    if service is None:
        return None
    made = refused_place(service, SYSTEM, RUN) or resolution(service, case)
    if isinstance(made, Endpoints):
        return endpoint_slice(connector.metadata.name, SYSTEM, service, made)
    return f"{made.reason}: {made.message}"


def resolution(service: Any, case: dict[str, Any]) -> Endpoints | Unresolved:
    def there(kind: str) -> list[dict[str, Any]]:
        objects = case.get("objects", [])
        return [each for each in objects if each["kind"] == kind and each["metadata"]["namespace"] == service.namespace]

    found = [service_state(each) for each in there("Service") if each["metadata"]["name"] == service.name]
    slices = [
        slice_state(each)
        for each in there("EndpointSlice")
        if each["metadata"]["labels"]["kubernetes.io/service-name"] == service.name
    ]
    among = candidates(service, found[0] if found else None, slices)
    if isinstance(among, Unresolved):
        return among
    return resolved(service, among, {pod.uid: pod for pod in map(live_pod, there("Pod"))})


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_connectors_give_slices_and_a_policy(case: Path) -> None:
    given = yaml.safe_load((case / "input.yaml").read_text())
    connectors = [Connector.model_validate(each) for each in given["connectors"]]
    services = {
        (each["metadata"]["namespace"], each["metadata"]["name"]): service_state(each)
        for each in given.get("objects", [])
        if each["kind"] == "Service"
    }
    followed = {name: state for name, state in services.items() if not name[0].startswith(("kube-", "genapps-"))}
    policy = gateway_egress(SYSTEM, connectors, followed, given.get("dns", CLUSTER_DNS), given.get("clusterRanges", ()))
    found = {
        "endpoints": {each.metadata.name: outcome(each, given) for each in connectors},
        "policy": policy,
    }
    plain = yaml.safe_load(yaml.dump(found, Dumper=_Plain))
    output = case / "output.yaml"
    if os.environ.get("GENAPPS_UPDATE_GOLDEN") == "1" and (
        not output.exists() or plain != yaml.safe_load(output.read_text())
    ):
        output.write_text(yaml.dump(found, Dumper=_Plain, sort_keys=False, width=120))
        pytest.fail(f"wrote {output}: read the difference, then run again without GENAPPS_UPDATE_GOLDEN")
    assert plain == yaml.safe_load(output.read_text())


def test_there_are_cases() -> None:
    assert len(CASES) >= 4


class _Plain(yaml.SafeDumper):
    """Without anchors: each policy reads by itself."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
