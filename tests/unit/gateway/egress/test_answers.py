# SPDX-License-Identifier: Apache-2.0
"""Hostile and broken answers: each ends within bounds, with its reason, and never with a part of a body."""

import asyncio
import gzip
import itertools
import zlib
from collections.abc import Iterable
from dataclasses import replace

import pytest

from genapps.gateway.egress.messages import (
    EgressLimits,
    FailureReason,
    OutboundRequest,
    OutboundResponse,
    UpstreamFailedError,
)
from tests.unit.gateway.egress.world import GET, LIMITS, OK, always, serving, upstream

SMALL = EgressLimits(seconds=20.0, body_bytes=1000, head_bytes=2000, header_count=10, decoded_ratio=10)
START = b"HTTP/1.1 200 OK\r\n"
CHUNKED = START + b"transfer-encoding: chunked\r\n\r\n"


def sized(body: bytes, *headers: bytes) -> bytes:
    lines = [START.rstrip(), *headers, b"content-length: %d" % len(body), b"", body]
    return b"\r\n".join(lines)


async def answered(*pieces: bytes, limits: EgressLimits = SMALL, method: str = "GET") -> OutboundResponse:
    async with serving(always(*pieces, asyncio.Event())) as server:
        return await upstream().send(server.service(), OutboundRequest(method, "/"), limits)


async def failed(*pieces: bytes, limits: EgressLimits = SMALL) -> FailureReason:
    with pytest.raises(UpstreamFailedError) as caught:
        await answered(*pieces, limits=limits)
    assert caught.value.sent
    return caught.value.reason


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 OK\r\ncontent-length: 0\r\n\r\n",
        START + b"\r\n",
        START + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        START + b"content-length: 2\r\ncontent-length: 3\r\n\r\nabc",
        START + b"content-length: 2, 3\r\n\r\nabc",
        START + b"content-length: -2\r\n\r\nab",
        START + b"content-length: +2\r\n\r\nab",
        START + b"content-length: 0x2\r\n\r\nab",
        START + b"content-length: \xb2\r\n\r\nab",
        START + b"content-length: " + b"9" * 30 + b"\r\n\r\n",
        START + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        START + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        START + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        START + b"content-length : 2\r\n\r\nab",
        START + b"bad name: 2\r\ncontent-length: 0\r\n\r\n",
        START + b"x: a\x00b\r\ncontent-length: 0\r\n\r\n",
        START + b" x: continued\r\ncontent-length: 0\r\n\r\n",
        CHUNKED + b"-2\r\nab\r\n0\r\n\r\n",
        CHUNKED + b"0x2\r\nab\r\n0\r\n\r\n",
        CHUNKED + b"2\r\nabXX0\r\n\r\n",
        CHUNKED + b"2\nab\r\n0\r\n\r\n",
        CHUNKED + b"zz\r\n",
        CHUNKED + b"2\r\nab\r\n0\r\nbad trailer\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 9 + OK,
    ],
)
async def test_what_is_not_one_well_framed_answer_is_a_failure(answer: bytes) -> None:
    assert await failed(answer) == FailureReason.MALFORMED


