# SPDX-License-Identifier: Apache-2.0
"""Everything outside of the gateway: it answers with what a test says, whole or piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from genapps.gateway.egress.messages import (
    EgressLimits,
    EgressReason,
    EgressRefusedError,
    OutboundRequest,
    OutboundResponse,
    Target,
)
from genapps.gateway.egress.requests import request_fault
from genapps.gateway.egress.targets import target_fault


@dataclass
class Upstream:
    """Stands for everything outside: refuses what egress refuses at a look, answers with what it is told to, and
    remembers what it was asked."""

    answer: OutboundResponse | Exception = field(
        default_factory=lambda: OutboundResponse(200, {"content-type": "application/json"}, b'{"rate": 0.94}')
    )
    answers: dict[str, OutboundResponse | Exception] = field(default_factory=dict)
    """By host, where one answers otherwise."""
    next_answers: list[OutboundResponse | Exception] = field(default_factory=list)
    """One after the other, before all else."""
    answering: Callable[[], None] = lambda: None
    """Called before each answer, such as to let time go by."""
    asked: list[tuple[Target, OutboundRequest]] = field(default_factory=list)
    limits: list[EgressLimits] = field(default_factory=list)
    """Of each of them."""
    hold: asyncio.Event | None = None
    """While it is not set, nothing is answered."""
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: int = 0
    pieces: tuple[bytes | Exception, ...] | Iterator[bytes] = ()
    """What an answer that is taken while it comes has, after the head of `answer`."""
    silent: bool = False
    """After them comes nothing any more, and no end."""
    taken: int = 0
    left: int = 0
    """How many such answers have ended, or were left."""

    async def send(self, target: Target, request: OutboundRequest, limits: EgressLimits) -> OutboundResponse:
        """Look, remember, wait if told to, answer."""
        if fault := target_fault(target):
            raise EgressRefusedError(EgressReason.TARGET_INVALID, fault)
        if fault := request_fault(request):
            raise EgressRefusedError(EgressReason.REQUEST_INVALID, fault)
        self.asked.append((target, request))
        self.limits.append(limits)
        self.begun.set()
        try:
            if self.hold is not None:
                await asyncio.wait_for(self.hold.wait(), limits.seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self.answering()
        answer = self.next_answers.pop(0) if self.next_answers else self.answers.get(target.host, self.answer)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @asynccontextmanager
    async def stream(
        self, target: Target, request: OutboundRequest, limits: EgressLimits
    ) -> AsyncIterator[StreamedReply]:
        """The same, piece by piece."""
        response = await self.send(target, request, limits)
        try:
            yield StreamedReply(self, response.status, response.headers)
        finally:
            self.left += 1


class StreamedReply:
    """The pieces of what is outside; after each others get their turn."""

    def __init__(self, outside: Upstream, status: int, headers: Mapping[str, str]) -> None:
        self.status = status
        self.headers = headers
        self._outside = outside

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._outside.pieces:
            await asyncio.sleep(0)
            if isinstance(piece, Exception):
                raise piece
            self._outside.taken += 1
            self._outside.begun.set()
            yield piece
        if self._outside.silent:
            await asyncio.Event().wait()
