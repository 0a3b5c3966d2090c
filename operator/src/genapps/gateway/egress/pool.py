# SPDX-License-Identifier: Apache-2.0
"""Connections that wait for another request of the same connector with the same credential.

They wait briefly: a connection that the server is about to close costs a call whose outcome nobody knows. And none
gets old, because a host may move to other addresses.
"""

from __future__ import annotations

import asyncio
from functools import partial

from genapps.gateway.egress.connection import Connection
from genapps.gateway.egress.messages import Target

Key = tuple[Target, str]
"""Where to, and the id of the credential; the connection itself knows its checked address."""
IDLE_SECONDS = 3.0
"""Less than servers wait: many close after five."""
AGE_SECONDS = 60.0
MOST_OF_ONE = 32
MOST = 512


class Pool:
    """The newest connection is taken first, so that those that are not needed end."""

    def __init__(self) -> None:
        self._idle: dict[Key, list[Connection]] = {}
        self._count = 0

    def take(self, key: Key) -> Connection | None:
        """One that is open and quiet, or None."""
        while waiting := self._idle.get(key):
            connection = waiting[-1]
            self._forget(key, connection)
            if connection.quiet:
                connection.expire_at(None)
                return connection
            connection.abort()
        return None

    def give(self, key: Key, connection: Connection) -> None:
        """It is closed if it is not settled, or old, or there are enough. The socket is looked at when it is taken."""
        now = asyncio.get_running_loop().time()
        waiting = self._idle.setdefault(key, [])
        fit = connection.settled and now - connection.opened_at < AGE_SECONDS
        if not fit or len(waiting) >= MOST_OF_ONE or self._count >= MOST:
            connection.abort()
        else:
            waiting.append(connection)
            self._count += 1
            connection.on_end = partial(self._forget, key, connection)
            connection.expire_at(min(now + IDLE_SECONDS, connection.opened_at + AGE_SECONDS))
        if not waiting:
            del self._idle[key]

    def close(self) -> None:
        """All that wait."""
        for key, waiting in list(self._idle.items()):
            for connection in list(waiting):
                self._forget(key, connection)
                connection.abort()

    def _forget(self, key: Key, connection: Connection) -> None:
        connection.on_end = None
        waiting = self._idle[key]
        waiting.remove(connection)
        self._count -= 1
        if not waiting:
            del self._idle[key]
