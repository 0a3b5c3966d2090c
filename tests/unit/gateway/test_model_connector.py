# SPDX-License-Identifier: Apache-2.0
"""Connectors of type Model: what is asked of a model's server, and what its answer may say."""

from typing import Any

import orjson
import pytest
import structlog

from genapps.gateway.egress.messages import OutboundResponse
from tests.unit.gateway.connectors import manifest
from tests.unit.gateway.world import Installation, Reply, app_record

JSON = {"content-type": "application/json"}
MESSAGES = [{"role": "user", "content": "What is 1 + 1?"}]
USAGE = {"prompt_tokens": 12, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}


def model(**spec: Any) -> dict[str, Any]:
    """The connector; `spec` replaces members of its spec."""
    content = {
        "type": "Model",
        "endpoint": {"url": "https://models.example.com/v1"},
        "models": ["small-1", "large-1"],
        "maxTokens": 100,
        "tools": [],
    }
    return manifest("llm", **(content | spec))


def answer(**members: Any) -> OutboundResponse:
    content = {"choices": [{"message": {"role": "assistant", "content": "2"}}], "usage": USAGE} | members
    content = {name: member for name, member in content.items() if member is not None}
    return OutboundResponse(200, JSON, orjson.dumps(content))


@pytest.fixture
def outside(gateway: Installation) -> Installation:
    gateway.records.changed(app_record(envelope={"digest": "sha256:" + "a" * 64, "connectors": ["llm"]}))
    gateway.catalogue.changed(model())
    gateway.upstream.answer = answer()
    return gateway


async def ask(outside: Installation, tool: str = "chat", **arguments: Any) -> Reply:
    given = arguments or {"messages": MESSAGES}
    content = {"requestId": "r", "step": 1, "connector": "llm", "tool": tool, "arguments": given}
    return await outside.post("/v1/calls", content)


def sent(outside: Installation) -> tuple[str, dict[str, Any]]:
    request = outside.upstream.asked[-1][1]
    return request.path, orjson.loads(request.body)


async def test_a_question_reaches_the_model_and_its_answer_the_app(outside: Installation) -> None:
    with structlog.testing.capture_logs() as lines:
        reply = await ask(outside)
    assert reply.json()["result"]["choices"][0]["message"]["content"] == "2"
    assert sent(outside) == ("/v1/chat/completions", {"messages": MESSAGES, "model": "small-1", "max_tokens": 100})
    told = {"input_tokens": 12, "output_tokens": 5, "cached_tokens": 4, "cache_written_tokens": 0}
    assert told.items() <= lines[-1].items()
    assert "1 + 1" not in str(lines)


@pytest.mark.parametrize(
    ("arguments", "bound"),
    [
        ({}, {"max_tokens": 100}),
        ({"max_tokens": 7}, {"max_tokens": 7}),
        ({"max_tokens": 101}, {"max_tokens": 100}),
        ({"max_completion_tokens": 5000}, {"max_completion_tokens": 100}),
    ],
)
async def test_the_most_tokens_of_an_answer_are_set(
    outside: Installation, arguments: dict[str, Any], bound: dict[str, int]
) -> None:
    await ask(outside, messages=MESSAGES, **arguments)
    _, body = sent(outside)
    assert {name: value for name, value in body.items() if "tokens" in name} == bound


async def test_without_a_bound_of_the_connector_there_is_one_of_the_platform(outside: Installation) -> None:
    unbounded = model()
    del unbounded["spec"]["maxTokens"]
    outside.catalogue.changed(unbounded)
    await ask(outside)
    assert sent(outside)[1]["max_tokens"] == 4096


