# SPDX-License-Identifier: Apache-2.0
"""One request, one answer: what is sent, what comes back, and what is known when it fails."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop

from genapps.gateway.egress.messages import (
    EgressLimits,
    EgressReason,
    EgressRefusedError,
    FailureReason,
    OutboundRequest,
    UpstreamFailedError,
)
from tests.unit.gateway.egress.world import (
    END,
    GET,
    GONE,
    HERE,
    HOST,
    LIMITS,
    OK,
    always,
    server_tls,
    serving,
    upstream,
)


async def test_a_request_arrives_whole_and_its_answer_comes_back() -> None:
    answer = b"HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\nhi"
    request = OutboundRequest("POST", "/v1/rates?from=CHF", (("Accept", "text/plain"), ("X-Key", "k")), b'{"a":1}')
    async with serving(always(answer)) as server:
        response = await upstream().send(server.service(), request, LIMITS)
    assert (response.status, response.body) == (201, b"hi")
    assert response.headers == {"content-type": "text/plain"}
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert body == b'{"a":1}'
    assert sorted(head.split(b"\r\n")) == sorted(
        [
            b"POST /v1/rates?from=CHF HTTP/1.1",
            b"host: rates.team.svc:%d" % server.port,
            b"accept-encoding: gzip",
            b"Accept: text/plain",
            b"X-Key: k",
            b"user-agent: genapps-gateway",
            b"content-length: 7",
        ]
    )


async def test_equal_headers_of_an_answer_are_joined() -> None:
    answer = b"HTTP/1.1 200 OK\r\nvary: a\r\nVary: b\r\ncontent-length: 0\r\n\r\n"
    async with serving(always(answer)) as server:
        response = await upstream().send(server.service(), GET, LIMITS)
    assert response.headers == {"vary": "a, b"}
    assert response.body == b""


async def test_a_host_is_reached_at_its_address_with_its_name_in_tls_and_in_the_head(ca: Path) -> None:
    names: list[str] = []
    tls = server_tls()
    tls.sni_callback = lambda _, name, __: names.append(name)
    try:
        async with serving(always(OK), tls) as server:
            response = await upstream(ca=ca).send(server.public(), GET, LIMITS)
    finally:
        tls.sni_callback = None
    assert response.body == b"ok"
    assert names == [HOST]
    assert b"host: %s:%d\r\n" % (HOST.encode(), server.port) in server.requests[0]


async def test_a_certificate_of_another_host_is_refused(ca: Path) -> None:
    async with serving(always(OK), server_tls("other.example.com")) as server:
        with pytest.raises(UpstreamFailedError) as failed:
            await upstream(ca=ca).send(server.public(), GET, LIMITS)
    assert (failed.value.reason, failed.value.sent) == (FailureReason.TLS_FAILED, False)
    assert server.requests == []


async def test_an_authority_that_nobody_named_is_not_trusted() -> None:
    async with serving(always(OK), server_tls()) as server:
        with pytest.raises(UpstreamFailedError) as failed:
            await upstream().send(server.public(), GET, LIMITS)
    assert (failed.value.reason, failed.value.sent) == (FailureReason.TLS_FAILED, False)


async def test_a_service_may_be_reached_by_tls_which_is_verified(ca: Path) -> None:
    async with serving(always(OK), server_tls("rates.team.svc")) as server:
        target = replace(server.service(), scheme="https")
        assert (await upstream(ca=ca).send(target, GET, LIMITS)).body == b"ok"
        with pytest.raises(UpstreamFailedError) as failed:
            await upstream(ca=ca).send(replace(target, host="rates.other.svc"), GET, LIMITS)
    assert failed.value.reason == FailureReason.TLS_FAILED


async def test_where_nothing_listens_nothing_was_sent() -> None:
    async with serving(always(OK)) as server:
        target = server.service()
    with pytest.raises(UpstreamFailedError) as failed:
        await upstream().send(target, GET, LIMITS)
    assert (failed.value.reason, failed.value.sent) == (FailureReason.CONNECT_FAILED, False)


async def test_a_service_goes_on_to_its_next_pod() -> None:
    async with serving(always(OK)) as server:
        sender = upstream()
        target = server.service(HERE, GONE)
        answers = [await sender.send(replace(target, connector=name), GET, LIMITS) for name in ("one", "two")]
    assert [answer.body for answer in answers] == [b"ok", b"ok"]


async def test_a_name_without_an_address_and_a_service_without_a_pod_are_refused(ca: Path) -> None:
    async with serving(always(OK), server_tls()) as server:
        sender = upstream(lambda _: (), ca=ca)
        for target in (server.public("nothing.example.com"), replace(server.service(), addresses=())):
            with pytest.raises(EgressRefusedError) as refused:
                await sender.send(target, GET, LIMITS)
            assert (refused.value.reason, refused.value.sent) == (EgressReason.NAME_NOT_RESOLVED, False)
    assert server.connections == 0


@pytest.mark.parametrize(
    "pieces",
    [(), (b"HTTP/1.1 200 OK\r\n",), (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab",)],
    ids=["no answer", "a part of the head", "a part of the body"],
)
async def test_a_connection_that_ends_before_the_answer_may_have_carried_the_request(pieces: tuple[bytes, ...]) -> None:
    async with serving(always(*pieces, END)) as server:
        with pytest.raises(UpstreamFailedError) as failed:
            await upstream().send(server.service(), GET, LIMITS)
    assert (failed.value.reason, failed.value.sent) == (FailureReason.CLOSED, True)
    assert len(server.requests) == 1


async def test_an_answer_that_does_not_come_ends_with_the_time() -> None:
    never = asyncio.Event()
    async with serving(always(b"HTTP/1.1 200 OK\r\nx: ", never)) as server:
        with pytest.raises(UpstreamFailedError) as failed:
            await upstream().send(server.service(), GET, EgressLimits(seconds=0.05))
        assert (failed.value.reason, failed.value.sent) == (FailureReason.TIMED_OUT, True)
        never.set()
        await server.anything_closed.wait()


async def test_a_handshake_that_does_not_come_ends_with_the_time_and_nothing_was_sent(ca: Path) -> None:
    async with serving(always(OK)) as server:  # it waits for a head, and gets the beginning of TLS
        with pytest.raises(UpstreamFailedError) as failed:
            await upstream(ca=ca).send(server.public(), GET, EgressLimits(seconds=5.0, connect_seconds=0.05))
    assert (failed.value.reason, failed.value.sent) == (FailureReason.TIMED_OUT, False)


async def test_a_cancelled_request_closes_its_connection() -> None:
    asked, never = asyncio.Event(), asyncio.Event()

    def script(_: bytes) -> tuple[asyncio.Event]:
        asked.set()
        return (never,)

    async with serving(script) as server:
        sending = asyncio.create_task(upstream().send(server.service(), GET, LIMITS))
        await asked.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        never.set()
        await server.anything_closed.wait()


async def test_a_stream_gives_each_piece_as_it_comes() -> None:
    more = asyncio.Event()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    async with serving(always(head, b"3\r\none\r\n", more, b"3\r\ntwo\r\n0\r\n\r\n")) as server:
        pieces = []
        async with upstream().stream(server.service(), GET, LIMITS) as response:
            assert response.headers["content-type"] == "text/event-stream"
            async for piece in response:
                pieces.append(piece)
                more.set()
    assert pieces == [b"one", b"two"]


async def test_a_stream_that_is_left_closes_its_connection() -> None:
    never = asyncio.Event()
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n"
    async with serving(always(head, never)) as server:
        async with upstream().stream(server.service(), GET, LIMITS) as response:
            assert await anext(response) == b"one"
        never.set()
        await server.anything_closed.wait()


async def test_who_reads_a_stream_slowly_makes_the_server_wait() -> None:
    size = 32 * 1024 * 1024
    piece = b"x" * 65536
    written = 0

    def script(_: bytes):  # type: ignore[no-untyped-def]
        nonlocal written
        yield b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size
        while written < size:
            yield piece
            written += len(piece)

    async with serving(script) as server:
        limits = replace(LIMITS, body_bytes=size)
        async with upstream().stream(server.service(), GET, limits) as response:
            before = -1
            while written > before:  # until the server cannot write any more
                before = written
                await asyncio.sleep(0.05)
            assert written < size
            assert sum([len(one) async for one in response]) == size


async def test_what_is_shown_of_a_request_holds_no_secret() -> None:
    request = OutboundRequest("POST", "/?key=secret", (("Authorization", "secret"),), b"secret")
    assert "secret" not in repr(request)


async def test_these_tests_run_on_the_loop_of_the_gateway() -> None:
    assert isinstance(asyncio.get_running_loop(), uvloop.Loop)
