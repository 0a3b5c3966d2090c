# SPDX-License-Identifier: Apache-2.0
"""What a call brings here: the gateway's own checks and words, and then the answer of a stub in place of a connector.

Nothing is counted against the app: what would be a violation in a cluster is said on the terminal.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from genapps.gateway.callers.records import App
from genapps.gateway.catalogue import Offer
from genapps.gateway.connectors.exchange import CallFailedError, result_invalid
from genapps.gateway.contracts.checker import CheckFailedError
from genapps.gateway.decision import Admit, Question, Refusal, admit, invalid
from genapps.gateway.messages import Fault, Heartbeat, ToolCall, ViolationReport, parse, request_id
from genapps.gateway.problems import MEDIA_TYPE, Code, Problem
from genapps.laptop.stubs import Answer, Stubs

HEARTBEAT = {"suspended": False, "credit": None, "tenantKeys": None}
_JSON = "application/json"
_LINES = "application/x-ndjson"
_RETRY_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the gateway: a whole body, or lines that come one by one."""

    status: int
    media_type: str
    body: bytes = b""
    lines: AsyncIterator[bytes] | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """Who asks, what there is to call, and what it answers."""

    app: App
    offers: Mapping[str, Offer]
    stubs: Stubs


class Answering:
    """Answers messages of the runtime. `situation` changes with each reload; `say` tells the author."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._violations = 0
        self.situation: Situation | None = None

    async def reply(self, path: str, body: bytes) -> Reply:
        """The reply to a POST of the runtime's."""
        if self.situation is None:
            return _problem(Problem(Code.GATEWAY_STALE, "There is no app yet. Try again.", retry_after=1), None)
        if path == "/v1/calls":
            return await self._call(self.situation, body)
        if path == "/v1/heartbeat":
            beat = parse(Heartbeat, body)
            return self._refused(invalid(beat), None) if isinstance(beat, Fault) else _ok(HEARTBEAT)
        if path == "/v1/violations":
            return self._report(body)
        return _problem(Problem(Code.REQUEST_INVALID, "The gateway has no such path.", status=404), None)

    def _report(self, body: bytes) -> Reply:
        report = parse(ViolationReport, body)
        if isinstance(report, Fault):
            return self._refused(invalid(report), request_id(report))
        self._say(f"the runtime reports {report.rule}: {report.subject}")
        return _ok({}, 202)

    async def _call(self, situation: Situation, body: bytes) -> Reply:
        call = parse(ToolCall, body)
        offer = situation.offers.get(call.connector) if isinstance(call, ToolCall) else None
        decided = admit(Question(situation.app, at_threshold=False, message=call, offer=offer))
        if isinstance(decided, Refusal):
            return self._refused(decided, request_id(call))
        try:
            return await self._stubbed(decided, situation.stubs)
        except CallFailedError as failed:
            self._say(f"{failed.problem.code}: {failed.problem.detail}")
            return _problem(failed.problem, decided.call.request_id, decided.tool.effect)

    async def _stubbed(self, admitted: Admit, stubs: Stubs) -> Reply:
        """Raises CallFailedError for a result that breaks the contract."""
        call, tool = admitted.call, admitted.tool
        stub = stubs.tool(call.connector, tool.name)
        found = stub.answer(call.arguments) if stub is not None else None
        if found is None:
            lacking = "no stub" if stub is None else "no case with these arguments among the stubs"
            detail = f"The connector '{call.connector}' has {lacking} for '{tool.name}': add one to the file of stubs."
            self._say(detail)
            problem = Problem(Code.UPSTREAM_FAILED, detail, retry_after=_RETRY_SECONDS)
            return _problem(problem, call.request_id, tool.effect)
        answer, millis = found
        if millis:
            await asyncio.sleep(min(millis / 1000, tool.seconds))
        if millis / 1000 > tool.seconds:
            detail = f"The connector '{call.connector}' did not answer within {tool.seconds} s."
            return _problem(Problem(Code.UPSTREAM_FAILED, detail, _RETRY_SECONDS), call.request_id, tool.effect)
        if answer.problem is not None:
            return _problem(answer.problem.problem(), call.request_id, tool.effect)
        if call.stream:
            if tool.only_streamed:
                _check_pieces(admitted, answer)
            return Reply(200, _LINES, lines=_lines(answer))
        return _ok({"result": _checked(admitted, _result(answer)), "effect": tool.effect})

    def _refused(self, refusal: Refusal, action: str | None) -> Reply:
        said = f"{refusal.problem.code}: {refusal.problem.detail}"
        if refusal.violation is not None and self.situation is not None:
            self._violations += 1
            policy = self.situation.app.record.violation_policy
            said += f" (Violation {self._violations}: {policy.threshold} within {policy.window} suspend an app.)"
        self._say(said)
        return _problem(refusal.problem, action)


def _result(answer: Answer) -> Any:
    return list(answer.pieces) if answer.pieces is not None else answer.result


def _checked(admitted: Admit, value: Any) -> Any:
    """A result as the contract has it, as of a real connector."""
    tool = admitted.tool
    try:
        fault = tool.compiled.result_fault(value)
    except CheckFailedError as error:
        raise result_invalid(admitted.offer.name, f"could not be checked ({error})") from None
    if fault is not None:
        raise result_invalid(admitted.offer.name, f"breaks the contract of '{tool.name}': {fault}")
    return value


def _check_pieces(admitted: Admit, answer: Answer) -> None:
    """Of a connector of type HTTP: what a model says has no contract. Raises CallFailedError."""
    for piece in _pieces(answer):
        _checked(admitted, piece)
        if admitted.tool.compiled.tool.contract.stream == "Text" and not isinstance(piece, str):
            raise result_invalid(admitted.offer.name, "is no text")


def _pieces(answer: Answer) -> Sequence[Any]:
    return answer.pieces if answer.pieces is not None else (answer.result,)


async def _lines(answer: Answer) -> AsyncIterator[bytes]:
    for piece in _pieces(answer):
        yield orjson.dumps({"piece": piece}, option=orjson.OPT_APPEND_NEWLINE)
    yield orjson.dumps({"end": {"effect": "Read"}}, option=orjson.OPT_APPEND_NEWLINE)


def _ok(content: dict[str, Any], status: int = 200) -> Reply:
    return Reply(status, _JSON, orjson.dumps(content))


def _problem(problem: Problem, action: str | None, effect: str | None = None) -> Reply:
    return Reply(problem.http_status, MEDIA_TYPE, problem.body(action, effect))
