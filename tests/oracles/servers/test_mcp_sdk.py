# SPDX-License-Identifier: Apache-2.0
"""Connectors of type MCP against a server made with the official SDK: from its list of tools to each form of an answer.

The list is imported as a team would do it, and what the import prints is what the gateway calls by.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from genapps.cli.connector.importing import Options, import_mcp
from tests.oracles.servers.installation import Calls, asked, calling
from tests.oracles.servers.programs import programs, running

HERE_ARE = Path(__file__).parent
KEY = "f" * 64
VERSION = "2026-07-28"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("notes")
    with running(folder, programs() / "python", HERE_ARE / "notes_server.py") as port:
        yield port


async def question(port: int, method: str, version: str = VERSION) -> Any:
    meta = {
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    content = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": meta}}
    headers = (
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", version),
        ("mcp-method", method),
    )
    return await asked(port, "POST", "/mcp", content, headers)


@pytest.fixture
async def spec(port: int) -> dict[str, Any]:
    """The Connector that `genapps connector import mcp --trust-hints` prints of the server's list."""
    options = Options("notes", ["finance"], url="https://notes.example.com/mcp", service="", trust_hints=True)
    imported = import_mcp(await question(port, "tools/list"), options)
    assert imported.refused == ()
    found: dict[str, Any] = yaml.safe_load(imported.manifest)["spec"]
    for tool in found["tools"]:
        if tool["name"] == "keyed":
            tool["idempotency"] = "Key"
    return found


@pytest.fixture
async def call(port: int, spec: dict[str, Any]) -> AsyncIterator[Calls]:
    async with calling("notes", port, spec) as calls:
        yield calls


async def test_the_server_says_that_it_speaks_this_version(port: int) -> None:
    assert VERSION in (await question(port, "server/discover"))["result"]["supportedVersions"]
    assert "error" in await question(port, "server/discover", "2031-01-01")


@pytest.mark.parametrize(
    ("tool", "arguments", "result"),
    [
        ("find_notes", {"words": "tea and milk", "region": "eu"}, {"count": 3, "region": "eu"}),
        ("find_notes", {"words": "", "region": " Z\u00fcrich\r\nx: y"}, {"count": 0, "region": " Z\u00fcrich\r\nx: y"}),
        ("text", {}, "one\ntwo"),
        ("nothing", {}, None),
        ("streamed", {}, {"result": "done"}),
    ],
)
async def test_a_tool_is_called_and_its_result_is_the_apps(
    call: Calls, tool: str, arguments: dict[str, Any], result: Any
) -> None:
    reply = await call(tool, arguments)
    assert (reply.status, reply.json().get("result")) == (200, result), reply.json()


async def test_the_server_hears_what_the_protocol_asks_for_and_nothing_of_the_app(call: Calls) -> None:
    heard = (await call("heard")).json()["result"]
    assert heard["headers"]["mcp-protocol-version"] == VERSION
    assert (heard["headers"]["mcp-method"], heard["headers"]["mcp-name"]) == ("tools/call", "heard")
    assert heard["headers"]["host"].startswith("notes.team.svc")
    assert "authorization" not in heard["headers"]
    assert "dev.genapps/idempotency-key" not in heard["meta"]


async def test_a_keyed_tool_hears_the_key(call: Calls) -> None:
    assert (await call("keyed", key=KEY)).json()["result"] == {"result": KEY}


async def test_a_header_that_the_server_wants_and_does_not_get_is_refused_before_the_tool_runs(
    port: int, spec: dict[str, Any]
) -> None:
    tools = [{name: part for name, part in tool.items() if name != "headers"} for tool in spec["tools"]]
    async with calling("notes", port, spec | {"tools": tools}) as call:
        reply = await call("find_notes", {"words": "tea", "region": "eu"})
    assert reply.json()["code"] == "UpstreamRefused"
    assert "wants other headers" in reply.json()["detail"]


async def test_a_failed_tool_tells_why_and_nobody_calls_it_again(call: Calls) -> None:
    before = (await call("heard")).json()["result"]["state"]["executed"]
    reply = await call("broken")
    assert reply.json()["code"] == "OutcomeUnknown"
    assert "the notebook is full" in reply.json()["detail"]
    assert (await call("heard")).json()["result"]["state"]["executed"] == before + 1


async def test_a_tool_that_wants_to_ask_a_person_is_refused(call: Calls) -> None:
    reply = await call("asks")
    assert reply.json()["code"] == "UpstreamRefused"
    assert "wants to ask people or models" in reply.json()["detail"]


async def test_a_tool_that_the_server_has_no_more_fails_and_leaves_no_result(port: int, spec: dict[str, Any]) -> None:
    async with calling("notes", port, spec | {"tools": [{"name": "gone", "effect": "Read"}]}) as call:
        assert (await call("gone")).json()["code"] == "UpstreamRefused"
        assert (await call("text")).json()["code"] == "ToolNotInContract"


async def test_a_result_that_breaks_the_approved_contract_stays_outside(port: int, spec: dict[str, Any]) -> None:
    narrow = {"type": "object", "properties": {"count": {"type": "integer", "maximum": 1}}, "required": ["count"]}
    tools = [tool | ({"output": narrow} if tool["name"] == "find_notes" else {}) for tool in spec["tools"]]
    async with calling("notes", port, spec | {"tools": tools}) as call:
        reply = await call("find_notes", {"words": "tea and milk", "region": "eu"})
    assert reply.json()["code"] == "ResultInvalid"


async def test_the_server_stops_when_the_caller_of_a_read_goes(call: Calls) -> None:
    gone = asyncio.Event()
    under_way = asyncio.create_task(call("slow", gone=gone))
    await until_counted(call, "started")
    gone.set()
    await under_way
    await until_counted(call, "cancelled")


async def until_counted(call: Calls, what: str) -> None:
    """Waits until the server has counted one, for at most 80 of the 100 calls that may come at once."""
    for _ in range(80):
        if (await call("heard")).json()["result"]["state"][what]:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"nothing was {what}")
