# SPDX-License-Identifier: Apache-2.0
"""Attacks by a model's server on what is paid for, and by apps on what a model may cost."""

from collections.abc import Callable, Iterator
from typing import Any

from genapps.gateway.problems import Code
from tests.unit.gateway.attacks.upstreams import (
    TOO_MUCH,
    Attack,
    Pieces,
    always,
    cut,
    cut_stream,
    endless_stream,
    event,
    json_answer,
    refusal,
    stream,
)

SPEC: dict[str, Any] = {"type": "Model", "models": ["small-1"], "maxTokens": 100, "tools": []}
ASKED: dict[str, Any] = {"messages": [{"role": "user", "content": "What is 1 + 1?"}]}
CHOICES = {"choices": [{"message": {"role": "assistant", "content": "2"}}]}
COUNTED = CHOICES | {"usage": {"prompt_tokens": 12, "completion_tokens": 5}}

PLAUSIBLE: dict[str, Any] = {
    "as much as was allowed": {"prompt_tokens": 12, "completion_tokens": 100},
    "nothing": {"prompt_tokens": 0, "completion_tokens": 0},
    "unknown details": {"prompt_tokens": 12, "completion_tokens": 5, "prompt_tokens_details": {"evil": -1}},
    "missing": None,
}
IMPLAUSIBLE: dict[str, Any] = {
    "one more than was allowed": {"prompt_tokens": 12, "completion_tokens": 101},
    "far more than was allowed": {"prompt_tokens": 12, "completion_tokens": 10**15},
    "a negative input": {"prompt_tokens": -12, "completion_tokens": 5},
    "a negative output": {"prompt_tokens": 12, "completion_tokens": -5},
    "an endless input": {"prompt_tokens": 10**15, "completion_tokens": 5},
    "half a token": {"prompt_tokens": 12, "completion_tokens": 0.5},
    "a text": {"prompt_tokens": "12", "completion_tokens": 5},
    "true": {"prompt_tokens": True, "completion_tokens": 5},
    "null": {"prompt_tokens": None, "completion_tokens": 5},
    "no input": {"completion_tokens": 5},
    "no members": {},
    "a list": [12, 5],
    "a number": 12,
    "more cached than sent": {
        "prompt_tokens": 1, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 2},
    },
    "negative cached": {"prompt_tokens": 1, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": -2}},
    "negative written": {
        "prompt_tokens": 1, "completion_tokens": 5, "prompt_tokens_details": {"cache_creation_tokens": -2},
    },
}  # fmt: skip

REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "another model": ("chat", ASKED | {"model": "huge-1"}),
    "a model that looks alike": ("chat", ASKED | {"model": "small-\u0661"}),
    "no tokens": ("chat", ASKED | {"max_tokens": 0}),
    "negative tokens": ("chat", ASKED | {"max_tokens": -1}),
    "half a token": ("chat", ASKED | {"max_tokens": 0.5}),
    "two bounds": ("chat", ASKED | {"max_tokens": 1, "max_completion_tokens": 100_000}),
    "several answers": ("chat", ASKED | {"n": 100}),
    "a stream": ("chat", ASKED | {"stream": True}),
    "storage": ("chat", ASKED | {"store": True}),
    "another tier": ("chat", ASKED | {"service_tier": "priority"}),
    "a hosted tool": ("chat", ASKED | {"tools": [{"type": "web_search"}]}),
    "a search": ("chat", ASKED | {"web_search_options": {}}),
    "an image by URL": ("chat", {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}),
    "an MCP server of the app's": ("responses", {"input": "x", "tools": [{"type": "mcp", "name": "x"}]}),
    "an earlier response": ("responses", {"input": "x", "previous_response_id": "r1"}),
    "work in the background": ("responses", {"input": "x", "background": True}),
    "a reference to an item": ("responses", {"input": [{"type": "item_reference", "id": "x"}]}),
    "a stored prompt": ("responses", {"input": "x", "prompt": {"id": "p"}}),
    "embeddings of nothing": ("embeddings", {"input": []}),
}


def _using(usage: Any) -> Callable[[Any], Pieces]:
    return always(json_answer(CHOICES if usage is None else CHOICES | {"usage": usage}))


def _usage() -> Iterator[Attack]:
    for title, usage in PLAUSIBLE.items():
        yield Attack(f"usage: {title}", None, _using(usage), "chat", ASKED)
    for title, usage in IMPLAUSIBLE.items():
        yield Attack(f"usage: {title}", Code.RESULT_INVALID, _using(usage), "chat", ASKED)


def _requests() -> Iterator[Attack]:
    for wish, (tool, arguments) in REFUSED.items():
        title = f"the app asks for {wish}"
        yield Attack(title, Code.ARGUMENTS_INVALID, always(json_answer(COUNTED)), tool, arguments, asked=0)
    for name in ("images", "audio", "models", "files", "chat/completions", "Chat"):
        title = f"the app calls {name}"
        yield Attack(title, Code.TOOL_NOT_IN_CONTRACT, always(json_answer(COUNTED)), name, ASKED, asked=0)
    dearer = ASKED | {"max_tokens": 10_000_000}
    yield Attack("the app asks for more tokens than it may", None, _held_to(100), "chat", dearer)


def _held_to(most: int) -> Callable[[Any], Pieces]:
    return lambda request: json_answer(COUNTED) if request["max_tokens"] == most else refusal(400)


def _answers() -> Iterator[Attack]:
    chat = {
        "an answer that is cut before its usage": always(cut(COUNTED, 40)),
        "an answer that is cut by a byte": always(cut(COUNTED)),
        "a stream that is cut before its usage": always(cut_stream(event(CHOICES))),
        "a stream without end": always(endless_stream(event(CHOICES | {"x": "y" * 4096}))),
        "a large answer": always(json_answer(CHOICES | {"x": "y" * TOO_MUCH})),
        "an outage": always(refusal(503)),
    }
    for title, answer in chat.items():
        yield Attack(title, Code.UPSTREAM_FAILED, answer, "chat", ASKED, asked=2)
    bad = {
        "a stream that nobody asked for": always(stream(event(COUNTED), b"data: [DONE]\n\n")),
        "half of the JSON": always(json_answer(b'{"choices": [], "usage": {')),
        "a list": always(json_answer([COUNTED])),
        "nothing": always(json_answer(b"")),
    }
    for title, answer in bad.items():
        yield Attack(f"the answer is {title}", Code.RESULT_INVALID, answer, "chat", ASKED)
    for status in (400, 401, 402, 403, 404, 422):
        title = f"the answer has HTTP status {status}"
        yield Attack(title, Code.UPSTREAM_REFUSED, always(refusal(status)), "chat", ASKED)


ATTACKS = (*_usage(), *_requests(), *_answers())
