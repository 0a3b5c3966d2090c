# SPDX-License-Identifier: Apache-2.0
"""The body of a reply, piece by piece, as its connection writes it."""

import asyncio
import socket
import struct
from collections.abc import Callable

from genapps_runtime.serve.reply_bytes import LAST_CHUNK, chunk

_RESET = struct.pack("ii", 1, 0)


class StreamedBody:
    """What `Streamed` sends by. In chunks, or without them (HTTP/1.0): then the end of the connection ends the body.

    `moved` is called when something is sent, `ended` after the last piece.
    """

    __slots__ = ("_chunked", "_ended", "_moved", "_transport")

    def __init__(
        self, transport: asyncio.Transport, moved: Callable[[], None], ended: Callable[[], None], *, chunked: bool
    ) -> None:
        self._transport = transport
        self._moved = moved
        self._ended = ended
        self._chunked = chunked

    def send_piece(self, piece: bytes) -> bool:
        """Send a piece; whether there is room for another."""
        if self._transport.is_closing():
            return True
        self._moved()
        self._transport.write(chunk(piece) if self._chunked else piece)
        return self._transport.get_write_buffer_size() == 0

    def end_body(self) -> None:
        """The answer is whole."""
        if not self._transport.is_closing():
            if self._chunked:
                self._transport.write(LAST_CHUNK)
            self._ended()

    def break_off(self) -> None:
        """The answer is not whole: the last chunk is missing, or the connection is reset where there are no chunks."""
        if self._transport.is_closing():
            return
        if self._chunked:
            self._transport.close()
        else:
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()
