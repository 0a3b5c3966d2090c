# SPDX-License-Identifier: Apache-2.0
"""One request and its answer on one connection."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from genapps.gateway.egress.answer import Answer
from genapps.gateway.egress.connection import Connection
from genapps.gateway.egress.decoding import OFFERED, Decoder
from genapps.gateway.egress.messages import (
    EgressLimits,
    FailureReason,
    OutboundRequest,
    Target,
    UpstreamFailedError,
)

_AGENT = "user-agent: genapps-gateway\r\n"
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_NOT_PASSED_ON = frozenset(
    {"alt-svc", "connection", "content-encoding", "content-length", "keep-alive", "set-cookie", "trailer",
     "transfer-encoding", "upgrade"}
)  # fmt: skip
_PIECES_A_TURN = 256
_USUAL_PORT = {"https": 443, "http": 80}


class Exchange:
    """Its methods raise UpstreamFailedError."""

    def __init__(self, connection: Connection, request: OutboundRequest, limits: EgressLimits) -> None:
        self.connection = connection
        self._request = request
        self._limits = limits
        self._answer = Answer(request.method, limits)
        self._decoder: Decoder | None = None
        self._pieces = 0

    @property
    def reusable(self) -> bool:
        """The connection has carried the whole answer and nothing else, and may carry another one."""
        return self._answer.reusable

    def send(self, target: Target) -> None:
        """Hand the whole request, which was checked, to the connection."""
        request = self._request
        lines = [
            f"{request.method} {request.path} HTTP/1.1\r\nhost: {authority(target)}\r\naccept-encoding: {OFFERED}\r\n"
        ]
        named = False
        for name, value in request.headers:
            named = named or name.lower() == "user-agent"
            lines.append(f"{name}: {value}\r\n")
        if not named:
            lines.append(_AGENT)
        if request.body or request.method in _WITH_BODY:
            lines.append(f"content-length: {len(request.body)}\r\n")
        lines.append("\r\n")
        if not self.connection.write("".join(lines).encode("ascii") + request.body):
            detail = "the connection ended before the request was written"
            raise UpstreamFailedError(FailureReason.CLOSED, detail, sent=False)

    async def head(self) -> tuple[int, Mapping[str, str]]:
        """Status and headers of the final answer."""
        while (head := self._answer.head()) is None:
            self._answer.receive(await self._read())
        status, headers = head
        encoding = headers.get("content-encoding", "").lower()
        self._decoder = Decoder(encoding, self._limits.body_bytes, self._limits.decoded_ratio)
        return status, {name: value for name, value in headers.items() if name not in _NOT_PASSED_ON}

    async def piece(self) -> bytes | None:
        """The next decoded bytes of the body, at least one; None at its end. `head` comes first."""
        assert self._decoder is not None  # noqa: S101 - for the type
        while True:
            data = b"" if self._decoder.holds else self._answer.piece()
            if data is None:
                self._decoder.end()
                return None
            if not data and not self._decoder.holds:
                self._answer.receive(await self._read())
                continue
            self._pieces += 1
            if self._pieces % _PIECES_A_TURN == 0:
                await asyncio.sleep(0)
            if decoded := self._decoder.feed(data):
                return decoded

    async def _read(self) -> bytes:
        data = await self.connection.read()
        if data:
            return data
        if self.connection.timed_out:
            detail = f"no whole answer within {self._limits.seconds:g} s"
            raise UpstreamFailedError(FailureReason.TIMED_OUT, detail, sent=True)
        raise UpstreamFailedError(FailureReason.CLOSED, "the connection ended before the answer did", sent=True)


def authority(target: Target) -> str:
    """The Host header: the port only where it is not the scheme's own."""
    return target.host if target.port == _USUAL_PORT[target.scheme] else f"{target.host}:{target.port}"
