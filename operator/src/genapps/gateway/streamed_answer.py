# SPDX-License-Identifier: Apache-2.0
"""An answer that leaves while the connector gives it: a line of JSON for each piece, and one that says it is whole.

An answer without that last line was cut off. Nothing is read of the connector while the caller does not read
(docs/contracts/gateway-stream.schema.json).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from genapps.gateway.calls import Passed
from genapps.gateway.problems import Problem

MEDIA_TYPE = b"application/x-ndjson"
UNREAD_SECONDS = 5.0
"""How much longer than the call may take its caller may take to read the answer."""


@dataclass(frozen=True, slots=True)
class StreamedAnswer:
    """What has come first, and what follows. `seconds` is how long all of it may take."""

    first: tuple[bytes, ...]
    rest: AsyncGenerator[Passed, None]
    seconds: float
    action: str
    status = 200
    code = "ok"

    async def send(self, send: Callable[[dict[str, Any]], Awaitable[None]], *, close: bool) -> None:
        """Send all of it; it is left without its last line when the caller does not read it in time."""
        headers = [(b"content-type", MEDIA_TYPE), *([(b"connection", b"close")] if close else [])]
        async with aclosing(self.rest), asyncio.timeout(self.seconds + UNREAD_SECONDS):
            await send({"type": "http.response.start", "status": self.status, "headers": headers})
            await send({"type": "http.response.body", "body": _lines(self.first), "more_body": True})
            problem: Problem | None = None
            async for passed in self.rest:
                if isinstance(passed, Problem):
                    problem = passed
                else:
                    await send({"type": "http.response.body", "body": _lines(passed), "more_body": True})
            if problem is None:
                last = b'{"end":{"effect":"Read"}}\n'
            else:
                last = b'{"problem":%b}\n' % problem.body(self.action, "Read")
            await send({"type": "http.response.body", "body": last})


def _lines(pieces: tuple[bytes, ...]) -> bytes:
    return b"".join([b'{"piece":%b}\n' % piece for piece in pieces])
