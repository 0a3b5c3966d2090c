# SPDX-License-Identifier: Apache-2.0
"""The outermost limits: how much and how long a connection may send before a request's head is complete.

h11 judges the requests: one Host, an offer of another protocol that is not taken, trailers. Bodies are bounded in
`app`.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_LIMIT = 32 * 1024
"""Bytes that h11 keeps of a head that is not complete; a token has at most 8 KiB."""
HEAD_SECONDS = 10.0
"""From the first byte of a connection, or of a further request on it, to the end of the head."""
BODY_PIECES = 1024
"""Of one body, each a chunk or what came at once. Tiny chunks take a hundred times longer to read than large ones, and
everybody waits meanwhile."""


class _BoundedConnection(h11.Connection):
    """A body in too many pieces breaks the protocol."""

    _pieces = 0

    def next_event(self) -> Any:
        """As h11's. Raises RemoteProtocolError."""
        event = super().next_event()
        if isinstance(event, h11.Data):
            self._pieces += 1
            if self._pieces > BODY_PIECES:
                raise h11.RemoteProtocolError("the body comes in too many pieces")
        elif isinstance(event, h11.Request):
            self._pieces = 0
        return event


class BoundedHttp(H11Protocol):
    """Closes a connection whose head is too slow; nobody is owed an answer for that."""

    head_seconds = HEAD_SECONDS
    _deadline: asyncio.TimerHandle | None = None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """As uvicorn's."""
        super().__init__(*arguments, **named)
        self.conn = _BoundedConnection(h11.SERVER, HEAD_LIMIT)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The head of the first request is due."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is due any more."""
        self._head_complete()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """A head may have begun, or be complete now."""
        super().data_received(data)
        self._look()

    def send_400_response(self, msg: str) -> None:
        """The application may be about to refuse the same request: one answer is enough."""
        if self.cycle is not None:
            self.cycle.disconnected = True
        super().send_400_response(msg)

    def on_response_complete(self) -> None:
        """The next head may be there already, in part."""
        super().on_response_complete()
        self._look()

    def _look(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._head_complete()
        elif self._deadline is None and self.conn.trailing_data[0]:
            self._await_head()

    def _await_head(self) -> None:
        self._deadline = self.loop.call_later(self.head_seconds, self.transport.abort)

    def _head_complete(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
