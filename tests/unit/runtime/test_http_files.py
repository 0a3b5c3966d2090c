# SPDX-License-Identifier: Apache-2.0
"""Replies that many callers share: sent piece by piece, so that slow readers cost little and keep nobody out."""

import asyncio

from genapps_runtime.serve.connection import FILE_PIECE_BYTES
from genapps_runtime.serve.limits import HELD_BYTES, MIB, HttpLimits, held_beside
from genapps_runtime.serve.messages import Exchange, FileReply
from genapps_runtime.serve.reply_bytes import JOINED_BYTES, beginning
from tests.runtime.harness import until
from tests.unit.runtime.http_server import BODY_LIMIT, WAITING_SECONDS, Caller, serving, told

CONTENT = bytes(range(256)) * (16 * MIB // 256)
"""More than the kernel buffers of a connection."""
FILE = FileReply(200, beginning(200, [(b"etag", b'"1"')]), CONTENT)
SMALL = FileReply(200, beginning(200, []), b"x" * JOINED_BYTES)
ONE = b"GET /file HTTP/1.1\r\nhost: x\r\n\r\n"
HEAD = b"HEAD /file HTTP/1.1\r\nhost: x\r\n\r\n"
LAST = b"GET /file HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
SLOW = 40


def shared(exchange: Exchange) -> None:
    """`/file` is a large file; anything else is told."""
    if exchange.request.path == "/file":
        exchange.reply(FILE)
    else:
        told(exchange)


def later(exchange: Exchange) -> None:
    asyncio.get_running_loop().call_soon(shared, exchange)


async def test_a_large_file_arrives_whole_and_what_was_asked_for_after_it() -> None:
    for answers in (shared, later):
        async with serving(HttpLimits(BODY_LIMIT)) as server:
            server.answers = answers
            caller = await server.connect()
            caller.send(ONE + HEAD + b"GET /after HTTP/1.1\r\nhost: x\r\n\r\n" + ONE)
            status, fields, body = await caller.reply()
            assert (status, fields["etag"], int(fields["content-length"])) == (200, '"1"', len(CONTENT))
            assert body == CONTENT
            assert int((await caller.head())[1]["content-length"]) == len(CONTENT)
            assert (await caller.reply())[2] == b"GET /after "
            assert (await caller.reply())[2] == CONTENT
            assert server.listener.held_bytes == 0


async def test_a_file_that_is_the_last_reply_arrives_whole_before_the_end() -> None:
    async with serving(HttpLimits(BODY_LIMIT)) as server:
        server.answers = shared
        caller = await server.connect()
        caller.stop_reading()
        caller.send(LAST)
        await server.until_begun(1)
        caller.read_on()
        status, fields, body = await caller.reply()
        assert (status, fields["connection"], body == CONTENT) == (200, "close", True)
        assert await caller.rest() == b""


async def test_slow_readers_of_a_file_hold_a_piece_each_and_keep_nobody_out() -> None:
    async with serving(HttpLimits(BODY_LIMIT, held_bytes=SLOW * 2 * FILE_PIECE_BYTES)) as server:
        server.answers = shared
        slow = [await server.connect() for _ in range(SLOW)]
        for caller in slow:
            caller.stop_reading()
            caller.send(ONE)
        await server.until_begun(SLOW)
        await until(lambda: server.listener.held_bytes > 0)
        assert server.listener.held_bytes <= SLOW * FILE_PIECE_BYTES
        other = await server.connect()
        other.send(b"GET /quick HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await other.reply())[2] == b"GET /quick "
        for caller in slow:
            caller.read_on()
            assert (await caller.reply())[2] == CONTENT
        await until(lambda: server.listener.held_bytes == 0)


async def test_who_takes_a_file_too_slowly_is_cut_off() -> None:
    async with serving(HttpLimits(BODY_LIMIT, write_seconds=0.3)) as server:
        server.answers = shared
        caller = await server.connect()
        caller.stop_reading()
        caller.send(ONE * 2)
        await server.until_begun(1)
        assert server.listener.held_bytes > 0
        await until(lambda: server.listener.held_bytes == 0)
        assert len(server.seen) == 1


async def test_who_takes_a_piece_now_and_then_has_no_endless_time() -> None:
    async with serving(HttpLimits(BODY_LIMIT, write_seconds=0.5)) as server:
        server.answers = shared
        caller = await server.connect()
        caller.send(LAST)
        await server.until_begun(1)
        assert await _trickled(caller) < len(CONTENT)


async def _trickled(caller: Caller) -> int:
    """What arrives of a reply that is read a little at a time until the other end gives up."""
    total = 0
    try:
        async with asyncio.timeout(WAITING_SECONDS):
            while piece := await caller.reader.read(FILE_PIECE_BYTES):
                total += len(piece)
                caller.stop_reading()
                await asyncio.sleep(0.02)
                caller.read_on()
    except ConnectionError:
        pass
    return total


async def test_who_hangs_up_in_the_middle_of_a_file_holds_nothing() -> None:
    async with serving(HttpLimits(BODY_LIMIT)) as server:
        server.answers = shared
        caller = await server.connect()
        caller.stop_reading()
        caller.send(ONE)
        await server.until_begun(1)
        await until(lambda: server.listener.held_bytes > 0)
        caller.reset()
        await until(lambda: server.listener.held_bytes == 0)


async def test_a_small_file_leaves_in_one_piece_with_its_head() -> None:
    async with serving(HttpLimits(BODY_LIMIT)) as server:
        server.answers = lambda exchange: exchange.reply(SMALL)
        caller = await server.connect()
        caller.send(ONE * 3)
        for _ in range(3):
            assert (await caller.reply())[2] == SMALL.body


def test_what_the_code_takes_is_not_there_for_callers() -> None:
    assert held_beside(0) == HELD_BYTES
    assert held_beside(8 * MIB) == HELD_BYTES - 4 * MIB
    assert held_beside(100 * MIB) == HELD_BYTES // 2
