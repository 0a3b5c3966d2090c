# SPDX-License-Identifier: Apache-2.0
"""Which requests share a connection, and that none is ever sent twice."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace

import pytest

from genapps.gateway.egress import pool
from genapps.gateway.egress.connection import Connection
from genapps.gateway.egress.messages import FailureReason, OutboundRequest, Target, UpstreamFailedError
from genapps.gateway.egress.pool import Pool
from tests.unit.gateway.egress.world import END, GET, GONE, HERE, LIMITS, OK, always, serving, upstream


async def test_requests_of_one_connector_and_credential_share_a_connection() -> None:
    async with serving(always(OK)) as server:
        sender = upstream()
        for _ in range(3):
            await sender.send(server.service(), GET, LIMITS)
        async with sender.stream(server.service(), GET, LIMITS) as response:
            assert await response.read() == b"ok"
        assert server.connections == 1
        await sender.send(server.service(), replace(GET, credential_id="other"), LIMITS)
        assert server.connections == 2
        await sender.send(replace(server.service(), connector="other"), GET, LIMITS)
        assert server.connections == 3
        await sender.send(server.service(host="other.team.svc"), GET, LIMITS)
        assert server.connections == 4
        await sender.send(server.service(HERE, GONE), GET, LIMITS)
        assert server.connections == 5


async def test_two_requests_at_once_have_two_connections() -> None:
    both = asyncio.Barrier(2)
    go = asyncio.Event()

    def script(_: bytes) -> Iterable[bytes | asyncio.Event]:
        waiting.append(asyncio.ensure_future(arrive()))
        return [go, OK]

    async def arrive() -> None:
        await both.wait()
        go.set()

    waiting: list[asyncio.Future[None]] = []
    async with serving(script) as server:
        sender = upstream()
        await asyncio.gather(*(sender.send(server.service(), GET, LIMITS) for _ in range(2)))
        assert server.connections == 2
    await asyncio.gather(*waiting)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ],
)
async def test_a_connection_that_the_server_will_close_is_not_used_again(answer: bytes) -> None:
    async with serving(always(answer)) as server:
        sender = upstream()
        for _ in range(2):
            await sender.send(server.service(), GET, LIMITS)
    assert server.connections == 2


async def test_a_connection_that_was_closed_meanwhile_is_noticed() -> None:
    async with serving(always(OK, END)) as server:
        sender = upstream()
        await sender.send(server.service(), GET, LIMITS)
        await server.anything_closed.wait()
        assert (await sender.send(server.service(), GET, LIMITS)).body == b"ok"
    assert server.connections == 2


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
async def test_a_request_whose_reused_connection_ends_without_an_answer_is_not_sent_again(method: str) -> None:
    def script(request: bytes) -> Iterable[bytes | None]:
        return [OK] if b"/first" in request else [END]

    async with serving(script) as server:
        sender = upstream()
        await sender.send(server.service(), OutboundRequest("GET", "/first"), LIMITS)
        with pytest.raises(UpstreamFailedError) as failed:
            await sender.send(server.service(), OutboundRequest(method, "/second"), LIMITS)
    assert (failed.value.reason, failed.value.sent) == (FailureReason.CLOSED, True)
    assert (server.connections, len(server.requests)) == (1, 2)


async def test_an_answer_before_the_request_was_taken_ends_the_connection() -> None:
    """What is left of a request must not be the beginning of the next one."""
    seen = 0

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        seen += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await writer.drain()
        await gone.wait()
        writer.transport.abort()

    gone = asyncio.Event()
    server = await asyncio.start_server(connected, HERE, 0, limit=1024)
    async with server:
        port = server.sockets[0].getsockname()[1]
        sender = upstream()
        target = Target("rates", "http", "rates.team.svc", port, (HERE,))
        large = OutboundRequest("POST", "/", body=b"x" * 32_000_000)
        assert (await sender.send(target, large, LIMITS)).body == b"ok"
        assert (await sender.send(target, GET, LIMITS)).body == b"ok"
        assert seen == 2
        gone.set()


async def test_connections_wait_briefly_and_in_bounded_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "IDLE_SECONDS", 0.01)
    monkeypatch.setattr(pool, "MOST_OF_ONE", 2)
    waiting = Pool()
    async with serving(always(OK)) as server:
        loop = asyncio.get_running_loop()
        key = (server.service(), "")
        opened = [Connection(HERE) for _ in range(3)]
        for connection in opened:
            await loop.create_connection(lambda one=connection: one, HERE, server.port)  # type: ignore[misc]
            waiting.give(key, connection)
        assert [connection.quiet for connection in opened] == [True, True, False]
        while server.closed < 3:
            await asyncio.wait_for(server.anything_closed.wait(), 5)
            server.anything_closed.clear()
        assert waiting.take(key) is None
        assert not waiting._idle
        assert waiting._count == 0


async def test_a_connection_is_broken_off_at_the_time_that_was_set_last() -> None:
    loop = asyncio.get_running_loop()
    connection = Connection(HERE)
    async with serving(always(OK)) as server:
        await loop.create_connection(lambda: connection, HERE, server.port)
        for seconds in (0.01, 20.0, 0.02, None, 0.03, 0.1):
            connection.expire_at(None if seconds is None else loop.time() + seconds)
        due = loop.time() + 0.1
        assert await connection.read() == b""
        assert connection.timed_out
        assert loop.time() >= due - 0.01
        await server.anything_closed.wait()


async def test_an_old_connection_is_not_kept() -> None:
    waiting = Pool()
    async with serving(always(OK)) as server:
        connection = Connection(HERE)
        await asyncio.get_running_loop().create_connection(lambda: connection, HERE, server.port)
        connection.opened_at -= pool.AGE_SECONDS
        waiting.give((server.service(), ""), connection)
        assert waiting.take((server.service(), "")) is None
        await server.anything_closed.wait()


async def test_a_connection_that_has_ended_already_is_not_kept() -> None:
    waiting = Pool()
    async with serving(always(OK)) as server:
        connection = Connection(HERE)
        await asyncio.get_running_loop().create_connection(lambda: connection, HERE, server.port)
        connection.abort()
        await server.anything_closed.wait()
        waiting.give((server.service(), ""), connection)
    assert not waiting._idle


async def test_closing_ends_all_that_wait() -> None:
    async with serving(always(OK)) as server:
        sender = upstream()
        await sender.send(server.service(), GET, LIMITS)
        sender.close()
        await server.anything_closed.wait()
