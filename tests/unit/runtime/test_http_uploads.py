# SPDX-License-Identifier: Apache-2.0
"""Connections whose request begins before its body is there: every cut of the bytes, and every way to go."""

import asyncio
import base64

import pytest

from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.limits import HttpLimits
from genapps_runtime.serve.messages import Exchange, Reply, problem_reply
from genapps_runtime.serve.upload import HELD_BYTES
from tests.runtime.harness import until
from tests.unit.runtime.http_cases import CHUNKED, GET, NEXT, POST
from tests.unit.runtime.http_server import BODY_LIMIT, held, serving, told

LIMITS = HttpLimits(BODY_LIMIT, upload_bytes=3 * BODY_LIMIT, linger_seconds=0.2)
BODY = bytes(range(256)) * 8
LONG = POST + b"content-length: %d\r\n\r\n" % len(BODY) + BODY
IN_CHUNKS = CHUNKED + b"%x\r\n" % 900 + BODY[:900] + b"\r\n%x;a=b\r\n" % 1148 + BODY[900:] + b"\r\n0\r\nx: y\r\n\r\n"


def taken(exchange: Exchange) -> None:
    """Take all of a long body, and answer with it."""
    upload = exchange.upload
    if upload is None:
        told(exchange)
        return
    loop, found = asyncio.get_running_loop(), bytearray()

    def go_on() -> None:
        while upload.ready:
            try:
                piece = upload.take()
            except ProblemError as problem:
                exchange.reply(problem_reply(problem, exchange.request.id))
                return
            if piece is None:
                exchange.reply(Reply(200, [], bytes(found)))
                return
            found.extend(piece["text"].encode() if "text" in piece else base64.b64decode(piece["base64"]))
        upload.wait(lambda: loop.call_soon(go_on))

    go_on()


@pytest.mark.parametrize("sent", [LONG, IN_CHUNKS], ids=["announced", "in chunks"])
async def test_a_long_body_is_the_same_wherever_its_bytes_are_cut(sent: bytes) -> None:
    async with serving(LIMITS) as server:
        server.answers = taken
        caller = await server.connect()
        for at in [*range(1, 120), *range(120, len(sent), 97)]:
            server.seen.clear()
            caller.send(sent[:at])
            await asyncio.sleep(0)
            caller.send(sent[at:] + NEXT)
            status, _, body = await caller.reply()
            assert (status, body) == (200, BODY), at
            assert (await caller.reply())[2] == b"GET /next "
        assert server.listener.held_bytes == 0


async def test_one_byte_more_than_the_limit_is_the_end_of_its_request(capfd: pytest.CaptureFixture[str]) -> None:
    async with serving(LIMITS) as server:
        server.answers = taken
        for size, status in ((3 * BODY_LIMIT, 200), (3 * BODY_LIMIT + 1, 413)):
            caller = await server.connect()
            caller.send(CHUNKED + b"%x\r\n" % size + b"x" * size + b"\r\n0\r\n\r\n")
            assert (await caller.reply())[0] == status
        assert await caller.rest() == b""
    assert "runtime failed" not in capfd.readouterr().out


@pytest.mark.parametrize("missing", [1, 1000, len(BODY)])
async def test_an_answer_that_does_not_wait_for_the_body_can_be_read_and_the_connection_ends(missing: int) -> None:
    async with serving(LIMITS) as server:
        caller = await server.connect()
        caller.send(LONG[:-missing])
        status, fields, body = await caller.reply()
        assert (status, fields["connection"], body) == (200, "close", b"POST /one ")
        caller.send(LONG[-missing:] + NEXT)
        assert await caller.rest() == b""
        assert len(server.seen) == 1, "nothing of the body passes for a request"
        assert server.listener.held_bytes == 0


@pytest.mark.parametrize("how", ["close", "abort", "write_eof"])
@pytest.mark.parametrize("sent", [LONG[:-9], LONG[: -len(BODY)], IN_CHUNKS[:-30], LONG])
async def test_whoever_goes_away_leaves_nothing_behind(how: str, sent: bytes) -> None:
    async with serving(LIMITS) as server:
        server.answers = taken
        caller = await server.connect()
        caller.send(sent)
        await server.until_begun(1)
        getattr(caller.writer.transport, how)()
        await until(lambda: server.listener.connections == 0)
        assert server.listener.held_bytes == 0


async def test_a_long_body_behind_another_request_waits_and_counts() -> None:
    async with serving(HttpLimits(BODY_LIMIT, upload_bytes=3 * BODY_LIMIT, pipelined=2)) as server:
        server.answers = held
        caller = await server.connect()
        caller.send(GET + b"\r\n" + LONG + NEXT)
        await server.until_begun(1)
        assert server.listener.held_bytes >= HELD_BYTES
        server.answers = taken
        told(server.exchanges[0])
        assert [(await caller.reply())[2] for _ in range(3)] == [b"GET /one ", BODY, b"GET /next "]
        assert server.listener.held_bytes == 0


async def test_at_the_end_a_long_body_that_comes_is_still_answered() -> None:
    async with serving(LIMITS) as server:
        server.answers = taken
        caller = await server.connect()
        caller.send(LONG[:-1])
        await server.until_begun(1)
        closing = asyncio.create_task(server.listener.close(30.0))
        await asyncio.sleep(0)
        caller.send(LONG[-1:])
        status, fields, body = await caller.reply()
        assert (status, fields["connection"], body) == (200, "close", BODY)
        await closing
