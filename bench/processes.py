# SPDX-License-Identifier: Apache-2.0
"""The processes that a measurement starts: their directory, how to wait for them, and that they end."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp

REPOSITORY = Path(__file__).resolve().parents[1]


@asynccontextmanager
async def stopped(process: asyncio.subprocess.Process, grace: float = 10.0) -> AsyncIterator[None]:
    """Ends the process afterwards: by a signal, and by force after `grace` seconds."""
    try:
        yield
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), grace)
            except TimeoutError:
                process.kill()
                await process.wait()


def free_port() -> int:
    """A TCP port of the loopback address that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(
    condition: Callable[[], Awaitable[bool]], what: str, deadline: float = 60.0, interval: float = 0.02
) -> None:
    """Wait for a condition. Raises TimeoutError naming `what` when it does not come."""
    ends = time.monotonic() + deadline
    while not await condition():
        if time.monotonic() > ends:
            raise TimeoutError(f"not within {deadline:.0f} s: {what}")
        await asyncio.sleep(interval)


async def answers(process: asyncio.subprocess.Process, name: str, url: str) -> bool:
    """Whether the process answers a GET of the address with 200. Raises RuntimeError naming it when it has ended."""
    if process.returncode is not None:
        raise RuntimeError(f"the {name} ended with status {process.returncode}")
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False


async def accepts(host: str, port: int) -> bool:
    """Whether something listens there."""
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True
