# SPDX-License-Identifier: Apache-2.0
"""The outermost limits: how much and how long a connection may send before a request's head is complete.

uvicorn bounds neither for httptools; bodies are bounded in `app`.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_LIMIT = 32 * 1024
"""Bytes that may arrive while no head is complete; a token has at most 8 KiB."""
HEAD_SECONDS = 10.0
"""From the first byte of a connection, or of a further request on it, to the end of the head."""


class BoundedHttp(HttpToolsProtocol):
    """Closes a connection whose head is too large or too slow; nobody is owed an answer for that."""

    head_seconds = HEAD_SECONDS
    _head_bytes = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The head of the first request is due."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is due any more."""
        self._head_complete()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count the bytes of a head."""
        self._head_bytes += len(data)
        super().data_received(data)
        if self._deadline is not None and self._head_bytes > HEAD_LIMIT:
            self.transport.abort()

    def on_message_begin(self) -> None:
        """The head of a further request is due."""
        super().on_message_begin()
        if self._deadline is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._head_complete()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._head_bytes = 0
        self._deadline = self.loop.call_later(self.head_seconds, self.transport.abort)

    def _head_complete(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
