# SPDX-License-Identifier: Apache-2.0
"""Answers of models that are passed on while they come: pieces, their end, and what cuts them off."""

import asyncio
import itertools
from collections.abc import AsyncGenerator
from typing import Any

import orjson
import pytest
import structlog

from genapps.gateway.calls import Passed, Tally
from genapps.gateway.connectors import events
from genapps.gateway.connectors.streams import PIECE_BYTES
from genapps.gateway.egress.messages import (
    EgressReason,
    EgressRefusedError,
    FailureReason,
    OutboundResponse,
    UpstreamFailedError,
)
from genapps.gateway.streamed_answer import UNREAD_SECONDS, StreamedAnswer
from tests.unit.gateway.connectors import manifest
from tests.unit.gateway.test_model_connector import MESSAGES, USAGE, answer, ask, model, sent
from tests.unit.gateway.world import Installation, Reply, app_record

EVENTS = {"content-type": "text/event-stream; charset=utf-8"}
END = {"end": {"effect": "Read"}}
DONE = b"data: [DONE]\n\n"
CUT = UpstreamFailedError(FailureReason.CLOSED, "10.0.0.1 closed", sent=True)
MOST = {"output_tokens": 100}


def event(value: Any) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


def delta(text: str, **members: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}}], **members}


def told(usage: Any = USAGE) -> bytes:
    return event({"choices": [], "usage": usage})


@pytest.fixture
def outside(gateway: Installation) -> Installation:
    gateway.records.changed(app_record(envelope={"digest": "sha256:" + "a" * 64, "connectors": ["llm"]}))
    gateway.catalogue.changed(model())
    gateway.upstream.answer = OutboundResponse(200, EVENTS, b"")
    gateway.upstream.pieces = event(delta("1 + 1")), event(delta(" is 2")), told(), DONE
    return gateway


async def stream(outside: Installation, tool: str = "chat", *, gone: asyncio.Event | None = None) -> Reply:
    given = {"messages": MESSAGES} if tool == "chat" else {"input": "What is 1 + 1?"}
    call = {"requestId": "r", "step": 1, "connector": "llm", "tool": tool, "arguments": given, "stream": True}
    return await outside.post("/v1/calls", call, gone=gone)


def lines(reply: Reply) -> list[dict[str, Any]]:
    assert (reply.status, reply.headers["content-type"]) == (200, "application/x-ndjson")
    assert reply.body.endswith(b"\n")
    return [orjson.loads(line) for line in reply.body.splitlines()]


def texts(found: list[dict[str, Any]]) -> str:
    return "".join(line["piece"]["choices"][0]["delta"]["content"] for line in found if "piece" in line)


async def test_the_pieces_of_an_answer_reach_the_app_and_its_usage_the_journal(outside: Installation) -> None:
    with structlog.testing.capture_logs() as written:
        found = lines(await stream(outside))
    assert found == [{"piece": delta("1 + 1")}, {"piece": delta(" is 2")}, END]
    path, body = sent(outside)
    assert (path, body["stream"], body["stream_options"]) == ("/v1/chat/completions", True, {"include_usage": True})
    assert ("accept", "text/event-stream") in outside.upstream.asked[-1][1].headers
    assert {"code": "ok", "input_tokens": 12, "output_tokens": 5, "cached_tokens": 4}.items() <= written[-1].items()
    assert [line["event"] for line in written] == ["call_attempted", "call_ended"]
    assert "1 + 1" not in str(written)


async def test_the_bytes_of_a_stream_may_come_in_any_pieces(outside: Installation) -> None:
    whole = b"\xef\xbb\xbf: hi\r\n\r\nevent: x\r\n" + event(delta("zwölf")).replace(b"\n", b"\r\n") + told() + DONE
    outside.upstream.pieces = tuple(bytes([one]) for one in whole)
    assert texts(lines(await stream(outside))) == "zwölf"


@pytest.mark.parametrize("end", ["\n\n", "\r\r", "\r\n\r\n", "\r\n\n", "\n\r\n", "\r\n\r"])
def test_an_event_ends_with_an_empty_line_however_lines_end(end: str) -> None:
    data = b"data: a" + end.encode() + b"data: b" + end.encode()
    for size in range(1, len(data) + 1):
        reader = events.Events()
        found = [event for at in range(0, len(data), size) for event in reader.feed(data[at : at + size])]
        assert (found, reader.feed(b"")) == (["a", "b"], []), size


