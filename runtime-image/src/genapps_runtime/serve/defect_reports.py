# SPDX-License-Identifier: Apache-2.0
"""What the gateway is told of malformed output: it counts that as a defect of the app, and cannot see it itself.

One request in REPORT_SECONDS is told about, however many there are: that reaches any threshold of a day. A report that
is lost stays lost. It is never sent twice, because the gateway may have counted it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.cancelling import cancel

REPORT_SECONDS = 2.0
"""Half of what the gateway takes of an app: the rest is left for violations."""
RULE = "malformed_output"
MALFORMED = frozenset({"ResponseInvalid", "TurnInvalid"})
"""Problems of which the app's output is the cause."""


class DefectReports:
    """Call `note` on the event loop, and `close` at the end. `send` gives the gateway a report."""

    def __init__(
        self,
        send: Callable[[dict[str, Any]], Awaitable[bool]],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._send = send
        self._pause = pause
        self._next: dict[str, Any] | None = None
        self._task: asyncio.Task[None] | None = None

    def note(self, problem: ProblemError, request_id: str) -> None:
        """A request has ended with this."""
        code = (problem.cause or problem).code
        if code not in MALFORMED:
            return
        self._next = {"requestId": request_id, "rule": RULE, "subject": code}
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._tell())

    async def close(self) -> None:
        """Say nothing more."""
        await cancel(self._task)

    async def _tell(self) -> None:
        while self._next is not None:
            report, self._next = self._next, None
            await self._send(report)
            await self._pause(REPORT_SECONDS)
