# SPDX-License-Identifier: Apache-2.0
"""Watches as kopf takes them: every way in which one can fail becomes the one that kopf answers with a new list.

kopf lists anew after an ERROR event with 410. A watch that is refused with 410, and an ERROR event with any other code,
ends all of kopf, and with it this process: an API server that has a bad minute would cost one restart after the other.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any, Self

import aiohttp
import structlog

EXPIRED = b'{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}\n'
_ERROR = b'{"type":"ERROR",'

_log = structlog.get_logger(__name__)


class WatchResponse(aiohttp.ClientResponse):
    """The response class of kopf's session; requests that are no watch are answered as ever."""

    async def start(self, connection: aiohttp.connector.Connection) -> Self:
        """aiohttp's hook: status and headers are there, the body is still to come."""
        await super().start(connection)
        if "watch" not in self.url.query:
            return self
        refused = self.status == HTTPStatus.GONE
        if refused:
            _log.warning("watch_refused", path=self.url.path, status=self.status)
            self.status = HTTPStatus.OK
        if self.status == HTTPStatus.OK:
            self.content = _Events(self.content, self.url.path, refused=refused)  # type: ignore[assignment]
        return self


class _Events:
    """A stream of which errors are told as that of a version that is too old, and of a refused one no more than that.

    The API server writes an error as the last line, at once, so it begins a chunk or follows a line."""

    def __init__(self, content: aiohttp.StreamReader, path: str, *, refused: bool) -> None:
        self._content = content
        self._path = path
        self._refused = refused

    def __getattr__(self, name: str) -> Any:
        """What aiohttp itself asks of the body of a response."""
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """What kopf reads."""
        if self._refused:
            yield EXPIRED
            return
        async for chunk in self._content.iter_chunked(size):
            before, error, words = _split(chunk)
            if not error:
                yield chunk
                continue
            _log.warning("watch_failed", path=self._path, error=words[:500].decode("utf-8", "replace"))
            yield before + EXPIRED
            return


def _split(chunk: bytes) -> tuple[bytes, bool, bytes]:
    """What comes before an error, whether there is one, and it."""
    if chunk.startswith(_ERROR):
        return b"", True, chunk
    before, found, after = chunk.partition(b"\n" + _ERROR)
    return before + b"\n", bool(found), _ERROR + after
