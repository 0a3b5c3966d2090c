# SPDX-License-Identifier: Apache-2.0
"""What a call costs that the gateway makes: beside the same call made directly, and beside a proxy that only forwards.

The gateway proves the token, knows 2,000 apps, holds arguments and result to the contract, takes permits, and writes
two lines for each call. Its CPU time is split by requests that end at different stages: each stage is the difference
to the one before, and lines are the difference to a gateway that writes none.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from statistics import median

from bench.context import Context
from bench.cores import ahead_of_others
from bench.cpu import tree
from bench.engine.rounds import Rounds, in_turns
from bench.figures import Figure, figure
from bench.gateway.objects import APPS, CALLED, CONNECTOR, REUSED
from bench.gateway.sides import DIRECT, HOST, OURS, PROXY, SILENT, Sides, added_at_p50, sides
from bench.load.generator import Generator, host_generator
from bench.load.job import Load
from bench.memory import pss_mebibytes
from bench.server import Server

_PATH = "/v1/latest/EUR"
_LISTENER, _PROVEN, _REUSED = "listener", "proven", "reused"


async def gateway_call(context: Context) -> list[Figure]:
    """Latency of one caller, rate and CPU time of 32, latency at half that rate, the stages, and memory."""
    async with host_generator((await context.interpreter()).command) as generator, sides(context) as all_sides:
        measurement = _Measurement(context, generator, all_sides)
        alone = await measurement.taken((all_sides.ours, all_sides.proxy, all_sides.direct), measurement.load(1))
        full = await measurement.taken((all_sides.ours, all_sides.proxy), measurement.load(32))
        rates = {name: median(each.result.rate for each in rounds) for name, rounds in full.of.items()}

        def half(server: Server) -> Load:
            return replace(measurement.load(32)(server), rate=rates[server.name] / 2)

        with ahead_of_others(measurement.processes()) as ahead:
            paced = await measurement.taken((all_sides.ours, all_sides.proxy), half)
        if not ahead:
            context.note(
                "p99 at half load contains what other programs on the machine did: no right to run ahead of them"
            )
        stages = await measurement.stages()
        memory = pss_mebibytes(tree(all_sides.ours.pid))
    return [
        added_at_p50("gateway call, added at p50", "ms", alone, 1000),
        full.figure("gateway call, c=32", "calls/s", lambda each: each.result.rate),
        full.figure("gateway call, c=32, CPU", "us", lambda each: each.micros),
        paced.figure("gateway call, half load, p99", "ms", lambda each: each.result.p99 * 1000),
        *_stages(stages),
        figure("gateway with 2,000 apps", "MiB PSS", "engine", [memory]),
    ]


class _Measurement:
    """Loads in turns; each load of a gateway comes from an app of its own, so that no rate limit is met."""

    def __init__(self, context: Context, generator: Generator, all_sides: Sides) -> None:
        self._context = context
        self._generator = generator
        self._sides = all_sides
        self._apps: Iterator[int] = itertools.cycle(range(APPS))
        self._seconds = 1.0 if context.quick else 3.0

    async def taken(self, servers: tuple[Server, ...], load: Callable[[Server], Load]) -> Rounds:
        """All rounds of these servers."""
        rounds = self._context.amount(7, 2)
        return await in_turns(self._context, self._generator, servers, load, rounds)

    def processes(self) -> list[int]:
        """All that have a part in a call, or in one by the proxy."""
        roots = (self._generator.pid, *(side.pid for side in (self._sides.ours, self._sides.proxy, self._sides.direct)))
        return [pid for root in roots if root is not None for pid in tree(root)]

    def load(self, connections: int) -> Callable[[Server], Load]:
        """Calls by the gateways, and the same request to the connector by the others."""

        def load(server: Server) -> Load:
            plain = Load(
                "127.0.0.1", server.port, _PATH, HOST, connections, self._seconds, warm_up=self._seconds / 5
            )  # fmt: skip
            if server.name == DIRECT:
                return plain
            secured = replace(plain, ca_file=str(self._sides.ca_file))
            return secured if server.name == PROXY else self._called(secured, CALLED)

        return load

    async def stages(self) -> Rounds:
        """Requests that end at different stages, all of the same gateway, and calls of one without lines."""
        ours = self._sides.ours
        steps = tuple(replace(ours, name=name) for name in (_LISTENER, _PROVEN, _REUSED))

        def load(server: Server) -> Load:
            called = self.load(32)(replace(server, name=OURS))
            if server.name == _LISTENER:
                return replace(called, method="GET", path="/v1/healthz", body="", token="")
            if server.name == _PROVEN:
                return replace(called, path="/v1/heartbeat", body="{}")
            return self._called(called, REUSED) if server.name == _REUSED else called

        return await self.taken((ours, *steps, self._sides.silent), load)

    def _called(self, load: Load, tool: str) -> Load:
        content = {
            "requestId": "0123456789abcdef" * 2, "step": 1, "connector": CONNECTOR, "tool": tool,
            "arguments": {"currency": "EUR"}, "key": "f" * 64,
        }  # fmt: skip
        token = self._sides.token(next(self._apps))
        return replace(
            load, path="/v1/calls", method="POST", body=json.dumps(content, separators=(",", ":")), token=token
        )


def _stages(taken: Rounds) -> list[Figure]:
    """CPU time of each stage, and of the lines, which two of the stages have in them."""

    def difference(name: str, more: str, less: str = "") -> Figure:
        before = [each.micros for each in taken.of[less]] if less else [0.0] * len(taken.of[more])
        samples = [each.micros - other for each, other in zip(taken.of[more], before, strict=True)]
        return figure(f"of it: {name}", "us", "engine", samples, disturbed=taken.disturbed)

    return [
        difference("TLS and HTTP", _LISTENER),
        difference("token, record, message", _PROVEN, _LISTENER),
        difference("contract, decision, line", _REUSED, _PROVEN),
        difference("permits, egress, a line", OURS, _REUSED),
        difference("its two lines", OURS, SILENT),
    ]
