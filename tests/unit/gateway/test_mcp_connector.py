# SPDX-License-Identifier: Apache-2.0
"""Connectors of type MCP: what is asked of a server."""

from typing import Any

import pytest
import yaml

from genapps.cli.connector.importing import Options, import_mcp
from tests.unit.gateway.mcp import ADD, FIND, NOTIFICATION, Server, as_json, installed, mcp, message, stream
from tests.unit.gateway.world import Installation

KEY = "f" * 64


@pytest.fixture
def server(gateway: Installation) -> Server:
    return installed(gateway)


async def test_a_call_says_everything_that_the_server_needs(server: Server) -> None:
    assert (await server.call(arguments={"words": "tea"})).json()["result"] == "two notes"
    (body,) = server.bodies
    assert {name: body[name] for name in ("jsonrpc", "method")} == {"jsonrpc": "2.0", "method": "tools/call"}
    assert body["params"] == {
        "name": "find_notes",
        "arguments": {"words": "tea"},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "genapps-gateway", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    }
    assert server.heads == [
        {
            "accept": "application/json, text/event-stream",
            "content-type": "application/json",
            "mcp-protocol-version": "2026-07-28",
            "mcp-method": "tools/call",
            "mcp-name": "find_notes",
        }
    ], "the app's token is not among them"
    assert server.paths == ["/api/mcp"]


async def test_each_call_has_an_id_that_nobody_guesses(server: Server) -> None:
    for _ in range(3):
        await server.call()
    ids = {body["id"] for body in server.bodies}
    assert [len(id_) for id_ in ids] == [32, 32, 32]


@pytest.mark.parametrize(
    ("endpoint", "path"),
    [
        ({"url": "https://notes.example.com"}, "/"),
        ({"url": "https://notes.example.com/mcp/"}, "/mcp/"),
        ({"service": {"namespace": "team", "name": "notes", "port": 80}}, "/mcp"),
    ],
)
async def test_the_path_is_that_of_the_url(
    server: Server, gateway: Installation, endpoint: dict[str, Any], path: str
) -> None:
    gateway.catalogue.changed(mcp(endpoint=endpoint))
    gateway.services.changed(
        {
            "metadata": {
                "name": "connector-notes",
                "labels": {"genapps.dev/connector": "notes"},
                "annotations": {"genapps.dev/service": "team/notes:80"},
            },
            "ports": [{"port": 8000}],
            "endpoints": [{"addresses": ["10.1.0.7"]}],
        }
    )
    assert (await server.call()).status == 200
    assert server.paths == [path]


async def test_a_keyed_tool_gets_the_key_and_is_asked_again_under_another_id(
    server: Server, gateway: Installation
) -> None:
    gateway.catalogue.changed(mcp(tools=[ADD | {"idempotency": "Key"}, FIND]))
    answers = [stream(NOTIFICATION), as_json({})]
    server.reply = lambda id_: answers.pop(0) if len(answers) > 1 else as_json(message(id_))
    assert (await server.call("add-note", key=KEY)).status == 200
    first, second = server.bodies
    assert first["id"] != second["id"]
    assert first["params"] == second["params"]
    assert first["params"]["_meta"]["dev.genapps/idempotency-key"] == KEY
    await server.call(key=KEY)
    assert KEY not in str(server.bodies[-1]), "the others get none"


MIRRORED = FIND | {
    "headers": [
        {"argument": "words", "header": "Mcp-Param-Words"},
        {"argument": "limit", "header": "Mcp-Param-Limit"},
        {"argument": "all", "header": "Mcp-Param-All"},
    ]
}


@pytest.mark.parametrize(
    ("words", "header"),
    [
        ("tea", "tea"),
        ("", ""),
        (" tea", "=?base64?IHRlYQ==?="),
        ("tea\r\nx: y", "=?base64?dGVhDQp4OiB5?="),
        ("th\u00e9", "=?base64?dGjDqQ==?="),
        ("=?base64?dGVh?=", "=?base64?PT9iYXNlNjQ/ZEdWaD89?="),
    ],
)
async def test_arguments_that_the_server_wants_in_headers_are_there_too(
    server: Server, gateway: Installation, words: str, header: str
) -> None:
    gateway.catalogue.changed(mcp(tools=[MIRRORED]))
    assert (await server.call(arguments={"words": words, "limit": -7, "all": True})).status == 200
    mirrored = {name: value for name, value in server.heads[0].items() if name.startswith("Mcp-Param")}
    assert mirrored == {"Mcp-Param-Words": header, "Mcp-Param-Limit": "-7", "Mcp-Param-All": "true"}
    assert server.bodies[0]["params"]["arguments"]["words"] == words
    await server.call()
    assert not [name for name in server.heads[1] if name.startswith("Mcp-Param")]


async def test_an_argument_that_no_header_can_hold_is_not_sent(server: Server, gateway: Installation) -> None:
    gateway.catalogue.changed(mcp(tools=[MIRRORED]))
    assert (await server.call(arguments={"words": "x" * 1024})).status == 200
    reply = await server.call(arguments={"words": "x" * 1025})
    assert (reply.json()["code"], reply.json()["class"]) == ("ArgumentsInvalid", "defect")
    assert len(server.bodies) == 1


async def test_a_tool_that_only_the_server_knows_is_a_violation(server: Server, gateway: Installation) -> None:
    for name in ("delete_all", "tools/list", "FIND_NOTES"):
        told = await server.call(name)
        assert (told.json()["code"], told.json()["class"]) == ("ToolNotInContract", "violation")
    assert server.bodies == []
    assert gateway.metrics.violations.labels("tool_not_in_contract")._value.get() == 3


async def test_what_the_import_makes_of_a_tool_list_is_called(server: Server, gateway: Installation) -> None:
    tools = [
        {
            "name": "find_notes",
            "annotations": {"readOnlyHint": True},
            "inputSchema": {
                "$schema": "http://json-schema.org/draft-07/schema#",
                "type": "object",
                "properties": {"words": {"type": "string", "x-mcp-header": "Words"}},
                "required": ["words"],
            },
            "outputSchema": {"type": "object", "properties": {"count": {"type": "integer"}}, "required": ["count"]},
        }
    ]
    options = Options("notes", ["finance"], url="https://notes.example.com/mcp", service="", trust_hints=True)
    imported = import_mcp({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}}, options)
    assert imported.refused == ()
    gateway.catalogue.changed(yaml.safe_load(imported.manifest))
    server.reply = lambda id_: as_json(message(id_, {"structuredContent": {"count": 2}}))
    reply = await server.call(arguments={"words": "tea"})
    assert reply.json() == {"result": {"count": 2}, "effect": "Read"}
    assert server.heads[0]["Mcp-Param-Words"] == "tea"
    assert (await server.call()).json()["code"] == "ArgumentsInvalid"
