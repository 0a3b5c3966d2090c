# SPDX-License-Identifier: Apache-2.0
"""Every NetworkPolicy that we generate or ship, in one place with all who might want to pass: who reaches whom.

Both judges have to agree, and what passes is compared as a whole: nothing beside it does.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from genapps.api import names
from tests.oracles.programs import BUILD_SECONDS
from tests.oracles.situations import Flow, Situation, Verdicts, by_cyclonus, differences, reached
from tests.unit.core.world import World, app, budget, ledger
from tools import helm

pytestmark = pytest.mark.timeout(BUILD_SECONDS)
IMAGES = {"genapps": "localhost/genapps:1", "runtime": "localhost/genapps-runtime:1"}
API_SERVER, INTERNET, METADATA = "10.201.0.2", "192.0.2.7", "169.254.169.254"
OUTSIDE = {"api-server": API_SERVER, "internet": INTERNET, "metadata": METADATA}
PORTS = (53, 80, 443, 6443, 8080, 8443, 8444, 9090)
APP, SIBLING, OTHER = "finance/unit-converter", "finance/expenses", "sales/unit-converter"
OWNERS = {APP: ("finance", "unit-converter"), SIBLING: ("finance", "expenses"), OTHER: ("sales", "unit-converter")}
METRICS = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
Peers = list[dict[str, Any]]


def namespaces(chart: list[helm.Manifest]) -> dict[str, dict[str, str]]:
    """Those of the chart with the labels that it gives them, and other people's."""
    made = {each["metadata"]["name"]: each["metadata"]["labels"] for each in chart if each["kind"] == "Namespace"}
    others: dict[str, dict[str, str]] = {
        name: {} for name in (helm.NAMESPACE, "finance", "sales", "monitoring", "kube-system")
    }
    return {name: {**labels, "kubernetes.io/metadata.name": name} for name, labels in {**others, **made}.items()}


def plain_pod(namespace: str, name: str, **labels: str) -> dict[str, Any]:
    return {
        "metadata": {"namespace": namespace, "name": name, "labels": labels},
        "spec": {"containers": [{"name": "c"}]},
    }


def ours(chart: list[helm.Manifest]) -> dict[str, dict[str, Any]]:
    """The pods of the chart, by component."""
    templates = [each["spec"]["template"] for each in chart if each["kind"] == "Deployment"]
    templates += [each["spec"]["jobTemplate"]["spec"]["template"] for each in chart if each["kind"] == "CronJob"]
    bare = [each for each in chart if each["kind"] == "Pod"]
    return {
        pod["metadata"]["labels"]["app.kubernetes.io/component"]: {
            "metadata": {"namespace": helm.NAMESPACE, "name": "ours", "labels": pod["metadata"]["labels"]},
            "spec": pod["spec"],
        }
        for pod in (*templates, *bare)
    }


def world_of(place: str, spec: dict[str, Any] | None = None, ingress_from: Peers | None = None) -> World:
    """The app of a place, running."""
    namespace, name = OWNERS[place]
    granted = budget({"namespaces": ["finance", "sales"], "policy": {"ingressFrom": ingress_from or []}})
    return World(app=app(spec, {"namespace": namespace, "name": name}), budget=granted)


def made(world: World, kind: str) -> dict[str, Any]:
    (found,) = (manifest for (each, _), manifest in world.manifests.items() if each == kind)
    return found


def everything(world: World | None = None, values: Mapping[str, Any] | None = None) -> Situation:
    """All pods that there might be, with the app of `world` at APP."""
    chart = helm.render({**helm.values_for(IMAGES), **(values or {})})
    worlds = {APP: world or running(APP), SIBLING: running(SIBLING), OTHER: running(OTHER)}
    apps = {place: made(running(place), "Pod") for place in worlds}
    gateway, instance = ours(chart)["gateway"]["metadata"]["labels"], apps[APP]["metadata"]["labels"]
    pods = {
        **apps,
        **ours(chart),
        "nobody's pod beside the apps": plain_pod("genapps-run", "nobody"),
        "web of finance": plain_pod("finance", "web", app="web"),
        "batch of finance": plain_pod("finance", "batch", app="batch"),
        "finance dressed up as the gateway": plain_pod("finance", "gateway", **gateway),
        "finance dressed up as the app": plain_pod("finance", "app", **instance),
        "web of sales": plain_pod("sales", "web", app="web"),
        "monitoring": plain_pod("monitoring", "prometheus", app="prometheus"),
        "dns": plain_pod("kube-system", "coredns"),
    }
    policies = [each for each in chart if each["kind"] == "NetworkPolicy"]
    fences = [made(each, "NetworkPolicy") for each in worlds.values()]
    return Situation(namespaces(chart), pods, OUTSIDE, [*policies, *fences], PORTS)


