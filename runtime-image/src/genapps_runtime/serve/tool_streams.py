# SPDX-License-Identifier: Apache-2.0
"""Answers of tools that an action takes piece by piece.

Only tools that read have such answers. Nothing of them is recorded: an action that has taken a piece cannot begin
again, and a repeat of its request asks anew.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any

from genapps_runtime.egress.gateway_connection import UnreachableError
from genapps_runtime.egress.gateway_stream import GatewayStream
from genapps_runtime.problems import call_problem

MOST_OPEN = 4
"""Streams of one action at once."""
_TOO_MANY = f"a request may take at most {MOST_OPEN} answers piece by piece at once: read one to its end, or close it"
_NO_STREAM = "no answer comes piece by piece for that call, or it is over"
_TWICE = "a piece of that answer is waited for already"

Outcome = dict[str, Any]
"""`{"ok": [pieces]}`, `{"ok": None}` after the last one, or `{"problem": {...}}`."""


class ToolStreams:
    """Those of one action, by the ids of the calls that asked for them."""

    def __init__(self) -> None:
        self._open: dict[str, GatewayStream | None] = {}
        """None for one that has not begun."""
        self._asked: set[str] = set()
        """Those of which a piece is waited for."""
        self.taken = False
        """Whether the app has got a piece."""

    def refusal(self) -> Outcome | None:
        """The outcome of a call that would be one too many."""
        if len(self._open) < MOST_OPEN:
            return None
        return {"problem": call_problem("CallRefused", _TOO_MANY)}

    async def begin(self, call: str, opened: "Awaitable[GatewayStream | Outcome]", seconds: float) -> Outcome:
        """The first pieces of an answer that is being `opened`, or why there are none. Raises TimeoutError."""
        self._open[call] = None
        try:
            async with asyncio.timeout(seconds):
                stream = await opened
                if not isinstance(stream, dict):
                    self._open[call] = stream
                    return await self._next(call, stream)
        except BaseException:
            self.leave(call)
            raise
        self.leave(call)
        return stream

    async def next(self, call: str, seconds: float) -> Outcome:
        """The pieces that have come since, at least one. Raises TimeoutError."""
        stream = self._open.get(call)
        if stream is None:
            return {"problem": call_problem("CallInvalid", _NO_STREAM)}
        if call in self._asked:
            return {"problem": call_problem("CallInvalid", _TWICE)}
        async with asyncio.timeout(seconds):
            return await self._next(call, stream)

    def leave(self, call: str) -> Outcome:
        """Nobody takes any more of that answer: the gateway is told by the end of the connection."""
        stream = self._open.pop(call, None)
        if stream is not None:
            stream.close()
        return {"ok": None}

    def close(self) -> None:
        """The action has ended."""
        for call in list(self._open):
            self.leave(call)

    async def _next(self, call: str, stream: GatewayStream) -> Outcome:
        self._asked.add(call)
        try:
            outcome = await stream.next()
        except UnreachableError as error:
            outcome = {"problem": call_problem("GatewayUnavailable", f"the answer of the tool broke off: {error}", 5)}
        finally:
            self._asked.discard(call)
        if outcome.get("ok") is None:
            self.leave(call)
        else:
            self.taken = True
        return outcome
