# SPDX-License-Identifier: Apache-2.0
"""A connector with a Service: its slice beside the gateway, its status, and the policy on the gateway's egress."""

from typing import Any

import pytest

from genapps.controller.cache.keys import ConnectorKey, GatewayEgressKey
from genapps.controller.cache.services import FollowedService
from tests.unit.controller import world
from tests.unit.controller.loop import Loop
from tests.unit.controller.reconcile.test_worker import work

LEDGER, EGRESS = ConnectorKey("ledger"), GatewayEgressKey()
NAME = ("billing", "ledger")


def connector(loop: Loop, version: int = 20, **endpoint: Any) -> None:
    endpoint = endpoint or {"service": {"namespace": "billing", "name": "ledger", "port": 80}}
    spec = {"type": "MCP", "endpoint": endpoint, "namespaces": ["team"]}
    object_ = {**world.connector("ledger", version), "spec": spec}
    loop.server.objects["Connector", "ledger"] = object_
    loop.caches.connectors.changed(object_)


def service(loop: Loop, *pods: str, version: int = 30, **spec: Any) -> FollowedService:
    """The Service with these ready pods, as its watches tell of them."""
    followed = loop.caches.services.get(NAME) or loop.caches.services.follow(NAME)
    metadata = {"namespace": "billing", "resourceVersion": str(version)}
    ports = [{"name": "web", "port": 80, "targetPort": 8000}]
    whole = {"selector": {"app": "ledger"}, "ports": ports, **spec}
    followed.service.changed({"metadata": {**metadata, "name": "ledger"}, "spec": whole})
    followed.slices.changed(
        {
            "metadata": {**metadata, "name": "ledger-x2k"},
            "ports": [{"name": "web", "port": 8000}],
            "endpoints": [
                {
                    "addresses": [f"10.1.2.{number}"],
                    "conditions": {"ready": True},
                    "targetRef": {"kind": "Pod", "namespace": "billing", "name": name, "uid": f"uid-{name}"},
                }
                for number, name in enumerate(pods)
            ],
        }
    )
    for number, name in enumerate(pods):
        pod(loop, name, f"10.1.2.{number}")
    loop.caches.services.is_synced(NAME)
    return followed


def pod(loop: Loop, name: str, address: str, **spec: Any) -> None:
    metadata = {"namespace": "billing", "name": name, "uid": f"uid-{name}"}
    status = {"podIPs": [{"ip": address}]}
    loop.server.objects["Pod", name] = {"metadata": metadata, "spec": spec, "status": status}


def addresses(loop: Loop) -> list[str] | None:
    found = loop.server.objects.get(("EndpointSlice", "connector-ledger"))
    return None if found is None else [address for each in found["endpoints"] for address in each["addresses"]]


def ready(loop: Loop) -> tuple[str, str]:
    status = loop.server.objects["Connector", "ledger"]["status"]
    found = next(each for each in status["conditions"] if each["type"] == "Ready")
    return found["status"], found["reason"]


async def test_ready_pods_are_in_the_slice_and_the_connector_is_ready(loop: Loop) -> None:
    connector(loop)
    service(loop, "a", "b")
    await work(loop, LEDGER)
    assert addresses(loop) == ["10.1.2.0", "10.1.2.1"]
    assert ready(loop) == ("True", "Available")
    loop.server.kinds()
    await work(loop, LEDGER)
    assert loop.server.kinds() == [], "nothing has changed"


async def test_a_pod_that_goes_is_out_of_the_slice_and_the_last_one_takes_it_along(loop: Loop) -> None:
    connector(loop)
    service(loop, "a", "b")
    await work(loop, LEDGER)
    service(loop, "a", version=31)
    await work(loop, LEDGER)
    assert addresses(loop) == ["10.1.2.0"]
    service(loop, version=32)
    await work(loop, LEDGER)
    assert addresses(loop) is None
    assert ready(loop) == ("False", "EndpointPending")


async def test_a_pod_on_the_network_of_its_node_is_not_called(loop: Loop) -> None:
    connector(loop)
    service(loop, "a")
    pod(loop, "a", "10.1.2.0", hostNetwork=True)
    await work(loop, LEDGER)
    assert addresses(loop) is None
    assert ready(loop) == ("False", "EndpointRefused")


async def test_a_pod_is_read_once_and_again_when_its_uid_is_another(loop: Loop) -> None:
    connector(loop)
    followed = service(loop, "a")
    await work(loop, LEDGER)
    assert set(followed.pods) == {"uid-a"}
    loop.server.refuse["GET", "Pod"] = (500, "not again")
    service(loop, "a", version=31)
    await work(loop, LEDGER)
    assert addresses(loop) == ["10.1.2.0"]


