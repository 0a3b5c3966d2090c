# SPDX-License-Identifier: Apache-2.0
"""Connections of the app's HTTP server on real sockets: order, bodies on demand, callers that go away, and the end."""

import asyncio
import socket

import pytest

from genapps_runtime.serve.limits import HttpLimits
from genapps_runtime.serve.messages import Exchange, Reply
from tests.runtime.harness import until
from tests.unit.runtime.http_cases import CHUNKED, GET, HELLO, NEXT, POST
from tests.unit.runtime.http_server import BODY_LIMIT, WAITING_SECONDS, Caller, held, serving, told

ONE = GET + b"\r\n"
LARGE = Reply(200, [], b"x" * 2**24)
"""More than the kernel buffers for a caller who does not read."""


async def test_replies_leave_in_the_order_of_the_requests() -> None:
    async with serving() as server:
        server.answers = held
        caller = await server.connect()
        caller.send(b"".join(b"GET /%d HTTP/1.1\r\nhost: a\r\n\r\n" % number for number in range(3)))
        for number in range(3):
            await server.until_begun(number + 1)
            assert len(server.seen) == number + 1, "one runs at a time"
            told(server.exchanges[number])
            assert (await caller.reply())[2] == b"GET /%d " % number


async def test_a_refusal_waits_for_the_replies_before_it() -> None:
    async with serving() as server:
        server.answers = held
        caller = await server.connect()
        caller.send(ONE + b"nonsense\r\n\r\n")
        await server.until_begun(1)
        told(server.exchanges[0])
        assert [(await caller.reply())[0] for _ in range(2)] == [200, 400]
        assert await caller.rest() == b""


async def test_no_more_is_read_while_enough_requests_wait() -> None:
    async with serving(HttpLimits(BODY_LIMIT, pipelined=4)) as server:
        server.answers = held
        caller = await server.connect()
        caller.send(ONE * 300_000)
        await server.until_begun(1)
        assert caller.writer.transport.get_write_buffer_size() > 0, "the kernel's buffers are full, and not ours"
        assert server.listener.held_bytes < 300 * 1024
        server.answers = told
        told(server.exchanges[0])
        for _ in range(1000):
            assert (await caller.reply())[0] == 200
        caller.reset()
        await until(lambda: server.listener.held_bytes == 0)


async def test_the_body_is_asked_for_when_it_is_wanted() -> None:
    async with serving() as server:
        caller = await server.connect()
        caller.send(POST + b"expect: 100-continue\r\ncontent-length: 5\r\n\r\n")
        assert await caller.head() == (100, {})
        caller.send(b"hello")
        status, _, body = await caller.reply()
        assert (status, body) == (200, b"POST /one hello")


async def test_a_body_is_asked_for_after_the_replies_before_it() -> None:
    async with serving() as server:
        server.answers = held
        caller = await server.connect()
        caller.send(ONE + POST + b"expect: 100-continue\r\ncontent-length: 5\r\n\r\n")
        await server.until_begun(1)
        told(server.exchanges[0])
        assert (await caller.reply())[0] == 200
        assert (await caller.head())[0] == 100
        server.answers = told
        caller.send(b"hello")
        assert (await caller.reply())[2] == b"POST /one hello"


@pytest.mark.parametrize("fields", [b"", b"expect: 100-continue\r\n"])
async def test_an_unwanted_body_is_refused_and_the_refusal_can_be_read(fields: bytes) -> None:
    async with serving(HttpLimits(BODY_LIMIT, linger_bytes=10_000)) as server:
        caller = await server.connect()
        caller.send(POST + fields + b"content-length: 50000000\r\n\r\n" + b"x" * 8000)
        status, announced, _ = await caller.reply()
        assert (status, announced["connection"]) == (413, "close")
        assert await caller.rest() == b""
        assert server.seen == []


async def test_whoever_goes_on_sending_an_unwanted_body_is_cut_off() -> None:
    async with serving(HttpLimits(BODY_LIMIT, linger_seconds=0.2, linger_bytes=100_000)) as server:
        caller = await server.connect()
        caller.send(POST + b"content-length: 50000000\r\n\r\n")
        assert (await caller.reply())[0] == 413
        with pytest.raises(ConnectionError):
            await _send_for_ever(caller)