FUNCTION = {"type": "function", "function": {"name": "rate", "parameters": {"type": "object"}}}


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("chat", {"messages": MESSAGES, "model": "huge-1"}),
        ("chat", {"messages": MESSAGES, "model": "SMALL-1"}),
        ("chat", {"messages": MESSAGES, "n": 2}),
        ("chat", {"messages": MESSAGES, "stream": True}),
        ("chat", {"messages": MESSAGES, "store": True}),
        ("chat", {"messages": MESSAGES, "service_tier": "priority"}),
        ("chat", {"messages": MESSAGES, "max_tokens": 0}),
        ("chat", {"messages": MESSAGES, "max_tokens": -1}),
        ("chat", {"messages": MESSAGES, "max_tokens": 5, "max_completion_tokens": 5}),
        ("chat", {"messages": MESSAGES, "tools": [{"type": "web_search"}]}),
        ("chat", {"messages": []}),
        ("chat", {"messages": [{"role": "root", "content": "x"}]}),
        ("chat", {"messages": [{"role": "user", "content": [{"type": "image_url", "text": "x"}]}]}),
        ("chat", {"model": "small-1"}),
        ("responses", {"input": "x", "store": True}),
        ("responses", {"input": "x", "previous_response_id": "r1"}),
        ("responses", {"input": "x", "background": True}),
        ("responses", {"input": "x", "tools": [{"type": "mcp", "name": "x", "server_url": "https://evil"}]}),
        ("responses", {"input": [{"type": "item_reference", "id": "x"}]}),
        ("embeddings", {"input": []}),
        ("embeddings", {"input": "x", "user": "y"}),
    ],
)
async def test_what_costs_more_or_leads_elsewhere_is_not_passed_on(
    outside: Installation, tool: str, arguments: dict[str, Any]
) -> None:
    reply = await ask(outside, tool, **arguments)
    assert (reply.json()["code"], reply.json()["class"]) == ("ArgumentsInvalid", "defect")
    assert outside.upstream.asked == []


async def test_tools_of_the_app_are_passed_through(outside: Installation) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "rate", "arguments": "{}"}}
    messages = [*MESSAGES, {"role": "assistant", "content": None, "tool_calls": [call]}]
    messages += [{"role": "tool", "tool_call_id": "c1", "content": "0.94"}]
    await ask(outside, messages=messages, tools=[FUNCTION], tool_choice="auto")
    assert sent(outside)[1]["messages"] == messages
    assert sent(outside)[1]["tools"] == [FUNCTION]


async def test_a_message_of_the_model_can_be_given_back_as_it_came(outside: Installation) -> None:
    came: dict[str, Any] = {"role": "assistant", "content": "2", "refusal": None, "annotations": [], "audio": None}
    came |= {"function_call": None, "tool_calls": None, "reasoning_content": "1 and 1"}
    messages = [*MESSAGES, came, {"role": "user", "content": "And + 1?"}]
    assert (await ask(outside, messages=messages)).status == 200
    assert sent(outside)[1]["messages"] == messages


@pytest.mark.parametrize(
    "member",
    [
        {"audio": {"id": "audio_1"}},
        {"function_call": {"name": "rate", "arguments": "{}"}},
        {"annotations": [{}] * 257},
        {"images": []},
    ],
)
async def test_a_message_refers_to_nothing_at_the_provider(outside: Installation, member: dict[str, Any]) -> None:
    came = {"role": "assistant", "content": "2"} | member
    assert (await ask(outside, messages=[*MESSAGES, came])).json()["code"] == "ArgumentsInvalid"
    assert outside.upstream.asked == []


@pytest.mark.parametrize(
    ("tool", "arguments", "usage", "path", "used"),
    [
        ("responses", {"input": "hi"}, {"input_tokens": 3, "output_tokens": 2}, "/v1/responses", (3, 2)),
        ("embeddings", {"input": ["hi", "you"]}, {"prompt_tokens": 4, "total_tokens": 4}, "/v1/embeddings", (4, 0)),
    ],
)
async def test_the_other_tools(
    outside: Installation, tool: str, arguments: Any, usage: Any, path: str, used: tuple[int, int]
) -> None:
    outside.upstream.answer = answer(usage=usage)
    with structlog.testing.capture_logs() as lines:
        assert (await ask(outside, tool, **arguments)).status == 200
    assert sent(outside)[0] == path
    assert (lines[-1]["input_tokens"], lines[-1]["output_tokens"]) == used
    if tool == "responses":
        assert sent(outside)[1]["store"] is False, "the provider keeps nothing that nobody asked it to keep"
        assert sent(outside)[1]["max_output_tokens"] == 100


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": -1, "completion_tokens": 5},
        {"prompt_tokens": 1, "completion_tokens": -5},
        {"prompt_tokens": "1", "completion_tokens": 5},
        {"prompt_tokens": 1.5, "completion_tokens": 5},
        {"prompt_tokens": True, "completion_tokens": 5},
        {"completion_tokens": 5},
        {"prompt_tokens": 1, "completion_tokens": 101},
        {"prompt_tokens": 10**12, "completion_tokens": 5},
        {"prompt_tokens": 1, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 2}},
        {"prompt_tokens": 1, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": -2}},
        {"prompt_tokens": 1, "completion_tokens": 5, "prompt_tokens_details": {"cache_write_tokens": 2}},
        [],
        "12",
    ],
)
async def test_usage_that_is_not_plausible_is_a_defect_of_the_connector(outside: Installation, usage: Any) -> None:
    outside.upstream.answer = answer(usage=usage)
    reply = await ask(outside)
    assert (reply.json()["code"], reply.json()["class"]) == ("ResultInvalid", "limit")


