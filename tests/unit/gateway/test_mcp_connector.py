# SPDX-License-Identifier: Apache-2.0
"""Connectors of type MCP: what is asked of a server, and what becomes of its answer."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
import yaml

from genapps.cli.connector.importing import Options, import_mcp
from genapps.gateway.egress.messages import OutboundResponse
from tests.unit.gateway.connectors import manifest
from tests.unit.gateway.world import Installation, Reply, app_record

KEY = "f" * 64
FIND: dict[str, Any] = {
    "name": "find_notes",
    "effect": "Read",
    "input": {
        "type": "object",
        "properties": {"words": {"type": "string"}, "limit": {"type": "integer"}, "all": {"type": "boolean"}},
        "additionalProperties": False,
    },
}
ADD: dict[str, Any] = {"name": "add-note", "effect": "Write", "input": {"type": "object"}}
COUNT = FIND | {"name": "count", "output": {"type": "object", "required": ["count"]}}
TEXT: dict[str, Any] = {"type": "text", "text": "two notes"}
LINK = {"type": "resource_link", "uri": "https://evil.example/x", "name": "x"}


def mcp(**spec: Any) -> dict[str, Any]:
    """The connector; `spec` replaces members of its spec."""
    content = {"type": "MCP", "endpoint": {"url": "https://notes.example.com/api/mcp"}, "tools": [FIND, ADD, COUNT]}
    return manifest("notes", **(content | spec))


class Server:
    """Answers requests; `reply` makes the answer from the id of the request."""

    def __init__(self, outside: Installation) -> None:
        self._outside = outside
        self.reply: Callable[[str], OutboundResponse] = lambda id_: as_json(message(id_))
        outside.upstream.send = self.send  # type: ignore[method-assign, assignment]
        self.heads: list[dict[str, str]] = []
        self.bodies: list[Any] = []
        self.paths: list[str] = []

    async def send(self, _target: Any, request: Any, _limits: Any) -> OutboundResponse:
        self.heads.append(dict(request.headers))
        self.bodies.append(orjson.loads(request.body))
        self.paths.append(request.path)
        return self.reply(self.bodies[-1]["id"])

    async def call(self, tool: str = "find_notes", arguments: Any = None, **members: Any) -> Reply:
        content = {"requestId": "r", "step": 1, "connector": "notes", "tool": tool, "arguments": arguments or {}}
        return await self._outside.post("/v1/calls", content | members)


def message(id_: Any, result: Any = None, **members: Any) -> dict[str, Any]:
    """A response; `result` replaces members of its result."""
    whole = {"resultType": "complete", "content": [TEXT], "isError": False} | (result or {})
    return {"jsonrpc": "2.0", "id": id_, "result": whole} | members


def error(id_: Any, code: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id_, "error": {"code": code, "message": "secret"}}


def as_json(content: Any, status: int = 200) -> OutboundResponse:
    return OutboundResponse(status, {"content-type": "application/json"}, orjson.dumps(content))


def stream(*messages: Any, end: bytes = b"\r\n\r\n") -> OutboundResponse:
    body = b"".join(b"event: message\r\ndata: " + orjson.dumps(content) + end for content in messages)
    return OutboundResponse(200, {"content-type": "text/event-stream; charset=utf-8"}, body)


NOTIFICATION = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "x"}}
CHANGED = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
SAMPLING = {"jsonrpc": "2.0", "id": "1", "method": "sampling/createMessage", "params": {}}


@pytest.fixture
def server(gateway: Installation) -> Server:
    gateway.records.changed(app_record(envelope={"digest": "sha256:" + "a" * 64, "connectors": ["notes"]}))
    gateway.catalogue.changed(mcp())
    return Server(gateway)


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
            "metadata": {"name": "connector-notes", "labels": {"genapps.dev/connector": "notes"}},
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


@pytest.mark.parametrize(
    ("result", "value"),
    [
        ({}, "two notes"),
        ({"content": []}, None),
        ({"content": [TEXT, {"type": "text", "text": "more"}]}, "two notes\nmore"),
        ({"content": [TEXT, LINK]}, [TEXT, LINK]),
        ({"content": [{"type": "text", "text": '{"a": 1}'}]}, '{"a": 1}'),
        ({"structuredContent": {"count": 2}}, {"count": 2}),
        ({"structuredContent": None}, None),
        ({"structuredContent": [1]}, [1]),
        ({"resultType": "complete", "_meta": {"x": 1}, "tools": [{"name": "evil"}]}, "two notes"),
    ],
)
async def test_what_the_app_gets(server: Server, result: dict[str, Any], value: Any) -> None:
    for form in (as_json, stream):
        server.reply = lambda id_, form=form: form(message(id_, result))  # type: ignore[misc]
        reply = await server.call()
        assert (reply.status, reply.json()["result"]) == (200, value)


async def test_an_older_server_may_leave_the_type_of_the_result_out(server: Server) -> None:
    server.reply = lambda id_: as_json({"jsonrpc": "2.0", "id": id_, "result": {"content": [TEXT]}})
    assert (await server.call()).json()["result"] == "two notes"


async def test_notifications_before_the_answer_are_not_read(server: Server) -> None:
    server.reply = lambda id_: stream(NOTIFICATION, CHANGED, message(id_))
    assert (await server.call()).json()["result"] == "two notes"


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbfdata:MESSAGE\n\n",
        b": ping\n\nid: 7\ndata:\n\nevent: message\nretry: 5\ndata: MESSAGE\nid: 8\n\n",
        b"event: other\ndata: {nonsense\n\ndata: MESSAGE\r\r",
        b": comment\r\n\r\n\r\nevent\r\ndata: MESSAGE\r\n\r\ndata: cut",
    ],
)
async def test_streams_are_read_as_the_standard_has_it(server: Server, body: bytes) -> None:
    server.reply = lambda id_: OutboundResponse(
        200, {"content-type": "text/event-stream"}, body.replace(b"MESSAGE", orjson.dumps(message(id_)))
    )
    assert (await server.call()).json()["result"] == "two notes"


async def test_data_of_an_event_may_stand_on_lines(server: Server) -> None:
    def reply(id_: str) -> OutboundResponse:
        lines = orjson.dumps(message(id_), option=orjson.OPT_INDENT_2).split(b"\n")
        body = b"".join(b"data: " + line + b"\n" for line in lines) + b"\n"
        return OutboundResponse(200, {"content-type": "text/event-stream"}, body)

    server.reply = reply
    assert (await server.call()).json()["result"] == "two notes"


async def test_as_many_events_as_are_read_and_one_more(server: Server) -> None:
    def flood(count: int) -> Callable[[str], OutboundResponse]:
        return lambda id_: stream(*[NOTIFICATION] * (count - 1), message(id_))

    server.reply = flood(1000)
    assert (await server.call()).status == 200
    server.reply = flood(1001)
    assert (await server.call()).json()["code"] == "ResultInvalid"


def typed(media_type: str, body: bytes) -> OutboundResponse:
    return OutboundResponse(200, {"content-type": media_type}, body)


@pytest.mark.parametrize(
    "reply",
    [
        lambda id_: as_json(message("another")),
        lambda id_: as_json(message(None)),
        lambda id_: as_json(message(id_) | {"jsonrpc": "1.0"}),
        lambda id_: as_json([message(id_)]),
        lambda id_: as_json({"jsonrpc": "2.0", "id": id_}),
        lambda id_: as_json({"jsonrpc": "2.0", "id": id_, "result": "two notes"}),
        lambda id_: as_json(message(id_) | error(id_, -32603)),
        lambda id_: as_json(error(id_, "-32603")),
        lambda id_: as_json(error(id_, True)),
        lambda id_: as_json(NOTIFICATION),
        lambda id_: as_json(SAMPLING),
        lambda id_: stream(message("another"), message(id_)),
        lambda id_: stream(message(id_), message("another")),
        lambda id_: stream(message(id_), message(id_)),
        lambda id_: stream(SAMPLING, message(id_)),
        lambda id_: stream(SAMPLING | {"method": "elicitation/create", "id": id_}),
        lambda id_: stream(SAMPLING | {"method": "ping", "id": None}, message(id_)),
        lambda id_: stream([message(id_)]),
        lambda id_: typed("text/event-stream", b"data: {\n\n"),
        lambda id_: typed("text/event-stream", b"data: \xff\n\n"),
        lambda id_: typed("application/json", b"{"),
        lambda id_: typed("application/json", b""),
        lambda id_: typed("text/html", b"<html>"),
        lambda id_: OutboundResponse(200, {}, orjson.dumps(message(id_))),
        lambda id_: as_json(message(id_, {"resultType": "input_required"})),
        lambda id_: as_json(message(id_, {"resultType": "task"})),
        lambda id_: as_json(message(id_, {"resultType": None})),
        lambda id_: as_json(message(id_, {"resultType": ["complete"]})),
        lambda id_: as_json(message(id_, {"isError": "no"})),
        lambda id_: as_json(message(id_, {"content": None})),
        lambda id_: as_json(message(id_, {"content": [{"type": "text"}]})),
        lambda id_: as_json(message(id_, {"content": [{"type": "text", "text": 1}]})),
        lambda id_: as_json(message(id_, {"content": [{"type": "program"}]})),
        lambda id_: as_json(message(id_, {"content": [{"type": ["text"]}]})),
        lambda id_: as_json(message(id_, {"content": ["two notes"]})),
    ],
)
@pytest.mark.parametrize("tool", ["find_notes", "add-note"])
async def test_an_answer_that_is_none_is_a_defect_of_the_connector(
    server: Server, reply: Callable[[str], OutboundResponse], tool: str
) -> None:
    server.reply = reply
    told = await server.call(tool)
    assert (told.json()["code"], told.json()["class"]) == ("ResultInvalid", "limit")
    assert len(server.bodies) == 1


async def test_a_result_is_held_to_the_contract_that_was_approved(server: Server) -> None:
    for content in ({"structuredContent": {"number": 2}}, {"content": [TEXT]}, {}):
        server.reply = lambda id_, content=content: as_json(message(id_, content))  # type: ignore[misc]
        assert (await server.call("count")).json()["code"] == "ResultInvalid"
    server.reply = lambda id_: as_json(message(id_, {"structuredContent": {"count": 2}}))
    assert (await server.call("count")).json()["result"] == {"count": 2}


LOST = [
    lambda id_: stream(NOTIFICATION),
    lambda id_: typed("text/event-stream", b""),
    lambda id_: stream(message(id_), end=b"\r\n"),
    lambda id_: as_json(error(id_, -32603)),
    lambda id_: stream(error(id_, -32000)),
    lambda id_: as_json(error(id_, 7)),
    lambda id_: as_json(error(id_, -32602), 500),
    lambda id_: OutboundResponse(202, {}, b""),
]


@pytest.mark.parametrize("reply", LOST)
async def test_a_lost_answer_leaves_the_outcome_of_a_write_open(
    server: Server, reply: Callable[[str], OutboundResponse]
) -> None:
    server.reply = reply
    assert (await server.call("add-note")).json()["code"] == "OutcomeUnknown"
    assert len(server.bodies) == 1, "it is not sent again"


@pytest.mark.parametrize("reply", LOST)
async def test_a_lost_answer_of_a_read_is_asked_for_again_under_another_id(
    server: Server, reply: Callable[[str], OutboundResponse]
) -> None:
    server.reply = reply
    told = await server.call()
    assert (told.json()["code"], "secret" in told.json()["detail"]) == ("UpstreamFailed", False)
    first, second = server.bodies
    assert first["id"] != second["id"]


@pytest.mark.parametrize("code", [-32700, -32600, -32601, -32602, -32020, -32021, -32022])
@pytest.mark.parametrize(("status", "form"), [(200, as_json), (400, as_json), (404, as_json), (200, stream)])
async def test_what_the_server_refuses_was_not_executed(
    server: Server, code: int, status: int, form: Callable[..., OutboundResponse]
) -> None:
    server.reply = lambda id_: form(error(id_, code)) if status == 200 else form(error(id_, code), status)
    told = await server.call("add-note")
    assert (told.json()["code"], told.json()["class"]) == ("UpstreamRefused", "limit")
    assert "Nothing was executed" in told.json()["detail"]
    assert "secret" not in told.json()["detail"]


@pytest.mark.parametrize(
    "body", [b"", b"Bad Request: no session", b"[]", b"{}", orjson.dumps(error("another", -32602))]
)
async def test_a_refusal_in_other_words_is_one_of_http(server: Server, body: bytes) -> None:
    server.reply = lambda _: OutboundResponse(400, {"content-type": "application/json"}, body)
    told = await server.call("add-note")
    assert (told.json()["code"], told.json()["upstreamStatus"]) == ("UpstreamRefused", 400)


async def test_a_server_that_wants_a_login_is_not_followed_to_its_authorization_server(server: Server) -> None:
    challenge = {"www-authenticate": 'Bearer resource_metadata="https://evil.example/.well-known/x"'}
    server.reply = lambda _: OutboundResponse(401, challenge, b"")
    told = await server.call()
    assert (told.json()["code"], told.json()["upstreamStatus"]) == ("UpstreamRefused", 401)
    assert len(server.bodies) == 1


@pytest.mark.parametrize(("tool", "code"), [("find_notes", "UpstreamRefused"), ("add-note", "OutcomeUnknown")])
async def test_a_tool_that_says_that_it_failed_tells_the_app_why(server: Server, tool: str, code: str) -> None:
    said = {"isError": True, "content": [{"type": "text", "text": "no such\ndate\x1b[2J"}], "structuredContent": {}}
    server.reply = lambda id_: as_json(message(id_, said))
    told = await server.call(tool)
    assert told.json()["code"] == code
    assert f"The tool '{tool}' of the connector 'notes' failed: no such date\\u{{1b}}[2J" in told.json()["detail"]
    assert len(server.bodies) == 1
    server.reply = lambda id_: as_json(message(id_, {"isError": True, "content": [TEXT | {"text": "x" * 100_000}]}))
    assert len((await server.call(tool)).json()["detail"]) < 600


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
    assert reply.json() == {"result": {"count": 2}, "effect": "Read", "credit": None}
    assert server.heads[0]["Mcp-Param-Words"] == "tea"
    assert (await server.call()).json()["code"] == "ArgumentsInvalid"
