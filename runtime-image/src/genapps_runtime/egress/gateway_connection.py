# SPDX-License-Identifier: Apache-2.0
"""One connection to the gateway: it parses with httptools and bounds everything it reads."""

import asyncio
import socket
from asyncio import sslproto
from typing import cast

import httptools

REPLY_BYTES = 1024 * 1024
HEAD_BYTES = 16 * 1024
SILENT_SECONDS = 4
"""A gateway whose machine, or network, is gone cannot close a connection. It is given up when what was sent to it is
not acknowledged for so long. The kernel of a busy gateway acknowledges."""
_ASKED_AFTER_SECONDS = 2
"""While nothing is sent, the gateway's kernel is asked for an acknowledgement, and again each second."""
LISTENS_SECONDS = 1.0
"""How long a gateway may take to say that it wants the content of a request. A process that hangs never does, although
its kernel acknowledges."""
_CONTINUE = 100


sslproto.SSLProtocol.max_size = 16 * 1024
"""asyncio has a buffer of so many bytes for each connection with TLS, of whose records none is longer. With its own 256
KiB the hundreds of calls that an app may wait for would fill the memory beside its guest."""


class UnreachableError(Exception):
    """The gateway did not answer: it refused, timed out, is not trusted, or does not speak HTTP."""


class GatewayConnection(asyncio.Protocol):
    """One connection, with one request at a time. `sent`: the present request may have left, as a whole. `reusable`:
    another one can follow. `idle_since` is for whoever keeps it."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._asked: asyncio.Future[bool] | None = None
        self._body = bytearray()
        self._head_bytes = 0
        self.sent = False
        self.reusable = True
        self.idle_since = 0.0

    def send(self, request: bytes) -> "asyncio.Future[tuple[int, bytes]]":
        """Send a request; status and body of the reply. Raises UnreachableError, at once when nothing was sent."""
        answer = self._begin(request)
        self.sent = True
        return answer

    async def send_when_heard(self, head: bytes, content: bytes) -> "asyncio.Future[tuple[int, bytes]]":
        """As `send`, for a connection on which nothing was heard of late. The head has `expect: 100-continue`, and the
        content follows when the gateway says so. One that hangs does not: then no request has left, and
        UnreachableError is raised after LISTENS_SECONDS."""
        answer = self._begin(head)
        self._asked = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(LISTENS_SECONDS):
                goes_on = await self._asked
        except BaseException as error:
            answer.cancel()
            if isinstance(error, TimeoutError):
                raise UnreachableError("it says nothing") from None
            raise
        if goes_on and not (answer.done() or self._transport is None or self._transport.is_closing()):
            self.sent = True
            self._transport.write(content)
        else:
            self.reusable = False  # it was answered, or lost, without its content
        return answer

    def _begin(self, written: bytes) -> "asyncio.Future[tuple[int, bytes]]":
        self.sent = False
        if self._transport is None or self._transport.is_closing():
            raise UnreachableError("the connection is closed")
        self._answer = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._asked = None
        self._body.clear()
        self._head_bytes = 0
        self._transport.write(written)
        return self._answer

    def close(self) -> None:
        """At once, whatever is under way."""
        self.reusable = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        if self._answer is None or self._answer.done():
            self.close()  # it speaks without being asked
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"not HTTP: {error}")

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        self.reusable = False
        self._fail("the connection was closed")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > HEAD_BYTES:
            self._fail("the reply's head is too large")

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        self._body += body
        if len(self._body) > REPLY_BYTES:
            self._fail("the reply is too large")

    def on_message_complete(self) -> None:
        """Called by the parser."""
        status = self._parser.get_status_code()
        if status == _CONTINUE and self._asked is not None:
            self._heard(goes_on=True)
            return
        self.reusable = self.reusable and self._parser.should_keep_alive()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((status, bytes(self._body)))
        self._heard(goes_on=False)

    def _heard(self, *, goes_on: bool) -> None:
        if self._asked is not None and not self._asked.done():
            self._asked.set_result(goes_on)

    def _fail(self, why: str) -> None:
        self.reusable = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(UnreachableError(why))
        self._heard(goes_on=False)


def give_up_when_silent(transport: asyncio.BaseTransport) -> None:
    """Let the kernel end a connection of TCP on which nothing is acknowledged for SILENT_SECONDS."""
    connected = transport.get_extra_info("socket")
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        (socket.TCP_USER_TIMEOUT, SILENT_SECONDS * 1000),
        (socket.TCP_KEEPIDLE, _ASKED_AFTER_SECONDS),
        (socket.TCP_KEEPINTVL, 1),
    ):
        connected.setsockopt(socket.IPPROTO_TCP, option, value)
