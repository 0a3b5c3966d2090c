# SPDX-License-Identifier: Apache-2.0
"""The platform's proxy: a tunnel by CONNECT, named by the address that was checked. TLS begins inside it."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from genapps.gateway.egress.answer import Answer
from genapps.gateway.egress.connection import Connection
from genapps.gateway.egress.messages import EgressLimits, FailureReason, UpstreamFailedError

_URL = re.compile(r"http://([A-Za-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\]):([0-9]{1,5})/?\Z")
# The time is the caller's.
_LIMITS = EgressLimits(seconds=0.0, head_bytes=8 * 1024)


@dataclass(frozen=True, slots=True)
class Proxy:
    """`resolves_names`: it is told host names, and what they lead to is its own decision, unchecked by the gateway."""

    host: str
    port: int
    resolves_names: bool = False


def parse_proxy(url: str, *, resolves_names: bool = False) -> Proxy:
    """Raises ValueError for anything but http://HOST:PORT.

    >>> parse_proxy("http://proxy.example.com:3128")
    Proxy(host='proxy.example.com', port=3128, resolves_names=False)
    """
    parts = _URL.match(url)
    if parts is None or not 1 <= int(parts[2]) <= 65535:
        raise ValueError("the proxy must be http://HOST:PORT, without user and path")
    return Proxy(parts[1].strip("[]"), int(parts[2]), resolves_names)


async def open_tunnel(proxy: Proxy, connection: Connection, host: str, port: int) -> None:
    """Through the proxy to the host (an address, or a name if the proxy resolves them). Raises UpstreamFailedError, and
    OSError when the proxy is not reached."""
    await asyncio.get_running_loop().create_connection(lambda: connection, proxy.host, proxy.port)
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    connection.write(f"CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n\r\n".encode("ascii"))
    # What lets through has no body, like the answer to HEAD; of what does not, none is read.
    answer = Answer("HEAD", _LIMITS)
    try:
        while (head := answer.head()) is None:
            if not (data := await connection.read()):
                raise _failed("it closed the connection")
            answer.receive(data)
    except UpstreamFailedError as error:
        raise _failed(f"no answer to CONNECT: {error.detail}") from None
    if not 200 <= head[0] < 300:
        raise _failed(f"the proxy answered CONNECT with status {head[0]}")
    if not answer.ends_here:
        raise _failed("the proxy sent something of its own into the tunnel")


def _failed(detail: str) -> UpstreamFailedError:
    return UpstreamFailedError(FailureReason.PROXY_FAILED, detail, sent=False)
