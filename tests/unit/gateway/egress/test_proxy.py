# SPDX-License-Identifier: Apache-2.0
"""The platform's proxy gets the address that was checked, and only what is TLS goes through it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from genapps.gateway.egress.addresses import Ranges
from genapps.gateway.egress.messages import (
    EgressLimits,
    EgressReason,
    EgressRefusedError,
    FailureReason,
    UpstreamFailedError,
)
from genapps.gateway.egress.proxy import Proxy, parse_proxy
from tests.unit.gateway.egress.world import (
    GET,
    HERE,
    HOST,
    LIMITS,
    OK,
    always,
    listening,
    server_tls,
    serving,
    upstream,
)

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


@dataclass
class SeenByProxy:
    port: int = 0
    heads: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def proxying(to_port: int, answer: bytes = ESTABLISHED) -> AsyncIterator[SeenByProxy]:
    """Answers CONNECT, and connects what it lets through to a port of this host."""
    seen = SeenByProxy()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            seen.heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            if answer == ESTABLISHED:
                inner_reader, inner_writer = await asyncio.open_connection(HERE, to_port)
                await asyncio.gather(_pass(reader, inner_writer), _pass(inner_reader, writer))
            await reader.read()
        finally:
            writer.close()

    async with listening(connected) as seen.port:
        yield seen


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
    finally:
        writer.close()


@pytest.mark.parametrize("resolves_names", [False, True])
async def test_a_tunnel_is_named_by_the_checked_address_and_tls_is_verified_inside(
    ca: Path, resolves_names: bool
) -> None:
    asked: list[str] = []

    def lookup(name: str) -> tuple[str, ...]:
        asked.append(name)
        return (HERE,)

    async with serving(always(OK), server_tls()) as server, proxying(server.port) as proxy:
        sender = upstream(lookup, proxy=Proxy(HERE, proxy.port, resolves_names), ca=ca)
        for _ in range(2):
            assert (await sender.send(server.public(), GET, LIMITS)).body == b"ok"
        sender.close()
    named = b"%s:%d" % ((HOST if resolves_names else HERE).encode(), server.port)
    assert proxy.heads == [b"CONNECT %s HTTP/1.1\r\nhost: %s\r\n\r\n" % (named, named)]
    assert asked == ([] if resolves_names else [HOST])
    assert len(server.requests) == 2


async def test_behind_a_proxy_addresses_are_checked_as_without(ca: Path) -> None:
    async with proxying(1) as proxy:
        sender = upstream(lambda _: ("10.1.2.3",), ranges=Ranges(), proxy=Proxy(HERE, proxy.port), ca=ca)
        async with serving(always(OK)) as server:
            with pytest.raises(EgressRefusedError) as refused:
                await sender.send(server.public(), GET, LIMITS)
    assert refused.value.reason == EgressReason.ADDRESS_REFUSED
    assert proxy.heads == []


async def test_a_name_inside_is_refused_also_when_the_proxy_resolves_names() -> None:
    async with proxying(1) as proxy, serving(always(OK)) as server:
        sender = upstream(proxy=Proxy(HERE, proxy.port, resolves_names=True))
        with pytest.raises(EgressRefusedError) as refused:
            await sender.send(server.public("kubernetes.default.svc"), GET, LIMITS)
    assert refused.value.reason == EgressReason.TARGET_INVALID
    assert proxy.heads == []


async def test_a_service_is_reached_without_the_proxy() -> None:
    async with serving(always(OK)) as server, proxying(1) as proxy:
        assert (await upstream(proxy=Proxy(HERE, proxy.port)).send(server.service(), GET, LIMITS)).body == b"ok"
    assert proxy.heads == []


async def test_another_certificate_inside_the_tunnel_is_refused(ca: Path) -> None:
    async with serving(always(OK), server_tls("other.example.com")) as server, proxying(server.port) as proxy:
        with pytest.raises(UpstreamFailedError) as failed:
            await upstream(proxy=Proxy(HERE, proxy.port), ca=ca).send(server.public(), GET, LIMITS)
    assert (failed.value.reason, failed.value.sent) == (FailureReason.TLS_FAILED, False)
    assert server.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nlocation: https://evil.example/\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"x: " + b"y" * 20_000,
        ESTABLISHED + b"HTTP/1.1 200 OK\r\n",
    ],
    ids=["403", "407", "redirect", "switch", "ssh", "endless", "own words"],
)
async def test_a_proxy_that_does_not_let_through_is_a_failure(ca: Path, answer: bytes) -> None:
    async with serving(always(OK), server_tls()) as server, proxying(server.port, answer) as proxy:
        with pytest.raises(UpstreamFailedError) as failed:
            await upstream(proxy=Proxy(HERE, proxy.port), ca=ca).send(server.public(), GET, LIMITS)
    assert (failed.value.reason, failed.value.sent) == (FailureReason.PROXY_FAILED, False)
    assert server.requests == []


async def test_a_proxy_that_is_not_there_or_never_answers_ends_in_time(ca: Path) -> None:
    limits = EgressLimits(seconds=20.0, connect_seconds=0.05)
    async with serving(always(OK), server_tls()) as server:
        async with proxying(server.port, b"") as proxy:
            sender = upstream(proxy=Proxy(HERE, proxy.port), ca=ca)
            with pytest.raises(UpstreamFailedError) as failed:
                await sender.send(server.public(), GET, limits)
            assert (failed.value.reason, failed.value.sent) == (FailureReason.TIMED_OUT, False)
        with pytest.raises(UpstreamFailedError) as failed:
            await sender.send(server.public(), GET, LIMITS)
    assert (failed.value.reason, failed.value.sent) == (FailureReason.CONNECT_FAILED, False)


def test_a_proxy_is_a_host_and_a_port() -> None:
    assert parse_proxy("http://proxy.example.com:3128/") == Proxy("proxy.example.com", 3128)
    assert parse_proxy("http://[fd00::1]:3128", resolves_names=True) == Proxy("fd00::1", 3128, resolves_names=True)


@pytest.mark.parametrize(
    "url",
    ["", "proxy:3128", "http://proxy", "https://proxy:3128", "http://user:password@proxy:3128", "http://proxy:0",
     "http://proxy:65536", "http://proxy:3128/path", "socks5://proxy:1080", "http://proxy:3128\n"],
)  # fmt: skip
def test_other_proxies_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        parse_proxy(url)
