# SPDX-License-Identifier: Apache-2.0
"""Actions that wait for something outside the guest: a tool, a timer, or another action.

A guest with an event loop goes on with whatever comes first, and says which of its calls nobody waits for any more. An
action of it may also wait for another one alone (a lock, a queue). When nothing is left that could wake it, it fails
at once and not at its deadline.
"""

import asyncio
import time
from collections.abc import Callable

from genapps_runtime import logs
from genapps_runtime.guest import turns
from genapps_runtime.guest.instance import Guest, GuestGoneError
from genapps_runtime.problems import ProblemError, call_problem
from genapps_runtime.serve.action import Action
from genapps_runtime.serve.receiving import has_time_left
from genapps_runtime.serve.statements import Statement
from genapps_runtime.serve.timers import Timer, Timers
from genapps_runtime.serve.tools import Outcome

QUEUED = frozenset({"sql", "stream", "send", "body"})
AGING_SECONDS = 5.0
"""How often to look for old snapshots of an action that waits. One that is found twice ends, so none lasts longer than
twice as long: SQLite keeps all that is written while one is open."""
PENDING = 1000
"""Calls and timers that an action may wait for at once."""


class Waiting:
    """The actions that wait. `ready` gets one that can go on, `fail` one that cannot, with the reason.

    `queue` gets calls that wait for neither tool nor timer: for the action's turn, a commit, or the caller.
    """

    def __init__(
        self,
        ready: Callable[[Action], None],
        fail: Callable[[Action, ProblemError], None],
        queue: Callable[[Action, turns.Call], Statement],
    ) -> None:
        self._ready = ready
        self._fail = fail
        self._queue = queue
        self._timers = Timers()
        self._waiting: dict[int, Action] = {}
        self._expiries: dict[int, Timer] = {}
        self._outstanding: set[int] = set()
        """Those of them that wait for a tool or a timer."""

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, action: Action, calls: list[turns.Call], *, for_all: bool) -> None:
        """Begin these calls, and wait for one of all that are begun, or `for_all` of them.

        Raises GuestGoneError when there are too many.
        """
        if len(action.pending) + len(calls) > PENDING:
            raise GuestGoneError("TurnInvalid", f"the app waits for more than {PENDING} calls at once")
        for call in calls:
            if call.kind == "timer":
                when = time.monotonic() + call.payload["millis"] / 1000
                action.pending[call.id] = self._timers.call_at(when, self._fire, action, call.id)
            elif call.kind in QUEUED:
                action.pending[call.id] = self._queue(action, call)
            else:
                action.pending[call.id] = asyncio.get_running_loop().create_task(self._call(action, call))
        action.waits_for_all = for_all
        self._waiting[action.number] = action
        if action.pending:
            self._outstanding.add(action.number)
        expiry = self._expiries.get(action.number)
        if expiry is None or not expiry.open:  # it may have fired while the action could go on, and had more time
            self._expire_later(action)
        if action.exchange.ends_when_gone:
            action.exchange.on_gone = lambda: self._leave(action)
            if action.exchange.gone:
                asyncio.get_running_loop().call_soon(self._leave, action)

    def holds(self, action: Action) -> bool:
        """Whether the action waits."""
        return action.number in self._waiting

    def uses(self, guest: Guest) -> bool:
        """Whether an action that waits has begun in this guest."""
        return any(action.guest is guest for action in self._waiting.values())

    def wake(self, numbers: list[int], guest: Guest | None) -> None:
        """Let these actions go on, if they wait in this guest, which says so: those of others are nothing to it."""
        for number in numbers:
            action = self._waiting.get(number)
            if action is not None and action.guest is guest:
                self._go_on(action)

    def forget(self, action: Action, calls: list[str]) -> None:
        """Nobody waits for these calls of the action any more."""
        for call in calls:
            pending = action.pending.pop(call, None)
            if pending is not None:
                pending.cancel()

    def end(self, action: Action) -> None:
        """Forget an action that has ended, or begins again: its calls are cancelled."""
        self._remove(action)
        self.forget(action, list(action.pending))
        expiry = self._expiries.pop(action.number, None)
        if expiry is not None:
            expiry.cancel()

    def fail_stuck(self) -> None:
        """Fail all that wait, if none of them waits for anything but another. Nobody else may be running."""
        if self._outstanding:
            return
        for action in list(self._waiting.values()):
            self._fail(action, ProblemError("AppFailed", "nothing to wait for: no call, no timer and no other request"))

    def close(self) -> None:
        """Fail all that wait."""
        for action in list(self._waiting.values()):
            self._fail(action, ProblemError("AppRestarted"))

    async def _call(self, action: Action, call: turns.Call) -> None:
        try:
            outcome = await action.call_tool(call)
        except asyncio.CancelledError:
            return
        except TimeoutError:
            self._expire(action)  # not asked of the clock: the loop's timer may be a little ahead of it
        except ProblemError as problem:
            self._fail(action, problem)
        except Exception as error:
            logs.write("runtime failed", level="error", requestId=action.exchange.request.id, error=repr(error))
            self.arrive(action, call.id, {"problem": call_problem("GatewayUnavailable", "the call failed here")})
        else:
            self.arrive(action, call.id, outcome)

    def _fire(self, action: Action, call: str) -> None:
        self.arrive(action, call, {"ok": None})

    def arrive(self, action: Action, call: str, outcome: Outcome) -> None:
        """A call of this action has this outcome."""
        if action.pending.pop(call, None) is None:
            return
        action.results[call] = outcome
        if not (action.waits_for_all and action.pending):
            self._go_on(action)

    def _go_on(self, action: Action) -> None:
        if action.number in self._waiting:
            self._remove(action)
            self._ready(action)

    def _remove(self, action: Action) -> None:
        self._waiting.pop(action.number, None)
        self._outstanding.discard(action.number)
        action.exchange.on_gone = None

    def _expire_later(self, action: Action) -> None:
        age = time.monotonic() + AGING_SECONDS
        if action.deadline > age:
            self._expiries[action.number] = self._timers.call_at(age, self._age, action)
        else:
            self._expiries[action.number] = self._timers.call_at(action.deadline, self._expire, action)

    def _age(self, action: Action) -> None:
        action.let_go(old=True)
        self._expire_later(action)

    def _expire(self, action: Action) -> None:
        # One that can go on is told by its next call into the guest that its time is up.
        if action.number not in self._waiting:
            return
        if action.put_off() or has_time_left(action):
            self._expire_later(action)
        else:
            self._fail(action, ProblemError("ActionTimeout", "the time of the request ran out while the app waited"))

    def _leave(self, action: Action) -> None:
        if action.number in self._waiting:
            self._fail(action, ProblemError("CallerGone"))
