# SPDX-License-Identifier: Apache-2.0
"""The app's port: the listening socket and its connections."""

import asyncio
import socket

from genapps_runtime.listening import BACKLOG, listening_socket
from genapps_runtime.serve.connection import Connection, Shared, Submit
from genapps_runtime.serve.held_bytes import HeldBytes
from genapps_runtime.serve.limits import HttpLimits


class Listener:
    """Answers NotReady until `serve`."""

    def __init__(self, limits: HttpLimits) -> None:
        self._shared = Shared(limits, HeldBytes(limits.bodies_bytes))
        self._server: asyncio.Server | None = None

    async def open(self, address: str, port: int) -> int:
        """Listen; returns the port (of use when `port` is 0)."""
        listening = listening_socket(address, port)
        # Inherited by its connections. asyncio sets it only for sockets that name their protocol.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Connection(self._shared), sock=listening, backlog=BACKLOG
        )
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    def serve(self, submit: Submit) -> None:
        """Hand requests to `submit` from now on. It is called while a connection is read, and may reply at once."""
        self._shared.submit = submit

    @property
    def held_bytes(self) -> int:
        """What callers make this process hold."""
        return self._shared.held.held

    async def close(self, seconds: float) -> None:
        """Accept no more and end idle connections; running requests may take `seconds` to their end."""
        shared = self._shared
        if self._server is not None:
            self._server.close()
        shared.draining = True
        connections = list(shared.connections)
        for connection in connections:
            connection.shut_down()
        if connections:
            lost = asyncio.Event()
            shared.on_last_lost = lost.set
            try:
                async with asyncio.timeout(seconds):
                    await lost.wait()
            except TimeoutError:
                for connection in list(shared.connections):
                    connection.abort()
