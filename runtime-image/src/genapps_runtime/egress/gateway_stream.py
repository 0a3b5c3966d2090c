# SPDX-License-Identifier: Apache-2.0
"""One answer of the gateway that comes piece by piece, on a connection of its own: lines of JSON.

What nobody has taken is bounded: beyond it nothing is read, and so the gateway waits, and the connector with it.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import orjson

from genapps_runtime.egress.gateway_connection import GatewayConnection, UnreachableError

PIECES_BYTES = 64 * 1024
"""Of the pieces that are given at once; one alone may have as much as a line."""
LINE_BYTES = PIECES_BYTES + 4096
PAUSE_BYTES = 128 * 1024
"""Beyond it nothing more is read until less is held."""
HELD_BYTES = 1024 * 1024
_READS_AGAIN_BYTES = PAUSE_BYTES // 2

Outcome = dict[str, Any]


class GatewayStream(GatewayConnection):
    """`on_close` is called once, when it is over or left."""

    def __init__(self) -> None:
        super().__init__()
        self.on_close: Callable[[], None] | None = None
        self._news = asyncio.Event()
        self._streams = False
        self._paused = False
        self._lines: deque[bytes] = deque()
        self._rest = bytearray()
        self._held = 0

    async def begin(self, request: bytes) -> tuple[int, bytes] | None:
        """Send the request. None when pieces follow, else status and body of another answer.

        Raises UnreachableError.
        """
        answer = self.send(request)
        answer.add_done_callback(self._ended)
        while not (self._streams or answer.done()):
            await self._hear()
        return None if self._streams else await answer

    async def next(self) -> Outcome:
        """The next pieces: `{"ok": [...]}`, at least one of them, or null after the last one, or a problem.

        Nothing is lost when it is cancelled. Raises UnreachableError when the answer was cut off.
        """
        pieces: list[Any] = []
        size = 0
        while True:
            while not self._lines:
                if pieces:
                    return {"ok": pieces}
                if self._answer is None or self._answer.done():
                    raise UnreachableError("the answer was cut off")
                await self._hear()
            line = self._lines[0]
            kind, value = _member(line)
            size += len(line)
            if pieces and (kind != "piece" or size > PIECES_BYTES):
                return {"ok": pieces}
            self._take()
            if kind != "piece":
                self.close()
                return {"ok": None} if kind == "end" else {"problem": value}
            pieces.append(value)

    def close(self) -> None:
        """At once, whatever is still to come."""
        super().close()
        if self.on_close is not None:
            self.on_close()
            self.on_close = None

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        self._streams = self._parser.get_status_code() == 200
        self._news.set()

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        if not self._streams:
            super().on_body(body)
            return
        lines = body.split(b"\n")
        if len(lines) > 1:
            lines[0] = bytes(self._rest) + lines[0]
            self._rest.clear()
        self._rest += lines.pop()
        self._held += len(body)
        if max(map(len, (self._rest, *lines))) > LINE_BYTES or self._held > HELD_BYTES:
            self._fail("the reply is too large")
            return
        self._lines += lines
        self._news.set()
        if self._held > PAUSE_BYTES and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _take(self) -> None:
        self._held -= len(self._lines.popleft()) + 1
        if self._paused and self._transport is not None and (self._held < _READS_AGAIN_BYTES or not self._lines):
            self._paused = False
            self._transport.resume_reading()

    async def _hear(self) -> None:
        self._news.clear()
        await self._news.wait()

    def _ended(self, answer: "asyncio.Future[tuple[int, bytes]]") -> None:
        answer.exception()  # who waits is told otherwise
        self._news.set()


def _member(line: bytes) -> tuple[str, Any]:
    """What a line says. Raises UnreachableError when it is none of the gateway's."""
    try:
        ((kind, value),) = orjson.loads(line).items()
    except (ValueError, AttributeError):
        raise UnreachableError("a line of the reply is malformed") from None
    if kind != "piece" and not (kind in ("end", "problem") and isinstance(value, dict)):
        raise UnreachableError("a line of the reply is malformed")
    return kind, value
