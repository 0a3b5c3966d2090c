# SPDX-License-Identifier: Apache-2.0
"""What one chat completion costs that the gateway makes, and each piece of one that streams.

Beside it are LiteLLM's proxy, where it can be installed, and a proxy that only forwards; all before the same canned
server. The gateway proves the token, holds the arguments to the contract, sets the bound, reserves the budget, reads
the usage, and writes two lines. LiteLLM compares a key, and has neither budgets nor lines here.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace

from bench.context import Context
from bench.engine.rounds import Round, Rounds, in_turns
from bench.figures import Figure
from bench.gateway.litellm_proxy import KEY, NAME
from bench.gateway.model_upstream import PIECES
from bench.gateway.objects import APPS, MODEL
from bench.gateway.sides import DIRECT, HOST, OURS, ModelSides, added_at_p50, model_sides
from bench.load.generator import Generator, host_generator
from bench.load.job import Load
from bench.server import Server

_FIRST_REQUESTS = 8
_ASKED = {"messages": [{"role": "user", "content": "Say a hundred words."}]}


async def model_call(context: Context) -> list[Figure]:
    """Whole answers: latency of one caller, rate and CPU time of eight. Streams: the same."""
    async with host_generator((await context.interpreter()).command) as generator, model_sides(context) as sides:
        measurement = _Measurement(context, generator, sides)
        alone = await measurement.taken(1, stream=False)
        full = await measurement.taken(8, stream=False, direct=False)
        one = await measurement.taken(1, stream=True)
        many = await measurement.taken(8, stream=True, direct=False)
    return [
        added_at_p50("gateway chat, added at p50", "ms", alone, 1000),
        full.figure("gateway chat, c=8", "calls/s", lambda each: each.result.rate),
        full.figure("gateway chat, c=8, CPU", "us", lambda each: each.micros),
        added_at_p50("gateway piece, added", "us", one, 1e6 / PIECES),
        many.figure("gateway pieces, c=8", "pieces/s", lambda each: each.result.rate * PIECES),
        many.figure("gateway piece, c=8, CPU", "us", _micros_of_a_piece),
    ]


class _Measurement:
    """Loads in turns; each load of the gateway comes from an app of its own."""

    def __init__(self, context: Context, generator: Generator, sides: ModelSides) -> None:
        self._context = context
        self._generator = generator
        self._sides = sides
        self._apps: Iterator[int] = itertools.cycle(range(APPS))
        self._seconds = 5.0  # LiteLLM makes a few dozen calls in a second

    async def taken(self, connections: int, *, stream: bool, direct: bool = True) -> Rounds:
        """All rounds of all sides."""
        servers = self._sides.servers if direct else self._sides.servers[:-1]
        load = self._load(connections, stream)
        for server in servers:  # LiteLLM imports more at its first call
            await self._generator.load(replace(load(server), requests=_FIRST_REQUESTS, warm_up=0.0, deadline=120.0))
        return await in_turns(self._context, self._generator, servers, load, self._context.amount(7, 1))

    def _load(self, connections: int, stream: bool) -> Callable[[Server], Load]:
        def load(server: Server) -> Load:
            asked = {"model": "small", **_ASKED} | ({"stream": True} if stream else {})
            plain = Load(
                "127.0.0.1", server.port, "/v1/chat/completions", HOST, connections, self._seconds,
                warm_up=self._seconds / 5, method="POST", body=json.dumps(asked),
            )  # fmt: skip
            if server.name == DIRECT:
                return plain
            secured = replace(plain, ca_file=str(self._sides.ca_file))
            if server.name == OURS:
                return self._called(secured, stream=stream)
            return replace(secured, token=KEY) if server.name == NAME else secured

        return load

    def _called(self, load: Load, *, stream: bool) -> Load:
        content = {
            "requestId": "0123456789abcdef" * 2, "step": 1, "connector": MODEL, "tool": "chat", "arguments": _ASKED,
            "key": "f" * 64, "millisLeft": 30_000,
        } | ({"stream": True} if stream else {})  # fmt: skip
        token = self._sides.token(next(self._apps))
        return replace(load, path="/v1/calls", body=json.dumps(content), token=token)


def _micros_of_a_piece(each: Round) -> float:
    return each.micros / PIECES
