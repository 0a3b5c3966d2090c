# SPDX-License-Identifier: Apache-2.0
"""A gateway that is told something now and then; time passes when the test says so."""

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


class ListeningGateway(Generic[T]):
    """Takes what is said, or not."""

    def __init__(self) -> None:
        self.takes = True
        self.heard: list[T] = []
        self.pauses: list[float] = []
        self._passed = asyncio.Event()

    async def hear(self, word: T) -> bool:
        self.heard.append(word)
        return self.takes

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self._passed = asyncio.Event()
        await self._passed.wait()

    async def time_passes(self) -> None:
        self._passed.set()
        await settled()
