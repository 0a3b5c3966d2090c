# SPDX-License-Identifier: Apache-2.0
"""Names to addresses, on threads of its own: a name server that never answers holds up its own names only."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

Lookup = Callable[[str], tuple[str, ...]]
"""Blocks; raises OSError."""
_THREADS = 16


def system_lookup(host: str) -> tuple[str, ...]:
    """The addresses of a full name, by the system's resolver.

    The trailing dot keeps the pod's search list out: otherwise a name inside the cluster could answer for the host.
    Addresses of a family that the pod does not have are not asked for.
    """
    found = socket.getaddrinfo(f"{host}.", None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


class Resolver:
    """Asks anew for each connection and remembers nothing; who asks for the same name meanwhile shares the answer."""

    def __init__(self, lookup: Lookup = system_lookup) -> None:
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="resolver")
        self._asked: dict[str, asyncio.Future[tuple[str, ...]]] = {}

    async def addresses(self, host: str) -> tuple[str, ...]:
        """Raises OSError when the name has none."""
        asked = self._asked.get(host)
        if asked is None:
            asked = asyncio.get_running_loop().run_in_executor(self._threads, self._lookup, host)
            self._asked[host] = asked
            asked.add_done_callback(lambda done: self._answered(host, done))
        # Whoever gives up leaves the question to the others.
        return await asyncio.shield(asked)

    def close(self) -> None:
        """Threads that still wait end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _answered(self, host: str, done: asyncio.Future[tuple[str, ...]]) -> None:
        del self._asked[host]
        if not done.cancelled():
            done.exception()  # seen, also when nobody waits any more
