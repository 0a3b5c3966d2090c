# SPDX-License-Identifier: Apache-2.0
"""Whether kopf's watches are alive, seen from outside: kopf itself does not tell, and its own probe stays green.

Two signs, because either alone can lie. *Turns*: the API server ends each stream after `TURN_SECONDS`, so whoever
reads it has to open the next one, on a session of ours that notices; that works although nothing ever changes.
*Events*: what the sweep finds changed must have come through the stream; one that is opened and brings nothing is
found by that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import aiohttp

TURN_SECONDS = 240
_LONGEST_TURN_SECONDS = 400.0
"""One turn, and the silence and the attempts that kopf grants an API server that does not answer."""
_MISSED_ROUNDS = 3


class StreamLiveness:
    """One watch of kopf by plural name. `clock` is monotonic, in seconds."""

    def __init__(self, plurals: Iterable[str], clock: Callable[[], float]) -> None:
        self._clock = clock
        self._missed = dict.fromkeys(plurals, 0)
        self._turned: dict[str, float] = {}

    def begin(self) -> None:
        """From now on each stream must turn."""
        self._turned = dict.fromkeys(self._missed, self._clock())

    def trace(self) -> aiohttp.TraceConfig:
        """To be put on the session that the watches use."""
        traced = aiohttp.TraceConfig()

        async def started(_: object, __: object, params: aiohttp.TraceRequestStartParams) -> None:
            self.opened(params.url.name)

        traced.on_request_start.append(started)
        return traced

    def opened(self, plural: str) -> None:
        """A list or stream was asked for, with success or not: that the API server does not answer is no fault of
        ours, and no restart helps."""
        if plural in self._turned:
            self._turned[plural] = self._clock()

    def received(self, plural: str) -> None:
        """The stream has brought an object."""
        self._missed[plural] = 0

    def missed(self, plural: str) -> None:
        """A round of the sweep found what the stream should have brought at least one round earlier."""
        self._missed[plural] += 1

    def silent(self) -> str:
        """Which watch is dead, and by which sign; empty when none is."""
        now = self._clock()
        for plural, missed in self._missed.items():
            turned = self._turned.get(plural, now)
            if now - turned > _LONGEST_TURN_SECONDS:
                return f"kopf's watch of {plural} has not been opened again for {now - turned:.0f} s"
            if missed >= _MISSED_ROUNDS:
                return f"kopf's watch of {plural} brought nothing in {missed} rounds with changes"
        return ""
