# SPDX-License-Identifier: Apache-2.0
"""Brings the keys of tokens from the gateway, now and then, and when a token has one that is unknown."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from genapps_runtime import logs
from genapps_runtime.tenancy.keys import Keys, KeysInvalidError

DELIVERY_SECONDS = 60.0
WANTED_SECONDS = 3.0
"""Strangers can make this process ask for keys at most this often."""
FIRST_SECONDS = 1.0
"""From one attempt to the next while there are no keys."""
FIRST_ATTEMPTS = 4


class KeyDelivery:
    """`fetch` asks the gateway: the keys as they came, or None when it did not answer. `clock` is in seconds."""

    def __init__(self, fetch: Callable[[], Awaitable[object]], clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._wanted = asyncio.Event()
        self._tried = float("-inf")
        self._told = ""

    def want(self) -> None:
        """There may be newer keys."""
        self._wanted.set()

    async def once(self, keys: Keys) -> None:
        """Ask for keys. What does not come, or is wrong, is told in the log once, and changes nothing."""
        self._wanted.clear()
        self._tried = self._clock()
        why = ""
        delivered = await self._fetch()
        try:
            if delivered is None:
                why = "the gateway has delivered none"
            else:
                keys.replace(delivered)
        except KeysInvalidError as error:
            why = str(error)
        if why and why != self._told:
            logs.write("no keys to verify tokens with", level="warning", detail=why)
        self._told = why

    async def first(self, keys: Keys) -> None:
        """Ask for keys until there are some, a few times: the operator's record of this pod may lag its start."""
        for attempt in range(FIRST_ATTEMPTS):
            if attempt:
                await asyncio.sleep(FIRST_SECONDS / 2)
            await self.once(keys)
            if keys.usable:
                return

    async def keep(self, keys: Keys) -> None:
        """Until cancelled."""
        while True:
            if keys.usable:
                with suppress(TimeoutError):
                    async with asyncio.timeout(DELIVERY_SECONDS):
                        await self._wanted.wait()
                        await asyncio.sleep(max(0.0, self._tried + WANTED_SECONDS - self._clock()))
            else:
                await asyncio.sleep(FIRST_SECONDS)
            try:
                await self.once(keys)
            except Exception as error:  # else there would be no newer keys until the process ends
                logs.write("runtime failed", level="error", error=repr(error))
