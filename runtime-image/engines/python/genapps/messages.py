# SPDX-License-Identifier: Apache-2.0
"""Request and response as an app sees them."""

import base64
import re
from functools import cached_property
from typing import Any

from genapps.calls import Call
from genapps.encoding import from_json, query_pairs, to_json

INLINE_CHARACTERS = 16 * 1024
INLINE_BYTES = 64 * 1024
NESTING = 200
_NO_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[^"\[\]{}]+')


class BadRequest(Exception):  # noqa: N818  it is the caller's error, not the app's
    """The caller sent something that the app cannot use. Raise it to answer 400 with the message."""


class Request:
    """A caller's request.

    `id` is the caller's Idempotency-Key or a random text. `headers` has names in lower case. `query` and `headers`
    hold the last value of each name.
    """

    def __init__(
        self,
        request_id: str,
        method: str,
        path: str,
        query: str,
        headers: str,
        body: dict[str, Any] | None,
    ) -> None:
        """`query` is as it was sent, `headers` is JSON: most apps ask for neither. `body` is the first piece."""
        self.id = request_id
        self.method = method
        self.path = path
        self._query = query
        self._headers = headers
        self._body = body
        self._chunks = 1
        self._bytes: bytes | None = None

    @cached_property
    def headers(self) -> dict[str, str]:
        """The headers by name."""
        found: dict[str, str] = from_json(self._headers)
        return found

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters by name, decoded; the last value of each name."""
        return dict(query_pairs(self._query))

    @property
    def query_list(self) -> list[tuple[str, str]]:
        """All parameters of the query as pairs of name and value, in order."""
        return query_pairs(self._query)

    async def body(self) -> bytes:
        """The whole body. The host sends what exceeds the first 64 KiB piece by piece."""
        if self._bytes is None:
            parts = [_decode(self._body)] if self._body else []
            for index in range(1, self._chunks):
                parts.append(_decode(await Call("body", {"chunk": index})))  # noqa: PERF401  one after the other
            self._bytes = b"".join(parts)
        return self._bytes

    async def text(self) -> str:
        """The body as UTF-8 text; raises BadRequest when it is not."""
        if self._chunks == 1 and self._body and "text" in self._body:
            text: str = self._body["text"]
            return text
        try:
            return (await self.body()).decode()
        except UnicodeDecodeError:
            raise BadRequest("the body is not UTF-8 text") from None

    async def json(self) -> Any:
        """The body as JSON. Raises BadRequest when it is not JSON, or nested deeper than 200 levels."""
        text = await self.text()
        if text.count("[") + text.count("{") > NESTING and _depth(text) > NESTING:
            # The interpreter's stack would overflow, which ends the guest and with it the requests of others.
            raise BadRequest(f"the JSON body is nested deeper than {NESTING} levels")
        try:
            return from_json(text)
        except ValueError as error:
            raise BadRequest(f"the body is not JSON: {error}") from None


class Response:
    """A response: text, bytes, or anything that JSON can express.

    `content_type` follows from the body unless it is given.
    """

    def __init__(
        self,
        body: Any = "",
        status: int = 200,
        headers: dict[str, str] | None = None,
        content_type: str | None = None,
    ) -> None:
        self.status = status
        self.headers = dict(headers or {})
        self.body: str | bytes
        if isinstance(body, str):
            body.encode()  # a lone surrogate is not text: better said here than at the boundary
            self.body, kind = body, "text/plain; charset=utf-8"
        elif isinstance(body, bytes | bytearray):
            self.body, kind = bytes(body), "application/octet-stream"
        else:
            self.body, kind = to_json(body), "application/json"
        self.headers.setdefault("content-type", content_type or kind)

    def pieces(self) -> list[dict[str, str]]:
        """The body in pieces of at most 64 KiB, in the form that the host takes."""
        if isinstance(self.body, str):
            size = INLINE_CHARACTERS
            if len(self.body) <= size:
                return [{"text": self.body}]
            return [{"text": self.body[at : at + size]} for at in range(0, len(self.body), size)]
        size = INLINE_BYTES
        return [
            {"base64": base64.b64encode(self.body[at : at + size]).decode()} for at in range(0, len(self.body), size)
        ]


def _depth(text: str) -> int:
    deepest = depth = 0
    for bracket in _NO_BRACKETS.sub("", text):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _decode(piece: dict[str, Any]) -> bytes:
    if "text" in piece:
        return str(piece["text"]).encode()
    return base64.b64decode(piece["base64"])
