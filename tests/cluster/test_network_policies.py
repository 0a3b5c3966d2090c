# SPDX-License-Identifier: Apache-2.0
"""The node's policy enforcer, by real connections between real pods."""

import socket
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tools.kubectl import Kubectl, until
from tools.node.netcheck import Answer, ask, dial
from tools.node.policies import NAMESPACES, PODS, Case, Probe, cases, namespace_manifest, pod_manifest
from tools.node.processes import start, stop, until_of_use
from tools.node.settings import Node

PREFIX = "policies-"
HOST_PORT = 9000
SECONDS = 20
PORTS_OF_SERVICE = [{"port": 8080, "targetPort": 80}]
DENY_INGRESS = {"podSelector": {"matchLabels": {"pod": "a"}}, "policyTypes": ["Ingress"]}


@dataclass(frozen=True)
class World:
    """The pods of the cases on the shared node, and a listener on the host."""

    node: Node
    kubectl: Kubectl
    addresses: Mapping[str, str]

    def reached(self, probe: Probe) -> bool:
        """Whether the probe's connection comes about, and with the right server."""
        address = f"{self.addresses[probe.target]}:{probe.port}"
        if probe.source == "host":
            name = _dial_from_host(self.addresses[probe.target], probe.port)
            reached = name is not None
        else:
            namespace, pod = probe.source.split("/")
            silent = probe.target == "node"
            answer = dial(self.node, f"{PREFIX}{namespace}", pod, probe.network, address, silent)
            reached, name = answer.ok, answer.text
            assert reached or "timeout" in answer.text, f"{probe}: {answer.text}"
        expected_name = {"service": "x/a", "node": "silent"}.get(probe.target, probe.target)
        assert not reached or name == expected_name, f"{probe} reached {name}"
        return reached

    def exchange(self, address: str) -> Answer:
        """A line and its echo over the connection that y/a keeps to `address`."""
        return ask(self.node, f"{PREFIX}y", "a", "exchange", address=address, timeout="1s")

    def policy(self, spec: Mapping[str, object]) -> dict[str, object]:
        """A policy of namespace x."""
        metadata = {"namespace": f"{PREFIX}x", "name": "test"}
        return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}

    def clear(self) -> None:
        for namespace in NAMESPACES:
            self.kubectl("delete", "networkpolicies", "--all", "-n", f"{PREFIX}{namespace}")


@pytest.fixture(scope="module")
def world(node: Node, kubectl: Kubectl) -> Iterator[World]:
    kubectl.apply(*(namespace_manifest(namespace, PREFIX) for namespace in NAMESPACES))
    kubectl.apply(*(pod_manifest(place, PREFIX) for place in PODS))
    kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"namespace": f"{PREFIX}x", "name": "web"},
            "spec": {"selector": {"pod": "a"}, "ports": PORTS_OF_SERVICE},
        }
    )
    addresses = {"host": node.host_address, "node": node.address}
    for place in PODS:
        namespace, name = place.split("/")
        kubectl("wait", "--for=condition=Ready", f"pod/{name}", "-n", f"{PREFIX}{namespace}", "--timeout=60s")
        addresses[place] = kubectl.get("pod", name, f"{PREFIX}{namespace}")["status"]["podIP"]
    addresses["service"] = kubectl.get("service", "web", f"{PREFIX}x")["spec"]["clusterIP"]
    with socket.create_server((node.host_address, HOST_PORT)) as listener:
        threading.Thread(target=_answer_as_host, args=[listener], daemon=True).start()
        yield World(node, kubectl, addresses)
        listener.shutdown(socket.SHUT_RDWR)
    for namespace in NAMESPACES:
        kubectl("delete", "namespace", f"{PREFIX}{namespace}", "--wait=false")


@pytest.fixture(autouse=True)
def no_policies_left(world: World) -> Iterator[None]:
    yield
    world.clear()


def surprises(world: World, case: Case) -> dict[str, bool]:
    """The probes that came out other than expected, with how they came out."""
    with ThreadPoolExecutor(len(case.expected)) as pool:
        reached = dict(zip(case.expected, pool.map(world.reached, case.expected), strict=True))
    return {str(probe): found for probe, found in reached.items() if found != case.expected[probe]}


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_connections_are_as_the_policies_say(world: World, case: Case) -> None:
    if case.policies:
        world.kubectl.apply(*case.manifests(world.addresses, PREFIX))
    assert until(lambda: not surprises(world, case), SECONDS, f"what {case.name!r} expects")


