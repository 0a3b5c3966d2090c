# SPDX-License-Identifier: Apache-2.0
"""A request that was read as a whole, and its answer, which is written at once.

As soon as anything else happens, h11 is given the bytes of the request and does the rest: when more bytes come before
the answer, when the answer comes in pieces, or is not framed as ours are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import h11
from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol, RequestResponseCycle

from genapps.gateway.bodies import WHOLE, Whole
from genapps.gateway.http.whole import WholeRequest

_WITHOUT_BODY = (204, 304)


class WholeExchange(RequestResponseCycle):
    """Of this connection; `data` are the bytes of the request, and `answered` is called when its answer was written
    here."""

    def __init__(self, protocol: H11Protocol, request: WholeRequest, data: bytes, answered: Callable[[], None]) -> None:
        whole = Whole(request.body)
        scope: Any = {
            "type": "http",
            "asgi": {"version": protocol.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "server": protocol.server,
            "client": protocol.client,
            "scheme": protocol.scheme,
            "method": request.method,
            "root_path": "",
            "path": request.path,
            "raw_path": request.path.encode("ascii"),
            "query_string": b"",
            "headers": request.headers,
            "state": protocol.app_state.copy(),
            "extensions": {WHOLE: whole},
        }
        super().__init__(
            scope=scope,
            conn=protocol.conn,
            transport=protocol.transport,
            flow=protocol.flow,
            logger=protocol.logger,
            access_logger=protocol.access_logger,
            access_log=False,
            default_headers=protocol.server_state.default_headers,
            message_event=asyncio.Event(),
            on_response=protocol.on_response_complete,
        )
        self.whole = whole
        self.body, self.more_body = bytearray(request.body), False
        self.message_event.set()
        self._data: bytes | None = data
        self._answered: Callable[[], None] | None = answered
        self._start: Any = None

    @property
    def is_here(self) -> bool:
        """Whether h11 knows nothing of it, and it is not answered yet."""
        return self._data is not None and not self.response_complete

    def hand_over(self) -> None:
        """From now on it is h11's, as if it had been from the beginning."""
        data, self._data, self._answered = self._data, None, None
        if data is None:
            return
        self.conn.receive_data(data)
        while not isinstance(self.conn.next_event(), h11.EndOfMessage):
            pass

    async def run_asgi(self, app: Any) -> None:
        """As uvicorn's."""
        try:
            await super().run_asgi(app)
        finally:
            # Its connection knows it until the next one comes. It holds no body meanwhile, and knows the connection no
            # longer: so it is gone without the garbage collector.
            self._data, self._answered = None, None
            self.body, self.whole.content = bytearray(), b""

    async def send(self, message: Any) -> None:
        """As ASGI says."""
        if self._data is None:
            await super().send(message)
        elif message["type"] == "http.response.start":
            self._start = message
        elif not self.disconnected:
            await self._answer(message)

    async def _answer(self, message: Mapping[str, Any]) -> None:
        start = self._start
        headers = [*self.default_headers, *start["headers"]]
        body = message.get("body", b"")
        plain = not message.get("more_body", False) and not self.flow.write_paused
        reply = _reply(start["status"], headers, body) if plain else None
        if reply is None:
            self.hand_over()
            await super().send(start)
            await super().send(message)  # type: ignore[arg-type]
            return
        self.response_started = self.response_complete = True
        self.message_event.set()
        self.transport.write(reply)
        if CLOSE_HEADER in headers or not self.keep_alive:
            self.transport.close()
        if self._answered is not None:
            self._answered()


def _reply(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> bytes | None:
    """Head and body; None when h11 should look at it."""
    lengths = [value for name, value in headers if name == b"content-length"]
    if lengths != [b"%d" % len(body)] or status < 200 or status in _WITHOUT_BODY:
        return None
    fields = [b"%b: %b\r\n" % field for field in headers]
    head = b"HTTP/1.1 %d %b\r\n%b\r\n" % (status, STATUS_PHRASES[status], b"".join(fields))
    return head + body if head.count(b"\n") == len(headers) + 2 == head.count(b"\r") else None
