# SPDX-License-Identifier: Apache-2.0
"""Port 9090, served by the supervisor: probes and metrics are answered also while a guest blocks the worker's loop.

GET only, one request per connection, everything bounded. No library is used, because this process must stay small.

A probe that comes before the app is ready is held for a moment. The kubelet asks once a second, so an immediate
"not ready" a tenth of a second too early would delay every start by a second.
"""

import selectors
import socket
import time
from collections.abc import Callable

from genapps_runtime.listening import listening_socket

CONNECTIONS = 32
REQUEST_BYTES = 4096
REQUEST_SECONDS = 2.0
UNAVAILABLE = 503
HOLD_SECONDS = 0.8
"""Less than the timeout of the readiness probe, 1 s."""

Answer = Callable[[str], tuple[int, bytes]]


class HealthPort:
    """A non-blocking server for the supervisor's own loop. `answer(path)` returns status and body."""

    def __init__(self, selector: selectors.BaseSelector, address: str, port: int, answer: Answer) -> None:
        self._selector = selector
        self._answer = answer
        self._open: dict[socket.socket, tuple[float, bytearray]] = {}
        self._held: dict[socket.socket, tuple[float, bytes]] = {}
        self.patient = True
        """False: nothing better is to come, answer every probe at once."""
        self._listener = listening_socket(address, port)
        self._listener.setblocking(False)
        selector.register(self._listener, selectors.EVENT_READ, self._accept)

    @property
    def holding(self) -> bool:
        """Whether a probe is held: call `expire` often then."""
        return bool(self._held)

    def expire(self) -> None:
        """Answer held probes, and close connections that take too long. Call it regularly."""
        now = time.monotonic()
        for connection, (since, request) in list(self._held.items()):
            status, body = self._answer_to(request)
            if status != UNAVAILABLE or now - since > HOLD_SECONDS or not self.patient:
                del self._held[connection]
                self._respond(connection, status, body)
        for connection, (since, _) in list(self._open.items()):
            if now - since > REQUEST_SECONDS:
                self._close(connection)

    def close_all(self) -> None:
        """Close the sockets in a child after the fork: they belong to the parent."""
        for connection in list(self._open):
            self._close(connection)
        self._selector.unregister(self._listener)
        self._listener.close()

    def _accept(self, _socket: socket.socket) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if len(self._open) >= CONNECTIONS:
            connection.close()
            return
        connection.setblocking(False)
        self._open[connection] = time.monotonic(), bytearray()
        self._selector.register(connection, selectors.EVENT_READ, self._read)

    def _read(self, connection: socket.socket) -> None:
        _, received = self._open[connection]
        try:
            data = connection.recv(REQUEST_BYTES)
        except OSError:
            data = b""
        received += data
        if not data or len(received) > REQUEST_BYTES:
            self._close(connection)
        elif b"\r\n\r\n" in received:
            self._read_whole(connection, bytes(received))

    def _read_whole(self, connection: socket.socket, request: bytes) -> None:
        if connection in self._held:
            return  # it sends more than its request
        status, body = self._answer_to(request)
        if status == UNAVAILABLE and self.patient:
            self._held[connection] = time.monotonic(), request
        else:
            self._respond(connection, status, body)

    def _answer_to(self, request: bytes) -> tuple[int, bytes]:
        method, _, rest = request.partition(b" ")
        path = rest.partition(b" ")[0].decode("latin-1")
        return self._answer(path) if method == b"GET" else (405, b"GET only\n")

    def _respond(self, connection: socket.socket, status: int, body: bytes) -> None:
        head = f"HTTP/1.1 {status} -\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {len(body)}\r\n"
        try:
            connection.sendall(head.encode() + b"connection: close\r\n\r\n" + body)
        except OSError:
            return  # it went away, or reads too slowly for 16 KiB: its loss
        finally:
            self._close(connection)

    def _close(self, connection: socket.socket) -> None:
        del self._open[connection]
        self._held.pop(connection, None)
        self._selector.unregister(connection)
        connection.close()
