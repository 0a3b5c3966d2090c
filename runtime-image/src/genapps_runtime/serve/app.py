# SPDX-License-Identifier: Apache-2.0
"""The app as this process serves it: one guest (a new one after a failure), its state, its limits, one log line an
action.
"""

import asyncio
import itertools
import time
from collections import deque

from genapps_runtime import logs
from genapps_runtime.guest.engine import Language
from genapps_runtime.guest.instance import Guest, GuestGoneError
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.action import Action, ActionContext
from genapps_runtime.serve.messages import Reply, Request, problem_reply
from genapps_runtime.state.facet import StateConflictError
from genapps_runtime.termination import RefusedError

WAITING_PER_SLOT = 8


class App:
    """Answers requests. Call `load` before the first one. In `debug` callers are told what a failing app says."""

    def __init__(
        self,
        language: Language,
        load_message: str,
        context: ActionContext,
        heartbeat: Heartbeat,
        *,
        debug: bool = False,
    ) -> None:
        self._language = language
        self._load_message = load_message
        self._context = context
        self._heartbeat = heartbeat
        self._debug = debug
        config = context.config
        self._identity = {
            "app": config.app,
            "namespace": config.namespace,
            "revision": config.revision,
            "envelope": config.envelope_digest,
        }
        self._guest: Guest | None = None
        self._numbers = itertools.count(1)
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def load(self) -> list[str]:
        """Make the guest and load the code into it; returns the app's routes.

        Raises RefusedError when the code does not load.
        """
        config = self._context.config
        guest = Guest(self._language, self._heartbeat, config.limits.guest_memory_bytes)
        log = logs.ActionLog(config.limits.log_bytes_per_action)
        try:
            routes = guest.load(self._load_message, config.load_millis / 1000, log.add)
        finally:
            if log.records:
                self._context.log.write("load", app=config.app, namespace=config.namespace, **log.fields())
        self._guest = guest
        self._context.metrics.guest_started()
        return routes

    async def answer(self, request: Request) -> Reply:
        """The reply to a request. Errors of the app or of the caller are replies and not exceptions."""
        begun = time.monotonic()
        deadline = begun + self._context.config.action_millis / 1000
        attempts: list[Action] = []
        try:
            await self._enter(deadline)
            try:
                reply = await self._attempt(request, deadline, attempts)
            finally:
                self._leave()
            code, detail = "ok", ""
        except ProblemError as problem:
            reply = problem_reply(problem, request.id, debug=self._debug)
            code, detail = problem.code, problem.detail
        self._record(request, reply, code, detail, time.monotonic() - begun, attempts)
        return reply

    async def close(self) -> None:
        """Drop the guest."""
        if self._guest is not None:
            self._guest.drop()

    async def _attempt(self, request: Request, deadline: float, attempts: list[Action]) -> Reply:
        """Run the action; run it once more when another request changed the state that it had read."""
        for last in (False, True):
            action = Action(next(self._numbers), request, self._ready_guest(), self._context, deadline)
            attempts.append(action)
            try:
                return await action.run()
            except GuestGoneError as gone:
                raise ProblemError(gone.code, gone.detail) from None
            except StateConflictError:
                if last:
                    raise ProblemError("StateConflict") from None
        raise AssertionError  # the loop returns or raises

    def _ready_guest(self) -> Guest:
        if self._guest is None or self._guest.dropped:
            try:
                self.load()
            except RefusedError as refused:
                raise ProblemError("AppUnavailable", refused.message) from None
        assert self._guest is not None  # noqa: S101  load() has set it
        return self._guest

    async def _enter(self, deadline: float) -> None:
        """Take one of the tier's slots, or wait in a bounded queue for one. Raises ProblemError (Busy)."""
        slots = self._context.config.limits.concurrency
        if self._running < slots:
            self._running += 1
            return
        if len(self._waiting) >= slots * WAITING_PER_SLOT:
            raise ProblemError("Busy")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await asyncio.wait_for(turn, deadline - time.monotonic())
        except TimeoutError:
            raise ProblemError("Busy", "no other request finished in time") from None

    def _leave(self) -> None:
        """Hand the slot to the first in the queue, or give it back."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._running -= 1

    def _record(
        self, request: Request, reply: Reply, code: str, detail: str, seconds: float, attempts: list[Action]
    ) -> None:
        metrics = self._context.metrics
        metrics.action(code, seconds)
        metrics.set("genapps_state_bytes", self._context.facet.size)
        fields: dict[str, object] = {
            "level": "info" if reply.status < 500 else "error",
            **self._identity,
            "requestId": request.id,
            "method": request.method,
            "path": request.path[:500],
            "status": reply.status,
            "millis": int(seconds * 1e6) / 1000,
        }
        if code != "ok":
            fields["code"], fields["detail"] = code, detail
        if attempts:
            action = attempts[-1]
            fields["turns"], fields["guestMillis"] = action.turns, int(action.guest_seconds * 1e6) / 1000
            fields.update(action.log.fields())
            if action.tool_calls:
                fields["toolCalls"] = action.tool_calls
            if action.trace:
                fields["trace"] = action.trace[:4000]
            if len(attempts) > 1:
                fields["attempts"] = len(attempts)
        self._context.log.write("action", **fields)
