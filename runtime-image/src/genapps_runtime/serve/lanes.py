# SPDX-License-Identifier: Apache-2.0
"""Which guest runs which action, and what becomes of a call that computes for long.

Such a call has paused (`Guest.computing`). It gets the loop again and again for a few milliseconds, and rests between,
so that a third of the pod's CPU limit is left for others (docs/design/0038). An action that has begun in its guest
waits for it; one that has not begun goes to another guest, or waits for one.
"""

import asyncio
import math
import time
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from genapps_runtime.guest.instance import Guest, GuestGoneError, cpu_limit_exceeded
from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.action import Action
from genapps_runtime.serve.guests import Guests
from genapps_runtime.serve.processor_time import ProcessorTime

SHARE = 2 / 3
"""Of the pod's CPU limit: what calls that compute may use."""
IDLE_SECONDS = 30.0
"""How long a guest beside the one that serves is kept for the next call that computes."""

Outcome = bytes | Exception


@dataclass(slots=True)
class _Call:
    """A call that computes; `action` is None when that has ended otherwise.

    `loads` says that it loads the code into the guest that the action will begin in.
    """

    guest: Guest
    action: Action | None
    loads: bool


class Runner(Protocol):
    """What runs the actions (`stages`)."""

    def waits(self, action: Action) -> None:
        """The action's call computes, or it waits for a guest."""

    def computed(self, action: Action, outcome: Outcome) -> None:
        """The action's call has ended, with the guest's answer or what went wrong."""

    def retry(self, actions: list[Action]) -> None:
        """The guests that these have waited for may be free: before all others, in this order."""

    def fail(self, action: Action, problem: ProblemError) -> None:
        """This action cannot wait any longer."""

    def in_use(self, guest: Guest) -> bool:
        """Whether actions wait in this guest, elsewhere than here."""


def rest_seconds(computed: float, cores: float) -> float:
    """How long to rest after having computed for so long, so that SHARE of the cores is used and not more."""
    return max(0.0, computed / (SHARE * cores) - computed)


