# SPDX-License-Identifier: Apache-2.0
"""One connection to one checked address: bytes out, bytes in, a deadline, and what is known of its end."""

from __future__ import annotations

import asyncio
import select
import ssl
from collections.abc import Callable
from typing import cast

_HELD_BYTES = 256 * 1024
"""What may have arrived and not been read before the peer has to wait."""


class Connection(asyncio.Protocol):
    """`address` is where it leads to; `opened_at` is in the loop's seconds."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.transport: asyncio.Transport | None = None
        self.timed_out = False
        self.opened_at = 0.0
        self.on_end: Callable[[], None] | None = None
        """Called once when the connection has ended."""
        self._loop = asyncio.get_running_loop()
        self._arrived: list[bytes] = []
        self._held = 0
        self._ended = False
        self._waiter: asyncio.Future[None] | None = None
        self._expires: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        """Fires at that time or before, and then looks at it: the time moves with each request."""
        self._poll: select.poll | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Also called when TLS begins inside a proxy's tunnel."""
        self.transport = cast("asyncio.Transport", transport)
        self.opened_at = self._loop.time()

    def data_received(self, data: bytes) -> None:
        """Kept until it is read."""
        self._arrived.append(data)
        self._held += len(data)
        if self._held > _HELD_BYTES and self.transport is not None:
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """The transport closes: whoever stops sending in the middle of an exchange is done with it."""
        self._ended = True
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Whatever the reason: no more will come."""
        self._ended = True
        self._stop_timer()
        self._wake()
        if self.on_end is not None:
            self.on_end()
            self.on_end = None

    @property
    def settled(self) -> bool:
        """Open, with nothing to read and nothing left to write, as far as the loop has seen."""
        transport = self.transport
        if transport is None or self._ended or transport.is_closing() or self._arrived:
            return False
        return transport.get_write_buffer_size() == 0

    @property
    def quiet(self) -> bool:
        """The same, and the socket says so, too: fit for another request."""
        return self.settled and not self._readable()

    def expire_at(self, when: float | None) -> None:
        """The connection is broken off at that time of the loop. None: never."""
        self._expires = when
        if when is not None and (self._timer is None or when < self._timer.when()):
            self._set_timer(when)

    async def start_tls(self, tls: ssl.SSLContext, host: str) -> None:
        """Inside what is open already. Raises OSError."""
        if self.transport is None or self._ended:
            raise ConnectionResetError
        secured = await self._loop.start_tls(self.transport, self, tls, server_hostname=host)
        if secured is None:
            raise ConnectionResetError
        self.connection_made(secured)

    def write(self, data: bytes) -> bool:
        """False if the connection is known to have ended: then nothing was written."""
        if self.transport is None or self._ended or self.transport.is_closing():
            return False
        self.transport.write(data)
        return True

    async def read(self) -> bytes:
        """What has arrived, at least one byte; empty at the end."""
        while not self._arrived:
            if self._ended:
                return b""
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        data = self._arrived[0] if len(self._arrived) == 1 else b"".join(self._arrived)
        self._arrived.clear()
        if self._held > _HELD_BYTES and self.transport is not None:
            self.transport.resume_reading()
        self._held = 0
        return data

    def abort(self) -> None:
        """At once, with no regard to what is unsent."""
        self._stop_timer()
        self._ended = True
        if self.transport is not None:
            self.transport.abort()
        self._wake()

    def _set_timer(self, when: float) -> None:
        self._stop_timer()
        self._expires = when
        self._timer = self._loop.call_at(when, self._fire)

    def _stop_timer(self) -> None:
        self._expires = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        self._timer, when = None, self._expires
        if when is None:
            return
        if when > self._loop.time():
            self._set_timer(when)
            return
        self.timed_out = True
        self.abort()

    def _readable(self) -> bool:
        """Whether something has arrived that the loop has not seen yet, most likely the peer's goodbye."""
        if self._poll is None and self.transport is not None:
            self._poll = select.poll()
            self._poll.register(self.transport.get_extra_info("socket").fileno(), select.POLLIN)
        return self._poll is not None and bool(self._poll.poll(0))

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
