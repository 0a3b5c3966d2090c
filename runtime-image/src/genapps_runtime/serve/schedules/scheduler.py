# SPDX-License-Identifier: Apache-2.0
"""Runs what is due: each tick once, over restarts, naps and revisions.

A tick is a POST that nobody waits for. It is marked durably before it begins and when it is over, and has a key: when
the process dies between the commit of the state and the mark, the same tick comes again and changes nothing.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from genapps_runtime import logs
from genapps_runtime.config import ScheduleRule
from genapps_runtime.serve.messages import Exchange
from genapps_runtime.serve.schedules.each_tenant import ATTEMPTS, PAUSE_SECONDS, EachTenant
from genapps_runtime.serve.schedules.marks import Mark, MarkFile, hash_of
from genapps_runtime.serve.schedules.tick import ask, say
from genapps_runtime.serve.schedules.timetable import Timetable

GRACE_SECONDS = 60.0
"""A tick that begins later than this was missed."""
LOOK_SECONDS = 30.0
"""How long to rely on the clock: it may be set."""


class Scheduler:
    """Keeps the schedules of an app. `run` runs a request as the app's; `now` gives seconds since 1970.

    The app knows its answer to a request with a key for `kept_seconds`: a tick that has begun is not repeated later.
    With `each` a tick is a request for each tenant.
    Raises ValueError for a rule that cannot be kept.
    """

    def __init__(
        self,
        rules: tuple[ScheduleRule, ...],
        file: MarkFile,
        run: Callable[[Exchange], None],
        kept_seconds: float,
        now: Callable[[], float] = time.time,
        each: EachTenant | None = None,
    ) -> None:
        self._rules = {rule.name: rule for rule in rules}
        self._tables = {rule.name: Timetable(rule) for rule in rules}
        self._file = file
        self._run = run
        self._kept_seconds = kept_seconds
        self._now = now
        self._each = each
        self._ticks: dict[str, asyncio.Task[Any]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._asked = 0.0
        """The time of the last tick out of turn."""
        self._admitted = False
        self._stopped = False
        marks = {name: mark for name, mark in file.marks.items() if name in self._rules}
        for rule in rules:
            if rule.name not in marks or marks[rule.name].rule != hash_of(rule):
                marks[rule.name] = Mark(hash_of(rule), now())
        file.marks = marks

    @property
    def busy(self) -> bool:
        """Whether a tick is under way."""
        return bool(self._ticks)

    @property
    def next_due(self) -> float | None:
        """When the next tick is due that is not over; this may be past."""
        dues = (self._tables[name].next_after(mark.handled) for name, mark in self._file.marks.items())
        return min((due for due in dues if due is not None), default=None)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the schedules."""
        return tuple(self._rules)

    async def run_now(self, name: str) -> int:
        """Ask the app as at a tick, out of turn; the status of its answer. What is due is due nonetheless."""
        while name in self._ticks:  # one at once
            await asyncio.wait({self._ticks[name]})
        self._asked = max(self._asked + 1, self._now())  # the key of a tick has the second
        asked = asyncio.get_running_loop().create_task(self._out_of_turn(name, self._asked))
        self._ticks[name] = asked
        return await asyncio.shield(asked)

    async def begin(self) -> None:
        """Make durable since when the schedules are kept; raises OSError."""
        await self._store()

    def admit(self, admitted: bool) -> None:
        """Whether the app may get requests."""
        if admitted and not self._admitted:
            self._admitted = True
            self.look()
        self._admitted = admitted

    def look(self) -> None:
        """Begin what is due, and look again when the next tick is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._admitted or self._stopped:
            return
        now = self._now()
        for name, mark in self._file.marks.items():
            if name not in self._ticks and (due := self._due(name, mark, now)) is not None:
                self._ticks[name] = asyncio.get_running_loop().create_task(self._tick(name, mark, due))
        dues = (self._tables[name].next_after(now) for name in self._rules)
        seconds = min((due - now for due in dues if due is not None), default=LOOK_SECONDS)
        self._timer = asyncio.get_running_loop().call_later(min(max(0.0, seconds), LOOK_SECONDS), self.look)

    async def drain(self, seconds: float) -> None:
        """Begin nothing more, and let what runs end for so many seconds."""
        self._stopped = True
        if self._each is not None:
            self._each.stop()
        if self._timer is not None:
            self._timer.cancel()
        if not self._ticks:
            return
        _, cut = await asyncio.wait(self._ticks.values(), timeout=seconds)
        for task in cut:
            task.cancel()
        if cut:
            await asyncio.wait(cut)
            try:
                await self._store()
            except OSError as error:
                logs.write("schedule not stored", level="warning", error=str(error))

    async def _tick(self, name: str, mark: Mark, due: float) -> None:
        try:
            await self._handle(name, mark, due)
        except asyncio.CancelledError:
            mark.attempts = max(0, mark.attempts - 1)  # it was this process that was asked to end
            raise
        except OSError as error:
            say("schedule not stored", name, due, error=str(error))
            await asyncio.sleep(PAUSE_SECONDS)
        finally:
            del self._ticks[name]
            self.look()

    async def _out_of_turn(self, name: str, at: float) -> int:
        try:
            return (await ask(self._run, self._rules[name], at))[1]
        finally:
            del self._ticks[name]
            self.look()

    def _due(self, name: str, mark: Mark, now: float) -> float | None:
        """The tick that is to be handled now, if there is one: one that goes on for tenants comes before later ones."""
        goes_on = self._each is not None and mark.begun > mark.handled
        return mark.begun if goes_on else self._tables[name].due(mark.handled, now)

    async def _handle(self, name: str, mark: Mark, due: float) -> None:
        begun, attempts = mark.begun, mark.attempts
        again = begun == due
        late = self._rules[name].missed == "Skip" and self._now() - due > GRACE_SECONDS
        if self._each is not None and (again or not late):
            if not await self._each.handle(self._rules[name], mark, due):
                await self._store()
                return
        elif again and (attempts >= ATTEMPTS or self._now() - due >= self._kept_seconds):
            say("schedule failed", name, due, attempts=mark.attempts)
        elif late:
            say("schedule missed", name, due)
        else:
            mark.begun, mark.attempts = due, attempts + 1 if again else 1
            try:
                await self._store()
            except OSError:
                mark.begun, mark.attempts = begun, attempts
                raise
            if not (await ask(self._run, self._rules[name], due))[0].tried:
                mark.begun, mark.attempts = begun, attempts
                await asyncio.sleep(PAUSE_SECONDS)
                return
        mark.end(due)
        await self._store()

    async def _store(self) -> None:
        await asyncio.to_thread(self._file.store)
