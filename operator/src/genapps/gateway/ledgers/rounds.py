# SPDX-License-Identifier: Apache-2.0
"""When Ledgers are written that nobody waits for: in rounds, and once more at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from genapps.gateway.ledgers.swap import WRITE_SECONDS

ROUND_SECONDS = 1.0
URGENT_SECONDS = 0.1
"""An urgent round comes so long after the one before: how fast apps spend is no measure of how often is written."""

Write = Callable[[], Awaitable[None]]
"""Writes what is due."""


async def in_rounds(
    write: Write, urgent: asyncio.Event | None = None, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Until cancelled; a round does not wait for its time when `urgent` is set."""
    asked = asyncio.Event() if urgent is None else urgent
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(ROUND_SECONDS - URGENT_SECONDS):
                await asked.wait()
        asked.clear()
        await write()
        await pause(URGENT_SECONDS)


async def last_round(write: Write) -> None:
    """Once and without a pause: whoever comes next does not know what waits. Gives up after WRITE_SECONDS."""
    with suppress(TimeoutError):
        async with asyncio.timeout(WRITE_SECONDS):
            await write()
