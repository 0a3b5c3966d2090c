# SPDX-License-Identifier: Apache-2.0
"""Connectors of type Model against two servers that we did not write, with canned replies: LLMock and stubllm.

LLMock keeps a journal of what it was asked, and does as it is told; stubllm says what its file says.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog

from tests.oracles.servers.installation import Calls, asked, calling
from tests.oracles.servers.programs import programs, running

MODEL = "gpt-4o-mini"
SPEC: dict[str, Any] = {"type": "Model", "models": [MODEL, "text-embedding-3-small"], "maxTokens": 100, "tools": []}
WHOLE = {"end": {"effect": "Read"}}
FUNCTION = {"type": "function", "function": {"name": "rate", "parameters": {"type": "object"}}}


def asking(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


class LLMock:
    """The server's control API."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def ask(self, method: str, path: str, content: Any = None) -> Any:
        return await asked(self._port, method, f"/_llmock{path}", content)

    async def will(self, **behaviour: Any) -> None:
        await self.ask("POST", "/scenario", {"behaviors": [behaviour]})

    async def requests(self) -> list[Any]:
        return list((await self.ask("GET", "/requests"))["requests"])


@pytest.fixture(scope="module")
def llmock_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    serve = ("serve", "--port", "0", "--response-style", "echo")
    with running(tmp_path_factory.mktemp("llmock"), programs() / "llmock", *serve) as port:
        yield port


@pytest.fixture
async def llmock(llmock_port: int) -> AsyncIterator[LLMock]:
    control = LLMock(llmock_port)
    yield control
    await control.ask("POST", "/reset")


@pytest.fixture
async def call(llmock: LLMock, llmock_port: int) -> AsyncIterator[Calls]:
    async with calling("llm", llmock_port, SPEC) as calls:
        yield calls


@pytest.fixture(scope="module")
def stubllm_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    replies = Path(__file__).with_name("stubllm.yaml")
    serve = ("serve", "--port", "0", "--fixture-file", replies)
    with running(tmp_path_factory.mktemp("stubllm"), programs() / "stubllm", *serve) as port:
        yield port


@pytest.fixture
async def stub(stubllm_port: int) -> AsyncIterator[Calls]:
    async with calling("llm", stubllm_port, SPEC) as calls:
        yield calls


async def used(call: Calls, tool: str, arguments: dict[str, Any]) -> tuple[Any, int, int]:
    """The result, and the tokens of input and output in the line of the call."""
    with structlog.testing.capture_logs() as lines:
        reply = await call(tool, arguments)
    assert reply.status == 200, reply.json()
    return reply.json()["result"], lines[-1]["input_tokens"], lines[-1]["output_tokens"]


async def streamed(call: Calls, tool: str, arguments: dict[str, Any]) -> tuple[list[Any], Any, dict[str, Any]]:
    """The pieces, how the stream ended, and the line of the call."""
    with structlog.testing.capture_logs() as lines:
        reply = await call(tool, arguments, stream=True)
    assert reply.headers["content-type"] == "application/x-ndjson", reply.json()
    *pieces, last = (orjson.loads(line) for line in reply.body.splitlines())
    return [piece["piece"] for piece in pieces], last, dict(lines[-1])


def said(pieces: list[Any]) -> str:
    return "".join(piece["choices"][0]["delta"].get("content") or "" for piece in pieces)


async def test_llmock_answers_a_chat_and_its_usage_is_counted(call: Calls, llmock: LLMock) -> None:
    result, sent, got = await used(call, "chat", asking("What is 1 + 1?"))
    assert result["choices"][0]["message"]["content"] == "Hello! You said: What is 1 + 1?"
    assert (sent, got) == (result["usage"]["prompt_tokens"], result["usage"]["completion_tokens"])
    (request,) = await llmock.requests()
    assert request["path"] == "/v1/chat/completions"
    assert request["body"] == asking("What is 1 + 1?") | {"model": MODEL, "max_tokens": 100}


async def test_llmock_answers_a_response_and_keeps_nothing(call: Calls, llmock: LLMock) -> None:
    result, sent, got = await used(call, "responses", {"input": "What is 1 + 1?", "max_output_tokens": 7})
    assert result["output"][0]["content"][0]["text"] == "Hello! You said: What is 1 + 1?"
    assert (sent, got) == (result["usage"]["input_tokens"], result["usage"]["output_tokens"])
    (request,) = await llmock.requests()
    assert (request["path"], request["body"]["store"], request["body"]["max_output_tokens"]) == (
        "/v1/responses",
        False,
        7,
    )


