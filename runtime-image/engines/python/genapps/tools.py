# SPDX-License-Identifier: Apache-2.0
"""Tools of the connectors in the app's envelope. The gateway decides about every call."""

from typing import Any

from genapps.calls import Call


class Tools:
    """The connectors' tools. Example: `await tools.call("fx-rates", "latest", currency="EUR")`."""

    async def call(self, connector: str, tool: str, arguments: dict[str, Any] | None = None, /, **more: Any) -> Any:
        """Call a tool; returns its result as JSON values.

        Arguments are a dictionary, named values, or both. Raises ToolError when the call is refused or fails.
        """
        return await Call("tool", {"connector": connector, "tool": tool, "arguments": {**(arguments or {}), **more}})

    def call_sync(self, connector: str, tool: str, arguments: dict[str, Any] | None = None, /, **more: Any) -> Any:
        """Refused: nothing can wait inside a synchronous call. Raises RuntimeError."""
        raise RuntimeError("a tool is called by `await tools.call(...)`, in a handler that begins with `async def`")


tools = Tools()
