# SPDX-License-Identifier: Apache-2.0
"""The port where verifiers read the public keys, and nothing else: so the call port is opened to nobody new."""

from __future__ import annotations

from collections.abc import Callable

from genapps.gateway.bodies import Receive, Scope, Send
from genapps.gateway.step_tokens.keys import KeyRing

PATH = "/jwks.json"
_FRESH_SECONDS = 300
"""For so long a verifier may keep what it read: half of the time that a key is there before it signs."""


class PublishedKeys:
    """The ASGI application of the port; `ring` has the keys of now."""

    def __init__(self, ring: Callable[[], KeyRing | None]) -> None:
        self._ring = ring

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        ring = self._ring()
        media_type, cached = "text/plain; charset=utf-8", "no-store"
        if scope["path"] != PATH or scope["method"] not in ("GET", "HEAD"):
            status, body = 404, b"not found\n"
        elif ring is None:
            status, body = 503, b"no keys yet\n"
        else:
            status, body, media_type = 200, ring.published(), "application/jwk-set+json"
            cached = f"public, max-age={_FRESH_SECONDS}"
        headers = [
            (b"content-type", media_type.encode("ascii")),
            (b"content-length", str(len(body)).encode("ascii")),
            (b"cache-control", cached.encode("ascii")),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
