# SPDX-License-Identifier: Apache-2.0
"""As much of a gateway as a runtime needs to become ready: a trusted health check. Nothing listens on its canary
port.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from genapps.api.names import gateway_host
from genapps.gateway.tls.certificates import new_authority, new_leaf

HOST = gateway_host()


@dataclass(frozen=True, slots=True)
class StubGateway:
    """Listens on the loopback address; `ca_file` is what a runtime must trust."""

    port: int
    ca_file: Path


@asynccontextmanager
async def stub_gateway(
    folder: Path, tenant_keys: Mapping[str, Any] | None = None, tool_seconds: float = 0.0
) -> AsyncIterator[StubGateway]:
    """Answers everything with 200, and with these keys for tokens; a call of a tool after `tool_seconds`.

    Key material is below `folder`."""
    now = datetime.now(UTC)
    authority = new_authority(HOST, now)
    leaf = new_leaf(authority, HOST, now)
    ca_file, chain = folder / "ca.crt", folder / "gateway.pem"
    ca_file.write_bytes(authority.certificate)
    chain.touch(mode=0o600)
    chain.write_bytes(leaf.certificate + leaf.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    answer = partial(_answer, _answered({"status": "ok", "tenantKeys": tenant_keys}), tool_seconds)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield StubGateway(server.sockets[0].getsockname()[1], ca_file)


def _answered(content: Mapping[str, Any]) -> bytes:
    body = json.dumps(content).encode("ascii")
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


async def _answer(told: bytes, tool_seconds: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while request := await reader.readuntil(b"\r\n\r\n"):  # behind the content of the one before
            if tool_seconds and b"POST /v1/calls " in request:
                await asyncio.sleep(tool_seconds)
            writer.write(told)
    except (asyncio.IncompleteReadError, ConnectionError):
        return
    finally:
        writer.close()
