"""Tools of the connectors in the app's envelope. The gateway decides about every call."""

from typing import Any

from genapps.calls import Call


class Tools:
    async def call(self, connector: str, tool: str, arguments: dict[str, Any] | None = None, /, **more: Any) -> Any:
        """Call a tool: `await tools.call("fx-rates", "latest", currency="EUR")`. Raises ToolError when refused."""
        return await Call("tool", {"connector": connector, "tool": tool, "arguments": {**(arguments or {}), **more}})


tools = Tools()
