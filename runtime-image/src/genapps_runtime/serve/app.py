# SPDX-License-Identifier: Apache-2.0
"""The app as this process serves it: requests wait for one of the tier's places, run in batches, and end with a log
line and a reply.
"""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

from genapps_runtime.bundle import calls_in_place
from genapps_runtime.guest.engine import Language
from genapps_runtime.guest.readings import Readings
from genapps_runtime.guest.turns import Begun
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.action import Action
from genapps_runtime.serve.action_context import ActionContext
from genapps_runtime.serve.action_line import Told
from genapps_runtime.serve.background.entries import EntryFile
from genapps_runtime.serve.background.queue import BackgroundQueue
from genapps_runtime.serve.background.stock import Quotas, Stock
from genapps_runtime.serve.cors import Cors
from genapps_runtime.serve.credit import Credit
from genapps_runtime.serve.ended import Ended, Unbegun
from genapps_runtime.serve.fallback.by_tenant import execution_breaker
from genapps_runtime.serve.fallback.flows import Fallbacks
from genapps_runtime.serve.guests import Guests
from genapps_runtime.serve.keys import NOT_YET
from genapps_runtime.serve.messages import Answer, Exchange, Streamed
from genapps_runtime.serve.own_requests import OwnRequests
from genapps_runtime.serve.representations import varying
from genapps_runtime.serve.shown import deliver, shown
from genapps_runtime.serve.stages import BATCH, BATCH_SECONDS, Stages
from genapps_runtime.serve.static.files import StaticFiles
from genapps_runtime.serve.tenant_admission import TenantAdmission
from genapps_runtime.state.facet import DEFAULT_TENANT, Facet

