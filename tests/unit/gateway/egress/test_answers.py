# SPDX-License-Identifier: Apache-2.0
"""Hostile and broken answers: each ends within bounds, with its reason, and never with a part of a body."""

import asyncio
import gzip
import itertools
import random
from collections.abc import Iterable
from dataclasses import replace

import pytest

from genapps.gateway.egress.connection import Connection
from genapps.gateway.egress.decoding import SLICE_BYTES
from genapps.gateway.egress.exchange import Exchange
from genapps.gateway.egress.messages import (
    EgressLimits,
    FailureReason,
    OutboundRequest,
    OutboundResponse,
    UpstreamFailedError,
)
from tests.support.turns import turns_of_others
from tests.unit.gateway.attacks.egress import BOUNDS
from tests.unit.gateway.egress.world import (
    CHUNKED,
    GET,
    HERE,
    LIMITS,
    OK,
    START,
    always,
    encoded,
    serving,
    sized,
    upstream,
)


async def answered(*pieces: bytes, limits: EgressLimits = BOUNDS, method: str = "GET") -> OutboundResponse:
    async with serving(always(*pieces, asyncio.Event())) as server:
        return await upstream().send(server.service(), OutboundRequest(method, "/"), limits)


async def failed(*pieces: bytes, limits: EgressLimits = BOUNDS) -> FailureReason:
    with pytest.raises(UpstreamFailedError) as caught:
        await answered(*pieces, limits=limits)
    assert caught.value.sent
    return caught.value.reason


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
        return itertools.chain([START], itertools.repeat(b"x: y\r\n" * 100))

    async with serving(endless) as server:
        with pytest.raises(UpstreamFailedError) as caught:
            await upstream().send(server.service(), GET, BOUNDS)
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


async def test_a_body_in_many_pieces_leaves_the_loop_to_others() -> None:
    async with serving(always(OK)) as server:
        connection = Connection(HERE)
        await asyncio.get_running_loop().create_connection(lambda: connection, HERE, server.port)
        exchange = Exchange(connection, GET, LIMITS)
        connection.data_received(CHUNKED + b"1\r\nx\r\n" * 8000 + b"0\r\n\r\n")
        async with turns_of_others() as turns:
            await exchange.head()
            while await exchange.piece() is not None:
                pass
        connection.abort()
    assert turns.count > 30


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


async def test_gzip_is_undone_and_no_longer_named() -> None:
    response = await answered(encoded(gzip.compress(b"hello" * 50)))
    assert response.body == b"hello" * 50
    assert response.headers == {}


async def test_an_encoding_is_for_nobody_who_gets_no_body() -> None:
    assert (await answered(START + b"content-encoding: gzip\r\n\r\n", method="HEAD")).body == b""


async def test_what_was_compressed_well_is_held_as_it_came_but_for_a_slice() -> None:
    content = b"".join(b"%d;name;2026-01-01;EUR;0.00\n" % number for number in range(100_000))
    async with serving(always(OK)) as server:
        connection = Connection(HERE)
        await asyncio.get_running_loop().create_connection(lambda: connection, HERE, server.port)
        exchange = Exchange(connection, GET, LIMITS)
        connection.data_received(encoded(gzip.compress(content)))
        await exchange.head()
        pieces = []
        while (piece := await exchange.piece()) is not None:
            pieces.append(piece)
        connection.abort()
    assert exchange.reusable
    assert (b"".join(pieces) == content, len(content) > 40 * SLICE_BYTES) == (True, True)
    assert {len(piece) for piece in pieces[:-1]} == {SLICE_BYTES}


@pytest.mark.parametrize("size", [0, 1, SLICE_BYTES - 1, SLICE_BYTES, SLICE_BYTES + 1, 2 * SLICE_BYTES])
async def test_slices_end_where_the_body_does(size: int) -> None:
    content = random.Random(1).randbytes(size)
    packed = gzip.compress(content)
    assert (await answered(encoded(packed), limits=LIMITS)).body == content
    for broken in (packed[:-1], packed + b"x"):
        assert await failed(encoded(broken), limits=LIMITS) == FailureReason.ENCODING_INVALID


async def test_what_grows_beyond_the_limit_or_the_ratio_is_refused() -> None:
    assert len((await answered(encoded(gzip.compress(b"x" * 1000)))).body) == 1000
    assert await failed(encoded(gzip.compress(b"x" * 1001))) == FailureReason.BODY_TOO_LARGE
    wide = replace(BOUNDS, body_bytes=10_000_000)
    bomb = gzip.compress(b"x" * 9_000_000)
    assert await failed(encoded(bomb), limits=wide) == FailureReason.BODY_TOO_LARGE
    assert len((await answered(encoded(bomb), limits=replace(wide, decoded_ratio=2000))).body) == 9_000_000
