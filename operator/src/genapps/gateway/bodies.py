# SPDX-License-Identifier: Apache-2.0
"""How a request's head and body are read: framed in one way, of a bounded size, in a bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from genapps.gateway.messages import BODY_LIMIT
from genapps.gateway.problems import Code, Problem

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

BODY_SECONDS = 10.0
WHOLE = "genapps.whole"
"""The extension of a scope whose request was read as a whole: a `Whole`."""


class Whole:
    """What has come of a request that was read as a whole: its body, and later perhaps that its caller has gone."""

    __slots__ = ("_gone", "_left", "content")

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._left = False
        self._gone: Callable[[], None] | None = None

    def watch(self, gone: Callable[[], None]) -> Callable[[], None]:
        """Call `gone` once when the caller has gone, until what is returned is called."""
        if self._left:
            return asyncio.get_running_loop().call_soon(gone).cancel
        self._gone = gone
        return self._unwatch

    def left(self) -> None:
        """The caller has gone."""
        self._left = True
        gone, self._gone = self._gone, None
        if gone is not None:
            gone()

    def _unwatch(self) -> None:
        self._gone = None


class RefusedError(Exception):
    """Ends a route early with a problem."""

    def __init__(self, problem: Problem, *, close: bool = False) -> None:
        super().__init__(problem.code)
        self.problem = problem
        self.close = close


def judge_framing(scope: Scope) -> None:
    """Raises RefusedError when the body has two lengths: h11 takes the chunks, and others may take the number."""
    names = {name for name, _ in scope["headers"]}
    if {b"content-length", b"transfer-encoding"} <= names:
        detail = "The body has a length and comes in chunks: send one of the two."
        raise RefusedError(Problem(Code.REQUEST_INVALID, detail), close=True)


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """The whole body. Raises RefusedError when it is too large or comes too slowly."""
    length = header(scope, b"content-length")
    if length is not None and length.isdecimal() and int(length) > BODY_LIMIT:
        raise _too_large()
    whole = whole_of(scope)
    if whole is not None:
        return whole.content  # of the length that was looked at
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _received(receive)
    except TimeoutError as error:
        problem = Problem(Code.REQUEST_INVALID, "The body did not arrive in time.", retry_after=1, status=408)
        raise RefusedError(problem, close=True) from error


async def _received(receive: Receive) -> bytes:
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise RefusedError(Problem(Code.REQUEST_INVALID, "The caller closed the connection."), close=True)
        body += message.get("body", b"")
        if len(body) > BODY_LIMIT:
            raise _too_large()
        more = message.get("more_body", False)
    return bytes(body)


def _too_large() -> RefusedError:
    detail = f"The body is larger than {BODY_LIMIT} bytes."
    return RefusedError(Problem(Code.REQUEST_INVALID, detail, status=413), close=True)


def whole_of(scope: Scope) -> Whole | None:
    """The request, if it was read as a whole."""
    found: Whole | None = scope.get("extensions", {}).get(WHOLE)
    return found


def header(scope: Scope, name: bytes) -> str | None:
    """The value of a header that may come once; given twice it counts as absent."""
    values = [value for known, value in scope["headers"] if known == name]
    return values[0].decode("latin-1") if len(values) == 1 else None
