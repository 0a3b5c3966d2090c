# SPDX-License-Identifier: Apache-2.0
"""The tool calls of one action: counted against the tier's fan-out, decided about by the gateway, and recorded.

An action that begins again gets what its calls have brought, and makes none of them twice.
"""

import hashlib
from typing import Any, NamedTuple, Protocol

import orjson

from genapps_runtime.egress.gateway_client import Called, GatewayClient
from genapps_runtime.guest.turns import Call
from genapps_runtime.metrics import Metrics
from genapps_runtime.problems import ProblemError, call_problem, printable
from genapps_runtime.serve.held_bytes import HeldBytes
from genapps_runtime.serve.spans import Calls, Span
from genapps_runtime.serve.tool_streams import ToolStreams

RECORDED_BYTES = 16 * 1024 * 1024
"""Of the outcomes of all actions together, as JSON; the one that goes beyond it is the last."""
NAME_CHARACTERS = 100
_NOT_IN_ENVELOPE = "ConnectorNotInEnvelope"
_UNPAID = ("BudgetExhausted", "BudgetUnknown")
_TOO_NESTED = "the arguments of the call are nested too deeply"
_FULL = "what tools have answered to the requests that run takes too much memory: try again, or use `await tools.call`"
_IN_PIECES = "an answer that comes piece by piece has to be awaited"
_LOST = "a tool call was not waited for, or its answer not kept: after it a tool cannot be called without await"

Outcome = dict[str, Any]
"""`{"ok": result}` or `{"problem": {...}}`, as the guest gets it."""


class Wanted(NamedTuple):
    """What a call asks for. `digest` is that of the arguments."""

    connector: str
    tool: str
    digest: bytes

    def __str__(self) -> str:
        return f"{printable(self.connector, NAME_CHARACTERS)}.{printable(self.tool, NAME_CHARACTERS)}"


class Identity(NamedTuple):
    """The request: its id, and all names that it has on this platform. The keys of its calls are made of them."""

    request_id: str
    names: str
    tenant: str = ""
    """Whose request it is, as connectors are told: a digest of the tenant's name in hexadecimal."""


class Journalled(Protocol):
    """Keeps the calls of a request with a key, for repeats of the request."""

    steps: "list[Step]"
    """Those that an earlier attempt has made, or was about to make when it was cut short."""

    async def intend(self, step: "Step") -> None:
        """This call is about to be made. Raises ProblemError: it must not be made then."""

    async def ended(self, step: "Step", called: Called) -> None:
        """The call has ended with this."""


class Step:
    """One call that was made, or was about to be. `number` counts from 1. `outcome` is JSON, None until it is known, or
    when it was not kept.

    `wrote` says whether the tool may have changed something; `failed` that the outcome is a problem. `again`: an
    earlier attempt was about to make it, or made it, and nobody knows what it brought. `anew`: it was refused then.
    """

    __slots__ = ("again", "anew", "failed", "known", "number", "outcome", "wanted", "wrote")

    def __init__(self, number: int, wanted: Wanted) -> None:
        self.number = number
        self.wanted = wanted
        self.again = self.anew = False
        self.outcome: bytes | None = None
        self.known = False
        """Whether the call has ended, whatever was kept of it."""
        self.failed = False
        self.wrote = True

    @property
    def unknown(self) -> bool:
        """Whether nobody knows if the tool did anything."""
        return self.wrote and (self.failed or not self.known)

    def ended(self, called: Called, *, keep: bool) -> int:
        """The call has brought this; how many bytes are kept of it."""
        self.known = True
        self.failed = "problem" in called.outcome
        self.wrote = called.wrote
        self.again = False
        self.outcome = orjson.dumps(called.outcome["problem" if self.failed else "ok"]) if keep else None
        return len(self.outcome or b"")


