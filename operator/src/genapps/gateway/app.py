# SPDX-License-Identifier: Apache-2.0
"""The routes: from an HTTP request to one decision and its answer. No framework: four routes, each body small.

Nothing is read of a body before the caller has proved who they are."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any

import orjson
import structlog

from genapps.cluster import clocks
from genapps.core.text import plain
from genapps.gateway import decision
from genapps.gateway.bodies import Receive, RefusedError, Scope, Send, header, judge_framing, read_body
from genapps.gateway.budgets.credit import NONE_NOW, Credits
from genapps.gateway.callers.identity import Identities, KeysUnavailableError, TokenRefusedError
from genapps.gateway.callers.records import App, Records
from genapps.gateway.callers.token_keys import TokenKeyDelivery
from genapps.gateway.calls import Calls, Made, Passed
from genapps.gateway.catalogue import Catalogue, Offer
from genapps.gateway.connectors.streams import StreamedTool
from genapps.gateway.contracts.stored import StoredContracts
from genapps.gateway.decision import Admit, Question, Refusal, Violation, admit, decide
from genapps.gateway.http.departure import EndedWhenGone, Watch, watch_of
from genapps.gateway.ledgers.breakers import Breakers
from genapps.gateway.ledgers.ledger import Ledgers, LedgerUnavailableError
from genapps.gateway.ledgers.slow_ledger import SlowLedgers
from genapps.gateway.limits.rates import Rates
from genapps.gateway.messages import (
    DefectRule,
    Fault,
    Heartbeat,
    Message,
    ToolCall,
    ViolationReport,
    parse,
    request_id,
)
from genapps.gateway.metrics import Metrics
from genapps.gateway.problems import MEDIA_TYPE, Code, Problem
from genapps.gateway.reviewed import ReviewedOffers
from genapps.gateway.streamed_answer import StreamedAnswer
from genapps.traceparent import read_traceparent

Trace = dict[str, str]
"""Fields of a line that say which trace it belongs to."""

REPORTS_PER_MINUTE = 60
REPORT_BURST = 20

_HEALTH = "/v1/healthz"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: JSON, or a problem with the id of the request it belongs to."""

    status: int
    body: bytes
    code: str = "ok"
    media_type: str = "application/json"
    retry_after: int | None = None
    close: bool = False


@dataclass(frozen=True, slots=True)
class Parts:
    """What the routes rest on."""

    identities: Identities
    records: Records
    catalogue: Catalogue
    contracts: StoredContracts
    """What apps were started or reviewed with."""
    ledgers: Ledgers
    slow_ledgers: SlowLedgers
    """Defects, and limits that apps met."""
    breakers: Breakers
    """What runtimes say of their execution breakers."""
    calls: Calls
    credits: Credits
    token_keys: TokenKeyDelivery
    report_rates: Rates
    metrics: Metrics
    stale: Callable[[], bool]
    """Whether what is known is too old to decide on."""


