# SPDX-License-Identifier: Apache-2.0
"""Attacks by a model's server whose answer is passed on while it comes: how many pieces pass, and how it ends."""

import base64
import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from genapps.gateway.connectors.events import EVENT_BYTES
from genapps.gateway.connectors.streams import PIECE_BYTES
from genapps.gateway.problems import Code
from tests.unit.gateway.attacks.model import ASKED, IMPLAUSIBLE, PLAUSIBLE, REFUSED
from tests.unit.gateway.attacks.rows import CANARY
from tests.unit.gateway.attacks.upstreams import Pieces, chunk, cut_stream, event, json_answer, refusal, stream
from tests.unit.gateway.egress.world import CHUNKED, START, encoded, sized

BYTES = 256 * 1024
"""The most of a stream in these tests."""
DONE = b"data: [DONE]\n\n"
MOST = 100
"""Tokens of an answer: what counts unless the stream tells less, plausibly, before its end."""


@dataclass(frozen=True)
class StreamAttack:
    """One row."""

    title: str
    code: Code | None
    """None: the attack achieves nothing, and the stream is whole."""
    answer: Pieces
    passed: int = 1
    """Pieces that the app gets before."""
    tool: str = "chat"
    arguments: dict[str, Any] = field(default_factory=lambda: ASKED)
    counted: int = MOST
    """Tokens of output that are paid for."""
    asked: int = 1
    """How many requests reach the server."""


def said(text: str, **members: Any) -> bytes:
    """An event in which the model says something."""
    return event({"choices": [{"index": 0, "delta": {"content": text}}], **members})


def used(usage: Any) -> bytes:
    """The event that says what was used."""
    return event({"choices": [], "usage": usage})


FIRST = said("2")


def _usage() -> Iterator[StreamAttack]:
    for title, usage in PLAUSIBLE.items():
        counted = MOST if usage is None else usage["completion_tokens"]
        yield StreamAttack(f"usage: {title}", None, stream(FIRST, used(usage), DONE), counted=counted)
    for title, usage in IMPLAUSIBLE.items():
        yield StreamAttack(f"usage: {title}", Code.RESULT_INVALID, stream(FIRST, used(usage), DONE))
    few = {"prompt_tokens": 1, "completion_tokens": 1}
    yield StreamAttack("usage after the end", None, stream(FIRST, DONE, used(few)))
    yield StreamAttack("usage without an end", Code.UPSTREAM_FAILED, stream(FIRST, used(few)))
    yield StreamAttack("usage, and the cut", Code.UPSTREAM_FAILED, cut_stream(FIRST, used(few)))
    yield StreamAttack("usage in each event", None, stream(said("2", usage=few), DONE), counted=1)
    response = {"type": "response.completed", "response": {"usage": {"input_tokens": 1, "output_tokens": MOST + 1}}}
    responses = stream(event({"type": "response.output_text.delta", "delta": "2"}), event(response))
    asked = {"input": "What is 1 + 1?"}
    yield StreamAttack(
        "usage: more than was allowed in a response", Code.RESULT_INVALID, responses, 1, "responses", asked
    )


def _cut() -> Iterator[StreamAttack]:
    yield StreamAttack("cut before its usage", Code.UPSTREAM_FAILED, cut_stream(FIRST))
    yield StreamAttack("cut in an event", Code.UPSTREAM_FAILED, cut_stream(FIRST, FIRST[:-9]))
    yield StreamAttack("cut after its head", Code.UPSTREAM_FAILED, cut_stream(), passed=0)
    yield StreamAttack("ended before its end", Code.UPSTREAM_FAILED, stream(FIRST))
    yield StreamAttack("ended without a piece", Code.UPSTREAM_FAILED, stream(), passed=0)
    yield StreamAttack("broken off with words", Code.UPSTREAM_FAILED, stream(FIRST, event({"error": {"message": "x"}})))


def _large() -> Iterator[StreamAttack]:
    one = said("x" * 32_000)
    yield StreamAttack("without end", Code.UPSTREAM_FAILED, stream(*[one] * 20), passed=8)
    yield StreamAttack("without end, and empty", Code.UPSTREAM_FAILED, stream(FIRST, *[b": still here\n\n" * 999] * 20))
    yield StreamAttack("an event without end", Code.UPSTREAM_FAILED, stream(FIRST, b"data: ", *[b"x" * 32_000] * 20))
    yield StreamAttack("a piece that is too large", Code.RESULT_INVALID, stream(FIRST, said("x" * PIECE_BYTES), DONE))
    bomb = encoded(gzip.compress(FIRST + b": " + b"x" * 8 * EVENT_BYTES))
    bomb = bomb.replace(b"\r\n", b"\r\ncontent-type: text/event-stream\r\n", 1)
    yield StreamAttack("a bomb", Code.UPSTREAM_FAILED, [bomb])