class Lanes:
    """The calls that compute, and the actions that wait for a guest."""

    def __init__(
        self,
        guests: Guests,
        cores: float,
        runner: Runner,
        processor: ProcessorTime,
        cpu_millis: int,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        """`cores` is the pod's CPU limit; `processor` is told of the slices of calls that compute. `cpu_millis` is what
        an action may use of the processor, over all its calls; 0: without limit."""
        self._guests = guests
        self._cores = cores
        self._runner = runner
        self._processor = processor
        self._cpu_seconds = cpu_millis / 1000 if cpu_millis else math.inf
        self._called: Action | None = None
        """The action whose guest runs now, unless its call pauses."""
        guests.in_use = self._in_use
        if cpu_millis:
            guests.processor_left = self._processor_left
        self._idle_seconds = idle_seconds
        self._calls: deque[_Call] = deque()
        self._held: list[Action] = []
        self.blocked = False
        """Whether an action that has not begun waits here: others should not begin before it."""
        self._slice: asyncio.Handle | None = None
        self._idle: asyncio.Handle | None = None
        self._expiry: asyncio.Handle | None = None
        self._expires = 0.0

    @property
    def busy(self) -> bool:
        """Whether a call computes: what it does may let others go on."""
        return bool(self._calls)

    @property
    def waiting(self) -> int:
        """How many actions wait for a guest."""
        return len(self._held)

    def call(self, action: Action, message: bytes) -> Outcome | None:
        """Call the action's guest: its answer, or what went wrong; None when that comes later."""
        free = False
        try:
            guest = action.guest or self._guests.current(action.facet.tenant)
            if guest is not None and not guest.computing:
                free = True
                if action.guest is None:
                    action.begin(guest)
                call = guest.resume if action.turns else guest.fallback if action.fallback else guest.start
                if self._left_of(action) <= 0:
                    guest.drop()
                    return cpu_limit_exceeded()
                self._called = action
                action.results = {}  # they are in the message; what comes from now on is for the next one
                text = call(message, action.deadline, action.add_record, action.answer_now, action.readings)
                if not guest.computing:
                    action.turns += 1
                    return text
        except Exception as error:
            return error
        finally:
            self._called = None
        if guest is not None and (free or action.guest is None):
            self._compute(_Call(guest, action, loads=not free))
        else:
            self._held.append(action)
            self.blocked = self.blocked or guest is None
            if self._expiry is None or action.deadline < self._expires:
                self._watch()
        self._runner.waits(action)
        return None

    def has(self, action: Action) -> bool:
        """Whether a call of this action computes, or it waits for a guest."""
        return action in self._held or any(call.action is action for call in self._calls)

    def forget(self, action: Action) -> None:
        """The action has ended, or begins again, whatever its call comes to."""
        for call in self._calls:
            if call.action is action:
                call.action = None
        if action in self._held:
            self._held.remove(action)

    def release(self, *first: Action) -> None:
        """A guest has become free, or there may be another one: let `first` and those go on that have waited for it."""
        freed = list(first)
        held, self._held, self.blocked = self._held, [], False
        for action in held:
            waits = action.guest is not None and action.guest.computing
            (self._held if waits else freed).append(action)
        if freed:
            self._runner.retry(freed)

    def close(self) -> None:
        """Fail all."""
        for handle in (self._idle, self._slice, self._expiry):
            if handle is not None:
                handle.cancel()
        held, self._held = self._held, []
        for action in (*(call.action for call in self._calls), *held):
            if action is not None:
                self._runner.fail(action, ProblemError("AppRestarted"))
        self._calls.clear()

    def _compute(self, call: _Call) -> None:
        self._calls.append(call)
        if self._slice is None:
            self._rest_after(0.0)

    def _run_slice(self) -> None:
        call = self._calls.popleft()
        begun, spent = time.monotonic(), time.thread_time()
        outcome = self._go_on(call)
        spent = time.thread_time() - spent
        meter = call.action.meter if call.action is not None and not call.loads else None
        self._processor.slice(meter, time.monotonic() - begun, spent)
        try:
            if call.guest.computing:
                self._calls.append(call)
            else:
                self._end(call, outcome)
            if any(_gone(action) for action in self._held):
                self._fail_late()
        finally:
            self._slice = None
            if self._calls:
                self._rest_after(spent)

    def _rest_after(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        rest = rest_seconds(seconds, self._cores)
        self._slice = loop.call_later(rest, self._run_slice) if rest else loop.call_soon(self._run_slice)

    def _go_on(self, call: _Call) -> Outcome | None:
        guest, action = call.guest, call.action
        if guest.dropped:
            return GuestGoneError("AppRestarted", "another request broke the app")
        try:
            if call.loads:
                self._guests.go_on_loading(guest)
            elif action is None:
                guest.drop()  # its memory is in the middle of something
            elif _gone(action) and not self._in_use(guest):
                guest.drop()
                return ProblemError("CallerGone")
            elif self._left_of(action) <= 0:
                guest.drop()
                return cpu_limit_exceeded()
            else:
                return guest.go_on()
        except Exception as error:
            return error
        return None

    def _left_of(self, action: Action) -> float:
        """Seconds of the processor that the action may still use, without the batch that runs."""
        meter = action.meter
        return self._cpu_seconds - meter.guest_cpu_seconds - meter.statement_cpu_seconds

    def _processor_left(self) -> float:
        """Asked inside the call of a guest; what loads or cleans up is no action's."""
        return math.inf if self._called is None else self._left_of(self._called) - self._processor.running

    def _end(self, call: _Call, outcome: Outcome | None) -> None:
        action = call.action
        if action is None:
            self.release()
        elif outcome is None:
            self.release(action)
        else:
            if isinstance(outcome, bytes):
                action.turns += 1
            self._runner.computed(action, outcome)
            self.release()
        if self._idle is None:
            self._idle = asyncio.get_running_loop().call_later(self._idle_seconds, self._drop_idle)

    def _watch(self) -> None:
        """Look again when the time of the next one is over."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if self._held:
            self._expires = min(action.deadline for action in self._held)
            left = max(0.0, self._expires - time.monotonic())
            self._expiry = asyncio.get_running_loop().call_later(left, self._fail_late)

    def _fail_late(self) -> None:
        """Fail those whose time is over or whose callers have gone."""
        now, held = time.monotonic(), self._held
        late = [action for action in held if action.deadline <= now or _gone(action)]
        self._held = [action for action in held if action not in late]
        self._watch()
        for action in late:
            if _gone(action):
                problem = ProblemError("CallerGone")
            elif action.guest is None:
                problem = ProblemError("Busy", "no other request finished in time")
            else:
                problem = ProblemError("ActionTimeout", "the time of the request ran out while the app computed")
            self._runner.fail(action, problem)

    def _drop_idle(self) -> None:
        more = self._guests.drop_idle(self._in_use)
        self._idle = asyncio.get_running_loop().call_later(self._idle_seconds, self._drop_idle) if more else None

    def _in_use(self, guest: Guest) -> bool:
        return self._runner.in_use(guest) or any(action.guest is guest for action in self._held)


def _gone(action: Action) -> bool:
    """Whether nobody waits for the answer, and nothing depends on it."""
    return action.exchange.gone and action.exchange.ends_when_gone
