# SPDX-License-Identifier: Apache-2.0
"""Each case of the table, however its bytes are cut: the answers and what the app sees are the same."""

import asyncio
import re
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps_runtime.serve.connection import Connection, Shared
from genapps_runtime.serve.held_bytes import HeldBytes
from genapps_runtime.serve.limits import HttpLimits
from genapps_runtime.serve.messages import Exchange, Request
from tests.unit.runtime.http_cases import CASES, CHUNKED, GET, H2C, HELLO, NEXT, POST, Case
from tests.unit.runtime.http_server import BODY_LIMIT, serving, told

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

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.requests: list[Request] = []
        shared = Shared(HttpLimits(BODY_LIMIT), HeldBytes(10**6), self._submit)
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


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_the_table_holds_wherever_the_bytes_are_cut(case: Case) -> None:
    for pieces in cuts(case.sent):
        outcome = Outcome(pieces)
        cut = len(pieces[0])
        assert outcome.statuses == case.statuses, cut
        assert outcome.seen == case.seen, cut
        assert (outcome.closed, outcome.announced) == (case.closed, case.closed), cut


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_the_table_holds_on_a_socket(case: Case) -> None:
    async with serving() as server:
        caller = await server.connect()
        caller.send(case.sent)
        assert [(await caller.reply())[0] for _ in case.statuses] == case.statuses
        if not case.closed:
            caller.writer.write_eof()
        assert await caller.rest() == b""
        assert [(request.method, request.path, request.body) for request in server.seen] == case.seen


async def test_the_app_sees_the_head_and_nothing_of_the_trailer() -> None:
    head = b"POST /one HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\ntrailer: x\r\nx: head\r\n\r\n"
    trailer = b"5\r\nhello\r\n0\r\nx: trailer\r\ncontent-type: text/evil\r\n\r\n"
    for pieces in cuts(head + trailer + NEXT):
        first, second = Outcome(pieces).requests
        assert first.headers == [
            (b"host", b"a"), (b"transfer-encoding", b"chunked"), (b"trailer", b"x"), (b"x", b"head"),
        ]  # fmt: skip
        assert second.headers == [(b"host", b"a")]


async def test_fields_that_are_repeated_all_stay() -> None:
    fields = b"Cookie: a=1\r\nX-Forwarded-For: 10.0.0.1\r\ncookie: b=2\r\nx-forwarded-for: 10.0.0.2\r\n"
    [request] = Outcome([GET + fields + b"\r\n"]).requests
    assert request.headers[1:] == [
        (b"cookie", b"a=1"), (b"x-forwarded-for", b"10.0.0.1"), (b"cookie", b"b=2"), (b"x-forwarded-for", b"10.0.0.2"),
    ]  # fmt: skip


async def test_an_offer_is_declined_as_if_it_had_not_been_made() -> None:
    [request] = Outcome([POST + b"x: \xe9\r\n" + H2C + b"content-length: 5\r\n\r\nhello"]).requests
    assert [name for name, _ in request.headers] == [b"host", b"x", b"connection", b"http2-settings", b"content-length"]
    assert dict(request.headers)[b"x"] == b"\xe9"


async def test_the_host_of_an_absolute_target_goes_before_the_fields() -> None:
    [request] = Outcome([b"GET http://b.c:80/d?e=%20f HTTP/1.1\r\nx: y\r\nhost: a\r\n\r\n"]).requests
    assert request.headers == [(b"x", b"y"), (b"host", b"b.c:80")]
    assert (request.path, request.query) == ("/d", "e=%20f")


FRAGMENTS = [
    GET, POST, CHUNKED, NEXT, H2C, HELLO, b"\r\n", b"\n", b"\r", b" ", b":", b"0\r\n\r\n", b"host: b\r\n", b"hello",
    b"content-length: 5\r\n", b"transfer-encoding: chunked\r\n", b"connection: close\r\n", b"upgrade: x\r\n",
    b"connection: upgrade\r\n", b"expect: 100-continue\r\n", b"x: y\r\n", b"5\r\n", b"\0", b"\xff", b"HTTP/1.1\r\n",
]  # fmt: skip


@given(st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=3), max_size=12).map(b"".join), st.data())
def test_whatever_is_sent_the_cuts_do_not_matter(sent: bytes, data: st.DataObject) -> None:
    places = sorted(data.draw(st.sets(st.integers(0, len(sent)), max_size=5)))
    pieces = [sent[at:until] for at, until in zip([0, *places], [*places, len(sent)], strict=True) if at < until]

    async def compared() -> None:
        whole = Outcome([sent])
        assert whole == Outcome(pieces)
        assert set(whole.statuses) <= {200, 400, 417, 413, 431}
        assert all(status == 200 for status in whole.statuses[:-1])

    asyncio.run(compared())
