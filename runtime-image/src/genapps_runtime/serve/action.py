# SPDX-License-Identifier: Apache-2.0
"""One action: what is kept of a request between the stages that it goes through (`stages`).

The guest says in turns what it wants. Reads of state and of the request's body are answered at once, tool calls by
the gateway. An action changes nothing outside the guest before its commit, except by its tools.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from genapps_runtime.guest import turns
from genapps_runtime.guest.immediate import Immediate, ToolWantedError
from genapps_runtime.guest.instance import Guest, GuestGoneError
from genapps_runtime.guest.messages import piece_of, resume_message, start_message
from genapps_runtime.guest.readings import Readings
from genapps_runtime.logs import ActionLog
from genapps_runtime.problems import ProblemError, call_problem
from genapps_runtime.serve import refusals
from genapps_runtime.serve.action_context import ActionContext
from genapps_runtime.serve.endings import STATE_ERRORS, state_problem
from genapps_runtime.serve.keys import Keyed
from genapps_runtime.serve.messages import SCHEDULE, Exchange, Reply, Streamed
from genapps_runtime.serve.meter import Meter
from genapps_runtime.serve.request_journal import RequestJournal, identity_of
from genapps_runtime.serve.sending import sent
from genapps_runtime.serve.spans import Calls
from genapps_runtime.serve.statements import Statement, read_keys, run_statement
from genapps_runtime.serve.timers import Timer
from genapps_runtime.serve.tools import Outcome, Tools, Wanted
from genapps_runtime.serve.upload import taken
from genapps_runtime.state.facet import Facet
from genapps_runtime.state.marks import Mark
from genapps_runtime.state.open_transaction import OpenView
from genapps_runtime.state.sql_rules import STATEMENT_SECONDS
from genapps_runtime.state.transaction import Writes
from genapps_runtime.state.view import Overlaid, Reads, View

_LASTING = frozenset({"tool", "next", "timer", "stream"})
_OF_TOOLS = frozenset({"tool", "next"})
OWN_SECONDS = 1.0
"""What an action has for itself at least, however long others kept it from its beginning."""

Pending = asyncio.Task[None] | Timer | Statement


class Action:
    """One attempt at a request.

    `number` is unique within the process. `deadline` is a time of the monotonic clock, in seconds. It runs again when
    another request changed the state that it had read (`conflicts`), or broke the guest (`restarts`), and for each tool
    that it calls without await (`repeats`).
    """

    __slots__ = (
        "_answered", "_body", "_body_bytes", "_context", "_immediate", "_view", "_was_put_off", "attempt", "conflicts",
        "deadline", "exchange", "facet", "fallback", "guest", "keyed", "log", "meter", "number", "open",
        "pending", "readings", "relied_on", "repeats", "restarts", "results", "see", "serial", "statements", "tools",
        "trace", "turns", "waits_for_all", "writes_tables",
    )  # fmt: skip

    def __init__(self, number: int, exchange: Exchange, context: ActionContext, facet: Facet, deadline: float) -> None:
        self.number = number
        self.facet = facet
        """The state of its tenant."""
        self.exchange = exchange
        self.deadline = deadline
        self.fallback = False
        """Whether it is the app's own fallback, which calls no tools and writes nothing."""
        self.attempt = 0
        """Changes when what its guest does for it, or still says, counts for nothing any more."""
        self.conflicts = 0
        self.restarts = 0
        self.repeats = 0
        self.guest: Guest | None = None
        """None until it begins."""
        self.open = False
        """Whether the guest waits for results of this action."""
        self.turns = 0
        self.meter = Meter()
        self.log: ActionLog | None = None
        self.tools: Tools | None = None
        """What it has called in all attempts."""
        self.readings: Readings | None = None
        """What it is told of the clock and of chance in all attempts, if the app may call tools without await."""
        self.relied_on: Reads | None = None
        """What an earlier attempt had read before it called a tool that may have changed something."""
        self.trace = ""
        self.see: Callable[[], View | Overlaid] = facet.view
        """What the action reads the state with, from its first read on."""
        self.keyed: Keyed | None = None
        """Its key, if its request has one that counts."""
        self.serial = False
        """Whether it has, or waits to have, the state for itself (`serial`)."""
        self.writes_tables = False
        """Whether an attempt at it wanted to write by SQL: then it needs a transaction when its turn comes."""
        self.statements: list[turns.Call] = []
        """What it wants to run by SQL when its turn comes."""
        self._was_put_off = False
        self._context = context
        self.results: dict[str, Outcome] = {}
        """What has come for it since its last call into the guest began, by the ids of its calls."""
        self.pending: dict[str, Pending] = {}
        """What it waits for, by the ids of its calls: see `waiting`."""
        self.waits_for_all = False
        self._view: View | Overlaid | None = None
        self._immediate: Immediate | None = None
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._answered = 0
        """Characters of what was answered in this turn."""

    @property
    def wrote_by_tool(self) -> Wanted | None:
        """The first tool call that may have changed something outside: what was read before it must not change then."""
        return self.tools.wrote if self.tools is not None else None

    @property
    def may_repeat(self) -> bool:
        """Whether it can do the same once more without being noticed: with the state that it has read."""
        tools, told = self.tools, self.readings is not None
        return not self.fixed and (tools is None or (tools.complete and (told or tools.wrote is None)))

    @property
    def fixed(self) -> str:
        """Why it cannot begin again; empty while it can."""
        upload = self.exchange.upload
        if self.exchange.streamed is not None:
            return "the answer had begun"
        if self.tools is not None and self.tools.streams.taken:
            return "the app had taken a piece of a tool's answer"
        return "the app had read a part of its body" if upload is not None and upload.next else ""

    @property
    def streamed(self) -> Streamed | None:
        """Its answer, once the head of it is sent and while the body leaves piece by piece."""
        return self.exchange.streamed

    @property
    def reads(self) -> Reads | None:
        """What the action has read of the state."""
        return self._view.reads if self._view is not None else None

    @property
    def wrote_tables(self) -> bool:
        """Whether it has written by SQL what is not stored yet."""
        return isinstance(self._view, OpenView) and self._view.wrote

    def begin(self, guest: Guest) -> None:
        """It will run in this guest, from its beginning."""
        self.guest = guest
        if self.readings is not None:
            self.readings.begin_again()
        if self.keyed is not None and self.keyed.intents:
            self._own_tools()
        if self.tools is not None:
            self.tools.begin_again()
        if not self.repeats:  # else each call would give it more time
            self._have_own_time()

    def put_off(self) -> bool:
        """Have its own time once more, if others have kept it from its turn until now; whether it does."""
        if not self.statements or self._was_put_off:
            return False
        self._was_put_off = True
        self._have_own_time()
        return True

    def _have_own_time(self) -> None:
        own = min(OWN_SECONDS, self._context.config.action_millis / 1000)
        self.deadline = max(self.deadline, time.monotonic() + own)

    def begin_again(self, *, keep_state: bool = False) -> None:
        """Forget what the guest has done for it, and begin with the request once more.

        It gets what its tools have answered. `keep_state`: it reads the state in the same snapshot, or turn.
        """
        if not keep_state:
            self.close()
            self._view = None
        self.attempt += 1
        self.meter.begin_again()
        self.guest, self.open, self.turns = None, False, 0
        self.log, self.trace, self._immediate = None, "", None
        self.results, self._body, self._body_bytes, self.statements = {}, [], 0, []

    def add_record(self, record: str) -> None:
        """Take a record of the app's log; given to the guest's call."""
        if self.log is None:
            self.log = ActionLog(self._context.config.limits.log_bytes_per_action)
        self.log.add(record)

    def message(self) -> bytes:
        """The next message to the guest: the request at first, then the results of its last calls."""
        if self.turns:
            return resume_message(self.number, self.results)
        request, own = self.exchange.request, self.exchange.internal == SCHEDULE
        return start_message(
            self.number, request.id, request.method, request.path, request.query, request.headers, request.body,
            own=own, in_pieces=self.exchange.upload is not None,
        )  # fmt: skip

    def answer_now(self, text: bytes) -> bytes:
        """Answer what the app asks inside a call; given to the guest's call."""
        if self._immediate is None:
            self._immediate = Immediate()
        return self._immediate.answer(text, self._run_now)

    def take(self, text: bytes) -> turns.Calls | turns.Wait | turns.Emit | turns.Done | turns.End:
        """Read what the guest answered, and keep what it says for the end. Raises ProblemError when the action ends
        with it, GuestGoneError when the guest cannot be trusted any more, and TurnWantedError."""
        self.open = False
        ended = self._immediate.ended if self._immediate is not None else None
        turn = refusals.read_turn(text, ended, streaming=self.streamed is not None)
        if isinstance(turn, turns.Failed):
            self.trace = turn.trace
            if turn.code == "MemoryExceeded":
                raise GuestGoneError("MemoryExceeded", turn.detail)  # what is left of its memory serves nobody well
            if turn.code == "Cancelled":
                raise GuestGoneError("TurnInvalid", "the app ended an action that was not cancelled")
            raise ended or refusals.failure(turn, self.tools.unpaid if self.tools is not None else None)
        self.open = not isinstance(turn, turns.LAST)
        self._answered = 0
        if ended is not None:
            raise ended
        if isinstance(turn, turns.WITH_PIECE):
            self._collect(turn.piece)
            if self.fallback and isinstance(turn, turns.Done) and turn.writes:
                raise ProblemError("AppFailed", refusals.READ_ONLY)
        return turn

    def answer(self, calls: list[turns.Call]) -> list[turns.Call]:
        """Answer reads of state and of the request's body, and SQL; returns the calls that take time.

        Among them are statements that write, and those after them, when the action has not got its turn. Raises
        ProblemError.
        """
        lasting: list[turns.Call] = []
        until, queued = 0.0, bool(self.statements)
        for call in calls:
            if call.kind == "tool" and self.fallback:
                self.results[call.id] = {"problem": call_problem("ReadOnly", refusals.READ_ONLY)}
            elif call.kind in _OF_TOOLS and (queued or self.wrote_tables):
                self.results[call.id] = {"problem": call_problem("ToolAfterSql", refusals.TOOL_AFTER_SQL)}
            elif call.kind in _LASTING:
                lasting.append(call)
            elif call.kind == "send":
                self.let_go()
                lasting += sent(self.exchange, call, self.results)
            elif self.exchange.upload is not None and call.kind == "body":
                lasting += taken(self.exchange.upload, call, self.results)
            elif call.kind == "sql":
                until = until or self.meter.begin_statements() + STATEMENT_SECONDS
                outcome = None if queued else self.run_sql(call, until)
                if outcome is not None:
                    self.results[call.id] = outcome
                elif self._calls_tool or any(one.kind in _OF_TOOLS for one in lasting):
                    self.results[call.id] = {"problem": call_problem("SqlRefused", refusals.SQL_BESIDE_TOOL)}
                else:
                    queued = True
                    lasting.append(call)
            else:
                self.results[call.id] = self._local(call)
        return lasting

    def run_sql(self, call: turns.Call, until: float, point: int = 0) -> Outcome | None:
        """The outcome of a statement; None when it writes and the action has not got its turn.

        `until` is as for `Connection.run`. `point` is the number of a savepoint that begins before it, 0 for none.
        Raises ProblemError.
        """
        if self._answered >= refusals.RESULTS_CHARACTERS:
            return {"problem": call_problem("SqlTooLarge", refusals.TOO_MUCH)}
        if self._view is None:
            self._view = self.see()
        try:
            if point and isinstance(self._view, OpenView):
                self._view.point("begin", point)
            outcome = run_statement(self._view, call.payload, until, self.facet.writing_texts, self.meter)
        except STATE_ERRORS as error:
            raise state_problem(error, self.wrote_by_tool) from None
        if outcome is None:
            return {"problem": call_problem("SqlRefused", refusals.READ_ONLY)} if self.fallback else None
        self._answered += len(outcome.get("ok", ""))
        return outcome

    def go_on_after_commit(self, writes: Writes) -> None:
        """Go on after these writes are stored. What it had read beside them counts for later ones."""
        found, self.serial, self.writes_tables = self.reads, False, False
        self.take_turn(self.facet.view)
        self._view = view = self.facet.view()
        view.reads = found.without(key for key, _ in writes) if found is not None else None

    def let_go(self, *, old: bool = False) -> None:
        """Hold no snapshot while its answer leaves; or none that is `old`. What it has read counts for its writes."""
        if isinstance(self._view, View):
            (self._view.grow_old if old else self._view.renew)()

    def take_turn(self, see: Callable[[], View | Overlaid]) -> None:
        """From now on it reads and writes what `see` gives."""
        self.see = see
        self.close()
        self._view = None

    async def call_tool(self, call: turns.Call) -> Outcome:
        """The outcome of a tool call. Raises TimeoutError when the action's time is used up, and ProblemError."""
        seconds = max(0.0, self.deadline - time.monotonic())
        if call.kind == "next" or call.payload.get("stream"):
            return await self._own_tools().take(call, seconds)
        # When it has not begun, it begins again only to get this outcome.
        return await self._own_tools().call(call.payload, seconds, keep=self.guest is None)

    def _own_tools(self) -> Tools:
        if self.tools is None:
            context, request = self._context, self.exchange.request
            identity = identity_of(context.config, self.facet.tenant, request)
            calls = Calls(request, context.log, context.config)
            journal = RequestJournal(self.keyed) if self.keyed is not None else None
            limit = context.config.limits.tool_calls_per_action
            self.tools = Tools(identity, calls, context.gateway, context.metrics, limit, context.recorded, journal)
        return self.tools

    def reply(self, done: turns.Done) -> Reply:
        """The response that the guest made."""
        return Reply(done.status, done.headers, b"".join(self._body) if len(self._body) > 1 else self._body[0])

    def mark(self, done: turns.Written) -> Mark | None:
        """What is kept of the response for repeats, if the request has a key."""
        return None if self.keyed is None else self.keyed.mark_of(done, self._body)

    def close(self) -> None:
        """Let go of the snapshot of the state."""
        if self._view is not None:
            self._view.close()

    def _run_now(self, call: turns.Call) -> Outcome | None:
        """The outcome of a call inside the guest's; None when it has to wait for the action's turn.

        Raises ProblemError, and ToolWantedError when it has to wait for a tool.
        """
        self._answered = 0  # the guest has what was answered before
        if call.kind == "sql":
            outcome = self.run_sql(call, time.thread_time() + STATEMENT_SECONDS, int(call.id))
            if outcome is None and self._calls_tool:
                return {"problem": call_problem("SqlRefused", refusals.SQL_BESIDE_TOOL)}
            return outcome
        if call.kind == "tool":
            return self._tool_now(call)
        if call.kind != "point":
            return self._local(call)
        if isinstance(self._view, OpenView):
            try:
                self._view.point(call.payload["step"], int(call.id))
            except STATE_ERRORS as error:
                raise state_problem(error, self.wrote_by_tool) from None
        return {"ok": None}

    def _tool_now(self, call: turns.Call) -> Outcome:
        if self.fallback:
            return {"problem": call_problem("ReadOnly", refusals.READ_ONLY)}
        if self.statements or self.wrote_tables:
            return {"problem": call_problem("ToolAfterSql", refusals.TOOL_AFTER_SQL)}
        if self._calls_tool:
            return {"problem": call_problem("CallRefused", refusals.BESIDE_TOOL)}
        outcome = self._own_tools().at_once(call.payload)
        if outcome is None:
            raise ToolWantedError(call)
        return outcome

    @property
    def _calls_tool(self) -> bool:
        """Whether it waits for a tool."""
        return any(isinstance(one, asyncio.Task) for one in self.pending.values())

    def _local(self, call: turns.Call) -> dict[str, Any]:
        if self._answered >= refusals.RESULTS_CHARACTERS:
            return {"problem": call_problem("StateFull", refusals.TOO_MUCH)}
        outcome = self._read(call)
        self._answered += self.meter.read(call.kind, outcome.get("ok"))
        return outcome

    def _read(self, call: turns.Call) -> dict[str, Any]:
        if call.kind == "body":
            return {"ok": piece_of(self.exchange.request.body, call.payload["chunk"])}
        if call.kind == "leave":
            return self._own_tools().streams.leave(str(call.payload["call"]))
        if self._view is None:
            self._view = self.see()
        try:
            return read_keys(self._view, call)
        except STATE_ERRORS as error:
            raise state_problem(error, self.wrote_by_tool) from None

    def _collect(self, piece: bytes) -> None:
        self._body_bytes += len(piece)
        if self._body_bytes > (limit := self._context.config.limits.response_body_bytes):
            raise ProblemError("ResponseTooLarge", f"a response may have at most {limit} bytes")
        self._body.append(piece)
