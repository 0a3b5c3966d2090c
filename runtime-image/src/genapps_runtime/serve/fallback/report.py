# SPDX-License-Identifier: Apache-2.0
"""What the gateway is told of the breaker: each turn at once, and again while it is open.

An app whose breaker never opens costs the gateway nothing. Word that is not confirmed is forgotten by whoever shows it,
so a process that ends while its breaker is open has to take nothing back.
"""

import asyncio
from collections.abc import Awaitable, Callable

from genapps_runtime.serve.cancelling import cancel

CONFIRM_SECONDS = 60.0
RETRY_SECONDS = 15.0
"""After word that the gateway did not take."""
MOST_RETRIES = 20
"""Of word that it is closed: whoever heard of the open one has forgotten it by then."""
OPEN = "Open"
CLOSED = "Closed"


class BreakerReport:
    """Call `turned` on the event loop, and `close` at the end.

    `send` gives the gateway one of the two words, and returns whether it was taken. `pause` waits so many seconds.
    """

    def __init__(
        self, send: Callable[[str], Awaitable[bool]], pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._send = send
        self._pause = pause
        self._open = False
        self._turned = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def turned(self, *, is_open: bool) -> None:
        """The breaker has opened or closed."""
        self._open = is_open
        self._turned.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._tell())

    async def close(self) -> None:
        """Say nothing more."""
        await cancel(self._task)

    async def _tell(self) -> None:
        """Until the gateway has taken that it is closed."""
        retries = 0
        while True:
            self._turned.clear()
            is_open = self._open
            taken = await self._send(OPEN if is_open else CLOSED)
            retries = 0 if is_open or taken else retries + 1
            if not self._turned.is_set():
                if not is_open and (taken or retries > MOST_RETRIES):
                    return
                await self._until_turned(CONFIRM_SECONDS if taken else RETRY_SECONDS)

    async def _until_turned(self, seconds: float) -> None:
        waits = [asyncio.ensure_future(wait) for wait in (self._turned.wait(), self._pause(seconds))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