async def test_what_llmock_has_said_can_be_said_to_it_again(call: Calls, llmock: LLMock) -> None:
    first, _, _ = await used(call, "responses", {"input": "Hi"})
    second: list[Any] = [{"role": "user", "content": "Hi"}, *first["output"], {"role": "user", "content": "And now?"}]
    await used(call, "responses", {"input": second})
    assert (await llmock.requests())[-1]["body"]["input"] == second


async def test_llmock_embeds_texts(call: Calls) -> None:
    result, sent, got = await used(call, "embeddings", {"input": ["a", "b"], "model": "text-embedding-3-small"})
    assert [len(row["embedding"]) > 0 for row in result["data"]] == [True, True]
    assert (sent, got) == (result["usage"]["prompt_tokens"], 0)


async def test_tools_of_the_app_go_to_llmock_and_its_call_comes_back(call: Calls) -> None:
    asked = asking("What is the rate?") | {"tools": [FUNCTION]}
    result, _, _ = await used(call, "chat", asked)
    message = result["choices"][0]["message"]
    (called,) = message["tool_calls"]
    assert called["function"]["name"] == "rate"
    answer = {"role": "tool", "tool_call_id": called["id"], "content": "0.94"}
    result, _, _ = await used(call, "chat", asked | {"messages": [*asked["messages"], message, answer]})
    assert result["choices"][0]["finish_reason"] == "stop"


async def test_an_outage_of_llmock_is_tried_again_once(call: Calls, llmock: LLMock) -> None:
    await llmock.will(type="fail", status=503, times=1)
    assert (await call("chat", asking("Hi"))).status == 200
    assert [request["status"] for request in await llmock.requests()] == [503, 200]
    await llmock.will(type="fail", status=500, times=5)
    assert (await call("chat", asking("Hi"))).json()["code"] == "UpstreamFailed"


async def test_what_llmock_refuses_is_not_asked_again(call: Calls, llmock: LLMock) -> None:
    await llmock.will(type="fail", status=429, retry_after=7, times=5)
    reply = (await call("chat", asking("Hi"))).json()
    assert (reply["code"], reply["retryAfter"], reply["upstreamStatus"]) == ("UpstreamFailed", 7, 429)
    await llmock.ask("DELETE", "/scenario")
    await llmock.will(type="fail", status=401, message="no such key")
    reply = (await call("chat", asking("Hi"))).json()
    assert (reply["code"], reply["upstreamStatus"], "key" in reply["detail"]) == ("UpstreamRefused", 401, False)
    assert len(await llmock.requests()) == 2


async def test_a_stream_is_refused_before_llmock_is_asked(call: Calls, llmock: LLMock) -> None:
    assert (await call("chat", asking("Hi") | {"stream": True})).json()["code"] == "ArgumentsInvalid"
    assert await llmock.requests() == []


async def test_llmock_streams_a_chat_and_its_usage_is_counted(call: Calls, llmock: LLMock) -> None:
    pieces, last, line = await streamed(call, "chat", asking("What is 1 + 1?"))
    assert (said(pieces), last) == ("Hello! You said: What is 1 + 1?", WHOLE)
    assert len(pieces) > 3, "word by word"
    assert (line["code"], 0 < line["output_tokens"] < 100) == ("ok", True)
    (request,) = await llmock.requests()
    options = {"stream": True, "stream_options": {"include_usage": True}}
    assert request["body"] == asking("What is 1 + 1?") | options | {"model": MODEL, "max_tokens": 100}


async def test_llmock_streams_a_response_and_its_usage_is_counted(call: Calls) -> None:
    pieces, last, line = await streamed(call, "responses", {"input": "What is 1 + 1?"})
    deltas = [piece["delta"] for piece in pieces if piece["type"] == "response.output_text.delta"]
    assert ("".join(deltas), last) == ("Hello! You said: What is 1 + 1?", WHOLE)
    assert pieces[-1]["response"]["usage"]["output_tokens"] == line["output_tokens"] < 100


async def test_llmock_streams_the_call_of_a_tool_of_the_app(call: Calls) -> None:
    pieces, last, _ = await streamed(call, "chat", asking("What is the rate?") | {"tools": [FUNCTION]})
    deltas = [piece["choices"][0]["delta"] for piece in pieces]
    called = [function["function"] for delta in deltas for function in delta.get("tool_calls") or ()]
    assert ("".join(function.get("name") or "" for function in called), last) == ("rate", WHOLE)
    assert orjson.loads("".join(function.get("arguments") or "" for function in called)) == {}


