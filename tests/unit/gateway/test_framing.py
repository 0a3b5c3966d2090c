# SPDX-License-Identifier: Apache-2.0
"""Where a request ends, on real sockets: nothing in a body is ever taken for a request."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from genapps.gateway.listeners import Listener, listener
from genapps.gateway.messages import BODY_LIMIT
from genapps.gateway.protocol import BODY_PIECES
from tests.unit.gateway.test_listeners import Impatient, port, running
from tests.unit.gateway.world import Installation

HOST = b"host: gateway\r\n"
INNER = b"GET /v1/healthz HTTP/1.1\r\nhost: gateway\r\n\r\n"
LAST = b"GET /v1/healthz HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\r\n"
H2C = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAAAAIAAAAA\r\n"
CHUNKS = b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
WAITING_SECONDS = 30.0


@pytest.fixture
async def server(gateway: Installation) -> AsyncIterator[Listener]:
    async with running(listener(gateway.app, 0)) as server:
        yield server


def heartbeat(gateway: Installation) -> bytes:
    """The beginning of a request that is answered with 200 when its body is `{}`."""
    return b"POST /v1/heartbeat HTTP/1.1\r\n" + HOST + authorization(gateway)


def authorization(gateway: Installation) -> bytes:
    return b"authorization: Bearer " + gateway.issuer.token().encode() + b"\r\n"


async def exchange(server: Listener, *pieces: bytes) -> tuple[list[int], bytes]:
    """The statuses and everything that comes back until the server closes. The pieces arrive one by one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port(server.servers[0]))
    async with asyncio.timeout(WAITING_SECONDS):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.02)
        found = await reader.read()
    writer.close()
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d\d\d) ", found)], found


@pytest.mark.parametrize("offer", [H2C, b"connection: upgrade\r\nupgrade: websocket\r\n", b""])
@pytest.mark.parametrize(
    "framing", [(b"content-length: 2\r\n\r\n", b"{}"), (b"transfer-encoding: chunked\r\n\r\n", b"2\r\n{}\r\n0\r\n\r\n")]
)
@pytest.mark.parametrize("apart", [False, True])
async def test_an_offer_of_another_protocol_is_ignored_and_the_body_is_a_body(
    gateway: Installation, server: Listener, offer: bytes, framing: tuple[bytes, bytes], apart: bool
) -> None:
    head, body = heartbeat(gateway) + offer + framing[0], framing[1]
    pieces = (head, body, LAST) if apart else (head + body + LAST,)
    statuses, found = await exchange(server, *pieces)
    assert statuses == [200, 200]
    assert b'"suspended":false' in found


@pytest.mark.parametrize("apart", [False, True])
async def test_a_request_in_a_body_is_not_answered(gateway: Installation, server: Listener, apart: bool) -> None:
    head = heartbeat(gateway) + H2C + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(INNER)
    statuses, _ = await exchange(server, *((head, INNER) if apart else (head + INNER,)))
    assert statuses == [400], "it is not JSON"


@pytest.mark.parametrize(
    "fields",
    [
        HOST + HOST,
        b"",
        HOST + b"content-length: 2\r\ncontent-length: 3\r\n",
        HOST + b"content-length: 2\r\ntransfer-encoding: chunked\r\n",
        HOST + b"transfer-encoding: chunked\r\ncontent-length: 2\r\n",
        HOST + b"transfer-encoding: gzip, chunked\r\n",
        HOST + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        HOST + b"content-length : 2\r\n",
        HOST + b"x: a\0b\r\n",
    ],
)  # fmt: skip
async def test_what_can_be_read_in_two_ways_ends_the_connection(
    gateway: Installation, server: Listener, fields: bytes
) -> None:
    head = heartbeat(gateway).replace(HOST, fields)
    statuses, _ = await exchange(server, head + b"\r\n" + INNER)
    assert len(statuses) == 1
    assert statuses[0] in (400, 501)


async def test_a_trailer_proves_nobody(gateway: Installation, server: Listener) -> None:
    without = b"POST /v1/heartbeat HTTP/1.1\r\n" + HOST
    assert (await exchange(server, without + CHUNKS + authorization(gateway) + b"\r\n"))[0] == [401]
    statuses, _ = await exchange(server, heartbeat(gateway) + CHUNKS + b"authorization: Bearer x\r\n\r\n" + LAST)
    assert statuses == [200, 200]


async def test_a_body_is_asked_for_only_when_it_is_wanted(gateway: Installation, server: Listener) -> None:
    expecting = heartbeat(gateway) + b"expect: 100-continue\r\n"
    assert (await exchange(server, expecting + b"content-length: 2\r\n\r\n", b"{}" + LAST))[0] == [100, 200, 200]
    statuses, found = await exchange(server, expecting + b"content-length: %d\r\n\r\n" % (BODY_LIMIT + 1))
    assert statuses == [413]
    assert b"connection: close" in found
    unproven = b"POST /v1/heartbeat HTTP/1.1\r\n" + HOST + b"expect: 100-continue\r\ncontent-length: 2\r\n\r\n"
    assert (await exchange(server, unproven))[0] == [401]


async def test_a_body_in_more_pieces_than_there_may_be_is_refused(gateway: Installation, server: Listener) -> None:
    head = heartbeat(gateway) + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n"
    for more, expected in ((BODY_PIECES - 1, [200, 200]), (BODY_PIECES, [400])):
        statuses, _ = await exchange(server, head + b"1\r\n \r\n" * more + b"0\r\n\r\n" + LAST)
        assert statuses == expected


async def test_whoever_goes_on_sending_an_unwanted_body_is_cut_off(gateway: Installation, server: Listener) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port(server.servers[0]))
    writer.write(heartbeat(gateway) + b"content-length: 50000000000\r\n\r\n")
    async with asyncio.timeout(WAITING_SECONDS):
        assert (await reader.readline()).startswith(b"HTTP/1.1 413")
        with pytest.raises(ConnectionError):
            await _send_for_ever(writer)
    writer.close()


async def _send_for_ever(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()
        await asyncio.sleep(0)


@pytest.mark.parametrize("sent", [b"GET /v1/x", INNER + b"GET /v1/x"])
async def test_each_head_has_its_own_time(gateway: Installation, sent: bytes) -> None:
    server = listener(gateway.app, 0)
    server.config.http = Impatient
    async with running(server):
        statuses, _ = await exchange(server, sent)
    assert statuses == [200] * sent.count(INNER)


async def test_an_idle_connection_is_not_taken_for_a_slow_head(gateway: Installation) -> None:
    server = listener(gateway.app, 0)
    server.config.http = Impatient
    async with running(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", port(server.servers[0]))
        slow_reader, slow_writer = await asyncio.open_connection("127.0.0.1", port(server.servers[0]))
        writer.write(INNER)
        await reader.readuntil(b'"ok"}')
        assert await slow_reader.read() == b"", "by now the first would have ended too"
        slow_writer.close()
        writer.write(LAST)
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()
