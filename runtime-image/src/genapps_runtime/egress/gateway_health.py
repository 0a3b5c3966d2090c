# SPDX-License-Identifier: Apache-2.0
"""The question of the fence's probe: does the gateway, by its certificate, say that it is healthy?

A gateway that is gone may not even refuse, and one that hangs takes connections and says nothing on them. So a further
connection is begun while earlier ones are silent; it may be sent to another gateway.
"""

import errno
import selectors
import socket
import ssl
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack
from typing import TypeVar

from genapps_runtime.egress.gateway_address import GatewayAddress

SILENT_SECONDS = 0.5
"""After which a further connection is begun."""
_STATUS_LINE_BYTES = 1024
_CONNECTING = (0, errno.EINPROGRESS)

T = TypeVar("T")
Waiting = Generator[int, None, T]
"""Yields what a socket has to become (EVENT_READ, EVENT_WRITE) before it goes on."""


def seconds_to_answer(gateway: GatewayAddress, trust: ssl.SSLContext, seconds: float) -> float | None:
    """How many seconds the connection took that was answered first; None: none was within `seconds`, or an answer
    says otherwise, while no other connection waits. Raises OSError when there is no address to connect to."""
    family, *_, address = socket.getaddrinfo(gateway.connect, gateway.port, type=socket.SOCK_STREAM)[0]
    ends = time.monotonic() + seconds
    with ExitStack() as open_, selectors.DefaultSelector() as selector:
        while (begun := time.monotonic()) < ends:
            plain = open_.enter_context(socket.socket(family, socket.SOCK_STREAM))
            plain.setblocking(False)
            if plain.connect_ex(address) in _CONNECTING:
                selector.register(plain, selectors.EVENT_WRITE, (_asked(plain, trust, gateway, open_), begun))
            silent_at = min(begun + SILENT_SECONDS, ends)
            while selector.get_map() and (left := silent_at - time.monotonic()) > 0:
                for key, _ in selector.select(left):
                    if (answered := _go_on(selector, key)) is not None:
                        return answered
            if not selector.get_map():
                return None
    return None


def _go_on(selector: selectors.BaseSelector, key: selectors.SelectorKey) -> float | None:
    """One connection further; how long it took if it is healthy. One that is not is not waited for any more."""
    asked: Waiting[bool]
    begun: float
    asked, begun = key.data
    try:
        selector.modify(key.fd, next(asked), key.data)
    except (OSError, StopIteration) as end:
        selector.unregister(key.fd)
        if isinstance(end, StopIteration) and end.value:
            return time.monotonic() - begun
    return None


def _asked(plain: socket.socket, trust: ssl.SSLContext, gateway: GatewayAddress, open_: ExitStack) -> Waiting[bool]:
    """From a connection that is being made to the first line of its answer. Raises OSError."""
    if error := plain.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(error, "no connection")
    connection = trust.wrap_socket(plain, server_hostname=gateway.name, do_handshake_on_connect=False)
    open_.enter_context(connection)
    yield from _tried(connection.do_handshake)
    request = f"GET /v1/healthz HTTP/1.1\r\nhost: {gateway.name}:{gateway.port}\r\nconnection: close\r\n\r\n"
    yield from _tried(lambda: connection.send(request.encode("ascii")))
    line = b""
    while b"\r\n" not in line and len(line) < _STATUS_LINE_BYTES:
        received = yield from _tried(lambda: connection.recv(_STATUS_LINE_BYTES))
        if not received:
            return False
        line += received
    return line.startswith(b"HTTP/1.1 200 ")


def _tried(step: Callable[[], T]) -> Waiting[T]:
    while True:
        try:
            return step()
        except ssl.SSLWantReadError:
            yield selectors.EVENT_READ
        except ssl.SSLWantWriteError:
            yield selectors.EVENT_WRITE
