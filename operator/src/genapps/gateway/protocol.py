# SPDX-License-Identifier: Apache-2.0
"""The outermost limits: how much and how long a connection may send before a request's head is complete.

h11 judges the requests: one Host, an offer of another protocol that is not taken, trailers. Those that look as
runtimes write them go without it (`http.whole`). Bodies are bounded in `app`.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from genapps.gateway.http.exchange import WholeExchange
from genapps.gateway.http.whole import WholeRequest, read_whole

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
    _exchange: WholeExchange | None = None
    """The last one."""
    _answered_at = 0.0

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
        self._unset_keepalive_if_required()
        super().connection_lost(exc)
        if self._exchange is not None:
            self._exchange.whole.left()

    def data_received(self, data: bytes) -> None:
        """A head may have begun, or be complete now."""
        if self._exchange is not None and self._exchange.is_here:
            self._exchange.hand_over()  # what comes before the answer is for h11
        elif self._is_idle and (request := read_whole(data, HEAD_LIMIT)) is not None:
            self._begin(request, data)
            return
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

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection that nobody uses. After whole requests the timer is not set anew, but looks at the time
        when it fires."""
        self.timeout_keep_alive_task = None
        busy = self._exchange is not None and not self._exchange.response_complete
        left = self.timeout_keep_alive - (0.0 if busy else self.loop.time() - self._answered_at)
        if left > 0:
            self._keep_alive(left)
        else:
            super().timeout_keep_alive_handler()

    @property
    def _is_idle(self) -> bool:
        """Whether h11 is between two requests, and knows nothing of the next one."""
        conn = self.conn
        between = conn.our_state is h11.IDLE and conn.their_state is h11.IDLE and not conn.trailing_data[0]
        return between and self.limit_concurrency is None

    def _begin(self, request: WholeRequest, data: bytes) -> None:
        self._head_complete()
        exchange = WholeExchange(self, request, data, self._whole_answered)
        self.cycle = self._exchange = exchange
        task = self.loop.create_task(exchange.run_asgi(self.app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def _whole_answered(self) -> None:
        self.server_state.total_requests += 1
        self._answered_at = self.loop.time()
        if self.timeout_keep_alive_task is None and not self.transport.is_closing():
            self._keep_alive(self.timeout_keep_alive)

    def _keep_alive(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

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