async def test_responses_come_with_short_heads_and_ends(outside: Installation) -> None:
    long = {"id": "r-1", "status": "completed", "output": ["x" * PIECE_BYTES], "tools": ["y" * PIECE_BYTES]}
    usage = {"input_tokens": 3, "output_tokens": 4}
    outside.upstream.pieces = (
        event({"type": "response.created", "response": long | {"status": "in_progress"}}),
        event({"type": "response.output_text.delta", "delta": "2"}),
        event({"type": "response.output_text.done", "text": "x" * PIECE_BYTES}),
        event({"type": "response.completed", "response": long | {"usage": usage}}),
    )
    with structlog.testing.capture_logs() as written:
        found = lines(await stream(outside, "responses"))
    assert [line["piece"]["type"] for line in found[:-1]] == [
        "response.created", "response.output_text.delta", "response.completed",
    ]  # fmt: skip
    assert found[2]["piece"]["response"] == {"id": "r-1", "status": "completed", "usage": usage}
    assert found[-1] == END
    assert written[-1]["output_tokens"] == 4
    assert sent(outside)[1]["store"] is False
    assert "stream_options" not in sent(outside)[1]


@pytest.mark.parametrize(
    ("before", "code"),
    [
        (OutboundResponse(400, {}, b"secret"), "UpstreamRefused"),
        (OutboundResponse(429, {"retry-after": "7"}, b""), "UpstreamFailed"),
        (OutboundResponse(500, {}, b"secret"), "UpstreamFailed"),
        (answer(), "ResultInvalid"),
        (CUT, "UpstreamFailed"),
        (EgressRefusedError(EgressReason.ADDRESS_REFUSED, "10.0.0.1"), "EgressRefused"),
    ],
)
async def test_what_fails_before_the_first_piece_is_refused_as_any_call_and_not_tried_again(
    outside: Installation, before: Any, code: str
) -> None:
    outside.upstream.answer = before
    reply = await stream(outside)
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["code"] == code
    assert b"10.0.0.1" not in reply.body
    assert b"secret" not in reply.body
    assert len(outside.upstream.asked) == 1
    assert outside.permits.running("llm") == 0


@pytest.mark.parametrize(
    ("after", "code", "word"),
    [
        ((), "UpstreamFailed", "too early"),
        ((told(),), "UpstreamFailed", "too early"),
        ((CUT,), "UpstreamFailed", "Closed"),
        ((event({"error": {"message": "secret"}}),), "UpstreamFailed", "says that it failed"),
        ((event({"type": "error", "message": "secret"}),), "UpstreamFailed", "says that it failed"),
        ((b"data: {\n\n",), "ResultInvalid", "not JSON"),
        ((b"data: 7\n\n",), "ResultInvalid", "no object"),
        ((b'data: {"choices":[],"n":99999999999999999999}\n\n',), "ResultInvalid", "ambiguous"),
        ((b"data: \xff\n\n",), "ResultInvalid", "UTF-8"),
        ((event({"object": "?"}),), "ResultInvalid", "choices"),
        ((event(delta("x" * PIECE_BYTES)),), "ResultInvalid", "piece of more than"),
        ((b'data: {"choices":[' + b"[" * 400 + b"]" * 400 + b"]}\n\n",), "ResultInvalid", "nested"),
        ((told({"prompt_tokens": -1, "completion_tokens": 5}), DONE), "ResultInvalid", "plausibly"),
        ((told({"prompt_tokens": 1, "completion_tokens": 101}), DONE), "ResultInvalid", "was allowed 402 and 100"),
    ],
)
async def test_a_stream_that_does_not_come_to_its_end_says_so(
    outside: Installation, after: tuple[Any, ...], code: str, word: str
) -> None:
    outside.upstream.pieces = event(delta("1 + 1")), *after
    with structlog.testing.capture_logs() as written:
        first, last = lines(await stream(outside))
    assert first == {"piece": delta("1 + 1")}
    assert (last["problem"]["code"], last["problem"]["requestId"]) == (code, "r")
    assert word in last["problem"]["detail"]
    assert "secret" not in str(last)
    assert "10.0.0.1" not in str(last)
    assert ({"code": code, "health": "bad"} | MOST).items() <= written[-1].items(), "it may have used the most"
    assert outside.permits.running("llm") == 0
    assert outside.upstream.left == 1
    assert outside.parts.calls.tallies["llm"] == Tally(calls=1, errors=1)