async def test_the_answer_to_head_has_the_length_and_no_body() -> None:
    async with serving() as server:
        caller = await server.connect()
        caller.send(ONE.replace(b"GET", b"HEAD") + NEXT)
        status, fields = await caller.head()
        assert (status, fields["content-length"]) == (200, str(len(b"HEAD /one ")))
        assert (await caller.reply())[2] == b"GET /next "


@pytest.mark.parametrize("status", [204, 304])
async def test_a_reply_without_a_body_has_no_length(status: int) -> None:
    async with serving() as server:
        server.answers = lambda exchange: exchange.reply(Reply(status, [(b"x", b"y")], b"ignored"))
        caller = await server.connect()
        caller.send(ONE)
        found, fields = await caller.head()
        assert (found, fields) == (status, {"x": "y", "genapps-request-id": server.seen[0].id})
        server.answers = told
        caller.send(NEXT)
        assert (await caller.reply())[2] == b"GET /next "


async def test_a_large_reply_arrives_whole() -> None:
    async with serving() as server:
        server.answers = lambda exchange: exchange.reply(LARGE)
        caller = await server.connect()
        caller.send(ONE * 2)
        assert [(await caller.reply())[2] == LARGE.body for _ in range(2)] == [True, True]


async def test_before_there_is_an_app_the_answer_is_not_ready() -> None:
    async with serving(ready=False) as server:
        caller = await server.connect()
        caller.send(ONE)
        status, fields, body = await caller.reply()
        assert (status, fields["retry-after"]) == (503, "1")
        assert b'"code":"NotReady"' in body
        server.listener.serve(server.submit)
        caller.send(ONE)
        assert (await caller.reply())[0] == 200


async def test_a_fault_of_ours_is_an_answer_and_a_line_in_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    def fail(_: Exchange) -> None:
        raise LookupError("nothing there")

    async with serving() as server:
        server.answers = fail
        caller = await server.connect()
        caller.send(ONE)
        status, _, body = await caller.reply()
        assert status == 500
        assert b'"code":"RuntimeFailed"' in body
        assert b"nothing there" not in body
    assert "LookupError: nothing there" in capfd.readouterr().out


async def test_a_request_is_answered_once() -> None:
    async with serving() as server:
        caller = await server.connect()
        caller.send(ONE)
        await caller.reply()
        with pytest.raises(RuntimeError):
            told(server.exchanges[0])


async def test_callers_that_went_away_are_told_to_the_app_and_what_they_sent_is_forgotten() -> None:
    left: list[str] = []

    def begin(exchange: Exchange) -> None:
        exchange.on_gone = lambda: left.append(exchange.request.path)

    async with serving() as server:
        server.answers = begin
        caller = await server.connect()
        caller.send(ONE + CHUNKED + HELLO + POST + b"content-length: 100\r\n\r\nhalf")
        await server.until_begun(1)
        assert server.listener.held_bytes > 0
        caller.reset()
        await until(lambda: server.listener.held_bytes == 0)
        assert left == ["/one"]
        assert server.exchanges[0].gone
        told(server.exchanges[0])  # too late, and no error
        assert len(server.seen) == 1


async def test_a_caller_who_only_closed_their_side_gets_all_answers() -> None:
    async with serving() as server:
        server.answers = held
        caller = await server.connect()
        caller.send(ONE + CHUNKED + HELLO + NEXT + POST + b"content-length: 9\r\n\r\nhalf")
        await server.until_begun(1)
        caller.writer.write_eof()
        assert await caller.head() == (100, {})
        for number, body in enumerate((b"GET /one ", b"POST /one hello", b"GET /next ")):
            await server.until_begun(number + 1)
            assert not server.exchanges[number].gone
            told(server.exchanges[number])
            status, fields, found = await caller.reply()
            assert (status, found) == (200, body)
            assert fields.get("connection") == ("close" if number == 2 else None)
        assert await caller.rest() == b""
        assert len(server.seen) == 3, "a request that is not whole is not begun"


