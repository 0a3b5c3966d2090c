# SPDX-License-Identifier: Apache-2.0
"""The socket that `genapps-runtime state` connects to. It is the supervisor's, so that a question wakes a napping app.

Nothing but a process of the same container is answered: the kernel tells who it is. A container beside ours shares the
pod's network, and so could connect, but it has other process ids.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable

QUESTION_BYTES = 2048
QUESTION_SECONDS = 5.0
LEAVING_SECONDS = 10.0
"""How long the end of an answer may take to be read."""
CONNECTIONS = 4
_CREDENTIALS = struct.Struct("3i")

Answering = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


class StatePort:
    """Reads a question from each connection; `answer` is given it, and writes the answer."""

    def __init__(self, port: socket.socket, answer: Answering) -> None:
        self._port = port
        self._answer = answer
        self._loop = asyncio.get_running_loop()
        self._serving: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Accept from now on."""
        self._port.setblocking(False)
        self._loop.add_reader(self._port, self._accept)

    @property
    def busy(self) -> bool:
        """Whether somebody waits for an answer."""
        return bool(self._serving)

    def stop(self) -> None:
        """Accept no more: who connects from now on waits for the next worker."""
        if self._port.fileno() >= 0:
            self._loop.remove_reader(self._port)
            self._port.close()

    async def close(self, seconds: float) -> None:
        """Stop, and let what is under way end for so many seconds."""
        self.stop()
        if self._serving:
            await asyncio.wait(self._serving, timeout=seconds)
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def _accept(self) -> None:
        try:
            connection, _ = self._port.accept()
        except OSError:
            return
        if len(self._serving) >= CONNECTIONS or not _is_neighbour(connection):
            connection.close()
            return
        task = self._loop.create_task(self._serve(connection))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_unix_connection(sock=connection, limit=QUESTION_BYTES)
        try:
            async with asyncio.timeout(QUESTION_SECONDS):
                question = await reader.readuntil(b"\n")
            await self._answer(question[:-1], writer)
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            return  # it went away, or says nothing that is a question
        finally:
            writer.close()
            try:
                async with asyncio.timeout(LEAVING_SECONDS):
                    await writer.wait_closed()
            except (OSError, TimeoutError):
                writer.transport.abort()


def _is_neighbour(connection: socket.socket) -> bool:
    """Whether the other end is a process of this container, under the same user. Of others the kernel has no id."""
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    process, user, _ = _CREDENTIALS.unpack(found)
    return bool(process > 0 and user == os.geteuid())
