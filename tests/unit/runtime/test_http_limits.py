# SPDX-License-Identifier: Apache-2.0
"""How much callers of the app's HTTP server may hold, and how long they may take."""

import pytest

from genapps_runtime.serve.limits import HttpLimits
from genapps_runtime.serve.messages import Reply
from tests.runtime.harness import until
from tests.unit.runtime.http_cases import CHUNKED, GET, HELLO, POST
from tests.unit.runtime.http_server import BODY_LIMIT, held, serving, told

ONE = GET + b"\r\n"
LARGE = Reply(200, [], b"x" * 2**24)
"""More than the kernel buffers for a caller who does not read."""


async def test_what_is_read_and_cannot_be_parsed_yet_counts_too() -> None:
    async with serving(HttpLimits(BODY_LIMIT, pipelined=1, held_bytes=30_000, head_bytes=1000)) as server:
        server.answers = held
        caller = await server.connect()
        caller.send(ONE * 5000)
        await server.until_begun(1)
        server.answers = told
        told(server.exchanges[0])
        statuses = [(await caller.reply())[0]]
        while statuses[-1] == 200:
            statuses.append((await caller.reply())[0])
        assert statuses[-1] == 503


async def test_who_does_not_read_a_reply_gets_no_other_and_no_endless_time() -> None:
    async with serving(HttpLimits(BODY_LIMIT, write_seconds=0.3)) as server:
        server.answers = lambda exchange: exchange.reply(LARGE)
        caller = await server.connect()
        caller.stop_reading()
        caller.send(ONE * 2)
        await server.until_begun(1)
        assert server.listener.held_bytes > 2**20
        await until(lambda: server.listener.held_bytes == 0)
        assert len(server.seen) == 1


async def test_replies_that_nobody_takes_keep_others_out() -> None:
    async with serving(HttpLimits(BODY_LIMIT, held_bytes=2**20)) as server:
        server.answers = lambda exchange: exchange.reply(LARGE)
        slow, other = await server.connect(), await server.connect()
        slow.stop_reading()
        slow.send(ONE)
        await server.until_begun(1)
        other.send(ONE)
        status, fields, _ = await other.reply()
        assert (status, fields["retry-after"]) == (503, "1")
        slow.read_on()
        assert (await slow.reply())[2] == LARGE.body
        await until(lambda: server.listener.held_bytes == 0)
        other.send(ONE)
        assert (await other.reply())[0] == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", None),
        (b"GET /one HT", 408),
        (POST + b"content-length: 10\r\n\r\nhello", 408),
        (POST + b"expect: 100-continue\r\ncontent-length: 10\r\n\r\n", 408),
        (CHUNKED + b"5\r\nhel", 408),
    ],
)
async def test_what_does_not_come_is_not_waited_for(sent: bytes, status: int | None) -> None:
    async with serving(HttpLimits(BODY_LIMIT, head_seconds=0.2, body_seconds=0.2)) as server:
        caller = await server.connect()
        caller.send(sent)
        if status is not None:
            found, fields, _ = await caller.reply()
            assert (found, fields["connection"]) == (status, "close")
        assert await caller.rest() == b""


async def test_an_idle_connection_ends_and_a_slow_head_on_it_has_its_own_time() -> None:
    async with serving(HttpLimits(BODY_LIMIT, head_seconds=0.2, idle_seconds=0.2)) as server:
        caller = await server.connect()
        caller.send(ONE)
        assert (await caller.reply())[0] == 200
        assert await caller.rest() == b""
    async with serving(HttpLimits(BODY_LIMIT, head_seconds=0.2)) as server:
        caller = await server.connect()
        caller.send(ONE + b"GET /sl")
        assert [(await caller.reply())[0] for _ in range(2)] == [200, 408]


async def test_a_running_request_has_the_time_that_the_app_gives_it() -> None:
    limits = HttpLimits(BODY_LIMIT, head_seconds=0.05, body_seconds=0.05, idle_seconds=0.05)
    async with serving(limits) as server:
        server.answers = held
        caller, timer = await server.connect(), await server.connect()
        caller.send(CHUNKED + HELLO)
        await server.until_begun(1)
        assert await timer.rest() == b"", "by now the first would have ended too"
        told(server.exchanges[0])
        assert (await caller.reply())[0] == 200


async def test_uploads_are_bounded_together_and_others_are_served_meanwhile() -> None:
    size, places = 64 * 1024, 4
    limits = HttpLimits(size, held_bytes=places * size, linger_seconds=0.2)
    async with serving(limits) as server:
        callers = [await server.connect() for _ in range(40)]
        for caller in callers:
            caller.send(POST + b"content-length: %d\r\n\r\n" % size + b"x" * (size - 1))
        await until(lambda: places * (size - 1) - size < server.listener.held_bytes <= places * size)
        other = await server.connect()
        other.send(ONE)
        assert (await other.reply())[0] == 200
        for caller in callers:
            caller.send(b"x")
        replies = [await caller.reply() for caller in callers]
        refused = [(status, fields.get("retry-after")) for status, fields, _ in replies if status != 200]
        assert set(refused) == {(503, "1")}
        assert places - 1 <= len(replies) - len(refused) <= places
        assert server.listener.held_bytes == 0


async def test_unfinished_heads_count_too() -> None:
    async with serving(HttpLimits(10, held_bytes=40_000, head_bytes=32_000)) as server:
        first, second = await server.connect(), await server.connect()
        first.send(GET + b"x: " + b"y" * 25_000)
        await until(lambda: server.listener.held_bytes > 25_000)
        second.send(GET + b"x: " + b"y" * 25_000)
        assert (await second.reply())[0] == 503


async def test_beyond_the_most_connections_the_idle_one_goes_and_then_the_new_one() -> None:
    async with serving(HttpLimits(BODY_LIMIT, connections=2, refused_connections=1)) as server:
        server.answers = held
        busy = await server.connect()
        busy.send(CHUNKED + HELLO)
        await server.until_begun(1)
        idle = await server.connect()
        third = await server.connect()
        assert await idle.rest() == b""
        third.send(CHUNKED + HELLO)
        await server.until_begun(2)
        refused = await server.connect()
        status, fields, body = await refused.reply()
        assert (status, fields["connection"]) == (503, "close")
        assert b'"code":"Busy"' in body
        unanswered = await server.connect()
        assert await unanswered.rest() == b""
        for exchange in server.exchanges:
            told(exchange)
        assert [(await caller.reply())[0] for caller in (busy, third)] == [200, 200]