async def test_a_caller_who_closed_their_side_gets_a_long_answer_and_a_refusal_too() -> None:
    async with serving() as server:
        server.answers = lambda exchange: exchange.reply(LARGE)
        caller = await server.connect()
        caller.send(ONE + b"nonsense\r\n\r\n")
        caller.writer.write_eof()
        assert (await caller.reply())[2] == LARGE.body
        assert (await caller.reply())[0] == 400
        assert await caller.rest() == b""


async def test_an_old_caller_who_closed_their_side_gets_nothing_but_the_answer() -> None:
    async with serving() as server:
        server.answers = held
        caller = await server.connect()
        caller.send(ONE.replace(b"1.1", b"1.0"))
        await server.until_begun(1)
        caller.writer.write_eof()
        await until(lambda: bool(server.connection()._half_closed))
        told(server.exchanges[0])
        assert (await caller.rest()).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("sent", [ONE, CHUNKED + HELLO])
async def test_a_caller_who_has_closed_both_sides_is_found_out(sent: bytes) -> None:
    async with serving() as server:
        server.answers = held
        caller = await server.connect()
        caller.send(sent + NEXT)
        await server.until_begun(1)
        caller.writer.close()
        await until(lambda: server.exchanges[0].gone)
        assert server.listener.connections == 0
        assert len(server.seen) == 1, "what was not begun is not begun any more"


@pytest.mark.parametrize(
    "sent", [b"", b"GET /one HT", POST + b"content-length: 9\r\n\r\nhalf", CHUNKED + b"5\r\nhel", ONE]
)
@pytest.mark.parametrize("how", ["close", "abort", "write_eof"])
async def test_whoever_goes_away_in_any_phase_leaves_nothing_behind(sent: bytes, how: str) -> None:
    async with serving() as server:
        caller = await server.connect()
        caller.send(sent)
        if sent == ONE:
            await caller.reply()
        await until(lambda: server.listener.connections == 1)
        getattr(caller.writer.transport, how)()
        await until(lambda: server.listener.connections == 0)
        assert server.listener.held_bytes == 0


async def test_at_the_end_who_has_just_connected_is_answered() -> None:
    async with serving() as server:
        caller = await server.connect()
        await until(lambda: bool(server.listener.connections))
        closing = asyncio.create_task(server.listener.close(30.0))
        await asyncio.sleep(0)
        caller.send(ONE)
        assert (await caller.reply())[0] == 200
        await closing


async def test_at_the_end_idle_connections_close_and_running_requests_are_answered() -> None:
    async with serving() as server:
        server.answers = held
        idle, running, uploading = [await server.connect() for _ in range(3)]
        running.send(CHUNKED + HELLO + NEXT)
        uploading.send(POST + b"content-length: 5\r\n\r\nhel")
        await server.until_begun(1)
        await until(lambda: server.listener.held_bytes > 5)
        closing = asyncio.create_task(server.listener.close(30.0))
        assert await idle.rest() == b""
        with pytest.raises(ConnectionRefusedError):
            await server.connect()
        server.answers = told
        told(server.exchanges[0])
        assert [(await running.reply())[1].get("connection") for _ in range(2)] == [None, "close"]
        uploading.send(b"lo")
        status, fields, body = await uploading.reply()
        assert (status, fields["connection"], body) == (200, "close", b"POST /one hello")
        await closing


async def test_the_end_does_not_wait_for_ever() -> None:
    async with serving() as server:
        server.answers = held
        caller = await server.connect()
        caller.send(ONE)
        await server.until_begun(1)
        await server.listener.close(0.05)
        assert await caller.rest() == b""
        await until(lambda: server.exchanges[0].gone)


async def test_two_writes_of_a_reply_do_not_wait_for_each_other() -> None:
    async with serving() as server:
        caller = await server.connect()
        caller.send(ONE)
        await caller.reply()
        found = server.connection()._transport.get_extra_info("socket")
        assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def _send_for_ever(caller: Caller) -> None:
    async with asyncio.timeout(WAITING_SECONDS):
        while True:
            caller.send(b"x" * 65536)
            await caller.writer.drain()
            await asyncio.sleep(0)