async def test_a_few_interim_answers_are_passed_over() -> None:
    assert (await answered(b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n" * 8 + OK)).body == b"ok"


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_an_answer_without_a_body_needs_no_length(status: bytes) -> None:
    assert (await answered(b"HTTP/1.1 " + status + b"\r\n\r\n")).body == b""


async def test_the_answer_to_head_may_name_the_length_of_what_it_does_not_bring() -> None:
    assert (await answered(START + b"content-length: 1000000\r\n\r\n", method="HEAD")).body == b""


async def test_a_body_may_be_as_large_as_its_limit_and_no_larger() -> None:
    assert len((await answered(sized(b"x" * 1000))).body) == 1000
    assert await failed(sized(b"x" * 1001)) == FailureReason.BODY_TOO_LARGE
    chunks = [b"1f4\r\n" + b"x" * 500 + b"\r\n"] * 2
    assert len((await answered(CHUNKED, *chunks, b"0\r\n\r\n")).body) == 1000
    assert await failed(CHUNKED, *chunks, b"1\r\nx\r\n0\r\n\r\n") == FailureReason.BODY_TOO_LARGE


async def test_a_body_that_is_announced_too_large_is_not_awaited() -> None:
    assert await failed(START + b"content-length: 1001\r\n\r\n") == FailureReason.BODY_TOO_LARGE


async def test_an_endless_body_ends_at_its_limit() -> None:
    def endless(_: bytes) -> Iterable[bytes]:
        return itertools.chain([CHUNKED], itertools.repeat(b"400\r\n" + b"x" * 1024 + b"\r\n"))

    async with serving(endless) as server:
        with pytest.raises(UpstreamFailedError) as caught:
            await upstream().send(server.service(), GET, replace(LIMITS, body_bytes=100_000))
        await server.anything_closed.wait()
    assert caught.value.reason == FailureReason.BODY_TOO_LARGE


@pytest.mark.parametrize("in_parts", [False, True])
async def test_a_head_may_be_as_large_as_its_limit_and_no_larger(in_parts: bool) -> None:
    def pieces(size: int) -> list[bytes]:
        whole = sized(b"ok", b"x: " + b"y" * size)
        return [whole[:size], whole[size:]] if in_parts else [whole]

    assert (await answered(*pieces(1800))).body == b"ok"
    assert await failed(*pieces(2001)) == FailureReason.HEAD_TOO_LARGE


async def test_a_head_without_end_ends_at_its_limit() -> None:
    def endless(_: bytes) -> Iterable[bytes]:
        return itertools.chain([START], (b"x%d: y\r\n" % number for number in itertools.count()))

    async with serving(endless) as server:
        with pytest.raises(UpstreamFailedError) as caught:
            await upstream().send(server.service(), GET, SMALL)
        await server.anything_closed.wait()
    assert caught.value.reason == FailureReason.HEAD_TOO_LARGE


async def test_headers_are_counted() -> None:
    nine = [b"x%d: y" % number for number in range(9)]
    assert (await answered(sized(b"ok", *nine))).body == b"ok"
    assert await failed(sized(b"ok", *nine, b"z: y")) == FailureReason.HEAD_TOO_LARGE


async def test_a_body_in_tiny_pieces_is_refused() -> None:
    limits = replace(LIMITS, body_bytes=10_000_000)
    assert await failed(CHUNKED, b"1\r\nx\r\n" * 9000, limits=limits) == FailureReason.MALFORMED
    fine = await answered(CHUNKED, b"10\r\n" + b"x" * 16 + b"\r\n", b"1\r\nx\r\n" * 8000, b"0\r\n\r\n", limits=limits)
    assert len(fine.body) == 8016


async def test_chunk_extensions_and_trailers_are_bounded() -> None:
    extension = b"1;" + b"e" * 1500 + b"\r\nx\r\n"
    assert await failed(CHUNKED, *[extension] * 200) == FailureReason.MALFORMED
    assert await failed(CHUNKED, b"1;" + b"e" * 300_000) == FailureReason.HEAD_TOO_LARGE
    assert await failed(CHUNKED, b"0\r\n", b"t: " + b"e" * 300_000) == FailureReason.HEAD_TOO_LARGE
    assert (await answered(CHUNKED, extension, b"0\r\nt: e\r\n\r\n")).body == b"x"


async def test_what_follows_an_answer_answers_nothing() -> None:
    """Response splitting: bytes after the answer are never taken for the next one."""
    async with serving(always(OK + b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")) as server:
        sender = upstream()
        for _ in range(3):
            assert (await sender.send(server.service(), GET, LIMITS)).body == b"ok"
    assert server.connections == 3


async def test_what_comes_unasked_later_answers_nothing() -> None:
    later, seen = asyncio.Event(), asyncio.Event()

    def script(_: bytes) -> Iterable[bytes | asyncio.Event]:
        yield OK
        yield later
        yield b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"
        seen.set()

    async with serving(script) as server:
        sender = upstream()
        await sender.send(server.service(), GET, LIMITS)
        later.set()
        await seen.wait()
        [[connection]] = sender._pool._idle.values()
        connection.data_received(await connection.read())  # until the loop has seen it
        assert (await sender.send(server.service(), GET, LIMITS)).body == b"ok"
    assert server.connections == 2


def encoded(body: bytes, encoding: bytes = b"gzip") -> bytes:
    return sized(body, b"content-encoding: " + encoding)


async def test_gzip_is_undone_and_no_longer_named() -> None:
    response = await answered(encoded(gzip.compress(b"hello" * 50)))
    assert response.body == b"hello" * 50
    assert response.headers == {}


async def test_an_encoding_is_for_nobody_who_gets_no_body() -> None:
    assert (await answered(START + b"content-encoding: gzip\r\n\r\n", method="HEAD")).body == b""


async def test_what_grows_beyond_the_limit_or_the_ratio_is_refused() -> None:
    assert len((await answered(encoded(gzip.compress(b"x" * 1000)))).body) == 1000
    assert await failed(encoded(gzip.compress(b"x" * 1001))) == FailureReason.BODY_TOO_LARGE
    wide = replace(SMALL, body_bytes=10_000_000)
    bomb = gzip.compress(b"x" * 9_000_000)
    assert await failed(encoded(bomb), limits=wide) == FailureReason.BODY_TOO_LARGE
    assert len((await answered(encoded(bomb), limits=replace(wide, decoded_ratio=2000))).body) == 9_000_000


@pytest.mark.parametrize(
    "answer",
    [
        encoded(b"br", b"br"),
        encoded(zlib.compress(b"x"), b"deflate"),
        encoded(gzip.compress(gzip.compress(b"x")), b"gzip, gzip"),
        sized(gzip.compress(b"x"), b"content-encoding: gzip", b"content-encoding: gzip"),
        encoded(b"no gzip"),
        encoded(zlib.compress(b"x")),
        encoded(gzip.compress(b"hello")[:-1]),
        encoded(gzip.compress(b"hello") + b"more"),
        encoded(gzip.compress(b"hello") * 2),
        encoded(gzip.compress(b"hello")[:-8] + b"\0" * 8),
    ],
    ids=["br", "deflate", "twice", "two headers", "none", "zlib", "cut off", "trailing", "members", "checksum"],
)
async def test_other_encodings_and_broken_ones_are_refused(answer: bytes) -> None:
    assert await failed(answer) == FailureReason.ENCODING_INVALID
