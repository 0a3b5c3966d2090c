# SPDX-License-Identifier: Apache-2.0
"""CPU that was paid for in advance: how many actions may begin, and what the gateway is told and asked.

An action begins only when what is left covers it and all that run, each with the most that it may use. So an app uses
no more than was granted. Word of the gateway counts for some seconds: then nothing begins before it has answered again,
and what was paid and not used is still there. A gateway that says `null` limits nothing.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any

from genapps_runtime.config import RuntimeConfig
from genapps_runtime.metrics import Metrics
from genapps_runtime.problems import ProblemError, spent_up
from genapps_runtime.serve.action import Action
from genapps_runtime.serve.cancelling import cancel
from genapps_runtime.serve.ended import Ended

REFRESH_SECONDS = 15.0
"""How long word of the gateway is not asked for again while requests come. A grant counts for twice as long."""
ASK_AGAIN_SECONDS = 2.0
"""How long it is taken to be true that nothing is left, or that nobody can say."""
FIRST_TRIES = 4
FIRST_PAUSE_SECONDS = 0.5
"""The operator's record of this pod may lag behind its start."""
LAST_SECONDS = 1.0
_AHEAD = 4
"""Actions whose CPU is still left when more is asked for: nobody waits for it then."""

Send = Callable[[dict[str, Any]], Awaitable[dict[str, Any] | None]]
"""A heartbeat with these members; None: it was not answered."""


class Credit:
    """`answered` is called on the loop after each question: then requests that wait may begin, or `problem` says why
    they may not. `clock` is monotonic seconds."""

    def __init__(
        self,
        config: RuntimeConfig,
        send: Send,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._per_action = config.limits.cpu_millis_per_action or config.action_millis
        self._most = config.limits.concurrency
        self._send = send
        self._metrics = metrics
        self._clock = clock
        self._pause = pause
        self._boot = secrets.token_hex(8)
        self.limited = True
        """Whether actions need credit. Before the first answer nobody knows, and none begins."""
        self._left = 0.0
        """Milliseconds that were granted and are not used by actions that have ended."""
        self._used = 0.0
        self._until = float("-inf")
        self._refresh_at = float("-inf")
        self._ask_at = float("-inf")
        self._heard = False
        self._exhausted: dict[str, Any] | None = None
        self._activity = {"actions": 0, "fallbacks": 0, "retries": 0}
        self._task: asyncio.Task[None] | None = None
        self.answered: Callable[[], None] = lambda: None

    def begin(self) -> None:
        """Ask for the first time."""
        self._ask(1)

    def places(self, begun: int) -> int:
        """How many more actions may begin beside those that have."""
        if self._clock() >= self._until or self._exhausted is not None:
            return 0
        return max(0, int(self._left // self._per_action) - begun)

    def problem(self) -> ProblemError | None:
        """Why none may begin; None while somebody is being asked, or when some may."""
        return None if self._task is not None else self.lack()

    def lack(self) -> ProblemError | None:
        """What not even one alone can begin without, whether or not somebody is being asked; None: one could begin."""
        if not self.limited or self.places(0):
            return None
        return spent_up(self._exhausted) if self._exhausted is not None else ProblemError("CreditUnknown")

    def look(self, waiting: int, begun: int) -> None:
        """After each batch: ask if word is old, or if less is left than soon is needed. `waiting` requests wait."""
        now = self._clock()
        if not self.limited:
            if now >= self._refresh_at and now >= self._ask_at:
                self._ask(0)
            return
        short = self._left - begun * self._per_action < _AHEAD * self._per_action
        if waiting and not self.places(begun):
            if now >= self._ask_at:
                self._ask(0 if self._left >= (begun + 1) * self._per_action else waiting)
            elif self._task is None and not begun:
                asyncio.get_running_loop().call_soon(self.answered)
        elif now >= self._ask_at and (short or now >= self._refresh_at):
            self._ask(1 if short else 0)

    def settle(self, ended: Iterable[Ended]) -> None:
        """Requests were answered: what their guests used is gone."""
        used = 0.0
        for one in ended:
            self._activity["actions"] += 1
            self._activity["fallbacks"] += one.instead is not None
            self._activity["retries"] += one.replayed
            for action in (one.action, one.tried):
                if isinstance(action, Action):
                    used += action.meter.guest_cpu_seconds + action.meter.statement_cpu_seconds
        self._used += used * 1000
        self._left -= used * 1000

    async def close(self) -> None:
        """Tell the last figures, if there are any, and ask no more."""
        await cancel(self._task)
        if self._activity["actions"]:
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_SECONDS):
                    await self._send(self._told(0))

    def _ask(self, actions: int) -> None:
        """Ask for the CPU of so many actions."""
        if self._task is None:
            self._ask_at = self._clock() + ASK_AGAIN_SECONDS
            self._task = asyncio.create_task(self._asked(self._per_action * min(actions, self._most)))

    async def _asked(self, wanted: int) -> None:
        try:
            reply = await self._tell(wanted)
            for _ in range(0 if self._heard else FIRST_TRIES):
                if reply is not None:
                    break
                await self._pause(FIRST_PAUSE_SECONDS)
                reply = await self._tell(wanted)
            if reply is not None:
                self._take(reply.get("credit"), wanted)
        finally:
            self._task = None
            self.answered()

    async def _tell(self, wanted: int) -> dict[str, Any] | None:
        told = self._told(wanted)
        reply = await self._send(told)
        if reply is not None and "activity" in told:
            for name, count in told["activity"].items():
                self._activity[name] -= count
        return reply

    def _told(self, wanted: int) -> dict[str, Any]:
        told: dict[str, Any] = {"cpu": {"wanted": wanted, "used": int(self._used), "boot": self._boot}}
        if any(self._activity.values()):
            told["activity"] = {name: min(count, 1_000_000) for name, count in self._activity.items()}
        return told

    def _take(self, credit: Any, wanted: int) -> None:
        """What the gateway says to who wanted so many milliseconds; what is not as it should be grants nothing."""
        now = self._clock()
        self._heard = True
        self._refresh_at = now + REFRESH_SECONDS
        if credit is None:
            self.limited, self._exhausted = False, None
            return
        if not self.limited:
            self._left = 0.0  # what was used until now was never granted
        self.limited = True
        told = credit if isinstance(credit, dict) else {}
        seconds, millis, exhausted = (told.get(name) for name in ("seconds", "cpuMillis", "exhausted"))
        granted = millis if isinstance(millis, int) and millis > 0 else 0
        self._exhausted = exhausted if isinstance(exhausted, dict) else None
        self._left += granted
        self._until = now + (seconds if isinstance(seconds, int) and seconds > 0 else 0)
        if self.places(0) and (granted or not wanted):
            self._ask_at = now  # else it would be asked without a pause while one waits for the place of another
        self._metrics.set("genapps_cpu_credit_millis", self._left)