@pytest.mark.parametrize("way", ["the lists", "the pods"])
async def test_without_rights_there_it_says_which_and_calls_nobody(loop: Loop, way: str) -> None:
    connector(loop)
    service(loop, "a")
    if way == "the lists":
        loop.caches.services.refuse(NAME, "services is forbidden")
    else:
        loop.server.refuse["GET", "Pod"] = (403, "pods is forbidden")
    await work(loop, LEDGER)
    assert addresses(loop) is None
    assert ready(loop) == ("False", "EndpointRefused")
    conditions = loop.server.objects["Connector", "ledger"]["status"]["conditions"]
    assert "genapps-service-reader" in conditions[0]["message"]


async def test_while_the_service_is_not_known_nothing_is_said_nor_taken_away(loop: Loop) -> None:
    connector(loop)
    service(loop, "a")
    await work(loop, LEDGER, EGRESS)
    loop.server.kinds()
    loop.caches.services.follow(NAME)  # as after a restart
    await work(loop, LEDGER, EGRESS)
    assert loop.server.kinds() == []
    assert addresses(loop) == ["10.1.2.0"]


@pytest.mark.parametrize("namespace", ["kube-system", "run", "system", "genapps-credentials"])
async def test_no_service_of_the_platform_is_even_looked_at(loop: Loop, namespace: str) -> None:
    connector(loop, service={"namespace": namespace, "name": "ledger", "port": 80})
    await work(loop, LEDGER, EGRESS)
    assert list(loop.caches.services) == []
    assert ready(loop) == ("False", "EndpointRefused")
    assert loop.server.objects["NetworkPolicy", "genapps-gateway-egress"]["spec"]["egress"] == []


async def test_a_url_with_a_port_that_is_none_is_refused(loop: Loop) -> None:
    connector(loop, url="https://ledger.example.com:99999")
    await work(loop, LEDGER)
    assert ready(loop) == ("False", "ContractInvalid")


@pytest.mark.parametrize("change", ["gone", "a URL"])
async def test_the_slice_goes_with_its_connector_or_its_service(loop: Loop, change: str) -> None:
    connector(loop)
    service(loop, "a")
    await work(loop, LEDGER)
    if change == "gone":
        loop.caches.connectors.deleted(world.connector("ledger", 9000))
    else:
        connector(loop, 9000, url="https://ledger.example.com")
    await work(loop, LEDGER)
    assert addresses(loop) is None
    assert list(loop.caches.services) == [], "nobody looks at the Service any more"


async def test_the_policy_follows_the_connectors_and_an_edit_is_taken_back(loop: Loop) -> None:
    connector(loop)
    service(loop, "a")
    await work(loop, LEDGER, EGRESS)
    policy = loop.server.objects["NetworkPolicy", "genapps-gateway-egress"]
    assert [rule["ports"] for rule in policy["spec"]["egress"]] == [[{"protocol": "TCP", "port": 8000}]]
    await work(loop, EGRESS)
    assert loop.server.kinds().count("NetworkPolicy") == 1
    edited = {**policy, "metadata": {**policy["metadata"], "resourceVersion": "5000"}}
    edited["spec"] = {**policy["spec"], "egress": [{}]}
    loop.caches.gateway_egress.changed(edited)
    await work(loop, EGRESS)
    assert loop.server.objects["NetworkPolicy", "genapps-gateway-egress"]["spec"]["egress"] != [{}]
    assert loop.server.kinds() == ["NetworkPolicy"]


def counted(loop: Loop, version: int, **use: Any) -> None:
    metadata = {"namespace": "system", "name": "connector.ledger", "uid": "l", "resourceVersion": str(version)}
    object_ = {"kind": "Ledger", "metadata": metadata, "record": {"connector": {"calls": 3, "errors": 1, **use}}}
    loop.server.objects["Ledger", "connector.ledger"] = object_
    loop.caches.ledgers.changed(object_)


async def test_what_gateways_counted_is_in_its_status_and_goes_with_it(loop: Loop) -> None:
    connector(loop, url="https://ledger.example.com")
    counted(loop, 40)
    await work(loop, LEDGER)
    status = loop.server.objects["Connector", "ledger"]["status"]
    assert (status["calls"], status["errors"], status["breaker"]) == (3, 1, "Closed")
    loop.caches.connectors.deleted(world.connector("ledger", 2000))
    await work(loop, LEDGER)
    assert ("Ledger", "connector.ledger") not in loop.server.objects


async def test_an_open_breaker_that_nobody_confirms_is_told_no_more(loop: Loop) -> None:
    connector(loop, url="https://ledger.example.com")
    now = loop.clock.date().isoformat()
    counted(loop, 40, open=True, since=now, confirmedAt=now)
    await work(loop, LEDGER)
    assert loop.server.objects["Connector", "ledger"]["status"]["breaker"] == "Open"
    loop.clock.move_to(300)
    await work(loop)
    assert loop.server.objects["Connector", "ledger"]["status"]["breaker"] == "Closed"
