# SPDX-License-Identifier: Apache-2.0
"""Sends one request to a connector and gives back one answer, or says exactly how that failed.

Nothing is ever sent twice: whether a call may be repeated is for those to decide who know its tool.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Self

from genapps.gateway.egress import redirects
from genapps.gateway.egress.addresses import Ranges
from genapps.gateway.egress.dialling import Dialler
from genapps.gateway.egress.exchange import Exchange
from genapps.gateway.egress.messages import (
    EgressLimits,
    EgressReason,
    EgressRefusedError,
    OutboundRequest,
    OutboundResponse,
    Target,
    UpstreamFailedError,
)
from genapps.gateway.egress.pool import Key, Pool
from genapps.gateway.egress.proxy import Proxy
from genapps.gateway.egress.requests import request_fault
from genapps.gateway.egress.resolver import Resolver
from genapps.gateway.egress.targets import target_fault


class StreamedResponse:
    """An answer whose body is read as it comes: `async for piece in response`, once."""

    def __init__(self, status: int, headers: Mapping[str, str], exchange: Exchange, key: Key) -> None:
        self.status = status
        self.headers = headers
        self.exchange = exchange
        self.key = key

    def __aiter__(self) -> Self:
        """Decoded pieces, each of at least one byte."""
        return self

    async def __anext__(self) -> bytes:
        """Raises UpstreamFailedError."""
        piece = await self.exchange.piece()
        if piece is None:
            raise StopAsyncIteration
        return piece

    async def read(self) -> bytes:
        """The whole body. Raises UpstreamFailedError."""
        pieces: list[bytes] = []
        while (piece := await self.exchange.piece()) is not None:
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class Upstream:
    """One for the process. Its methods raise EgressRefusedError and UpstreamFailedError; when they are cancelled, or a
    stream is left before its end, the connection is broken off."""

    def __init__(
        self, ranges: Ranges, tls: ssl.SSLContext, proxy: Proxy | None = None, resolver: Resolver | None = None
    ) -> None:
        self._resolver = resolver or Resolver()
        self._dialler = Dialler(ranges, tls, self._resolver, proxy)
        self._pool = Pool()

    async def send(self, target: Target, request: OutboundRequest, limits: EgressLimits) -> OutboundResponse:
        """The whole answer."""
        response = await self._answer(target, request, limits)
        try:
            return OutboundResponse(response.status, response.headers, await response.read())
        finally:
            self._release(response)

    @asynccontextmanager
    async def stream(
        self, target: Target, request: OutboundRequest, limits: EgressLimits
    ) -> AsyncIterator[StreamedResponse]:
        """The answer from its head on; `limits.seconds` holds to the end of the stream."""
        response = await self._answer(target, request, limits)
        try:
            yield response
        finally:
            self._release(response)

    def close(self) -> None:
        """Connections that wait are closed; exchanges that are under way are not."""
        self._pool.close()
        self._resolver.close()

    async def _answer(self, target: Target, request: OutboundRequest, limits: EgressLimits) -> StreamedResponse:
        if fault := target_fault(target):
            raise EgressRefusedError(EgressReason.TARGET_INVALID, fault)
        if fault := request_fault(request):
            raise EgressRefusedError(EgressReason.REQUEST_INVALID, fault)
        deadline = asyncio.get_running_loop().time() + limits.seconds
        followed = 0
        while True:
            try:
                response = await self._ask(target, request, limits, deadline)
            except (EgressRefusedError, UpstreamFailedError) as error:
                error.sent = error.sent or followed > 0
                raise
            if not redirects.is_redirect(response.status, response.headers):
                return response
            response.exchange.connection.abort()
            if followed == min(limits.redirects, redirects.MOST):
                raise redirects.refused(f"{target.host} redirects after {followed} redirects that were followed")
            request = redirects.follow(target, request, response.headers["location"])
            followed += 1

    async def _ask(
        self, target: Target, request: OutboundRequest, limits: EgressLimits, deadline: float
    ) -> StreamedResponse:
        key = (target, request.credential_id)
        connection = self._pool.take(key)
        if connection is None:
            left = deadline - asyncio.get_running_loop().time()
            connection = await self._dialler.connect(target, min(limits.connect_seconds, left))
        exchange = Exchange(connection, request, limits)
        try:
            connection.expire_at(deadline)
            exchange.send(target)
            status, headers = await exchange.head()
        except BaseException:
            connection.abort()
            raise
        return StreamedResponse(status, headers, exchange, key)

    def _release(self, response: StreamedResponse) -> None:
        if response.exchange.reusable:
            self._pool.give(response.key, response.exchange.connection)
        else:
            response.exchange.connection.abort()
