# SPDX-License-Identifier: Apache-2.0
"""A caller who has closed their side: most have gone, and some wait for the answers to what they have sent.

An interim reply tells them apart: the kernel of a caller who has gone refuses it.
"""

import asyncio
import socket
import time

FIRST_LOOK_SECONDS = 0.001
"""When to look first whether they have gone; then each time after twice as long."""


class HalfClosed:
    """One of them. `look_at` is when to look again, in seconds of the monotonic clock."""

    __slots__ = ("_since", "_transport", "look_at")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._since = time.monotonic()
        self._transport = transport
        self.look_at = self._since + FIRST_LOOK_SECONDS

    def is_gone(self) -> bool:
        """Whether their kernel takes nothing more. Reading does not tell, once it has found the end."""
        now = time.monotonic()
        self.look_at = now + max(FIRST_LOOK_SECONDS, now - self._since)
        error: int = self._transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return error != 0