DIRECT_SECONDS = 5.0
"""The time of a request that is not queued, where others are."""
FALLBACK_SECONDS = 1.0
"""The time of the app's own fallback."""
WAITING_PER_PLACE = 8
OUTSIDE_PER_PLACE = 32
"""Actions that wait outside the guest cost little: they leave their place to others, up to this number."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """A request that has not begun. `deadline` is a time of the monotonic clock, in seconds."""

    exchange: Exchange
    facet: Facet
    deadline: float


class App:
    """Answers requests. Call `load` before the first one. Making one raises StateUnavailableError.

    `files` are served without a guest; every other request is the app's. `admission` tells tenants apart; None: there
    is one. `cores` is the pod's CPU limit. With `fresh_instances` each action has an instance in which no other has
    been. In `debug` callers are told what a failing app says. `clock`, in seconds, is for the breaker and for the age
    of kept answers. With `entries` requests that may change something are queued there. With `credit` an action begins
    only when its CPU is paid.
    """

    def __init__(
        self,
        language: Language,
        load_message: str,
        context: ActionContext,
        heartbeat: Heartbeat,
        files: StaticFiles | None = None,
        *,
        cores: float,
        admission: TenantAdmission | None = None,
        fresh_instances: bool = False,
        debug: bool = False,
        clock: Callable[[], float] = time.monotonic,
        entries: EntryFile | None = None,
        breaker_turned: Callable[..., None] | None = None,
        credit: Credit | None = None,
    ) -> None:
        self._context = context
        self._files = files
        self._cors = Cors(context.config.cors) if context.config.cors is not None else None
        self._served: list[Ended] = []
        self._debug = debug
        config = context.config
        self._identity = {
            "app": config.app,
            "namespace": config.namespace,
            "revision": config.revision,
            "envelope": config.envelope_digest,
        }
        self._breaker = execution_breaker(clock, context.metrics, self._identity, breaker_turned, apart=bool(admission))
        self._repeats = language.calls_in_place or calls_in_place(load_message)
        self._fallbacks = (
            Fallbacks(config.fallback, context.metrics, clock, self._begin_fallback) if config.fallback else None
        )
        self._places = config.limits.concurrency
        self._action_seconds = config.action_millis / 1000
        self._guests = Guests(language, load_message, context, heartbeat, fresh=fresh_instances)
        self._stages = Stages(self._guests, context, cores, self._end, self._open, self._wake)
        self._admission = admission
        self._chosen_by = admission.chosen_by if admission is not None else None
        self._credit = credit
        if credit is not None:
            credit.answered = self._credited
        self._facet = context.facets.get(DEFAULT_TENANT)
        self._stages.tenants.add(self._facet)
        context.facets.on_deleted = self._keep_only
        self._numbers = itertools.count(1)
        self._begun = 0
        self._waiting: deque[_Waiting] = deque()
        self._awake = False
        self._expiry: asyncio.TimerHandle | None = None
        self._answered = time.monotonic()
        self._direct_seconds = self._action_seconds
        self.queue: BackgroundQueue | None = None
        """Of an app of the background."""
        if entries is not None:
            several = Quotas(context.facets.beside, context.facets.left_of) if admission is not None else None
            reply, run = self._answer_soon, self.submit_for
            self.queue = BackgroundQueue(entries, config, context.metrics, reply, run, Stock(quotas=several))
            context.facets.on_deleting = self.queue.drop
            self._direct_seconds = min(self._action_seconds, DIRECT_SECONDS)
        self._own: OwnRequests | None = None
        if admission is not None:
            self._own = OwnRequests(admission, config.limits.instances, self._take, self._answer_soon)

    def load(self) -> list[str]:
        """Make the guest and load the code into it; returns the app's routes.

        Raises RefusedError when the code does not load.
        """
        return self._guests.load(self._facet.tenant)

    def submit(self, exchange: Exchange) -> None:
        """Take a request; its reply comes later.

        Requests that come in one iteration of the loop run together. Errors of the app or of the caller are replies.
        """
        if self.idle_since is not None:
            self._stages.processor.begin()
        if self._cors is not None and (preflight := self._cors.preflight(exchange.request)) is not None:
            self._answer_soon(exchange, preflight)
            return
        if self._files is not None and (file := self._files.reply(exchange.request)) is not None:
            self._answer_soon(exchange, file)
            return
        if self._admission is not None:
            self._admission.admit(exchange, self._take if self.queue is None else self._enter, self._answer_soon)
        elif self.queue is None or exchange.internal:
            self._take(exchange, self._facet)
        else:
            self._enter(exchange, self._facet)

    def submit_for(self, tenant: str, exchange: Exchange) -> None:
        """Take a request that this process makes itself, for a tenant whom it knows."""
        if self._own is None:
            self.submit(exchange)
            return
        if self.idle_since is not None:
            self._stages.processor.begin()
        self._own.submit(tenant, exchange)

    def _enter(self, exchange: Exchange, facet: Facet) -> None:
        if self.queue is None or not self.queue.takes(exchange, facet.tenant):
            self._take(exchange, facet)

    def _take(self, exchange: Exchange, facet: Facet) -> None:
        if self._breaker.open and not self._breaker.admits(exchange, facet.tenant):
            self._answer_soon(exchange, ProblemError("BreakerOpen"), facet)
            return
        if self._admission is not None:
            facet.users += 1
            self._stages.tenants.add(facet)
        waiting = _Waiting(exchange, facet, time.monotonic() + self._direct_seconds)
        self._waiting.append(waiting)
        exchange.on_gone = partial(self._forget, waiting)
        self._wake()

    @property
    def idle_since(self) -> float | None:
        """The time of the last answer, on the monotonic clock in seconds; None while a request is under way."""
        queued = self.queue is not None and self.queue.busy
        opening = self._admission is not None and self._admission.opening
        return None if self._begun or self._waiting or queued or opening else self._answered

    async def close(self) -> None:
        """End what waits for tools, and drop the guest."""
        if self.queue is not None:
            await self.queue.close()
        if self._expiry is not None:
            self._expiry.cancel()
        self._stages.close()
        self._guests.close()

    def _answer_soon(self, exchange: Exchange, outcome: Answer | ProblemError, facet: Facet | None = None) -> None:
        """Answer a request that does not begin: all of one iteration of the loop together."""
        self._served.append(Ended(Unbegun(exchange, facet), outcome))
        if len(self._served) == 1:
            asyncio.get_running_loop().call_soon(self._answer_served)

    def _answer_served(self) -> None:
        served, self._served = self._served, []
        self._answer(served)

    def _wake(self) -> None:
        if not self._awake:
            self._awake = True
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        """Run batches until nothing is ready, or for BATCH_SECONDS: then other events of the loop have their turn."""
        self._awake = False
        ends = time.monotonic() + BATCH_SECONDS
        try:
            while batch := self._next_batch():
                self._stages.run(batch, ends)
                if time.monotonic() >= ends:
                    break
        finally:
            self._context.facets.end_batch()
            if self._overflow() > 0:
                # Not at once: callers who have hung up are noticed in between.
                asyncio.get_running_loop().call_soon(self._refuse_overflow)
            self._context.metrics.set("genapps_actions_waiting", self._stages.outside)
            if self._credit is not None:
                self._credit.look(len(self._waiting), self._begun)
            if self._stages.ready or (self._waiting and self._room()):
                self._wake()
            elif not self._waiting:
                self._stages.settled()
            elif self._expiry is None:
                self._expiry = asyncio.get_running_loop().call_later(
                    self._waiting[0].deadline - time.monotonic(), self._expire
                )

    def _room(self) -> int:
        """How many more requests may begin."""
        if self._stages.lanes.blocked:
            return 0
        outside = self._stages.outside
        room = max(0, self._places - max(self._begun - outside, outside - self._places * OUTSIDE_PER_PLACE))
        if self._credit is None or not self._credit.limited:
            return room
        return min(room, self._credit.places(self._begun))

    def _credited(self) -> None:
        """The gateway has answered: who waits may begin, or cannot."""
        problem = self._credit.problem() if self._credit is not None and not self._begun else None
        if problem is not None and self._waiting:
            waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
            self._refuse(waiting, problem)
        elif self._waiting:
            self._wake()

    def _next_batch(self) -> list[Action]:
        """At most BATCH actions: first those that have begun, then as many new ones as there are places."""
        ready = self._stages.ready
        batch = [ready.popleft() for _ in range(min(BATCH, len(ready)))]
        while self._waiting and len(batch) < BATCH and self._room():
            waiting = self._waiting.popleft()
            waiting.exchange.on_gone = None
            self._begun += 1
            deadline = waiting.deadline
            if waiting.exchange.internal:
                deadline = time.monotonic() + self._action_seconds
            action = Action(next(self._numbers), waiting.exchange, self._context, waiting.facet, deadline)
            if self._repeats:
                action.readings = Readings()
            if self._stages.add(action):
                batch.append(action)
        return batch

    def _forget(self, waiting: _Waiting) -> None:
        """Its caller has gone before it began: it does not begin."""
        self._waiting.remove(waiting)
        self._refuse([waiting], ProblemError("CallerGone"))

    def _overflow(self) -> int:
        """How many more are here than may begin or wait. Those that may begin have not all begun yet."""
        return self._begun + len(self._waiting) - self._places * (1 + OUTSIDE_PER_PLACE + WAITING_PER_PLACE)

    def _refuse_overflow(self) -> None:
        """Refuse those who came last, if more wait than may."""
        last: list[_Waiting] = []
        while self._waiting and self._overflow() > 0:
            last.append(self._waiting.pop())
        self._refuse(last, ProblemError("Busy"))

    def _expire(self) -> None:
        """Refuse the requests that have waited for a place until their deadline."""
        self._expiry = None
        now = time.monotonic()
        late: list[_Waiting] = []
        while self._waiting and self._waiting[0].deadline <= now:
            late.append(self._waiting.popleft())
        unpaid = self._credit.lack() if self._credit is not None else None
        self._refuse(late, unpaid or ProblemError("Busy", "no other request finished in time"))
        if self._waiting:
            self._wake()

    def _refuse(self, several: list[_Waiting], problem: ProblemError) -> None:
        """Answer requests that have not begun."""
        self._answer([Ended(Unbegun(waiting.exchange, waiting.facet), problem) for waiting in several])
        if self._admission is not None:
            for waiting in several:
                waiting.facet.users -= 1

    def _open(self, action: Action, begun: Begun) -> None:
        """Send the head of an answer whose body leaves piece by piece; its log line comes with its end."""
        headers = begun.headers
        if self._admission is not None:
            headers = varying(headers, self._admission.chosen_by)
        if self._cors is not None:
            headers = self._cors.headers(action.exchange.request, headers)
        action.exchange.begin_reply(Streamed(begun.status, headers))

    def _end(self, ended: list[Ended]) -> None:
        """Answer actions that have begun, and give their places to others."""
        self._begun -= len(ended)
        for one in ended:
            if one.action.keyed is not None:
                answered = not isinstance(one.outcome, ProblemError) or one.action.exchange.streamed is not None
                one.action.keyed.leave(answered=answered, wrote=one.action.wrote_by_tool is not None)
        self._answer(ended)
        for one in ended:
            if isinstance(one.action, Action) and one.action.tools is not None:
                one.action.tools.close()
        if self._admission is not None:
            self._spare(ended)
        if self._waiting:
            self._wake()

    def _spare(self, ended: list[Ended]) -> None:
        """Their facets may be closed, and their guests dropped for other tenants."""
        for one in ended:
            if isinstance(one.action, Action):
                one.action.facet.users -= 1
        if self._stages.lanes.blocked:
            asyncio.get_running_loop().call_soon(self._stages.lanes.release)

    def _answer(self, ended: list[Ended]) -> None:
        """Write the log lines of these actions, then send their replies: nothing is answered that is not logged."""
        self._answered = now = time.monotonic()
        metrics = self._context.metrics
        metrics.set("genapps_state_bytes", self._context.facets.size)
        metrics.set("genapps_tenants", self._context.facets.known)
        self._breaker.take(ended)
        if self._fallbacks is not None:
            ended = self._fallbacks.take(ended)
        if self._credit is not None:
            self._credit.settle(ended)
        replies: list[tuple[Exchange, Answer, str]] = []
        told = Told(self._identity, self._stages.processor.share(len(ended)))
        for one in ended:
            exchange, outcome, code = one.action.exchange, one.outcome, "replayed" if one.replayed else "ok"
            if isinstance(outcome, ProblemError):
                code = outcome.code
                if self._context.defects is not None:
                    self._context.defects.note(outcome, exchange.request.id)
            answer = exchange.streamed or shown(one, self._cors, self._chosen_by, debug=self._debug)
            seconds = now - exchange.begun
            metrics.action(code, seconds)
            if exchange.internal:
                if self._own is not None:
                    self._own.ended()
                exchange.code, exchange.tried = code, isinstance(one.action, Action) and code not in NOT_YET
            told.add(one, answer, seconds)
            replies.append((exchange, answer, code))
        metrics.add(told.sums)
        self._context.log.write_many("action", told.lines)
        deliver(replies)

    def _keep_only(self, tenants: Collection[str]) -> None:
        """Keep nothing in memory of tenants who may have been deleted."""
        self._guests.keep_only(tenants)
        if self._fallbacks is not None:
            self._fallbacks.keep_only(tenants)

    def _begin_fallback(self, exchange: Exchange, facet: Facet) -> Action | None:
        """Begin the app's own fallback for a request; None when no place is left."""
        if not self._room() or self._context.facets.find(facet.tenant) is not facet:
            return None
        if self._admission is not None:
            facet.users += 1
            self._stages.tenants.add(facet)
        deadline = time.monotonic() + FALLBACK_SECONDS
        action = Action(next(self._numbers), exchange, self._context, facet, deadline)
        action.fallback = True
        self._begun += 1
        self._stages.ready.append(action)
        self._wake()
        return action
