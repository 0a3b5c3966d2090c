# SPDX-License-Identifier: Apache-2.0
"""Answers that leave piece by piece.

Before the first piece the host stores what the request has written so far. Each piece waits until the caller has
taken those before it, so an app is never faster than its reader.
"""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from genapps.actions import current
from genapps.calls import Call
from genapps.encoding import to_json
from genapps.responses import INLINE_BYTES, Response, piece_characters, whole

EVENTS_TYPE = "text/event-stream"
ENDED = object()
"""What a handler gives in place of an answer whose last piece has left."""


class StreamingResponse(Response):
    """An answer of texts or bytes, one after the other: from an iterator, or an asynchronous one."""

    def __init__(
        self, body: Any, status: int | str = 200, headers: Any = None, content_type: str | None = None
    ) -> None:
        super().__init__("", status, headers, content_type)
        self.pieces = body


def events(body: Any, headers: Any = None) -> StreamingResponse:
    """Server-sent events, as a browser's EventSource reads them.

    Each item is an event: a text, or anything that JSON can express, is its data; a dictionary with `data` and nothing
    but `event`, `id` and `retry` (in milliseconds) beside it has these fields.
    """
    response = StreamingResponse(_events(body), 200, headers, EVENTS_TYPE)
    response.headers.setdefault("cache-control", "no-store")
    return response


class Sender:
    """The answer of the running action, as it leaves."""

    def __init__(self, status: int, headers: str) -> None:
        """`headers` is a JSON list of pairs."""
        self._status = status
        self._headers = headers
        self.begun = False
        self.wanted = True
        """Whether the caller takes a body: not after a HEAD."""

    async def begin(self) -> None:
        """Store what was written so far, and send the head."""
        action = current.action
        writes = [[key, text] for key, text in action.writes.items()]
        payload = {"status": self._status, "headers": json.loads(self._headers), "writes": writes}
        self.begun = True
        self.wanted = await Call("stream", payload)
        action.writes, action.written, action.transaction = {}, 0, None

    async def send(self, piece: Any) -> None:
        """Send a text or bytes, when the caller has taken what was sent before. Raises TypeError for anything else."""
        if isinstance(piece, str):
            parts = [{"text": part} for part in _cut(whole(piece), piece_characters(piece))]
        elif isinstance(piece, bytes | bytearray | memoryview):
            parts = [{"base64": base64.b64encode(part).decode()} for part in _cut(bytes(piece), INLINE_BYTES)]
        else:
            raise TypeError(f"an answer is sent in texts or bytes, not in pieces like {piece!r:.50}")
        if parts and not self.begun:
            await self.begin()
        for part in parts:
            if self.wanted:
                await Call("send", part)

    async def end(self) -> object:
        """The last piece has been sent; returns ENDED, which the handler has to return."""
        if not self.begun:
            await self.begin()
        return ENDED


async def send_all(response: Response) -> object:
    """Send an answer with `pieces`; returns ENDED. Raises what the iterator raises."""
    sender = Sender(*response.head())
    pieces = response.pieces
    try:
        if hasattr(pieces, "__aiter__"):
            async for piece in pieces:
                await sender.send(piece)
                if not sender.wanted:
                    break
        else:
            for piece in pieces:
                await sender.send(piece)
                if not sender.wanted:
                    break
    finally:
        await _close(pieces)
    return await sender.end()


async def _close(pieces: Any) -> None:
    """Let a generator that is left in the middle run its `finally` clauses."""
    if hasattr(pieces, "aclose"):
        await pieces.aclose()
    elif hasattr(pieces, "close"):
        pieces.close()


def _cut(piece: Any, size: int) -> list[Any]:
    return [piece[at : at + size] for at in range(0, len(piece), size)]


async def _events(body: Any) -> AsyncIterator[str]:
    try:
        if hasattr(body, "__aiter__"):
            async for item in body:
                yield _event(item)
        else:
            for item in body:
                yield _event(item)
    finally:
        await _close(body)


_FIELDS = ("event", "id", "retry")


def _event(item: Any) -> str:
    """One event as text. A line break in a field other than the data would begin another one: it becomes a blank."""
    fields: dict[str, Any] = {}
    if isinstance(item, Mapping) and "data" in item and set(item) <= {"data", *_FIELDS}:
        fields, item = dict(item), item["data"]
    text = item if isinstance(item, str) else to_json(item)
    lines = [f"{name}: {' '.join(str(fields[name]).splitlines())}" for name in _FIELDS if fields.get(name) is not None]
    lines += [f"data: {line}" for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    return "\n".join([*lines, "", ""])
