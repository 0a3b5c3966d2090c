# SPDX-License-Identifier: Apache-2.0
"""A tick that somebody asks for now, through the socket of `genapps-runtime state`: on a laptop, and not in a pod."""

import asyncio
import json

from genapps_runtime.serve.schedules.scheduler import Scheduler

QUESTION = b"tick\0"
"""What such a question begins with; the name of the schedule follows."""


async def answer(scheduler: Scheduler | None, question: bytes, writer: asyncio.StreamWriter) -> None:
    """Run the schedule that is asked for; then write one line: `status`, or an `error` in words. Raises OSError."""
    name = question.removeprefix(QUESTION).decode("utf-8", "replace")
    if scheduler is None or name not in scheduler.names:
        known = ", ".join(scheduler.names) if scheduler else ""
        found: dict[str, object] = {"error": f"the app has no schedule {name!r} (it has: {known or 'none'})"}
    else:
        found = {"status": await scheduler.run_now(name)}
    writer.write(json.dumps(found).encode() + b"\n")
    await writer.drain()
