# SPDX-License-Identifier: Apache-2.0
"""Ends a task that nobody needs any more."""

import asyncio
from contextlib import suppress


async def cancel(task: "asyncio.Task[None] | None") -> None:
    """Cancel it and wait until it has ended; None, or one that has ended, needs nothing."""
    if task is not None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
