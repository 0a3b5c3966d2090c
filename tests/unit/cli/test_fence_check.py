# SPDX-License-Identifier: Apache-2.0
"""`genapps fence-check`: which targets it finds in a pod, and what it says of those that are silent."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from genapps.cli.fence_check import Target, check, targets

ENVIRONMENT = {
    "GATEWAY_SERVICE_HOST": "10.96.0.9",
    "KUBERNETES_SERVICE_HOST": "10.96.0.1",
    "KUBERNETES_SERVICE_PORT": "443",
    "HOST_IP": "192.0.2.7",
}
RESOLV_CONF = "search genapps-system.svc.cluster.local\nnameserver 10.96.0.10\nnameserver 10.96.0.11\n"


@pytest.fixture
def listening() -> Iterator[Target]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Target("the gateway's canary port", "127.0.0.1", server.getsockname()[1])


@pytest.fixture
def dead() -> Target:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return Target("cluster DNS", "127.0.0.1", port)


def test_targets_come_from_what_kubernetes_tells_a_pod() -> None:
    assert targets(ENVIRONMENT, RESOLV_CONF, 10250, "example.com:443") == (
        Target("the gateway's canary port", "10.96.0.9", 8444),
        Target("the API server", "10.96.0.1", 443),
        Target("cluster DNS", "10.96.0.10", 53),
        Target("the node's kubelet", "192.0.2.7", 10250),
        Target("the Internet", "example.com", 443),
    )


def test_kubelet_and_internet_can_be_left_out() -> None:
    found = targets({name: value for name, value in ENVIRONMENT.items() if name != "HOST_IP"}, RESOLV_CONF, 0, "")
    assert [target.port for target in found] == [8444, 443, 53]


@pytest.mark.parametrize("missing", ENVIRONMENT)
def test_an_address_that_is_not_known_is_no_target_that_may_be_skipped(missing: str) -> None:
    with pytest.raises(ValueError, match=missing):
        targets({**ENVIRONMENT, missing: ""}, RESOLV_CONF, 10250, "")


def test_a_pod_without_a_nameserver_is_refused() -> None:
    with pytest.raises(ValueError, match="no nameserver"):
        targets(ENVIRONMENT, "search nowhere\nnameserver\n", 10250, "")


@pytest.mark.parametrize("internet", ["example.com", ":443", "https://example.com:443", "example.com:443\n"])
def test_what_is_no_host_and_port_is_refused(internet: str) -> None:
    with pytest.raises(ValueError, match="not HOST:PORT"):
        targets(ENVIRONMENT, RESOLV_CONF, 10250, internet)


def test_when_everything_answers_silence_means_a_policy(listening: Target) -> None:
    said: list[str] = []
    assert check([listening], said.append, attempts=1) == 0
    assert said == [
        f"reached: the gateway's canary port, 127.0.0.1 port {listening.port}",
        "All that apps must not reach answers: where it is silent to an app, a policy is the cause.",
    ]


def test_one_silent_target_fails_the_check_and_is_named(listening: Target, dead: Target) -> None:
    said: list[str] = []
    assert check([listening, dead], said.append, attempts=1) == 1
    assert said[0].startswith("reached: the gateway's canary port")
    assert said[1].startswith(f"FAILED: cluster DNS, 127.0.0.1 port {dead.port}: ")
    assert said[2] == "FAILED: cluster DNS: silent to a pod without a fence, too."


def test_a_target_is_tried_again(dead: Target) -> None:
    with ExitStack() as open_:

        def begin(_: float) -> None:
            open_.enter_context(socket.create_server((dead.host, dead.port)))

        assert check([dead], lambda _: None, attempts=2, pause=begin) == 0
