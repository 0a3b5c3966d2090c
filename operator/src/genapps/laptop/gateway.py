# SPDX-License-Identifier: Apache-2.0
"""The gateway's port on loopback: TLS with an authority of its own, and just the HTTP that our runtime speaks.

Beside it is a port on which nothing listens, as the canary of a fence that holds: the runtime proves its fence here as
in a pod, and is the same process.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import ssl
from contextlib import suppress
from pathlib import Path

from genapps.api.names import SYSTEM_NAMESPACE, gateway_host
from genapps.cluster import clocks
from genapps.gateway.messages import BODY_LIMIT
from genapps.gateway.problems import MEDIA_TYPE, Code, Problem
from genapps.gateway.tls.certificates import new_authority, new_leaf
from genapps.laptop.answering import Answering, Reply

HEAD_BYTES = 16 * 1024
_HEALTH = b'{"status":"ok"}'


class LocalGateway:
    """Serves until `close`. The runtime finds the authority and its token in files of `folder`."""

    def __init__(self, folder: Path, answering: Answering) -> None:
        self.authority_file = folder / "ca.crt"
        self.token_file = folder / "token"
        self._folder = folder
        self._answering = answering
        self._token = secrets.token_hex(16)
        self._server: asyncio.Server | None = None
        self._canary = socket.socket()
        self.port = 0
        self.canary_port = 0

    async def open(self) -> None:
        """Listen on free ports of loopback."""
        self._canary.bind(("127.0.0.1", 0))  # held, and never listened on: a connection is refused
        self.canary_port = self._canary.getsockname()[1]
        self.token_file.write_text(self._token, encoding="ascii")
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, ssl=self._certified(), limit=HEAD_BYTES + BODY_LIMIT
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Listen no more."""
        self._canary.close()
        if self._server is not None:
            self._server.close()

    def _certified(self) -> ssl.SSLContext:
        host, now = gateway_host(SYSTEM_NAMESPACE), clocks.utc_now()
        authority = new_authority(host, now)
        leaf = new_leaf(authority, host, now)
        self.authority_file.write_bytes(authority.certificate)
        pair = self._folder / "server.pem"
        pair.touch(mode=0o600)
        pair.write_bytes(leaf.certificate + leaf.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair)
        pair.unlink()
        return context

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError, ValueError, asyncio.LimitOverrunError):
            while await self._exchange(reader, writer):
                pass
        writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its reply; whether another may follow. Raises ValueError for what our runtime never sends."""
        head = await reader.readuntil(b"\r\n\r\n")
        if len(head) > HEAD_BYTES:
            return False
        first, *lines = head.decode("ascii").split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        length = int(headers.get("content-length", "0"))
        if not 0 <= length <= BODY_LIMIT:
            return False
        if headers.get("expect") == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await reader.readexactly(length)
        reply = await self._reply(method, path, headers.get("authorization", ""), body)
        closes = headers.get("connection") == "close" or reply.lines is not None
        await _write(writer, reply, close=closes)
        return not closes

    async def _reply(self, method: str, path: str, authorization: str, body: bytes) -> Reply:
        if (method, path) == ("GET", "/v1/healthz"):
            return Reply(200, "application/json", _HEALTH)
        if not secrets.compare_digest(authorization, f"Bearer {self._token}"):
            refused = Problem(Code.TOKEN_INVALID, "The token is not that of the app's runtime.", retry_after=1)
            return Reply(refused.http_status, MEDIA_TYPE, refused.body(None))
        return await self._answering.reply(path, body)


async def _write(writer: asyncio.StreamWriter, reply: Reply, *, close: bool) -> None:
    lines = [f"HTTP/1.1 {reply.status} -", f"content-type: {reply.media_type}"]
    lines += ["connection: close"] if close else []
    lines.append("transfer-encoding: chunked" if reply.lines is not None else f"content-length: {len(reply.body)}")
    writer.write("\r\n".join([*lines, "", ""]).encode("ascii") + reply.body)
    if reply.lines is not None:
        async for line in reply.lines:
            writer.write(b"%x\r\n%b\r\n" % (len(line), line))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
    await writer.drain()