def test_a_connection_ends_when_its_permission_does(world: World) -> None:
    address = f"{world.addresses['x/a']}:80"
    until(lambda: ask(world.node, f"{PREFIX}y", "a", "open", network="tcp", address=address, timeout="1s").ok, SECONDS)
    assert world.exchange(address).ok
    world.kubectl.apply(world.policy(DENY_INGRESS))
    until(lambda: not world.exchange(address).ok, SECONDS, "the end of the connection")
    assert "timeout" in world.exchange(address).text


def test_a_label_that_changes_moves_a_pod_into_and_out_of_a_policy(world: World) -> None:
    world.kubectl.apply(world.policy({"podSelector": {"matchLabels": {"fenced": "yes"}}, "policyTypes": ["Ingress"]}))
    probe = Probe.parse("y/a -> x/c tcp/80")
    assert world.reached(probe)
    world.kubectl("label", "pod", "c", "-n", f"{PREFIX}x", "fenced=yes")
    until(lambda: not world.reached(probe), SECONDS)
    world.kubectl("label", "pod", "c", "-n", f"{PREFIX}x", "fenced-")
    until(lambda: world.reached(probe), SECONDS)


def test_a_namespace_label_that_changes_ends_what_it_allowed(world: World) -> None:
    peers = [{"namespaceSelector": {"matchLabels": {"guest": "yes"}}}]
    world.kubectl.apply(world.policy({"podSelector": {}, "ingress": [{"from": peers}]}))
    probe = Probe.parse("y/a -> x/a tcp/80")
    until(lambda: not world.reached(probe), SECONDS)
    world.kubectl("label", "namespace", f"{PREFIX}y", "guest=yes")
    until(lambda: world.reached(probe), SECONDS)
    world.kubectl("label", "namespace", f"{PREFIX}y", "guest-")
    until(lambda: not world.reached(probe), SECONDS)


def test_without_the_enforcer_policies_stay_and_no_new_pod_starts(world: World) -> None:
    world.kubectl.apply(world.policy(DENY_INGRESS))
    denied, allowed = Probe.parse("y/a -> x/a tcp/80"), Probe.parse("y/a -> x/b tcp/80")
    until(lambda: not world.reached(denied), SECONDS)
    late = pod_manifest("y/a", PREFIX)
    late["metadata"]["name"] = "late"
    stop(world.node, "enforcer")
    try:
        assert not world.reached(denied)
        assert world.reached(allowed)
        world.kubectl.apply(late)
        until(lambda: _sandbox_failures(world, "late"), SECONDS, "the refusal of the new pod")
        assert "podIP" not in world.kubectl.get("pod", "late", f"{PREFIX}y")["status"]
    finally:
        start(world.node, "enforcer")
        until_of_use(world.node, "enforcer")
    world.kubectl("wait", "--for=condition=Ready", "pod/late", "-n", f"{PREFIX}y", "--timeout=60s")
    assert not world.reached(denied)
    world.kubectl("delete", "pod", "late", "-n", f"{PREFIX}y")


def test_a_pod_that_the_enforcer_does_not_know_gets_no_traffic_at_all(world: World) -> None:
    known = Probe.parse("y/a -> x/c tcp/80")
    probes = [known, Probe.parse("x/c -> y/a tcp/80"), Probe.parse("host -> x/c tcp/80")]
    assert all(world.reached(probe) for probe in probes)
    address = world.addresses["x/c"]
    record = next(f for f in world.node.attachments.iterdir() if f'"{address}"' in f.read_text(encoding="utf-8"))
    hidden = world.node.run / record.name
    record.rename(hidden)
    try:
        _restart_enforcer(world.node)
        assert not world.reached(known)
        assert _dial_from_host(address, 80) is None
        # Nor does its own process get out, or the node in: the question itself does not arrive.
        with pytest.raises(OSError, match="timed out"):
            ask(world.node, f"{PREFIX}x", "c", "dial", seconds=3)
    finally:
        hidden.rename(record)
        _restart_enforcer(world.node)
    assert all(world.reached(probe) for probe in probes)


def _restart_enforcer(node: Node) -> None:
    stop(node, "enforcer")
    start(node, "enforcer")
    until_of_use(node, "enforcer")


def _sandbox_failures(world: World, pod: str) -> list[str]:
    selector = f"--field-selector=reason=FailedCreatePodSandBox,involvedObject.name={pod}"
    events = world.kubectl.items("events", "-n", f"{PREFIX}y", selector)
    return [event["message"] for event in events if "policy enforcer did not confirm" in event["message"]]


def _dial_from_host(address: str, port: int) -> str | None:
    try:
        with socket.create_connection((address, port), timeout=0.3) as connection:
            return connection.makefile().readline().strip()
    except TimeoutError:
        return None


def _answer_as_host(listener: socket.socket) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.sendall(b"host\n")
