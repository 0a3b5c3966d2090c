# SPDX-License-Identifier: Apache-2.0
"""What the app's HTTP server makes of bytes, without a socket: it gets them in the pieces that a test wants."""

import asyncio
import re
from collections.abc import Iterable, Iterator

from genapps_runtime.serve.connection import Connection
from genapps_runtime.serve.held_bytes import HeldBytes
from genapps_runtime.serve.limits import HttpLimits
from genapps_runtime.serve.messages import Exchange, Request
from genapps_runtime.serve.shared import Shared
from tests.unit.runtime.http_server import BODY_LIMIT, told

WIDE_BYTES = 1000
"""Larger cases are cut at a few places only."""

HEAD = re.compile(rb"HTTP/1\.1 (\d\d\d) (.*?)\r\n\r\n", re.DOTALL)


class RecordedTransport(asyncio.Transport):
    """Takes everything that is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closing = False
        self.ended = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.ended
        self.written += data

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Outcome:
    """What a connection did with the pieces that it was given."""

    def __init__(self, pieces: Iterable[bytes], body_limit: int = BODY_LIMIT) -> None:
        self.requests: list[Request] = []
        shared = Shared(HttpLimits(body_limit), HeldBytes(10**6), self._submit)
        transport, connection = RecordedTransport(), Connection(shared)
        connection.connection_made(transport)
        for piece in pieces:
            if not transport.closing:
                connection.data_received(piece)
        self.closed = transport.closing or transport.ended
        heads = [head for head in HEAD.findall(transport.written) if head[0] != b"100"]
        self.statuses = [int(status) for status, _ in heads]
        self.announced = bool(heads) and b"connection: close" in heads[-1][1]
        connection.connection_lost(None)
        assert shared.held.held == 0
        assert not shared.connections

    def _submit(self, exchange: Exchange) -> None:
        self.requests.append(exchange.request)
        told(exchange)

    @property
    def seen(self) -> list[tuple[str, str, bytes]]:
        return [(request.method, request.path, request.body) for request in self.requests]

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, Outcome)
        return (self.statuses, self.closed, self.seen) == (other.statuses, other.closed, other.seen)

    __hash__ = None  # type: ignore[assignment]


def cuts(sent: bytes) -> Iterator[list[bytes]]:
    """In one piece, in two at every place, and byte by byte."""
    yield [sent]
    places = range(1, len(sent)) if len(sent) <= WIDE_BYTES else range(1, len(sent), len(sent) // 50)
    for place in places:
        yield [sent[:place], sent[place:]]
    yield [sent[at : at + 1] for at in range(len(sent))]
