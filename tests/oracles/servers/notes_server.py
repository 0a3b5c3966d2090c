# SPDX-License-Identifier: Apache-2.0
"""An MCP server made with the official SDK; it runs in the environment of `locks/connector-peers.txt`.

Its tools show each form of a result, and what the server has heard of a call.
"""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

from mcp.server.mcpserver import Context, Elicit, MCPServer, Resolve
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import ToolAnnotations
from pydantic import BaseModel, Field

READS = ToolAnnotations(read_only_hint=True)
server = MCPServer("notes")
state: dict[str, Any] = {"executed": 0, "started": 0, "cancelled": 0}


class Found(BaseModel):
    count: int
    region: str


class Answer(BaseModel):
    word: str


def find_notes(words: str, region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})]) -> Found:
    return Found(count=len(words.split()), region=region)


def text() -> list[str]:
    return ["one", "two"]


def nothing() -> None:
    return None


def heard(context: Context) -> dict[str, Any]:
    """Headers and `_meta` of the call, and what happened before."""
    request = context.request_context.request
    meta = context.request_context.meta or {}
    return {"headers": dict(request.headers if request else {}), "meta": dict(meta), "state": state}


async def streamed(context: Context) -> str:
    """Notifications, and then the answer."""
    for number in range(3):
        await context.request_context.session.send_progress_notification(
            progress_token="t", progress=number, related_request_id=context.request_id
        )
    return "done"


def broken() -> str:
    state["executed"] += 1
    raise ToolError("the notebook is full")


async def slow() -> str:
    state["started"] += 1
    try:
        await asyncio.sleep(3600)
    except BaseException:
        state["cancelled"] += 1
        raise
    return "late"


async def question() -> Elicit[Answer]:
    return Elicit("Which word?", Answer)


def asks(answer: Annotated[Answer, Resolve(question)]) -> str:
    return answer.word


def keyed(context: Context) -> str:
    """Executes a key once."""
    state["executed"] += 1
    return str((context.request_context.meta or {}).get("dev.genapps/idempotency-key"))


READS_STRUCTURED: tuple[Callable[..., Any], ...] = (find_notes, heard, slow)
READS_TEXT: tuple[Callable[..., Any], ...] = (text, nothing)
WRITES: tuple[Callable[..., Any], ...] = (streamed, broken, asks, keyed)
for tool in READS_STRUCTURED:
    server.add_tool(tool, annotations=READS)
for tool in READS_TEXT:
    server.add_tool(tool, annotations=READS, structured_output=False)
for tool in WRITES:
    server.add_tool(tool)

if __name__ == "__main__":
    # Any name in Host: the gateway's is that of the Service.
    open_to_all = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    server.run("streamable-http", port=0, transport_security=open_to_all)
