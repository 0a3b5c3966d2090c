# SPDX-License-Identifier: Apache-2.0
"""One connection out of several attempts: a gateway may be gone, or hang, and the next attempt be sent to another one.

A gateway that hangs takes connections, because its kernel does, and says nothing on them. So a further attempt begins
while earlier ones wait, and the first that comes about is taken.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from genapps_runtime.egress.gateway_connection import GatewayConnection, UnreachableError

SECONDS = 6.0
ATTEMPTS = 6
PAUSE_SECONDS = 0.1
"""Before the next one, when the earlier ones were refused."""
SILENT_SECONDS = 0.75
"""After which the next one begins beside those that say nothing."""
MOST_BESIDE = 8
"""Attempts that run beside others, for all connections together. Where hundreds of connections are made at once their
number makes them slow, and more attempts would make them slower."""

C = TypeVar("C", bound=GatewayConnection)


class Attempts:
    """Those of one process."""

    def __init__(self) -> None:
        self._beside = 0

    async def first(self, connect: Callable[[], Coroutine[Any, Any, C]]) -> C:
        """The first connection that one of ATTEMPTS makes; `connect` is one of them.

        Raises UnreachableError, that of the last one, or after SECONDS in all. An attempt is not given up before: where
        the processor has too much to do, to begin anew would be more of it.
        """
        try:
            async with asyncio.timeout(SECONDS):
                return await self._first(connect)
        except TimeoutError:
            raise UnreachableError("nothing was said") from None

    async def _first(self, connect: Callable[[], Coroutine[Any, Any, C]]) -> C:
        waiting: set[asyncio.Task[C]] = set()
        beside, failure = 0, UnreachableError("no attempt was made")
        try:
            for left in reversed(range(ATTEMPTS)):
                waiting.add(asyncio.create_task(connect()))
                while waiting:
                    done, waiting = await asyncio.wait(
                        waiting, timeout=SILENT_SECONDS if left else None, return_when=asyncio.FIRST_COMPLETED
                    )
                    for each in done:
                        try:
                            made = each.result()
                        except UnreachableError as error:
                            failure = error
                        else:
                            waiting |= done - {each}
                            return made
                    if not done and self._beside < MOST_BESIDE:
                        break
                if waiting:
                    self._beside, beside = self._beside + 1, beside + 1
                elif left:
                    await asyncio.sleep(PAUSE_SECONDS)
            raise failure
        finally:
            self._beside -= beside
            for each in waiting:
                each.cancel()
                each.add_done_callback(_close)


def _close(attempt: "asyncio.Task[C]") -> None:
    """What nobody waits for any more."""
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()