async def test_an_answer_without_usage_used_the_most_that_it_can_have(outside: Installation) -> None:
    outside.upstream.answer = answer(usage=None)
    with structlog.testing.capture_logs() as lines:
        assert (await ask(outside)).status == 200
    body = outside.upstream.asked[-1][1].body
    template = 256
    assert lines[-1]["tokens"] == len(body) + template + 100


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (OutboundResponse(200, JSON, b'{"choices": ['), "ResultInvalid"),
        (OutboundResponse(200, JSON, b"[]"), "ResultInvalid"),
        (OutboundResponse(401, JSON, b"{}"), "UpstreamRefused"),
        (OutboundResponse(429, JSON, b"{}"), "UpstreamFailed"),
        (OutboundResponse(503, JSON, b"{}"), "UpstreamFailed"),
    ],
)
async def test_an_answer_that_is_none(outside: Installation, given: OutboundResponse, code: str) -> None:
    outside.upstream.answer = given
    assert (await ask(outside)).json()["code"] == code


async def test_a_connector_may_offer_less_than_all(outside: Installation) -> None:
    outside.catalogue.changed(model(tools=[{"name": "embeddings", "effect": "Read", "cache": "60s"}]))
    outside.upstream.answer = answer(usage={"prompt_tokens": 1})
    for _ in range(2):
        assert (await ask(outside, "embeddings", input="x")).status == 200
    assert len(outside.upstream.asked) == 1, "the result is reused"
    assert (await ask(outside)).json()["code"] == "ToolNotInContract"


@pytest.mark.parametrize(
    ("tool", "where"),
    [
        ({"name": "images", "effect": "Read"}, "/name"),
        ({"name": "chat", "effect": "Write"}, "/effect"),
        ({"name": "chat", "effect": "Read", "input": {"type": "object"}}, "/input"),
        ({"name": "chat", "effect": "Read", "output": {"type": "object"}}, "/output"),
        ({"name": "chat", "effect": "Read", "method": "POST", "path": "/v1"}, "/method"),
    ],
)
async def test_what_a_connector_of_this_type_may_not_say(
    outside: Installation, tool: dict[str, Any], where: str
) -> None:
    outside.catalogue.changed(model(tools=[tool]))
    assert (await ask(outside)).json()["code"] == "ConnectorUnavailable"
    with structlog.testing.capture_logs() as lines:
        outside.catalogue.changed(model(tools=[tool]))
    assert where in lines[0]["fault"]


async def test_a_service_of_the_cluster_has_the_usual_paths(outside: Installation) -> None:
    outside.catalogue.changed(model(endpoint={"service": {"namespace": "models", "name": "llm", "port": 80}}))
    slice_ = {
        "metadata": {
            "name": "connector-llm",
            "labels": {"genapps.dev/connector": "llm"},
            "annotations": {"genapps.dev/service": "models/llm:80"},
        },
        "ports": [{"port": 8000}],
        "endpoints": [{"addresses": ["10.1.0.7"]}],
    }
    outside.services.changed(slice_)
    assert (await ask(outside)).status == 200
    assert sent(outside)[0] == "/v1/chat/completions"
