# SPDX-License-Identifier: Apache-2.0
"""Real sockets: TLS with our authority, renewal under an open listener, limits of a connection, the canary."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from genapps.gateway import protocol
from genapps.gateway.health import HealthApp
from genapps.gateway.listeners import Listener, canary, listener
from genapps.gateway.metrics import Metrics
from genapps.gateway.tls.certificates import LEAF_LIFE, new_authority
from genapps.gateway.tls.trust import ServingCertificate
from tests.unit.gateway.world import Installation

HOST = "gateway.genapps-system.svc"
REQUEST = b"GET /v1/healthz HTTP/1.1\r\nhost: gateway\r\n"
START = datetime.now(UTC) - LEAF_LIFE * 2 / 3
"""The first certificate is due for renewal now."""


@pytest.fixture
def serving() -> ServingCertificate:
    return ServingCertificate(new_authority(HOST, START), HOST, START)


@asynccontextmanager
async def running(server: Listener) -> AsyncIterator[Listener]:
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(30):
        while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0.01)
    try:
        yield server
    finally:
        server.should_exit = True
        await task


@pytest.fixture
async def calls(gateway: Installation, serving: ServingCertificate) -> AsyncIterator[Listener]:
    async with running(listener(gateway.app, 0, serving.context)) as server:
        yield server


def port(server: asyncio.base_events.Server) -> int:
    """With a port of 0 each address family has its own."""
    [number] = [bound.getsockname()[1] for bound in server.sockets if bound.family is socket.AF_INET]
    return int(number)


def trusting(serving: ServingCertificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_verify_locations(cadata=serving.authority.certificate.decode())
    return context


async def connect(
    server: Listener, serving: ServingCertificate, name: str = HOST
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(
        "127.0.0.1", port(server.servers[0]), ssl=trusting(serving), server_hostname=name, ssl_handshake_timeout=30
    )


def certificate(writer: asyncio.StreamWriter) -> bytes:
    found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return found


async def test_the_authority_proves_the_host_and_no_other(calls: Listener, serving: ServingCertificate) -> None:
    reader, writer = await connect(calls, serving)
    writer.write(REQUEST + b"connection: close\r\n\r\n")
    reply = await reader.read()
    assert reply.startswith(b"HTTP/1.1 200")
    assert reply.endswith(b'{"status":"ok"}')
    writer.close()
    with pytest.raises(ssl.SSLCertVerificationError):
        await connect(calls, serving, "gateway.elsewhere.svc")


async def test_a_renewal_keeps_the_listener_and_open_connections(calls: Listener, serving: ServingCertificate) -> None:
    reader, writer = await connect(calls, serving)
    before = certificate(writer)
    assert serving.renew_if_due(serving.leaf.renew_at)
    _, later = await connect(calls, serving)
    assert certificate(later) != before
    later.close()
    writer.write(REQUEST + b"connection: close\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_a_head_without_end_is_cut_off(calls: Listener, serving: ServingCertificate) -> None:
    reader, writer = await connect(calls, serving)
    writer.write(REQUEST + b"x: " + b"y" * (2 * protocol.HEAD_LIMIT))
    assert (await reader.read()).startswith(b"HTTP/1.1 400")
    writer.close()


@asynccontextmanager
async def drained(server: Listener, drain_seconds: float) -> AsyncIterator["asyncio.Task[None]"]:
    """It accepts nothing more; the task ends when the rest of the drain is over."""
    listening = server.servers[0]
    where = port(listening)
    draining = asyncio.create_task(server.drain(0, drain_seconds))
    while listening.is_serving():  # noqa: ASYNC110 (there is no event for it)
        await asyncio.sleep(0)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", where)
    yield draining
    await draining
    assert server.should_exit


async def test_a_gateway_that_ends_serves_open_connections_and_closes_them_with_the_answer(
    gateway: Installation, calls: Listener, serving: ServingCertificate
) -> None:
    reader, writer = await connect(calls, serving)
    gateway.app.draining = True
    async with drained(calls, 60):
        writer.write(REQUEST + b"\r\n")
        reply = await reader.read()
        assert reply.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in reply
        writer.close()


async def test_what_is_idle_at_the_end_of_the_drain_is_closed(calls: Listener, serving: ServingCertificate) -> None:
    reader, writer = await connect(calls, serving)
    async with drained(calls, 0.1):
        pass
    assert await reader.read() == b""
    writer.close()


async def test_what_runs_at_the_end_of_the_drain_is_finished(serving: ServingCertificate) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_scope: Any, _receive: Any, send: Any) -> None:
        begun.set()
        await go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    async with running(listener(slow, 0, serving.context, 60)) as server:  # type: ignore[arg-type]
        reader, writer = await connect(server, serving)
        writer.write(REQUEST + b"\r\n")
        await begun.wait()
        async with drained(server, 0.1):
            pass
        go_on.set()
        assert b"done" in await reader.read()
        writer.close()


class Impatient(protocol.BoundedHttp):
    """Waits too briefly for any head that is not sent at once."""

    head_seconds = 0.05


async def test_a_head_that_does_not_come_is_not_waited_for(gateway: Installation, serving: ServingCertificate) -> None:
    server = listener(gateway.app, 0, serving.context)
    server.config.http = Impatient
    async with running(server):
        reader, writer = await connect(server, serving)
        writer.write(REQUEST)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()


async def test_bodies_of_refused_requests_do_not_become_the_next_request(
    calls: Listener, serving: ServingCertificate
) -> None:
    reader, writer = await connect(calls, serving)
    inner = REQUEST + b"\r\n"
    head = f"POST /v1/calls HTTP/1.1\r\nhost: gateway\r\ncontent-length: {len(inner)}\r\n\r\n".encode()
    writer.write(head + inner)
    reply = await reader.read()
    assert reply.count(b"HTTP/1.1 ") == 1
    assert reply.startswith(b"HTTP/1.1 401")
    writer.close()


async def test_plain_text_on_the_tls_port_gets_no_answer(calls: Listener) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port(calls.servers[0]))
    writer.write(REQUEST + b"\r\n")
    assert not (await reader.read()).startswith(b"HTTP/")
    writer.close()


async def test_the_canary_accepts_says_nothing_and_hangs_up() -> None:
    server = await canary(0)
    async with server:
        reader, writer = await asyncio.open_connection("127.0.0.1", port(server))
        assert await reader.read() == b""
        writer.close()


async def test_health_tells_what_is_missing_and_ready_only_when_nothing_is() -> None:
    missing = ["records"]
    health = listener(HealthApp(lambda: tuple(missing), Metrics()), 0)
    async with running(health):
        base = f"http://127.0.0.1:{port(health.servers[0])}"
        async with aiohttp.ClientSession(base) as session:
            async with session.get("/livez") as live, session.get("/readyz") as not_ready:
                assert (live.status, not_ready.status) == (200, 503)
                assert await not_ready.text() == "waiting for records\n"
            missing.clear()
            async with session.get("/readyz") as ready, session.get("/metrics") as metrics, session.get("/x") as other:
                assert (ready.status, metrics.status, other.status) == (200, 200, 404)
                assert "genapps_gateway_records" in await metrics.text()


async def test_beyond_so_many_connections_a_request_is_refused(
    gateway: Installation, serving: ServingCertificate
) -> None:
    app = HealthApp(lambda: (), gateway.metrics)
    async with running(listener(app, 0, serving.context, connections=2)) as server:
        held = await connect(server, serving)
        reader, writer = await connect(server, serving)
        writer.write(b"GET /livez HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 503 ")
        for each in (held[1], writer):
            each.close()
        await held[1].wait_closed()
        async with asyncio.timeout(30):
            while server.server_state.connections:  # noqa: ASYNC110 (uvicorn has no event for it)
                await asyncio.sleep(0.01)
        reader, writer = await connect(server, serving)
        writer.write(b"GET /livez HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        writer.close()