class Tools:
    """What an action has called so far, in all attempts at it."""

    def __init__(
        self,
        identity: Identity,
        calls: Calls,
        gateway: GatewayClient,
        metrics: Metrics,
        limit: int,
        recorded: HeldBytes,
        journal: Journalled | None = None,
    ) -> None:
        """`calls` are the spans of the action's calls, `limit` is how many it may make. `recorded` counts the outcomes
        of all actions.

        With `journal` they are kept for repeats of the request.
        """
        self._identity = identity
        self._journal = journal
        self._calls = calls
        self._gateway = gateway
        self._metrics = metrics
        self._limit = limit
        self._recorded = recorded
        self._held = 0
        self._refused: dict[str, dict[str, Any]] = {}
        self._steps: list[Step] = journal.steps if journal is not None else []
        self._left: list[Step] = list(self._steps)
        """Those that this attempt has not asked for yet."""
        self._beyond = 0
        """Calls of this attempt that were more than it may make."""
        self.unpaid: dict[str, Any] | None = None
        """The refusal of the last call that its budget did not cover."""
        self.streams = ToolStreams()
        self._note_refused()

    @property
    def span(self) -> Span:
        """The action's place in its trace."""
        return self._calls.span

    @property
    def called(self) -> int:
        """How many calls there were, those beyond the limit included."""
        return len(self._steps) + self._beyond

    @property
    def wrote(self) -> Wanted | None:
        """The first call that may have changed something."""
        return next((step.wanted for step in self._steps if step.wrote), None)

    @property
    def written(self) -> list[dict[str, Any]]:
        """The calls that may have changed something, for whoever has to look after them."""
        return [
            {
                "step": step.number,
                "connector": printable(step.wanted.connector, NAME_CHARACTERS),
                "tool": printable(step.wanted.tool, NAME_CHARACTERS),
                "outcome": "unknown" if step.unknown else "done",
            }
            for step in self._steps
            if step.wrote
        ]

    @property
    def complete(self) -> bool:
        """Whether the outcomes of all calls that may have changed something are known."""
        return all(step.outcome is not None for step in self._steps if step.wrote)

    def begin_again(self) -> None:
        """The action begins again: it gets the outcomes from the first on."""
        self._left = [step for step in self._steps if step.outcome is not None or step.again or step.anew]
        self._beyond = 0

    def close(self) -> None:
        """The action has ended."""
        self._recorded.give(self._held)
        self._held = 0
        self.streams.close()

    async def call(self, payload: dict[str, Any], seconds: float, *, keep: bool) -> Outcome:
        """The outcome of one call (connector, tool, arguments), recorded or made.

        With `keep` it is recorded however much is. Raises TimeoutError when `seconds` are used up, and ProblemError.
        """
        wanted = _wanted(payload)
        if wanted is None:
            return {"problem": call_problem("CallInvalid", _TOO_NESTED)}
        step = self._next(wanted, in_order=False)
        if step is not None and step.outcome is not None:
            return {"problem" if step.failed else "ok": orjson.loads(step.outcome)}
        if step is None:
            outcome = self._refusal(wanted)
            if outcome is not None:
                return outcome
            step = self._begun(wanted)
        if self._journal is not None and not step.again:
            step.wrote = False
            await self._journal.intend(step)
        step.anew, step.known, step.wrote = False, False, True
        keep = keep or self._recorded.fits(1)
        asked = self._asked(step, payload)
        with self._calls.call(wanted.connector, wanted.tool) as span:
            called = await self._gateway.call(self._identity.request_id, step.number, asked, seconds, span.headers)
            span.take(called.outcome)
        refused = called.answered and called.outcome.get("problem", {}).get("code") == "OutcomeUnknown"
        if step.again and refused:
            self._metrics.tool_call("OutcomeUnknown")
            detail = f"nobody knows whether {wanted} was carried out, and it does not take the same call twice"
            raise ProblemError("OutcomeUnknown", detail)
        if step.again and "problem" in called.outcome:
            called = Called(called.outcome, wrote=True)  # what refuses this call says nothing of the first one
        outcome = self._ended(step, called, keep=keep)
        if self._journal is not None:
            await self._journal.ended(step, called)
        return outcome

    async def take(self, call: Call, seconds: float) -> Outcome:
        """The next pieces of an answer that comes piece by piece; for a call that asks for one, the first.

        Such a tool only reads, so the call is neither recorded nor journalled. Raises TimeoutError.
        """
        if call.kind == "next":
            return await self.streams.next(str(call.payload["call"]), seconds)
        wanted = _wanted(call.payload)
        if wanted is None:
            return {"problem": call_problem("CallInvalid", _TOO_NESTED)}
        outcome = self.streams.refusal() or self._refusal(wanted)
        if outcome is not None:
            return outcome
        step = self._begun(wanted)
        step.wrote = False
        asked = self._asked(step, call.payload) | {"stream": True}
        with self._calls.call(wanted.connector, wanted.tool) as span:
            opened = self._gateway.stream(self._identity.request_id, step.number, asked, seconds, span.headers)
            outcome = await self.streams.begin(call.id, opened, seconds)
            span.take(outcome)
        return self._ended(step, Called(outcome, wrote=False), keep=False)

    def at_once(self, payload: dict[str, Any]) -> Outcome | None:
        """The outcome of a call that cannot wait: recorded, with `ok` as JSON, or a refusal; None when it has to be
        made first.

        Raises ProblemError.
        """
        wanted = _wanted(payload)
        if wanted is None:
            return {"problem": call_problem("CallInvalid", _TOO_NESTED)}
        if payload.get("stream"):
            return {"problem": call_problem("CallRefused", _IN_PIECES)}
        step = self._next(wanted, in_order=True)
        if step is not None and step.outcome is None:
            self._left.insert(0, step)
            return None
        if step is None:
            if not self.complete:
                return {"problem": call_problem("CallRefused", _LOST)}
            outcome = self._refusal(wanted)
            if outcome is None and not self._recorded.fits(1):
                return {"problem": call_problem("CallRefused", _FULL, 1)}
            return outcome
        text = (step.outcome or b"null").decode()
        return {"problem": orjson.loads(text)} if step.failed else {"ok": text}

    def check_end(self) -> None:
        """The action has answered. Raises ProblemError when it has left out a call that an earlier attempt had made."""
        left = next((step for step in self._left if step.wrote), None)
        if left is not None:
            raise _diverged(left, "it answered without that call")

    def _next(self, wanted: Wanted, *, in_order: bool) -> Step | None:
        """The recorded call that this one repeats; None when it is a new one.

        What runs side by side may ask in another order; what does so `in_order` may not. Raises ProblemError when a
        call that may have changed something was left out.
        """
        passed: Step | None = None
        for number, step in enumerate(self._left):
            if step.wanted == wanted:
                if passed is not None and in_order:
                    break
                del self._left[number]
                return step
            passed = passed or (step if step.wrote else None)
        if passed is not None and wanted.connector not in self._refused:
            raise _diverged(passed, f"it called {wanted}")
        return None

    def _refusal(self, wanted: Wanted) -> Outcome | None:
        """The outcome of a call that need not be made."""
        if len(self._steps) >= self._limit:
            self._beyond += 1
            self._metrics.tool_call("FanOutExceeded")
            detail = f"a request may make at most {self._limit} tool calls"
            return {"problem": call_problem("FanOutExceeded", detail)}
        problem = self._refused.get(wanted.connector)
        if problem is None:
            return None
        # It would be refused again.
        return self._ended(self._begun(wanted), Called({"problem": problem}, wrote=False), keep=True)

    def _begun(self, wanted: Wanted) -> Step:
        step = Step(1 + max((step.number for step in self._steps), default=0), wanted)
        self._steps.append(step)
        return step

    def _asked(self, step: Step, payload: dict[str, Any]) -> dict[str, Any]:
        """What the gateway is told of a call, beside its place in the action."""
        asked = {name: payload[name] for name in ("connector", "tool", "arguments")}
        asked["key"] = self._key(step)
        if self._identity.tenant:
            asked["tenant"] = self._identity.tenant
        if step.again:
            asked["repeated"] = True
        return asked

    def _key(self, step: Step) -> str:
        """What tools that take the same call twice know it by: the same whenever this request is repeated."""
        connector, tool, digest = step.wanted
        names = self._identity.names
        text = f"{len(names)} {len(connector)} {len(tool)} {step.number} {names}{connector}{tool}"
        return hashlib.sha256(text.encode() + digest).hexdigest()

    def _note_refused(self) -> None:
        for step in self._steps:
            problem = orjson.loads(step.outcome) if step.failed and step.outcome else {}
            if problem.get("code") == _NOT_IN_ENVELOPE:
                self._refused[step.wanted.connector] = problem

    def _ended(self, step: Step, called: Called, *, keep: bool) -> Outcome:
        size = step.ended(called, keep=keep)
        self._held += size
        self._recorded.take(size)
        problem = called.outcome.get("problem")
        if problem is not None and problem.get("code") == _NOT_IN_ENVELOPE:
            self._refused[step.wanted.connector] = problem
        elif problem is not None and problem.get("code") in _UNPAID:
            self.unpaid = problem
        self._metrics.tool_call("ok" if problem is None else str(problem.get("code")))
        return called.outcome


def _wanted(payload: dict[str, Any]) -> Wanted | None:
    """None when the arguments have too many levels to be sent."""
    try:
        arguments = orjson.dumps(payload["arguments"], option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        return None
    return Wanted(payload["connector"], payload["tool"], hashlib.sha256(arguments).digest())


def _diverged(step: Step, instead: str) -> ProblemError:
    detail = (
        f"the app had called {step.wanted}; when the request ran again, {instead}. Code before a call must do the same "
        "each time it runs: it should not depend on objects that last longer than a request"
    )
    return ProblemError("ReplayDiverged", detail)
