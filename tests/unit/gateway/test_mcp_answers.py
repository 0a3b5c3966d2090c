# SPDX-License-Identifier: Apache-2.0
"""Connectors of type MCP: what becomes of a server's answer."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from genapps.gateway.egress.messages import OutboundResponse
from tests.unit.gateway.mcp import (
    CHANGED,
    LINK,
    NOTIFICATION,
    SAMPLING,
    TEXT,
    Server,
    as_json,
    error,
    installed,
    message,
    stream,
    typed,
)
from tests.unit.gateway.world import Installation


@pytest.fixture
def server(gateway: Installation) -> Server:
    return installed(gateway)


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
        lambda id_: as_json(message(id_) | {"method": "ping"}),
        lambda id_: stream(message(id_) | {"method": "ping"}),
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


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (lambda id_: as_json(SAMPLING), "asks the gateway for something"),
        (lambda id_: as_json(message(id_, {"resultType": "input_required"})), "asks the gateway for input"),
        (lambda id_: as_json(message("another")), "belongs to another request"),
        (lambda id_: stream(message(id_), message(id_)), "is followed by another one"),
    ],
)
async def test_the_team_of_the_connector_is_told_what_is_wrong(
    server: Server, reply: Callable[[str], OutboundResponse], why: str
) -> None:
    server.reply = reply
    assert f"a result that {why}. This is a defect of the connector." in (await server.call()).json()["detail"]


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