class GatewayApp:
    """The ASGI application of the call port."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._reviewed = ReviewedOffers(parts.contracts)
        self.draining = False
        """Set when the process is about to end: each answer closes its connection, so that the next comes elsewhere."""
        self._routes = {"/v1/calls": self._call, "/v1/violations": self._report, "/v1/heartbeat": self._heartbeat}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request: whatever goes wrong, it is answered, and refused."""
        if scope["type"] != "http":
            return
        started = clocks.monotonic()
        path, trace = scope["path"], _trace(scope)
        route = path if path in self._routes or path == _HEALTH else "other"
        try:
            answer: Answer | StreamedAnswer = await self._answer(scope, receive, trace, started)
        except RefusedError as refused:
            answer = _problem(refused.problem, None, close=refused.close)
        except (KeysUnavailableError, LedgerUnavailableError) as error:
            _log.warning("undecided", route=route, why=type(error).__name__, **trace)
            detail = "The gateway cannot reach what it needs to decide, so it refuses. Try again in a moment."
            answer = _problem(Problem(Code.GATEWAY_UNAVAILABLE, detail, retry_after=1), None)
        except Exception:
            # The last line of defence: whatever went wrong, the call is refused and the process goes on.
            _log.exception("route_failed", route=route, **trace)
            detail = "The gateway failed and refuses the call. Try again."
            answer = _problem(Problem(Code.GATEWAY_UNAVAILABLE, detail, retry_after=1, status=500), None, close=True)
        self._parts.metrics.answers.labels(route, answer.code).inc()
        self._parts.metrics.seconds.labels(route).observe(clocks.monotonic() - started)
        if isinstance(answer, StreamedAnswer):
            await self._stream(answer, watch_of(scope, receive), send, trace)
        else:
            await _send(answer, send, close=answer.close or self.draining)

    async def _stream(self, answer: StreamedAnswer, watch: Watch, send: Send, trace: Trace) -> None:
        """What cannot be sent to its end is left without one, and the server breaks the connection off."""
        try:
            with EndedWhenGone(watch):
                await answer.send(send, close=self.draining)
        except RefusedError:
            pass  # the caller has gone
        except Exception as error:
            _log.warning("stream_left", why=type(error).__name__, **trace)

    async def _answer(self, scope: Scope, receive: Receive, trace: Trace, started: float) -> Answer | StreamedAnswer:
        path, method = scope["path"], scope["method"]
        judge_framing(scope)
        if (method, path) == ("GET", _HEALTH):
            return _ok({"status": "ok"})
        route = self._routes.get(path)
        if route is None:
            raise RefusedError(Problem(Code.REQUEST_INVALID, "The gateway has no such path.", status=404), close=True)
        if method != "POST":
            raise RefusedError(Problem(Code.REQUEST_INVALID, "This path allows POST only.", status=405), close=True)
        if self._parts.stale():
            # The next attempt comes on a new connection, and so perhaps to a gateway that hears more.
            raise RefusedError(decision.STALE, close=True)
        app = await self._caller(scope)
        return await route(app, await read_body(scope, receive), trace, watch_of(scope, receive), started)

    async def _caller(self, scope: Scope) -> App:
        try:
            caller = await self._parts.identities.identify(header(scope, b"authorization"))
        except TokenRefusedError as refused:
            self._parts.metrics.token_faults.labels(refused.fault).inc()
            fault = refused.fault.replace("_", " ")
            detail = f"The projected token is invalid ({fault}). Read the token file again and retry."
            raise RefusedError(Problem(Code.TOKEN_INVALID, detail, retry_after=1), close=True) from refused
        app = self._parts.records.find(caller)
        if app is None:
            _log.info("caller_unknown", namespace=caller.namespace, pod=caller.pod_name, uid=caller.pod_uid)
            raise RefusedError(decision.CALLER_UNKNOWN, close=True)
        return app

    async def _call(self, app: App, body: bytes, trace: Trace, watch: Watch, started: float) -> Answer | StreamedAnswer:
        call = parse(ToolCall, body)
        offer = self._parts.catalogue.find(call.connector) if isinstance(call, ToolCall) else None
        if offer is not None and app.record.contracts:
            offer = self._reviewed.offer(offer, app.record.contracts)
        decided = admit(self._question(app, call, offer))
        if isinstance(decided, Admit):
            streamed = decided.tool.streamed if decided.call.stream else None
            left = _left(decided.call, started)
            if streamed is not None:
                return await self._begun(decided, streamed, trace, watch, left)
            return await self._made(decided, trace, watch, left)
        if decided.violation is not None and isinstance(call, ToolCall):
            decided = await self._counted(app, decided, decided.violation, call)
        return await self._refused(app, decided, call, trace, offer)

    async def _made(self, admitted: Admit, trace: Trace, watch: Watch, left: float) -> Answer:
        """A call that only reads ends when its caller goes; one that may have been executed is seen to its end."""
        about = {**_who(admitted.app), **trace}
        try:
            if admitted.tool.effect == "Read":
                with EndedWhenGone(watch):
                    made = await self._parts.calls.make(admitted, about, left)
            else:
                made = await self._parts.calls.make(admitted, about, left)
        except RefusedError:
            raise  # the caller of a Read has gone
        except Exception:
            # Nobody knows how far it came, and any other refusal would say that nothing was done.
            _log.exception("call_failed", **about)
            detail = "The gateway failed while it made the call, which may have been executed."
            made = Problem(Code.OUTCOME_UNKNOWN, detail)
        if isinstance(made, Made):
            return Answer(200, b'{"result":%b,"effect":"%b"}' % (made.result, made.effect.encode()))
        await self._noted(admitted, made)
        return _problem(made, admitted.call.request_id, admitted.tool.effect)

    async def _begun(
        self, admitted: Admit, tool: StreamedTool, trace: Trace, watch: Watch, left: float
    ) -> Answer | StreamedAnswer:
        """The answer from its first piece on. What fails before that is refused as any call is."""
        passed = self._parts.calls.stream(admitted, tool, {**_who(admitted.app), **trace}, left)
        try:
            with EndedWhenGone(watch):
                first = await _first(passed)
        except BaseException:
            await passed.aclose()
            raise
        if isinstance(first, Problem):
            await passed.aclose()
            await self._noted(admitted, first)
            return _problem(first, admitted.call.request_id, admitted.tool.effect)
        return StreamedAnswer(first, passed, min(admitted.tool.seconds, left), admitted.call.request_id)

    async def _noted(self, admitted: Admit, problem: Problem) -> None:
        """Count how a call failed. It may have been executed, so a count that fails takes the place of no problem."""
        try:
            await self._parts.slow_ledgers.note(admitted.app, problem, admitted.call, admitted.offer)
        except Exception:
            _log.exception("problem_not_counted", **_who(admitted.app), code=problem.code)

    async def _report(self, app: App, body: bytes, trace: Trace, _watch: Watch, _started: float) -> Answer:
        report = parse(ViolationReport, body)
        refusal = self._decided(app, report)
        if isinstance(report, Fault):
            return await self._refused(app, refusal or decision.invalid(report), report, trace)
        if refusal is not None:
            return await self._refused(app, refusal, report, trace)
        wait = self._parts.report_rates.wait(app.child)
        if wait > 0:
            problem = Problem(
                Code.TOO_MANY_REPORTS,
                "The app sends too many reports. Retry after retryAfter seconds.",
                retry_after=math.ceil(wait),
            )
            return await self._refused(app, Refusal(problem), report, trace)
        rule, subject = report.rule, plain(report.subject, decision.SUBJECT_LIMIT)
        if isinstance(rule, DefectRule):
            await self._parts.slow_ledgers.defect(app, rule, subject, report.request_id)
        else:
            await self._parts.ledgers.count(app, Violation(rule, subject), report.request_id)
        _log.warning("violation_reported", **_who(app), **trace, rule=rule, subject=subject)
        return _ok({}, status=202)

    async def _heartbeat(self, app: App, body: bytes, trace: Trace, watch: Watch, _started: float) -> Answer:
        beat = parse(Heartbeat, body)
        refusal = self._decided(app, beat)
        if refusal is not None and refusal.problem.code is not Code.SUSPENDED:
            return await self._refused(app, refusal, beat, trace)
        if refusal is None and isinstance(beat, Heartbeat) and beat.breaker is not None:
            self._parts.breakers.heard(app, beat.breaker)
        keys = self._parts.token_keys.of(app) if refusal is None else None
        credit: dict[str, Any] | None = NONE_NOW  # of a suspended app: null would say that nothing is limited
        if refusal is None and isinstance(beat, Heartbeat):
            with EndedWhenGone(watch):  # nothing is paid for whom no answer reaches
                credit = await self._parts.credits.of_heartbeat(app, beat)
        return _ok({"suspended": refusal is not None, "credit": credit, "tenantKeys": keys})

    def _decided(self, app: App, message: Message | Fault) -> Refusal | None:
        return decide(self._question(app, message))

    def _question(self, app: App, message: Message | Fault, offer: Offer | None = None) -> Question:
        parts = self._parts
        at_threshold, slow = parts.ledgers.at_threshold(app), parts.slow_ledgers.at_threshold(app)
        return Question(app, at_threshold, message, offer, at_slow_threshold=slow, contracts=parts.contracts)

    async def _counted(self, app: App, refusal: Refusal, violation: Violation, call: ToolCall) -> Refusal:
        """The refusal, after its violation was counted; other calls may have reached the threshold meanwhile."""
        if await self._parts.ledgers.count(app, violation, call.request_id):
            return refusal
        return decision.below_threshold(Question(app, at_threshold=True, message=call)) or refusal

    async def _refused(
        self, app: App, refusal: Refusal, message: Message | Fault, trace: Trace, offer: Offer | None = None
    ) -> Answer:
        await self._parts.slow_ledgers.note(app, refusal.problem, message, offer)
        action = request_id(message)
        connector = plain(message.connector, decision.SUBJECT_LIMIT) if isinstance(message, ToolCall) else None
        violation = refusal.violation.rule if refusal.violation else None
        _log.info(
            "refused",
            **_who(app),
            **trace,
            code=refusal.problem.code,
            rule=violation,
            connector=connector,
            request=action,
        )
        return _problem(refusal.problem, action)


