# SPDX-License-Identifier: Apache-2.0
"""An API server that is overloaded, slow, or forgets where a watch was; the operator talks to it through a proxy."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from aiohttp import web

from tests.support.faulty_proxy import Fault, FaultyProxy, faulty_proxy, is_no_lease, is_watch, is_write
from tests.support.operator_process import World, world
from tools.kubectl import Kubectl, condition, until
from tools.node import Node

CLAIM = "persistentvolumeclaim"


@dataclass(frozen=True)
class Steady:
    """An app that ran before anything went wrong, and what must not change of it."""

    name: str
    pod: str
    claim: str


@pytest.fixture(scope="module")
def proxied(
    bare: Node, bare_kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[World, FaultyProxy]]:
    folder = tmp_path_factory.mktemp("operator")
    with (
        faulty_proxy(bare.kubeconfig, folder) as (proxy, kubeconfig),
        world(bare_kubectl, bare, folder / "log", KUBECONFIG=str(kubeconfig)) as made,
    ):
        yield made, proxy


@pytest.fixture
def here(proxied: tuple[World, FaultyProxy]) -> World:
    return proxied[0]


@pytest.fixture
def proxy(proxied: tuple[World, FaultyProxy]) -> FaultyProxy:
    return proxied[1]


@pytest.fixture
def steady(here: World) -> Iterator[Steady]:
    """An app that serves throughout: not restarted, its claim not touched, no deletion of anything of it."""
    name = "steady"
    if here.kubectl.find("gapp", name, here.namespace) is None:
        start(here, name)
    found = Steady(name, here.uid("pod", name), here.uid(CLAIM, name))
    before = len(here.writes())
    yield found
    until(here.operator.idle, 30, "an idle operator")
    assert here.operator.ended() is None
    assert here.operator.leads()
    assert here.uid("pod", name) == found.pod
    assert here.uid(CLAIM, name) == found.claim
    assert here.find("endpointslice", name) is not None
    assert condition(here.get(name), "Ready")["status"] == "True"
    deleted = {changed for verb, _, changed in here.writes()[before:] if verb == "delete"}
    assert here.child(name) not in deleted
    assert "deletedAt" not in (here.record(name) or {})
    assert here.operator.metric("genapps_vanish_alarm") == 0


def start(here: World, app: str) -> None:
    """Apply an app and let its pod be ready."""
    here.apply(here.app(app))
    until_serving(here, app)


def until_serving(here: World, app: str) -> None:
    here.until_pod(app)
    here.make_ready(app)
    here.until_condition(app, "Ready", "True", "Available")


def pods_made(here: World, app: str) -> int:
    """How often a pod of that app was applied or deleted."""
    return sum(resource == "pods" and name == here.child(app) for _, resource, name in here.writes())


def applies_pods(request: web.Request) -> bool:
    return request.method == "PATCH" and "/pods/" in request.path


def test_an_overloaded_api_server_delays_an_app_and_loses_none(here: World, proxy: FaultyProxy, steady: Steady) -> None:
    begun = len(proxy.seen)
    with proxy.fault(Fault(is_no_lease, status=429, retry_after=1, times=40)) as overload:
        proxy.end_watches()
        here.kubectl.apply(here.app("busy"))
        until(lambda: overload.met == overload.times, 60, "the end of the overload")
    until_serving(here, "busy")
    assert pods_made(here, "busy") == 1
    writes = [seen for seen in proxy.seen[begun:] if seen.method != "GET" and "/leases" not in seen.path]
    refused = [seen for seen in writes if seen.status == 429]
    for one in refused:
        again = next((s for s in writes if s.at > one.at and (s.method, s.path) == (one.method, one.path)), None)
        assert again is None or again.at - one.at > 0.9, f"{one.path}: tried again sooner than it was told"


def test_writes_that_are_refused_for_long_are_told_in_status_and_made_up_for(
    here: World, proxy: FaultyProxy, steady: Steady
) -> None:
    with proxy.fault(Fault(applies_pods, status=429, retry_after=1)) as overload:
        here.kubectl.apply(here.app("refused"))
        found = here.until_condition("refused", "Stalled", "True", "ChildRefused")
        assert "refused by a test with 429" in found["message"]
        assert overload.met < 30, "it asks again after pauses, not in a circle"
    until_serving(here, "refused")
    here.until_condition("refused", "Stalled", "False", "NotStalled")


def test_a_slow_api_server_costs_time_and_neither_the_lease_nor_a_restart(
    here: World, proxy: FaultyProxy, steady: Steady
) -> None:
    lease = here.kubectl.get("lease", "genapps-operator", here.system)
    with proxy.fault(Fault(lambda _: True, delay=0.5)):
        here.kubectl.apply(here.app("slow"))
        until_serving(here, "slow")
        here.kubectl("delete", "gapp", "slow", "-n", here.namespace)
        until(lambda: here.find("pod", "slow") is None, 30, "the end of the pod")
    after = here.kubectl.get("lease", "genapps-operator", here.system)
    assert after["spec"]["leaseTransitions"] == lease["spec"]["leaseTransitions"]
    assert after["spec"]["acquireTime"] == lease["spec"]["acquireTime"]


def test_a_write_whose_answer_is_lost_is_not_done_twice(here: World, proxy: FaultyProxy, steady: Steady) -> None:
    def ours(request: web.Request) -> bool:
        return is_write(request) and is_no_lease(request)

    with proxy.fault(Fault(ours, lose=True, times=8)) as losses:
        here.kubectl.apply(here.app("unheard"))
        until(lambda: losses.met == losses.times, 60, "the lost answers")
    pod = here.until_pod("unheard")["metadata"]["uid"]
    until_serving(here, "unheard")
    assert here.uid("pod", "unheard") == pod
    assert len(here.snapshots("unheard")) == 2
    assert not [verb for verb, _, name in here.writes() if verb == "delete" and name == here.child("unheard")]


@pytest.mark.parametrize("code", [410, 500])
def test_watches_that_end_with_an_error_go_on_from_a_new_list(
    here: World, proxy: FaultyProxy, steady: Steady, code: int
) -> None:
    goes, comes = f"goes-{code}", f"comes-{code}"
    start(here, goes)
    for _ in range(3):
        assert proxy.end_watches(code=code)
        here.kubectl.apply(here.app(comes))
        here.kubectl("delete", "gapp", goes, "-n", here.namespace, "--ignore-not-found")
        until(here.operator.idle, 30, "an idle operator")
    until_serving(here, comes)
    until(lambda: here.find("pod", goes) is None, 30, "the end of the pod")
    assert here.find(CLAIM, goes) is not None
    assert pods_made(here, comes) == 1


def test_watches_that_are_refused_with_410_go_on_from_a_new_list(
    here: World, proxy: FaultyProxy, steady: Steady
) -> None:
    start(here, "forgotten")
    with proxy.fault(Fault(is_watch, status=410, times=30)) as gone:
        proxy.end_watches()
        here.kubectl("delete", "gapp", "forgotten", "-n", here.namespace)
        here.kubectl.apply(here.app("remembered"))
        until(lambda: gone.met == gone.times, 60, "the refusals")
    until_serving(here, "remembered")
    until(lambda: here.find("pod", "forgotten") is None, 30, "the end of the pod")
    assert here.find(CLAIM, "forgotten") is not None


def test_an_api_server_that_answers_503_for_a_while_costs_no_restart(
    here: World, proxy: FaultyProxy, steady: Steady
) -> None:
    with proxy.fault(Fault(is_no_lease, status=503, times=30)) as outage:
        proxy.end_watches()
        here.kubectl.apply(here.app("meanwhile"))
        until(lambda: outage.met == outage.times, 60, "the end of the outage")
    until_serving(here, "meanwhile")
    assert pods_made(here, "meanwhile") == 1
