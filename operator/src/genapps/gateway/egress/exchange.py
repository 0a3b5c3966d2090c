# SPDX-License-Identifier: Apache-2.0
"""One request and its answer on one connection. h11 judges the bytes; what it leaves open is decided here.

The end of a body must be certain: an answer with both framings, or with none, is refused, because a body that lasts
until the connection closes cannot be told from one that was cut.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import h11

from genapps.gateway.egress.connection import Connection
from genapps.gateway.egress.decoding import OFFERED, Decoder
from genapps.gateway.egress.messages import (
    EgressLimits,
    FailureReason,
    OutboundRequest,
    Target,
    UpstreamFailedError,
)

AGENT = b"genapps-gateway"
_INTERIM_ANSWERS = 8
_FRAMING_BYTES = 64 * 1024
_FREE_PIECES = 8 * 1024
_BYTES_A_PIECE = 16
_PIECES_A_TURN = 256
_NOT_PASSED_ON = frozenset(
    {"connection", "content-encoding", "content-length", "keep-alive", "set-cookie", "transfer-encoding", "trailer",
     "upgrade", "alt-svc"}
)  # fmt: skip
_BODYLESS = (204, 304)
_HTTPS_PORT, _HTTP_PORT = 443, 80


class Exchange:
    """`sent`: whether a byte of the request may have left. Its methods raise UpstreamFailedError."""

    def __init__(self, connection: Connection, limits: EgressLimits) -> None:
        self.connection = connection
        self.sent = False
        self._limits = limits
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=limits.head_bytes)
        self._decoder: Decoder | None = None
        self._method = ""
        self._wire = 0
        self._body = 0
        self._pieces = 0

    @property
    def reusable(self) -> bool:
        """The answer is complete, nothing follows it, and both sides keep the connection."""
        done = self._http.our_state is h11.DONE and self._http.their_state is h11.DONE
        return done and not self._http.trailing_data[0]

    def send(self, target: Target, request: OutboundRequest) -> None:
        """Hand the whole request to the connection."""
        self._method = request.method
        headers = [(b"host", authority(target)), (b"accept-encoding", OFFERED.encode())]
        named = False
        for name, value in request.headers:
            named = named or name.lower() == "user-agent"
            headers.append((name.encode("ascii"), value.encode("ascii")))
        if not named:
            headers.append((b"user-agent", AGENT))
        if request.body or request.method in ("POST", "PUT", "PATCH"):
            headers.append((b"content-length", b"%d" % len(request.body)))
        head = h11.Request(method=request.method, target=request.path, headers=headers)
        data = self._http.send(head) or b""
        if request.body:
            data += self._http.send(h11.Data(data=request.body)) or b""
        data += self._http.send(h11.EndOfMessage()) or b""
        # Before the write: once bytes are handed over, nobody knows what becomes of them.
        self.sent = self.connection.write(data)
        if not self.sent:
            raise self._failed(FailureReason.CLOSED, "the connection ended before the request was written")

    async def head(self) -> tuple[int, Mapping[str, str]]:
        """Status and headers of the final answer."""
        for _ in range(_INTERIM_ANSWERS + 1):
            event = await self._event()
            if isinstance(event, h11.Response):
                return self._judge_head(event)
            if not isinstance(event, h11.InformationalResponse):
                raise self._failed(FailureReason.MALFORMED, "no answer where one is due")
        raise self._failed(FailureReason.MALFORMED, f"more than {_INTERIM_ANSWERS} interim answers")

    async def piece(self) -> bytes | None:
        """The next decoded bytes of the body, at least one; None at its end."""
        assert self._decoder is not None  # noqa: S101 - `head` comes first
        while True:
            event = await self._event()
            if isinstance(event, h11.EndOfMessage):
                self._decoder.end()
                return None
            if not isinstance(event, h11.Data):
                raise self._failed(FailureReason.MALFORMED, "no body where one is due")
            await self._count(len(event.data))
            if data := self._decoder.feed(bytes(event.data)):
                return data

    async def _count(self, size: int) -> None:
        """A body in tiny pieces costs much more than its bytes say."""
        self._body += size
        self._pieces += 1
        if self._pieces > _FREE_PIECES + self._body // _BYTES_A_PIECE:
            raise self._failed(FailureReason.MALFORMED, "the body comes in too many pieces")
        if self._pieces % _PIECES_A_TURN == 0:
            await asyncio.sleep(0)

    async def _event(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            try:
                event = self._http.next_event()
                if not isinstance(event, type) or event is h11.PAUSED:
                    return event
                if self._wire - self._body > self._limits.head_bytes + _FRAMING_BYTES + self._body:
                    raise self._failed(FailureReason.MALFORMED, "the answer is mostly framing")
                data = await self.connection.read()
                self._wire += len(data)
                if not data and self.connection.timed_out:
                    raise self._failed(FailureReason.TIMED_OUT, f"no whole answer within {self._limits.seconds:g} s")
                if not data:
                    raise self._failed(FailureReason.CLOSED, "the connection ended before the answer did")
                self._http.receive_data(data)
            except h11.RemoteProtocolError as error:
                if error.error_status_hint == 431:
                    raise self._failed(FailureReason.HEAD_TOO_LARGE, "the head is too large") from None
                raise self._failed(FailureReason.MALFORMED, "the answer is not HTTP") from None

    def _judge_head(self, response: h11.Response) -> tuple[int, Mapping[str, str]]:
        if len(response.headers) > self._limits.header_count:
            raise self._failed(FailureReason.HEAD_TOO_LARGE, f"more than {self._limits.header_count} headers")
        headers: dict[str, str] = {}
        size = 0
        for name, value in response.headers:
            key, text = name.decode("ascii"), value.decode("latin-1")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
            size += len(key) + len(text)
        # h11 looks at the size of heads that come in parts only.
        if size > self._limits.head_bytes:
            raise self._failed(FailureReason.HEAD_TOO_LARGE, f"more than {self._limits.head_bytes} bytes of headers")
        self._judge_framing(response, headers)
        encoding = headers.get("content-encoding", "").lower()
        self._decoder = Decoder(encoding, self._limits.body_bytes, self._limits.decoded_ratio)
        return response.status_code, {name: text for name, text in headers.items() if name not in _NOT_PASSED_ON}

    def _judge_framing(self, response: h11.Response, headers: Mapping[str, str]) -> None:
        length, coded = headers.get("content-length"), "transfer-encoding" in headers
        if coded and (length is not None or response.http_version < b"1.1"):
            raise self._failed(FailureReason.MALFORMED, "the body has two lengths")
        if self._method == "HEAD" or response.status_code in _BODYLESS:
            return
        if length is None and not coded:
            raise self._failed(FailureReason.MALFORMED, "the body ends only with the connection")
        if length is not None and int(length) > self._limits.body_bytes:
            raise self._failed(FailureReason.BODY_TOO_LARGE, f"the body has more than {self._limits.body_bytes} bytes")

    def _failed(self, reason: FailureReason, detail: str) -> UpstreamFailedError:
        return UpstreamFailedError(reason, detail, sent=self.sent)


def authority(target: Target) -> bytes:
    """The Host header: the port only where it is not the scheme's own."""
    usual = _HTTPS_PORT if target.scheme == "https" else _HTTP_PORT
    return (
        target.host.encode("ascii") if target.port == usual else b"%s:%d" % (target.host.encode("ascii"), target.port)
    )