def running(place: str, spec: dict[str, Any] | None = None, ingress_from: Peers | None = None) -> World:
    return world_of(place, spec, ingress_from).run()


def agreed(situation: Situation) -> Verdicts:
    """What both judges say; fails when they do not say the same."""
    (oracle,) = by_cyclonus([situation])
    assert differences(situation, oracle) == {}
    return oracle


KNOWN = {"networkPolicy": {"apiServerCIDRs": [f"{API_SERVER}/32"], "apiServerPorts": [6443], "metricsFrom": [METRICS]}}
ON_API_PORTS = {("TCP", 443), ("TCP", 6443)}


@pytest.fixture(scope="module")
def least() -> Verdicts:
    """With the least values of the chart and three plain apps."""
    return agreed(everything())


@pytest.fixture(scope="module")
def known() -> Verdicts:
    """Where the chart is told where the API server is, and who scrapes."""
    return agreed(everything(values=KNOWN))


def callers(verdicts: Verdicts, place: str) -> set[tuple[str, str, int]]:
    return {(flow.source, flow.protocol, flow.port) for flow in reached(verdicts) if flow.destination == place}


def ways_out(verdicts: Verdicts, place: str) -> set[tuple[str, str, int]]:
    return {(flow.destination, flow.protocol, flow.port) for flow in reached(verdicts) if flow.source == place}


def tcp(port: int, *places: str) -> set[tuple[str, str, int]]:
    return {(place, "TCP", port) for place in places}


FINANCE = (
    "web of finance", "batch of finance", "finance dressed up as the gateway", "finance dressed up as the app",
)  # fmt: skip
TO_GATEWAY = tcp(8443, "gateway")
WEB = {"matchLabels": {"app": "web"}}
NOBODY = {"ingress": {"from": [{"podSelector": {"matchLabels": {"app": "of-nobody"}}}]}}
NOT_BATCH = {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["batch"]}]}
VARIANTS: dict[str, tuple[dict[str, Any] | None, Peers, set[tuple[str, str, int]]]] = {
    "nothing is said": (None, [], tcp(8080, *FINANCE)),
    "own peers are selected": ({"ingress": {"from": [{"podSelector": WEB}]}}, [], tcp(8080, "web of finance")),
    "own peers are selected by what they are not": (
        {"ingress": {"from": [{"podSelector": NOT_BATCH}]}},
        [],
        tcp(8080, *(place for place in FINANCE if place != "batch of finance")),
    ),
    "an empty selector means the own namespace": (
        {"ingress": {"from": [{"podSelector": {}}]}},
        [],
        tcp(8080, *FINANCE),
    ),
    "selected peers do not exist": (NOBODY, [], set()),
    "the platform admits a namespace": (None, [METRICS], tcp(8080, *FINANCE, "monitoring")),
    "the platform admits pods of a namespace": (
        NOBODY,
        [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "sales"}}, "podSelector": WEB}],
        tcp(8080, "web of sales"),
    ),
    "the platform admits a range": (
        NOBODY,
        [{"ipBlock": {"cidr": "192.0.0.0/8", "except": ["192.0.3.0/24"]}}],
        tcp(8080, "internet"),
    ),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_app_is_called_by_its_peers_and_reaches_the_gateway_when(variant: str) -> None:
    spec, ingress_from, wanted = VARIANTS[variant]
    verdicts = agreed(everything(running(APP, spec, ingress_from)))
    assert callers(verdicts, APP) == wanted
    assert ways_out(verdicts, APP) == TO_GATEWAY


def suspended(world: World) -> None:
    world.ledger = ledger("a", "b", "c")