async def _first(passed: AsyncGenerator[Passed, None]) -> Passed:
    """What has come first; no pieces when the answer has none."""
    async for found in passed:  # anext fails for a default that is a tuple
        return found
    return ()


def _left(call: ToolCall, started: float) -> float:
    """Seconds until the action ends that made the call: it was told to be so late when the request came."""
    return call.millis_left / 1000 - (clocks.monotonic() - started)


def _who(app: App) -> dict[str, str]:
    """Whose line in the log it is."""
    record = app.record
    return {"app": record.app.name, "namespace": record.app.namespace, "envelope": record.envelope.digest}


def _trace(scope: Scope) -> Trace:
    """Whose call it is: the trace, and the span of the call in it. Nothing when the runtime says nothing valid."""
    parent = read_traceparent(header(scope, b"traceparent") or "")
    return {} if parent is None else {"trace_id": parent.trace_id, "parent_span_id": parent.parent_id}


def _ok(content: dict[str, Any], status: int = 200) -> Answer:
    return Answer(status, orjson.dumps(content))


def _problem(problem: Problem, action: str | None, effect: str | None = None, *, close: bool = False) -> Answer:
    body = problem.body(action, effect)
    return Answer(problem.http_status, body, problem.code, MEDIA_TYPE, problem.retry_after, close)


async def _send(answer: Answer, send: Send, *, close: bool) -> None:
    headers = [
        (b"content-type", answer.media_type.encode("ascii")),
        (b"content-length", str(len(answer.body)).encode("ascii")),
    ]
    if answer.retry_after is not None:
        headers.append((b"retry-after", str(answer.retry_after).encode("ascii")))
    if answer.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if close:
        # Of a refusal: what is left unread of the request would be taken for the next one's head.
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
