# SPDX-License-Identifier: Apache-2.0
"""Actions in batches: each stage is run for all actions of a batch before the next stage begins.

A request passes through two interpreters and the kernel, and each pushes the others out of the processor's caches.
Doing the same step for sixteen requests in a row costs less than half of doing all steps for one after the other
(docs/design/0032). So: all messages are made, the guest runs for all, all turns are read and what they ask of the
state is answered, all results are stored in one commit, all log lines are written at once, and then all replies.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator

from genapps_runtime.guest import turns
from genapps_runtime.guest.immediate import ToolWantedError, TurnWantedError
from genapps_runtime.guest.instance import Guest, GuestGoneError
from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.action import Action
from genapps_runtime.serve.action_context import ActionContext
from genapps_runtime.serve.admission import Admission, Unrun
from genapps_runtime.serve.commits import Group, Verdict
from genapps_runtime.serve.ended import Ended
from genapps_runtime.serve.endings import after_calls, conflict, own_failure
from genapps_runtime.serve.guests import Guests
from genapps_runtime.serve.lanes import Lanes
from genapps_runtime.serve.leaving import Leaving
from genapps_runtime.serve.messages import Reply
from genapps_runtime.serve.processor_time import ProcessorTime
from genapps_runtime.serve.receiving import sender_seconds, wait_for_piece
from genapps_runtime.serve.statements import Statement
from genapps_runtime.serve.streams import CONFLICTS, STREAMING, Streams
from genapps_runtime.serve.tenants import Tenants
from genapps_runtime.serve.tools import Outcome
from genapps_runtime.serve.waiting import Waiting
from genapps_runtime.state.errors import StateConflictError
from genapps_runtime.state.facet import Facet

BATCH = 16
BATCH_SECONDS = 0.002
"""After this time a batch is cut: what the guest has answered is answered to the callers first."""
RESTARTS = 4
"""How often an action runs again because others broke its guest."""


Continued = turns.Calls | turns.Wait | turns.Emit | turns.Done | turns.End


class Stages:
    """Runs the actions that have begun.

    `cores` is the pod's CPU limit. `end` gets the actions that ended together, `open` one whose answer begins to leave
    piece by piece. `wake` is called when `ready` has got actions at another time than during `run`.
    """

    def __init__(
        self,
        guests: Guests,
        context: ActionContext,
        cores: float,
        end: Callable[[list[Ended]], None],
        open: Callable[[Action, turns.Begun], None],  # noqa: A002
        wake: Callable[[], None],
    ) -> None:
        self._context = context
        self._fresh = guests.fresh
        self._end = end
        self._wake = wake
        self._sender_seconds = sender_seconds(holds_guest=guests.fresh or context.config.tenancy is not None)
        self.ready: deque[Action] = deque()
        """Actions with a message for the guest, in the order in which they run."""
        self._outcomes: list[tuple[Action, int, bytes | Exception]] = []
        """Actions, the attempts at them, and what the guest has answered."""
        self._batch: list[Action] = []
        """Those whose guest is being run."""
        self.tenants = Tenants(context.facets, self, self._stored)
        self._streams = Streams(context.config.limits.concurrency, self.tenants, self, context.metrics)
        self.open = open
        self._waiting = Waiting(self._go_on, self.fail, self._queue)
        self._admission = Admission(self._end_unrun)
        self.processor = ProcessorTime()
        self.lanes = Lanes(guests, cores, self, self.processor, context.config.limits.cpu_millis_per_action)
        self._leaving = Leaving(self.lanes.release)
        guests.on_slow, guests.on_free = self._settle, self.tenants.freed

    def run(self, batch: list[Action], ends: float) -> None:
        """Run the guest once for each action, until the time `ends` of the monotonic clock, then all other stages.

        What is left over, and what has its results at once, is `ready` again.
        """
        if self._leaving.cancelled:
            self._leaving.clean_up()
        self._batch = batch
        planned = [(action, action.attempt, len(action.results), action.message()) for action in batch]
        begun = time.monotonic()
        self.processor.enter()
        for index, (action, attempt, results, message) in enumerate(planned):
            if action.attempt != attempt:
                continue
            outcome = self.lanes.call(action, message if len(action.results) == results else action.message())
            ended = time.monotonic()
            self.processor.call(action.meter, ended - begun)
            begun = ended
            if outcome is not None:
                self._outcomes.append((action, attempt, outcome))
            if ended >= ends or action.guest is None or action.guest.dropped:
                # The callers before it have waited long enough; and what comes after a broken guest gets a new one.
                rest = [action for action, attempt, *_ in planned[index + 1 :] if action.attempt == attempt]
                self.ready.extendleft(reversed(rest))
                break
        self.processor.leave()
        self._settle()
        self._batch = []
        self._leaving.clean_up()

    @property
    def outside(self) -> int:
        """How many actions have begun and wait for something outside the guest."""
        return len(self._waiting) + self.tenants.outside + self.lanes.waiting

    def settled(self) -> None:
        """Nothing is ready, and no request waits to begin: what waits for another action only waits in vain."""
        if not self.tenants.busy and not self.lanes.busy:
            self._waiting.fail_stuck()

    def close(self) -> None:
        """End what still waits or computes."""
        self._waiting.close()
        self.lanes.close()

    def add(self, action: Action) -> bool:
        """Take a new action; False when it waits for the state first, and is `ready` later, or does not run."""
        if action.exchange.request.key and not self._admission.admits(action):
            return False
        serial = self.tenants.of(action).serial
        if serial.wanted(action) and action.exchange.upload is None:  # in its turn it would wait for its sender
            serial.join(action)
            return False
        return True

    def _end_unrun(self, unrun: Unrun) -> None:
        self._end([Ended(action, outcome, isinstance(outcome, Reply)) for action, outcome in unrun])

    def _go_on(self, action: Action) -> None:
        self.ready.append(action)
        self._wake()

    def _queue(self, action: Action, call: turns.Call) -> Statement:
        if call.kind in STREAMING:
            return self._streams.take(action, call)
        if call.kind == "body":
            return wait_for_piece(action, call, self, self._sender_seconds)
        return self.tenants.of(action).serial.queue(action, call)

    # What `Serial` calls, which may be inside a call of the guest.

    def begin(self, action: Action) -> None:
        """The turn of this action has come."""
        self._go_on(action)

    def answer(self, action: Action, call: str, outcome: Outcome) -> None:
        """A call that has waited for the turn, a commit or the caller has this outcome."""
        self._waiting.arrive(action, call, outcome)

    def is_outside(self, action: Action) -> bool:
        """Whether the action still waits for something, or computes."""
        return self._waiting.holds(action) or self.lanes.has(action)

    def begin_again(self, action: Action, *, keep_state: bool = False) -> None:
        """Let the guest forget what it has done for this action, wherever it is; see `Action.begin_again`."""
        self._forget(action)
        self._let_go(action)
        asyncio.get_running_loop().call_soon(self._leaving.clean_up)
        action.begin_again(keep_state=keep_state)

    def refuse(self, action: Action, problem: ProblemError) -> None:
        """An action that has waited for its turn cannot be served."""
        self._end([self._failed(action, problem)])
        asyncio.get_running_loop().call_soon(self._leaving.clean_up)

    # What `Lanes` calls, outside of all calls of guests.

    def waits(self, action: Action) -> None:
        """The action's call computes, or it waits for a guest."""
        self.tenants.of(action).serial.waits(action)

    def computed(self, action: Action, outcome: bytes | Exception) -> None:
        """The call of an action has ended that computed: all other stages follow."""
        self._outcomes.append((action, action.attempt, outcome))
        self._settle()
        self._context.facets.end_batch()
        self._leaving.clean_up()
        self._wake()

    def retry(self, actions: list[Action]) -> None:
        """The guests that these have waited for may be free: before all others, in this order."""
        self.ready.extendleft(reversed(actions))
        self._wake()

    def fail(self, action: Action, problem: ProblemError) -> None:
        """An action that has begun has failed outside of its stages."""
        self._end([self._failed(action, problem)])
        self._leaving.clean_up()

    def in_use(self, guest: Guest) -> bool:
        """Whether actions wait in this guest, or have a message for it."""
        return self._waiting.uses(guest) or any(action.guest is guest for action in (*self.ready, *self._batch))

    def _settle(self) -> None:
        """All stages after the guest's, for what it has answered so far.

        It may run inside a long call of the guest (`Guest.on_slow`), so it calls no guest itself.
        """
        ended: list[Ended] = []
        stored: dict[Facet, Group] = {}
        again: list[Action] = []
        for action, outcome in self._current_outcomes():
            try:
                turn = self._read(action, outcome)
                if turn is None or isinstance(turn, turns.Emit):
                    again.append(action)
                elif isinstance(turn, turns.WITH_CALLS):
                    self._answer(action, turn, again, stored)
                else:
                    self._finish(action, turn, stored, ended)
            except ProblemError as problem:
                ended.append(self._failed(action, problem))
            except TurnWantedError:
                self._run_in_turn(action, ended)
            except ToolWantedError as wanted:
                self._run_after(action, wanted.call, ended)
            except Exception as error:
                ended.append(self._failed(action, own_failure(action.exchange.request.id, error)))
        self.ready.extendleft(reversed(again))
        for group in stored.values():
            self.tenants.of(group[0][0]).commits.add(group)
        if ended:
            self._end(ended)

    def _current_outcomes(self) -> Iterator[tuple[Action, bytes | Exception]]:
        """What the guest has answered. The end of one action may void what it has answered for the next one."""
        outcomes, self._outcomes = self._outcomes, []
        for action, attempt, outcome in outcomes:
            if action.attempt == attempt:
                yield action, outcome

    def _read(self, action: Action, outcome: bytes | Exception) -> Continued | None:
        """The guest's turn; None when the action runs again in another guest. Raises ProblemError."""
        try:
            return self._trusted(action, outcome)
        except GuestGoneError as gone:
            guest, action.open = action.guest, False
            if guest is not None and not guest.dropped:
                self._leaving.drop(guest)
            if gone.code == "AppRestarted" and action.may_repeat and action.restarts < RESTARTS:
                action.restarts += 1
                self._waiting.end(action)
                self.tenants.of(action).serial.restarted(action)
                action.begin_again(keep_state=action.tools is not None)
                return None
            raise ProblemError(gone.code, gone.detail) from None

    def _trusted(self, action: Action, outcome: bytes | Exception) -> Continued:
        if action.guest in self._leaving.dropped:
            # An earlier action of the batch broke it: what it says since then counts for nothing.
            raise GuestGoneError("AppRestarted", "another request broke the app")
        if isinstance(outcome, Exception):
            raise outcome
        return action.take(outcome)

    def _answer(
        self, action: Action, turn: turns.Calls | turns.Wait, again: list[Action], stored: dict[Facet, Group]
    ) -> None:
        lasting = action.answer(turn.calls)
        if action.meter.statements_begun:
            action.meter.end_statements()
        if isinstance(turn, turns.Wait):
            self._waiting.forget(action, turn.cancel)
            self._waiting.wake(turn.wake, action.guest)
            go_on = bool(action.results) or action.number in turn.wake
        else:
            go_on = not lasting
        if go_on and not lasting:
            again.append(action)
            return
        try:
            self._waiting.add(action, lasting, for_all=isinstance(turn, turns.Calls))
        except GuestGoneError as gone:
            if action.guest is not None:
                self._leaving.drop(action.guest)
            raise ProblemError(gone.code, gone.detail) from None
        queued = bool(action.statements)
        if queued:
            self.tenants.of(action).serial.wait_turn(action)
        if go_on:
            self._waiting.wake([action.number], action.guest)
        if not (self._streams.begin(action, stored) or go_on or queued):
            self.tenants.of(action).serial.waits(action)
        if action.streamed is not None:
            action.let_go()

    def _finish(
        self, action: Action, done: turns.Done | turns.End, stored: dict[Facet, Group], ended: list[Ended]
    ) -> None:
        """The guest has said all that there is of this action: what it wrote is stored first. Raises ProblemError."""
        if action.tools is not None:
            action.tools.check_end()
        action.close()
        action.meter.writes = done.writes
        self._waiting.end(action)
        if self._fresh:
            self._let_go(action)
        if action.streamed is not None:
            self._streams.end(action)
            if action.exchange.gone:
                raise ProblemError("CallerGone")
        if action.serial:
            self.tenants.of(action).serial.done(action, done)
        elif done.writes or (action.keyed is not None and action.streamed is None):
            stored.setdefault(action.facet, []).append((action, done))
        else:
            ended.append(_answered(action, done))

    def _run_in_turn(self, action: Action, ended: list[Ended]) -> None:
        """The action wanted to write by SQL inside the guest's call: it runs again, with the state to itself."""
        wrote, reads = action.wrote_by_tool is not None, action.reads
        self.tenants.of(action).serial.wanted_at_once(action)
        if action.conflicts >= CONFLICTS or not action.may_repeat or (wrote and action.serial):
            ended.append(self._failed(action, conflict(action.wrote_by_tool, action.fixed)))
            return
        action.relied_on = reads if wrote else None
        action.conflicts += 1
        self.begin_again(action)
        self.tenants.of(action).serial.join(action)

    def _run_after(self, action: Action, call: turns.Call, ended: list[Ended]) -> None:
        """The action has called a tool inside the guest's call: it runs again when that has answered."""
        if action.fixed:
            detail = f"{action.fixed}: from then on it has to await its tools"
            ended.append(self._failed(action, ProblemError("AppFailed", detail)))
            return
        self.begin_again(action, keep_state=True)
        action.repeats += 1
        self._waiting.add(action, [call], for_all=True)
        self.tenants.of(action).serial.waits(action)

    def _failed(self, action: Action, problem: ProblemError) -> Ended:
        action.close()
        self._forget(action)
        self.tenants.of(action).serial.failed(action)
        self._let_go(action)
        return Ended(action, after_calls(action.tools, problem))

    def _let_go(self, action: Action) -> None:
        """The guest is to forget the action. It is dropped if it was there for this action only."""
        if action.guest is not None:
            if self._fresh:
                self._leaving.drop(action.guest)
            elif action.open:
                self._leaving.cancelled.append((action.guest, action.number))

    def _forget(self, action: Action) -> None:
        """What the action waits for does not matter any more, nor what it does, or is about to do."""
        action.attempt += 1
        self._waiting.end(action)
        self._streams.end(action)
        self.lanes.forget(action)
        if action in self.ready:
            self.ready.remove(action)

    def _stored(self, stored: Group, verdicts: list[Verdict]) -> None:
        """The commit of these actions is done, with these verdicts."""
        ended: list[Ended] = []
        for (action, done), verdict in zip(stored, verdicts, strict=True):
            if isinstance(done, turns.Begun):
                self._streams.stored(action, done, verdict)
            elif isinstance(verdict, ProblemError):
                ended.append(Ended(action, after_calls(action.tools, verdict)))
            elif isinstance(verdict, StateConflictError):
                if action.conflicts < CONFLICTS and action.wrote_by_tool is None and not action.fixed:
                    action.conflicts += 1
                    self.tenants.of(action).serial.conflicted(action)
                else:
                    ended.append(Ended(action, conflict(action.wrote_by_tool, action.fixed)))
            else:
                ended.append(_answered(action, done))
        if ended:
            self._end(ended)


def _answered(action: Action, done: turns.Done | turns.End) -> Ended:
    if isinstance(done, turns.Done):
        return Ended(action, action.reply(done))
    assert action.streamed is not None  # noqa: S101  checked when the turn was read
    return Ended(action, action.streamed)
