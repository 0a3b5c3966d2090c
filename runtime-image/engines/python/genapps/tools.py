# SPDX-License-Identifier: Apache-2.0
"""Tools of the connectors in the app's envelope. The gateway decides about every call."""

from collections import deque
from typing import Any

from genapps.calls import Call
from genapps.immediate import ask_tool, in_request


class ToolStream:
    """The pieces of one answer, once. The call is made when the first one is wanted."""

    def __init__(self, payload: dict[str, Any]) -> None:
        self._payload = payload
        self._call = 0
        """The id of the call; 0 before it is made."""
        self._pieces: deque[Any] = deque()
        self._over = False
        self._broken = False

    def __aiter__(self) -> "ToolStream":
        return self

    async def __anext__(self) -> Any:
        """The next piece. Raises ToolError when the call is refused or the answer breaks off."""
        if not self._pieces:
            await self._take()
        return self._pieces.popleft()

    async def aclose(self) -> None:
        """Take no more of it. The end of the request does the same."""
        self._pieces.clear()
        if self._call and not self._over:
            self._over = True
            await Call("leave", {"call": self._call})

    async def _take(self) -> None:
        if self._broken:
            raise RuntimeError("the answer did not come to its end: it broke off, or a task was cancelled that took it")
        if self._over:
            raise StopAsyncIteration
        self._broken = True
        pieces = await self._next()
        self._broken = False
        if pieces is None:
            self._over = True
            raise StopAsyncIteration
        self._pieces.extend(pieces)

    def _next(self) -> Call:
        if self._call:
            return Call("next", {"call": self._call})
        call = Call("tool", {**self._payload, "stream": True})
        self._call = call.id
        return call


class Tools:
    """The connectors' tools. Example: `await tools.call("fx-rates", "latest", currency="EUR")`."""

    async def call(self, connector: str, tool: str, arguments: dict[str, Any] | None = None, /, **more: Any) -> Any:
        """Call a tool; returns its result as JSON values.

        Arguments are a dictionary, named values, or both. Raises ToolError when the call is refused or fails.
        """
        return await Call("tool", _payload(connector, tool, arguments, more))

    def stream(self, connector: str, tool: str, arguments: dict[str, Any] | None = None, /, **more: Any) -> ToolStream:
        """As `call`, of a tool whose answer comes piece by piece: `async for piece in tools.stream(...)`.

        Pieces are JSON values, as the connector gives them.
        """
        return ToolStream(_payload(connector, tool, arguments, more))

    def call_sync(self, connector: str, tool: str, arguments: dict[str, Any] | None = None, /, **more: Any) -> Any:
        """As `call`, without await: for handlers that are no coroutines, and for WSGI.

        The request begins again when the tool has answered, and gets the answer here.
        """
        in_request("tools are called")
        return ask_tool(_payload(connector, tool, arguments, more))


def _payload(connector: str, tool: str, arguments: dict[str, Any] | None, more: dict[str, Any]) -> dict[str, Any]:
    return {"connector": connector, "tool": tool, "arguments": {**(arguments or {}), **more}}


tools = Tools()
