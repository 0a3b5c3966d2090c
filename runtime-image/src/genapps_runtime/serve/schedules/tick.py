# SPDX-License-Identifier: Apache-2.0
"""The request of a tick: a POST that nobody waits for, with the name of its schedule and a key of its own."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

from genapps_runtime import logs
from genapps_runtime.config import ScheduleRule
from genapps_runtime.serve.key_field import OWN
from genapps_runtime.serve.messages import SCHEDULE, Answer, Exchange, Request

HEADER = b"genapps-schedule"
"""The name of the schedule, for the app. No caller can send it."""


async def ask(run: Callable[[Exchange], None], rule: ScheduleRule, due: float) -> tuple[Exchange, int]:
    """Make the request; returns it and the status when it is answered, or could not begin.

    The key is made of schedule and time: the same tick, again, changes nothing in the same state.
    """
    answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    tick = f"schedule-{rule.name}-{int(due)}"
    headers = [(HEADER, rule.name.encode("ascii"))]
    request = Request(tick, "POST", rule.path, "", headers, b"", key=OWN + tick)

    def reply(answer: Answer) -> None:
        if not answered.done():
            answered.set_result(answer)

    exchange = Exchange(request, time.monotonic(), reply, internal=SCHEDULE)
    run(exchange)
    return exchange, (await answered).status


def say(event: str, schedule: str, due: float, **fields: object) -> None:
    """Log what became of a tick."""
    at = datetime.fromtimestamp(due, UTC).isoformat()
    logs.write(event, level="warning", schedule=schedule, due=at, **fields)
