# SPDX-License-Identifier: Apache-2.0
"""What the words of a model cost on their way through the gateway: CPU time, in this process, for each piece.

The server's events are read, checked, searched for the credential and written anew; sockets and TLS are not in it.
Beside it is what any relay does at least: each event's JSON read and written.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import orjson

from bench.context import Context
from bench.figures import Figure, figure, peer
from genapps.core.budgets.cost import Tokens
from genapps.gateway.connectors.model_stream import ModelStream
from genapps.gateway.connectors.passing import Part, parts

_CREDENTIAL = (b"sk-0123456789abcdef0123456789abcdef",)
_MOST = Tokens(input_tokens=1000, output_tokens=100_000)


async def streamed_piece(context: Context) -> list[Figure]:
    """Pieces of a chat, each with a word."""
    amount, rounds = context.amount(5000, 200), context.amount(15, 3)
    events = [_event(f"word{number} ") for number in range(amount)]
    before = context.quiet.now()
    passed, relayed = [], []
    for _ in range(rounds):
        begun = time.thread_time()
        pieces = [piece async for part in _answer(events) for piece in part.pieces]
        passed.append((time.thread_time() - begun) / len(pieces) * 1e6)
        begun = time.thread_time()
        for event in events:
            orjson.dumps(orjson.loads(event[6:-2]))
        relayed.append((time.thread_time() - begun) / len(events) * 1e6)
    rates = [1e6 / micros for micros in passed]
    busy = context.quiet.disturbed(before)
    return [
        figure("a streamed piece", "us", "engine", passed, peer("JSON alone", relayed), disturbed=busy),
        figure("streamed pieces", "pieces/s", "engine", rates, disturbed=busy),
    ]


async def _answer(events: list[bytes]) -> AsyncIterator[Part]:
    stream = ModelStream("llm", "chat", _MOST, lambda _: Tokens(input_tokens=10, output_tokens=len(events)))
    async for part in parts("llm", stream, _CREDENTIAL, _arriving(events)):
        yield part


async def _arriving(events: list[bytes]) -> AsyncIterator[bytes]:
    for event in events:
        yield event
    yield b'data: {"id":"c1","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5}}\n\ndata: [DONE]\n\n'


def _event(word: str) -> bytes:
    delta = {"index": 0, "delta": {"content": word}, "finish_reason": None}
    body = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "small", "choices": [delta]}
    return b"data: %b\n\n" % orjson.dumps(body)
