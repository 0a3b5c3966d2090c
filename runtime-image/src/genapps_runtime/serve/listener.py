# SPDX-License-Identifier: Apache-2.0
"""The app's port: the connections that come from its listening socket, which the supervisor has made.

They are accepted here and not by asyncio's server: that one loses those that it has accepted a moment before it is
closed, and a nap must lose none.
"""

import asyncio
import socket

from genapps_runtime.listening import BACKLOG
from genapps_runtime.serve.connection import Connection
from genapps_runtime.serve.held_bytes import HeldBytes
from genapps_runtime.serve.limits import HttpLimits
from genapps_runtime.serve.shared import Shared, Submit

FIRST_REQUEST_SECONDS = 0.02
"""How long the first request of an open connection may take when the port is closed: it may be on its way."""
LOOK_SECONDS = 0.002
EXHAUSTED_SECONDS = 1.0
"""How long to accept nothing when the process has no descriptor or memory left for a connection."""


class Listener:
    """Answers NotReady until `serve`."""

    def __init__(self, limits: HttpLimits) -> None:
        self._shared = Shared(limits, HeldBytes(limits.bodies_bytes))
        self._loop = asyncio.get_running_loop()
        self._port: socket.socket | None = None
        self._arriving: set[asyncio.Task[None]] = set()
        """Accepted, and no connection yet."""
        self._exhausted: asyncio.TimerHandle | None = None
        self.accepting = False

    def open(self, port: socket.socket) -> None:
        """Accept connections from a listening socket, which is closed at the end."""
        # Inherited by its connections.
        port.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        port.setblocking(False)
        self._port = port
        self.resume()

    def serve(self, submit: Submit | None) -> None:
        """Hand requests to `submit` from now on. It is called while a connection is read, and may reply at once.

        With None they are answered NotReady.
        """
        self._shared.submit = submit

    async def stop_when_quiet(self) -> bool:
        """Stop accepting, unless a connection carries a request or may bring its first one; returns whether it did.

        Others stay open until `shut_down`. Who connects from now on waits in the socket's queue.
        """
        if not self.quiet():
            return False
        self._stop_accepting()
        # Two iterations of the loop: in the second, what had arrived on open connections is read.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if self.quiet():
            return True
        self.resume()
        return False

    def quiet(self) -> bool:
        """Whether every connection is idle after a reply: callers must expect that such a one is closed."""
        return not self._arriving and all(connection.spent() for connection in self._shared.connections)

    def resume(self) -> None:
        """Accept again."""
        if self._port is not None:
            self._loop.add_reader(self._port, self._accept, self._port)
            self.accepting = True

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._shared.connections)

    @property
    def held_bytes(self) -> int:
        """What callers make this process hold."""
        return self._shared.held.held

    def shut_down(self) -> None:
        """Accept no more and end idle connections, at once: nothing that comes on them is begun."""
        self._shared.draining = True
        self._stop_accepting()
        port, self._port = self._port, None
        if port is not None:
            port.close()
        for connection in self._shared.connections:
            connection.shut_down()

    async def close(self, seconds: float) -> None:
        """Shut down; running requests may take `seconds` to their end."""
        shared = self._shared
        self._stop_accepting()
        await self._first_requests()
        self.shut_down()
        if self._arriving:
            await asyncio.wait(self._arriving)
        if shared.connections:
            lost = asyncio.Event()
            shared.on_last_lost = lost.set
            try:
                async with asyncio.timeout(seconds):
                    await lost.wait()
            except TimeoutError:
                for connection in list(shared.connections):
                    connection.abort()

    async def _first_requests(self) -> None:
        """Wait for those of callers who have just connected: they cannot know that nobody reads any more."""
        until = self._loop.time() + FIRST_REQUEST_SECONDS
        while self._arriving or any(one.idle() and not one.spent() for one in self._shared.connections):
            if self._loop.time() > until:
                return
            await asyncio.sleep(LOOK_SECONDS)

    def _stop_accepting(self) -> None:
        self.accepting = False
        if self._port is not None:
            self._loop.remove_reader(self._port)
        if self._exhausted is not None:
            self._exhausted.cancel()

    def _accept(self, port: socket.socket) -> None:
        for _ in range(BACKLOG):
            try:
                connection, _ = port.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                self._stop_accepting()
                self._exhausted = self._loop.call_later(EXHAUSTED_SECONDS, self.resume)
                return
            task = self._loop.create_task(self._connect(connection))
            self._arriving.add(task)
            task.add_done_callback(self._arriving.discard)

    async def _connect(self, accepted: socket.socket) -> None:
        await self._loop.connect_accepted_socket(lambda: Connection(self._shared), accepted)
