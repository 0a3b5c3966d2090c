# SPDX-License-Identifier: Apache-2.0
"""Tools of the connectors in the app's envelope. The gateway decides about every call."""

from typing import Any

from genapps.calls import Call
from genapps.immediate import ask_tool, in_request


class Tools:
    """The connectors' tools. Example: `await tools.call("fx-rates", "latest", currency="EUR")`."""

    async def call(self, connector: str, tool: str, arguments: dict[str, Any] | None = None, /, **more: Any) -> Any:
        """Call a tool; returns its result as JSON values.

        Arguments are a dictionary, named values, or both. Raises ToolError when the call is refused or fails.
        """
        return await Call("tool", _payload(connector, tool, arguments, more))

    def call_sync(self, connector: str, tool: str, arguments: dict[str, Any] | None = None, /, **more: Any) -> Any:
        """As `call`, without await: for handlers that are no coroutines, and for WSGI.

        The request begins again when the tool has answered, and gets the answer here.
        """
        in_request("tools are called")
        return ask_tool(_payload(connector, tool, arguments, more))


def _payload(connector: str, tool: str, arguments: dict[str, Any] | None, more: dict[str, Any]) -> dict[str, Any]:
    return {"connector": connector, "tool": tool, "arguments": {**(arguments or {}), **more}}


tools = Tools()
