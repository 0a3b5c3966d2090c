# SPDX-License-Identifier: Apache-2.0
import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.load.closed_loop import run_answer, run_load
from bench.load.generator import LoadFailedError, host_generator
from bench.load.job import Answer, Load, quantile
from genapps.gateway.tls.certificates import new_authority, new_leaf

Reply = Callable[[str], bytes]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
BROKEN = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 4\r\n\r\noops"


@asynccontextmanager
async def server(reply: Reply, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with_close = writer
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                with_close.write(reply(head.split(b" ")[1].decode()))
        except asyncio.IncompleteReadError:
            pass
        finally:
            with_close.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


async def test_a_load_of_a_number_of_requests_sends_exactly_that_many_each_with_its_own_path() -> None:
    paths: list[str] = []

    def reply(path: str) -> bytes:
        paths.append(path)
        return OK

    async with server(reply) as port:
        result = await run_load(Load("127.0.0.1", port, path="/{sequence}", connections=3, requests=10))
    assert (result.completed, result.failed) == (10, 0)
    assert sorted(paths, key=lambda path: int(path[1:])) == [f"/{number}" for number in range(10)]


async def test_a_load_of_some_seconds_uses_every_connection_and_knows_its_latencies() -> None:
    paths: set[str] = set()

    def reply(path: str) -> bytes:
        paths.add(path)
        return OK

    async with server(reply) as port:
        result = await run_load(Load("127.0.0.1", port, path="/{connection}", connections=4, seconds=0.2))
    assert paths == {"/0", "/1", "/2", "/3"}
    assert result.rate == result.completed / 0.2 > 0
    assert 0 < result.p50 <= result.p95 <= result.p99


async def test_an_error_is_counted_as_failed_and_told() -> None:
    async with server(lambda _: BROKEN) as port:
        result = await run_load(Load("127.0.0.1", port, requests=2))
    assert (result.completed, result.failed) == (0, 2)
    assert result.failure == "status 500: b'oops'"


async def test_a_connection_that_ends_early_is_a_failure() -> None:
    listening = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with listening:
        result = await run_load(Load("127.0.0.1", listening.sockets[0].getsockname()[1], seconds=5))
    assert result.failed == 1
    assert "connection lost" in result.failure


async def test_a_response_in_pieces_is_one_response() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for byte in OK:
            writer.write(bytes([byte]))
            await writer.drain()
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        result = await run_load(Load("127.0.0.1", listening.sockets[0].getsockname()[1], requests=1))
    assert (result.completed, result.failed) == (1, 0)


async def test_answers_in_the_warm_up_are_counted_apart() -> None:
    async with server(lambda _: OK) as port:
        result = await run_load(Load("127.0.0.1", port, connections=2, seconds=0.1, warm_up=0.1))
    assert result.answered > result.completed > 0
    assert 0 < result.busy <= 1


async def test_a_server_that_never_answers_is_given_up() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        with pytest.raises(TimeoutError, match="2 requests were not answered in time"):
            await run_load(Load("127.0.0.1", port, connections=2, requests=2, seconds=0, deadline=0.05))


async def test_a_load_at_a_rate_sends_no_more_than_is_due() -> None:
    async with server(lambda _: OK) as port:
        result = await run_load(Load("127.0.0.1", port, connections=4, seconds=0.2, rate=100.0))
    assert (result.failed, result.failure) == (0, "")
    assert 0 < result.answered <= 21


async def test_a_load_speaks_tls_to_whom_it_trusts_and_to_nobody_else(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    authority = new_authority("gateway.test", now)
    leaf = new_leaf(authority, "gateway.test", now)
    (tmp_path / "chain.pem").write_bytes(leaf.certificate + leaf.key)
    (tmp_path / "ca.crt").write_bytes(authority.certificate)
    (tmp_path / "other.crt").write_bytes(new_authority("gateway.test", now).certificate)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "chain.pem")
    load = Load("127.0.0.1", 0, name="gateway.test", connections=2, requests=6, ca_file=str(tmp_path / "ca.crt"))
    async with server(lambda _: OK, tls) as port:
        result = await run_load(replace(load, port=port))
        assert (result.completed, result.failed) == (6, 0)
        with pytest.raises(ssl.SSLCertVerificationError):
            await run_load(replace(load, port=port, ca_file=str(tmp_path / "other.crt")))


def test_a_request_with_a_body_says_its_length() -> None:
    request = Load("host", 1, method="POST", body='{"a": 1}', token="t").request(0, 0)
    assert request.endswith(b'Authorization: Bearer t\r\nContent-Length: 8\r\n\r\n{"a": 1}')


async def test_more_than_one_response_to_a_request_is_a_failure() -> None:
    async with server(lambda _: OK + OK) as port:
        result = await run_load(Load("127.0.0.1", port, requests=1))
    assert result.failed == 1
    assert "more bytes than one response" in result.failure


async def test_an_answer_is_awaited_through_refusals() -> None:
    replies = [BROKEN, BROKEN, OK]
    async with server(lambda _: replies.pop(0)) as port:
        result = await run_answer(Answer("127.0.0.1", port))
    assert result.body == "ok"
    assert result.attempts == 3
    assert replies == []


async def test_an_answer_that_does_not_come_in_time_is_an_error() -> None:
    async with server(lambda _: BROKEN) as port:
        with pytest.raises(TimeoutError):
            await run_answer(Answer("127.0.0.1", port, deadline=0.05))


async def test_the_generator_process_takes_jobs_and_refuses_a_load_with_failures() -> None:
    async with host_generator() as generator, server(lambda path: OK if path == "/" else BROKEN) as port:
        result = await generator.load(Load("127.0.0.1", port, requests=5))
        assert result.completed == 5
        assert (await generator.answer(Answer("127.0.0.1", port))).attempts == 1
        with pytest.raises(LoadFailedError, match="status 500"):
            await generator.load(Load("127.0.0.1", port, path="/broken", requests=1))
        with pytest.raises(LoadFailedError, match="TimeoutError"):
            await generator.answer(Answer("127.0.0.1", port, path="/broken", deadline=0.05))


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([], 0.5, 0.0), ([3.0], 0.95, 3.0), ([1.0, 2.0, 3.0, 4.0], 0.5, 2.0), (list(range(1, 101)), 0.95, 95)],
)
def test_a_quantile_is_a_value_that_was_seen(values: list[float], share: float, expected: float) -> None:
    assert quantile(values, share) == expected