def _bad() -> Iterator[StreamAttack]:
    events = {
        "no JSON": b"data: {\n\n",
        "a list": b"data: []\n\n",
        "a number": b"data: 1e999\n\n",
        "NaN": b'data: {"choices":[],"x":NaN}\n\n',
        "a number that is not exact": b'data: {"choices":[],"x":99999999999999999999}\n\n',
        "no UTF-8": b"data: \xff\n\n",
        "half of a character": b'data: {"choices":[],"x":"\\ud800"}\n\n',
        "no choices": event({"object": "chat.completion.chunk"}),
        "choices that are none": event({"choices": {"0": {}}}),
        "depth": b'data: {"choices":' + b"[" * 400 + b"]" * 400 + b"}\n\n",
    }
    for title, bad in events.items():
        yield StreamAttack(f"an event with {title}", Code.RESULT_INVALID, stream(FIRST, bad, DONE))


def _heads() -> Iterator[StreamAttack]:
    whole = FIRST + DONE
    types = {"JSON": b"application/json", "a page": b"text/html", "nearly a stream": b"text/event-streams", "two":
             b"text/event-stream\r\ncontent-type: text/html", "none": b""}  # fmt: skip
    for title, given in types.items():
        answer = [sized(whole, *([b"content-type: " + given] if given else []))]
        yield StreamAttack(f"the type of the answer is {title}", Code.RESULT_INVALID, answer, passed=0)
    yield StreamAttack("a whole answer", Code.RESULT_INVALID, json_answer({"choices": []}), passed=0)
    for place in ("/v2/chat", "http://169.254.169.254/", "//evil.example/"):
        for status in (302, 307, 308):
            answer = refusal(status, b"", b"location: " + place.encode())
            yield StreamAttack(f"a redirect {status} to {place}", Code.UPSTREAM_FAILED, answer, passed=0)
    for status in (400, 401, 403, 404, 422):
        answer = refusal(status, {"error": "secret"})
        yield StreamAttack(f"HTTP status {status}", Code.UPSTREAM_REFUSED, answer, passed=0)
    for status in (204, 206, 429, 500, 503):
        answer = [CHUNKED.replace(START, b"HTTP/1.1 %d No\r\ncontent-type: text/event-stream\r\n" % status, 1)]
        answer += [chunk(whole), b"0\r\n\r\n"] if status != 204 else []
        yield StreamAttack(f"HTTP status {status} and a stream", Code.UPSTREAM_FAILED, answer, passed=0)


def _echoes() -> Iterator[StreamAttack]:
    encoded_canary = base64.b64encode(CANARY.encode()).decode().rstrip("=")
    for title, text in (("the credential", CANARY), ("the credential in base64", encoded_canary)):
        for size in (1, 4, 64):
            parts = [said(text[at : at + size]) for at in range(0, len(text), size)]
            passed = min(5, len(text)) if size == 1 else 1 if size == 4 else 0
            answer = stream(*parts, DONE)
            yield StreamAttack(f"{title} in pieces of {size}", Code.RESULT_INVALID, answer, passed=passed)
    whole = said("2", id=CANARY) + DONE
    at = whole.index(b"canary") + 4
    answer = stream(whole[:at], whole[at:])
    yield StreamAttack("the credential across chunks", Code.RESULT_INVALID, answer, passed=0)
    called = [
        event({"choices": [{"delta": {"tool_calls": [{"function": {"arguments": part}}]}}]})
        for part in (CANARY[:7], CANARY[7:])
    ]
    yield StreamAttack("the credential as an argument", Code.RESULT_INVALID, stream(*called, DONE), passed=0)
    deltas = [
        event({"type": "response.output_text.delta", "delta": part}) for part in (CANARY[:7], CANARY[7:])
    ]  # fmt: skip
    asked = {"input": "x"}
    yield StreamAttack("the credential in a response", Code.RESULT_INVALID, stream(*deltas), 0, "responses", asked)


def _requests() -> Iterator[StreamAttack]:
    for wish, (tool, arguments) in REFUSED.items():
        title = f"the app asks for {wish}"
        yield StreamAttack(title, Code.ARGUMENTS_INVALID, stream(FIRST, DONE), 0, tool, arguments, asked=0)
    embed = {"input": "a"}
    yield StreamAttack("the app streams embeddings", Code.ARGUMENTS_INVALID, stream(), 0, "embeddings", embed, asked=0)
    yield StreamAttack("the app streams images", Code.TOOL_NOT_IN_CONTRACT, stream(), 0, "images", ASKED, asked=0)


ATTACKS = (*_usage(), *_cut(), *_large(), *_bad(), *_heads(), *_echoes(), *_requests())