@pytest.mark.parametrize("after", [1, 3])
@pytest.mark.parametrize(
    ("kind", "code"),
    [("truncate", "UpstreamFailed"), ("disconnect", "UpstreamFailed"), ("malformed", "ResultInvalid")],
)
async def test_a_stream_that_llmock_breaks_says_so_and_counts_as_the_most(
    call: Calls, llmock: LLMock, kind: str, code: str, after: int
) -> None:
    await llmock.will(type="stream_fault", kind=kind, after_chunks=after)
    pieces, last, line = await streamed(call, "chat", asking("What is 1 + 1?"))
    assert (len(pieces), last["problem"]["code"]) == (after, code)
    assert (line["code"], line["output_tokens"]) == (code, 100)
    assert len(await llmock.requests()) == 1, "it is not asked for again"


async def test_what_llmock_refuses_before_a_stream_is_told_as_of_any_call(call: Calls, llmock: LLMock) -> None:
    await llmock.will(type="fail", status=503, times=5)
    reply = await call("chat", asking("Hi"), stream=True)
    assert (reply.json()["code"], reply.json()["upstreamStatus"]) == ("UpstreamFailed", 503)
    assert len(await llmock.requests()) == 1


async def test_stubllm_streams_a_chat_that_counts_as_the_most_for_want_of_a_usage(stub: Calls) -> None:
    pieces, last, line = await streamed(stub, "chat", asking("What is 1 + 1?"))
    assert (said(pieces), last, line["output_tokens"]) == ("2", WHOLE, 100)


async def test_stubllm_streams_the_call_of_a_tool_of_the_app(stub: Calls) -> None:
    pieces, last, _ = await streamed(stub, "chat", asking("What is the rate?") | {"tools": [FUNCTION]})
    deltas = [piece["choices"][0]["delta"] for piece in pieces]
    called = [function["function"] for delta in deltas for function in delta.get("tool_calls") or ()]
    assert ("".join(function.get("name") or "" for function in called), last) == ("rate", WHOLE)
    assert orjson.loads("".join(function.get("arguments") or "" for function in called)) == {"currency": "EUR"}


async def test_what_stubllm_refuses_before_a_stream_is_told_without_its_words(stub: Calls) -> None:
    refused = await stub("chat", asking("Is there an outage?"), stream=True)
    assert (refused.json()["code"], refused.json()["upstreamStatus"]) == ("UpstreamFailed", 503)
    assert b"secret" not in refused.body
    refused = await stub("responses", {"input": "Hi"}, stream=True)
    assert (refused.json()["code"], refused.json()["upstreamStatus"]) == ("UpstreamRefused", 404)


async def test_a_stream_of_llmock_ends_with_the_action_and_that_is_no_failure_of_its(
    call: Calls, llmock: LLMock
) -> None:
    await llmock.will(type="stream_fault", kind="stall", after_chunks=1)
    with structlog.testing.capture_logs() as written:
        reply = await call("chat", asking("What is 1 + 1?"), stream=True, millisLeft=1000)
    first, last = (orjson.loads(line) for line in reply.body.splitlines())
    assert ("piece" in first, last["problem"]["code"]) == (True, "DeadlineExceeded")
    assert (written[-1]["code"], written[-1]["health"]) == ("DeadlineExceeded", "unknown")


async def test_stubllm_answers_a_chat_and_its_usage_is_counted(stub: Calls) -> None:
    result, sent, got = await used(stub, "chat", asking("What is 1 + 1?"))
    assert (result["choices"][0]["message"]["content"], sent, got) == ("2", 12, 3)


async def test_stubllm_calls_a_tool_of_the_app(stub: Calls) -> None:
    result, sent, got = await used(stub, "chat", asking("What is the rate?") | {"tools": [FUNCTION]})
    (called,) = result["choices"][0]["message"]["tool_calls"]
    assert (called["function"]["arguments"], sent, got) == ('{"currency": "EUR"}', 20, 9)


async def test_stubllm_embeds_texts(stub: Calls) -> None:
    result, sent, got = await used(stub, "embeddings", {"input": ["a", "b"]})
    assert (len(result["data"]), sent, got) == (2, 10, 0)


@pytest.mark.parametrize("question", ["Tell me all you know", "Tell me nothing", "Tell me something uncounted"])
async def test_what_stubllm_says_implausibly_of_its_usage_is_no_result(stub: Calls, question: str) -> None:
    assert (await stub("chat", asking(question))).json()["code"] == "ResultInvalid"


async def test_an_outage_of_stubllm_is_told_without_its_words(stub: Calls) -> None:
    reply = (await stub("chat", asking("Is there an outage?"))).json()
    assert (reply["code"], reply["upstreamStatus"], "secret" in reply["detail"]) == ("UpstreamFailed", 503, False)


async def test_a_server_without_responses_refuses_them(stub: Calls) -> None:
    reply = (await stub("responses", {"input": "Hi"})).json()
    assert (reply["code"], reply["upstreamStatus"]) == ("UpstreamRefused", 404)