async def test_the_largest_piece_passes(outside: Installation) -> None:
    text = "x" * (PIECE_BYTES - len(orjson.dumps(delta(""))))
    outside.upstream.pieces = event(delta(text)), DONE
    assert texts(lines(await stream(outside))) == text
    outside.upstream.pieces = event(delta(text + "x")), DONE
    assert (await stream(outside)).json()["code"] == "ResultInvalid"


async def test_an_answer_without_a_piece_is_empty(outside: Installation) -> None:
    outside.upstream.pieces = told(), b": nothing yet\n\n", DONE
    assert lines(await stream(outside)) == [END]


async def test_without_usage_the_most_counts(outside: Installation) -> None:
    outside.upstream.pieces = event(delta("2")), DONE
    with structlog.testing.capture_logs() as written:
        assert lines(await stream(outside))[-1] == END
    assert MOST.items() <= written[-1].items()


async def test_what_follows_the_end_is_not_read(outside: Installation) -> None:
    outside.upstream.pieces = event(delta("2")), told(), DONE + event(delta("more")), event(delta("more"))
    assert texts(lines(await stream(outside))) == "2"
    assert (outside.upstream.taken, outside.upstream.left) == (3, 1)


@pytest.mark.parametrize(("tool", "arguments"), [("embeddings", {"input": "a"}), ("latest", {"currency": "EUR"})])
async def test_a_tool_without_such_answers_refuses_the_call(
    outside: Installation, tool: str, arguments: dict[str, Any]
) -> None:
    envelope = {"digest": "sha256:" + "a" * 64, "connectors": ["llm", "rates"]}
    outside.records.changed(app_record(envelope=envelope))
    outside.catalogue.changed(manifest())
    connector = "llm" if tool == "embeddings" else "rates"
    call = {"requestId": "r", "step": 1, "connector": connector, "tool": tool, "arguments": arguments, "stream": True}
    reply = await outside.post("/v1/calls", call)
    assert (reply.json()["code"], reply.json()["class"]) == ("ArgumentsInvalid", "defect")
    assert "piece by piece" in reply.json()["detail"]
    assert outside.upstream.asked == []


async def test_an_app_cannot_ask_the_server_itself_for_a_stream(outside: Installation) -> None:
    reply = await ask(outside, messages=MESSAGES, stream=True)
    assert reply.json()["code"] == "ArgumentsInvalid"


async def test_a_caller_who_goes_ends_the_stream_and_gives_its_permit_back(outside: Installation) -> None:
    gone, outside.upstream.silent = asyncio.Event(), True
    outside.upstream.pieces = (event(delta("1")),)
    with structlog.testing.capture_logs() as written:
        asked = asyncio.create_task(stream(outside, gone=gone))
        await outside.upstream.begun.wait()
        while not outside.upstream.taken:
            outside.upstream.begun.clear()
            await outside.upstream.begun.wait()
        assert outside.permits.running("llm") == 1, "its permit is held to the end of the stream"
        gone.set()
        reply = await asked
    assert reply.status == 200
    assert END not in [orjson.loads(line) for line in reply.body.splitlines()]
    assert (outside.permits.running("llm"), outside.upstream.left) == (0, 1)
    assert written[-1]["code"] == "Cancelled"


async def test_a_caller_who_does_not_read_in_time_gets_no_last_line_and_the_stream_ends() -> None:
    ended, told = asyncio.Event(), []

    async def rest() -> AsyncGenerator[Passed, None]:
        try:
            while True:
                yield (b"1",)
        finally:
            ended.set()

    async def send(message: dict[str, Any]) -> None:
        told.append(message)
        if len(told) == 3:
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await StreamedAnswer((b"0",), rest(), 0.01 - UNREAD_SECONDS, "r").send(send, close=False)
    assert ended.is_set()
    assert all(message.get("more_body", True) for message in told), "the end of the body was not said"


async def test_an_endless_stream_without_pieces_is_cut(outside: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST_EVENTS", 50)
    monkeypatch.setattr(events, "EVENT_BYTES", 1000)
    outside.upstream.pieces = itertools.chain([event(delta("2"))], itertools.repeat(b": still there\n\n"))
    assert "more than 50 events" in lines(await stream(outside))[-1]["problem"]["detail"]
    assert outside.upstream.taken == 51
    outside.upstream.pieces = itertools.chain([event(delta("2"))], itertools.repeat(b"data: never ends\n"))
    assert "more than 1000 bytes" in lines(await stream(outside))[-1]["problem"]["detail"]
