# SPDX-License-Identifier: Apache-2.0
"""The actions whose answers leave piece by piece (docs/design/0046).

Before the first piece, what the action has written so far is stored, as at an action's end; then the head is sent. From
then on the action cannot run again. It holds no snapshot while it waits, and waits while its caller takes nothing.
"""

from typing import Protocol

from genapps_runtime.guest import turns
from genapps_runtime.metrics import Metrics
from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.action import Action
from genapps_runtime.serve.commits import Group, Verdict
from genapps_runtime.serve.endings import conflict
from genapps_runtime.serve.tenants import Tenants
from genapps_runtime.serve.tools import Outcome
from genapps_runtime.state.facet import Facet

STREAMING = frozenset({"stream", "send"})
"""Kinds of calls."""
CONFLICTS = 8
"""How often an action runs again because what it had read of the state was changed, or not stored after all."""
STREAMS_PER_PLACE = 16
"""Half of the actions that may wait outside the guest: readers who take their time leave the rest to others."""


class Runner(Protocol):
    """What runs the actions (`stages`)."""

    def answer(self, action: Action, call: str, outcome: Outcome) -> None:
        """A call of the action has this outcome."""

    def begin_again(self, action: Action) -> None:
        """Let the guest forget what it has done for this action, wherever it is."""

    def refuse(self, action: Action, problem: ProblemError) -> None:
        """The action ends with this problem."""

    def open(self, action: Action, begun: turns.Begun) -> None:
        """Send the head of the action's answer: `action.streamed` is there afterwards."""


class _Waits:
    """A call that waits for the commit, or for room. Nothing is taken back when nobody waits for it any more."""

    def cancel(self) -> None:
        """Nobody waits for it any more."""


class Streams:
    """The streams of an app with so many `places`."""

    def __init__(self, places: int, tenants: Tenants, runner: Runner, metrics: Metrics) -> None:
        self._tenants = tenants
        self._most = places * STREAMS_PER_PLACE
        self._runner = runner
        self._metrics = metrics
        self._open: set[Action] = set()
        self._beginning: dict[Action, tuple[str, turns.Begun]] = {}

    def take(self, action: Action, call: turns.Call) -> _Waits:
        """Note a call that waits: to begin the answer, or to send more of it. Raises ProblemError."""
        if action.fallback:
            raise ProblemError("AppFailed", "the app's fallback answers as a whole, not piece by piece")
        if action.exchange.internal:
            raise ProblemError("AppFailed", "nobody waits for this answer: it cannot leave piece by piece")
        if call.kind == "stream":
            if action in self._open or action in self._beginning:
                raise ProblemError("AppFailed", "an answer begins once")
            if len(self._open) + len(self._beginning) >= self._most:
                raise ProblemError("Busy", f"at most {self._most} answers leave piece by piece at the same time")
            self._beginning[action] = call.id, call.payload["stream"]
        elif (streamed := action.streamed) is not None:
            streamed.on_room = lambda: self._runner.answer(action, call.id, {"ok": None})
        return _Waits()

    def begin(self, action: Action, stored: dict[Facet, Group]) -> bool:
        """Store what the action has written so far, if it begins its answer now; whether it does. Raises ProblemError.

        What others store in the same commit is in `stored`.
        """
        if not self._beginning or action not in self._beginning:
            return False
        begun = self._beginning[action][1]
        if action.tools is not None:
            action.tools.check_end()
        action.close()
        if action.serial:
            self._tenants.of(action).serial.done(action, begun)
        elif begun.writes or action.keyed is not None:
            stored.setdefault(action.facet, []).append((action, begun))
        else:
            self._open_answer(action)
        return True

    def stored(self, action: Action, begun: turns.Begun, verdict: Verdict) -> None:
        """The commit before an answer is done, which the action still waits for, or not."""
        if self._beginning.get(action, ("", None))[1] is not begun:
            return
        if verdict is None:
            self._open_answer(action)
        elif isinstance(verdict, ProblemError):
            self._runner.refuse(action, verdict)
        elif action.conflicts < CONFLICTS and action.wrote_by_tool is None and not action.fixed:
            self._runner.begin_again(action)
            action.conflicts += 1
            self._tenants.of(action).serial.conflicted(action)
        else:
            self._runner.refuse(action, conflict(action.wrote_by_tool, action.fixed))

    def _open_answer(self, action: Action) -> None:
        """Send the head, and let the action go on."""
        call, begun = self._beginning.pop(action)
        self._open.add(action)
        self._metrics.set("genapps_streams", len(self._open))
        action.go_on_after_commit(begun.writes)
        self._runner.open(action, begun)
        self._runner.answer(action, call, {"ok": action.streamed is not None and action.streamed.wanted})

    def end(self, action: Action) -> None:
        """The action has ended, or begins again."""
        self._beginning.pop(action, None)
        if action in self._open:
            self._open.remove(action)
            self._metrics.set("genapps_streams", len(self._open))