def stopped(world: World) -> None:
    namespace, name = OWNERS[APP]
    world.app = app({"operatingMode": "Suspended"}, {"namespace": namespace, "name": name, "generation": 2})


@pytest.mark.parametrize("stop", [suspended, stopped], ids=["by a verdict", "by a person"])
def test_a_suspended_app_reaches_nobody_and_nobody_reaches_it(stop: Any) -> None:
    world = running(APP, None, [METRICS])
    stop(world)
    world.settle()
    verdicts = agreed(everything(world))
    assert callers(verdicts, APP) == ways_out(verdicts, APP) == set()
    assert callers(verdicts, SIBLING) == tcp(8080, *FINANCE)


def test_apps_never_reach_each_other_nor_anything_else(least: Verdicts) -> None:
    for place in OWNERS:
        assert ways_out(least, place) == TO_GATEWAY
        assert not {source for source, _, _ in callers(least, place)} & set(OWNERS)


def test_the_canary_is_closed_by_the_apps_own_policy_alone(least: Verdicts) -> None:
    assert least[Flow(APP, "gateway", "TCP", 8444)] == (True, False)


def test_a_pod_that_slipped_into_a_run_namespace_is_shut_in(least: Verdicts) -> None:
    stranger = "nobody's pod beside the apps"
    assert callers(least, stranger) == ways_out(least, stranger) == set()


def test_every_run_namespace_is_closed_by_default_also_without_any_app() -> None:
    chart = helm.render({**helm.values_for(IMAGES), "runNamespaces": ["apps-finance", "apps-sales"]})
    policies = [each for each in chart if each["kind"] == "NetworkPolicy"]
    inside = {name: plain_pod(name, "nobody") for name in ("apps-finance", "apps-sales")}
    outside = {**ours(chart), "web of sales": plain_pod("sales", "web")}
    situation = Situation(namespaces(chart), {**inside, **outside}, OUTSIDE, policies, PORTS)
    verdicts = agreed(situation)
    for place in inside:
        assert callers(verdicts, place) == ways_out(verdicts, place) == set()


def test_the_gateway_is_called_by_apps_and_by_the_test_and_scraped_by_whom_the_platform_names(
    least: Verdicts, known: Verdicts
) -> None:
    everywhere = tcp(8443, *OWNERS, "test") | tcp(8444, "fence-check")
    assert callers(least, "gateway") == everywhere
    assert callers(known, "gateway") == everywhere | tcp(9090, "monitoring")


def test_the_check_without_a_fence_reaches_what_apps_must_not_and_is_reached_by_nobody(least: Verdicts) -> None:
    wanted = tcp(8444, "gateway") | tcp(6443, "api-server") | tcp(443, "internet")
    assert wanted <= ways_out(least, "fence-check")
    assert not {place for place, _, _ in ways_out(least, "fence-check")} & {*OWNERS, "operator"}
    assert callers(least, "fence-check") == set()


@pytest.mark.parametrize("component", ["operator", "gateway"])
def test_where_the_api_server_is_known_our_pods_reach_nothing_else(component: str, known: Verdicts) -> None:
    assert ways_out(known, component) == tcp(6443, "api-server")


@pytest.mark.parametrize("component", ["operator", "gateway"])
def test_where_it_is_not_known_our_pods_reach_its_ports_and_no_others(component: str, least: Verdicts) -> None:
    out = ways_out(least, component)
    assert {(protocol, port) for _, protocol, port in out} == ON_API_PORTS
    assert not {place for place, _, _ in out} & set(OWNERS)


def test_nobody_reaches_the_operator_but_whom_the_platform_names(least: Verdicts, known: Verdicts) -> None:
    assert callers(least, "operator") == set()
    assert callers(known, "operator") == tcp(9090, "monitoring")


def test_the_charts_test_reaches_the_gateway_and_is_reached_by_nobody(least: Verdicts) -> None:
    assert ways_out(least, "test") == TO_GATEWAY
    assert callers(least, "test") == set()


def test_the_situation_holds_the_policies_of_all() -> None:
    names_of_fences = {policy["metadata"]["name"] for policy in everything().policies}
    assert {names.child_name(*owner) for owner in OWNERS.values()} <= names_of_fences
    assert {"genapps-default-deny", "genapps-gateway", "genapps-operator", "genapps-test"} <= names_of_fences
