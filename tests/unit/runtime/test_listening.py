# SPDX-License-Identifier: Apache-2.0
import socket

import pytest

from genapps_runtime.listening import inherited_socket, listening_socket

LOOPBACKS = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]


@pytest.mark.parametrize(("family", "caller"), LOOPBACKS, ids=["IPv4", "IPv6"])
def test_every_address_of_both_families_is_served(family: int, caller: str) -> None:
    if family == socket.AF_INET6 and not socket.has_dualstack_ipv6():
        pytest.skip("this machine speaks no IPv6")
    with listening_socket("", 0) as server, socket.socket(family) as client:
        client.connect((caller, server.getsockname()[1]))
        accepted, _ = server.accept()
        with accepted:
            client.sendall(b"hello")
            assert accepted.recv(5) == b"hello"


@pytest.mark.parametrize(("family", "address"), LOOPBACKS, ids=["IPv4", "IPv6"])
def test_one_address_is_served_where_one_is_named(family: int, address: str) -> None:
    if family == socket.AF_INET6 and not socket.has_dualstack_ipv6():
        pytest.skip("this machine speaks no IPv6")
    with listening_socket(address, 0) as server:
        assert (server.family, server.getsockname()[0]) == (family, address)


def test_where_there_is_no_ipv6_ipv4_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    with listening_socket("", 0) as server:
        assert server.family == socket.AF_INET


def test_a_socket_that_was_inherited_is_served_and_another_one_is_refused() -> None:
    with listening_socket("127.0.0.1", 0) as server, inherited_socket(server.dup().detach()) as same:
        assert same.getsockname() == server.getsockname()
    with socket.socket() as silent, pytest.raises(OSError, match="is no listening socket"):
        inherited_socket(silent.dup().detach())
