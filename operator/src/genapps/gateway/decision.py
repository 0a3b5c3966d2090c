# SPDX-License-Identifier: Apache-2.0
"""May it: an ordered list of small named checks; the first that objects decides. Pure: nothing here waits or counts.

The order is the contract. Identity was proved before; what an unknown caller or a suspended app asks for is not even
looked at, and every refusal says what, why and when to try again, for machines and for models. What all checks admit
may still meet a limit: rates, concurrency and breakers are taken atomically afterwards, by `calls`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from genapps.api.envelope import RiskClass
from genapps.api.ledger import ViolationRule
from genapps.core.text import plain
from genapps.gateway.callers.records import App
from genapps.gateway.catalogue import Offer, OfferedTool
from genapps.gateway.contracts.checker import CheckFailedError
from genapps.gateway.contracts.stored import StoredContracts
from genapps.gateway.messages import Fault, Message, ToolCall
from genapps.gateway.problems import Code, Problem

SUBJECT_LIMIT = 120
"""Characters of a guest's text in a ledger, a log line or an answer."""

_UNAVAILABLE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Violation:
    """What a refusal counts as."""

    rule: ViolationRule
    subject: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A problem to answer with, and the violation to count, if it is one."""

    problem: Problem
    violation: Violation | None = None


@dataclass(frozen=True, slots=True)
class Admit:
    """The call may be made, as far as rules go."""

    app: App
    call: ToolCall
    offer: Offer
    tool: OfferedTool


@dataclass(frozen=True, slots=True)
class Question:
    """Everything a decision may depend on."""

    app: App
    """Whose current pod is asking."""
    at_threshold: bool
    """By the gateway's own count; the operator may not have written its verdict yet."""
    message: Message | Fault
    offer: Offer | None = None
    """The connector that a call names, if there is one; for an app with frozen contracts, what is in force of it."""
    at_slow_threshold: bool = False
    """The same for defects."""
    contracts: StoredContracts | None = None
    """What a tool that the connector has not may have been in."""


Check = Callable[[Question], Refusal | None]

CALLER_UNKNOWN = Problem(
    Code.CALLER_UNKNOWN,
    "The calling pod is not the current pod of an app. Its AppRecord may lag behind. Try again.",
    retry_after=1,
)
"""Before any check: a good token whose pod is in no record. No violation, for there is no app to count it for."""

STALE = Problem(
    Code.GATEWAY_STALE,
    "The gateway has not heard from the API server for too long, so it refuses everything. Try again.",
    retry_after=5,
)
"""Before anybody is identified: whose pod it is may have changed, and what is granted as well."""


def app_not_suspended(question: Question) -> Refusal | None:
    """The app has no open suspension."""
    suspension = question.app.record.suspension
    if suspension is None:
        return None
    detail = (
        f"The app is suspended ({plain(suspension.reason, 63)}, suspension {plain(suspension.id, 32)}). The gateway"
        " refuses every call until somebody acknowledges the suspension. Do not try again."
    )
    return Refusal(Problem(Code.SUSPENDED, detail))


def below_threshold(question: Question) -> Refusal | None:
    """The app has not reached its violation threshold."""
    if not question.at_threshold:
        return None
    policy = question.app.record.violation_policy
    detail = (
        f"The app reached {policy.threshold} violations within {policy.window} and is being suspended. The gateway"
        " refuses every call until somebody acknowledges the suspension. Do not try again."
    )
    return Refusal(Problem(Code.SUSPENDED, detail))


def below_slow_threshold(question: Question) -> Refusal | None:
    """The app has not reached its threshold of defects."""
    if not question.at_slow_threshold:
        return None
    policy = question.app.record.violation_policy
    detail = (
        f"The app had defects in {policy.slow_threshold} actions within {policy.slow_window} and is being suspended."
        " The gateway refuses every call until somebody acknowledges the suspension. Do not try again."
    )
    return Refusal(Problem(Code.SUSPENDED, detail))


def request_valid(question: Question) -> Refusal | None:
    """The body is a message."""
    return invalid(question.message) if isinstance(question.message, Fault) else None


def invalid(fault: Fault) -> Refusal:
    """What a body that is no message is answered with."""
    return Refusal(Problem(Code.REQUEST_INVALID, f"The request does not match its schema: {fault.detail}."))


APP_CHECKS: Sequence[Check] = (app_not_suspended, below_threshold, below_slow_threshold)
"""About the app itself, whatever it asks for."""
CHECKS: Sequence[Check] = (*APP_CHECKS, request_valid)
"""About any message."""


def decide(question: Question, checks: Sequence[Check] = CHECKS) -> Refusal | None:
    """The first refusal, or None."""
    return next((refusal for check in checks if (refusal := check(question)) is not None), None)


def admit(question: Question) -> Admit | Refusal:
    """Whether a tool call may be made: all that is asked of any message, then what is asked of a call."""
    refusal = decide(question)
    if refusal is not None:
        return refusal
    app, call, offer = question.app, question.message, question.offer
    if not isinstance(call, ToolCall):
        raise TypeError("only a tool call is admitted")
    refusal = connector_in_envelope(app, call)
    if refusal is not None:
        return refusal
    if offer is None:
        return _unavailable(call.connector, "is in the envelope and not in the catalogue")
    tool = offer.tools.get(call.tool)
    refusal = connector_granted(app, offer) or connector_usable(offer)
    refusal = refusal or tool_not_withdrawn(question, call, offer) or tool_in_contract(call, offer)
    if refusal is not None or tool is None:
        return refusal or _unavailable(offer.name, "has no such tool")
    refusal = arguments_valid(call, tool) or risk_high_enough(app, offer) or not_repeated_blindly(call, tool)
    refusal = refusal or answered_in_pieces(call, tool)
    return refusal or Admit(app, call, offer, tool)


def connector_in_envelope(app: App, call: ToolCall) -> Refusal | None:
    """The connector is in the app's envelope; else it is a violation."""
    granted = app.record.envelope.connectors
    if call.connector in granted:
        return None
    subject = plain(call.connector, SUBJECT_LIMIT)
    detail = (
        f"The connector '{subject}' is not in the app's envelope (allowed: {', '.join(granted) or 'none'}). This"
        " counts as a violation. Do not try again: spec.envelope is immutable."
    )
    violation = Violation(ViolationRule.CONNECTOR_NOT_IN_ENVELOPE, subject)
    return Refusal(Problem(Code.CONNECTOR_NOT_IN_ENVELOPE, detail), violation)


def connector_granted(app: App, offer: Offer) -> Refusal | None:
    """The platform grants the connector to the app's namespace. The grant was withdrawn, so it is no violation."""
    namespace = app.record.app.namespace
    if offer.granted_to(namespace):
        return None
    detail = (
        f"The connector '{offer.name}' is not granted to the namespace {namespace}. Ask the platform team to add it to"
        " spec.namespaces of the Connector. Do not try again before that."
    )
    return Refusal(Problem(Code.CONNECTOR_NOT_GRANTED, detail, retry_after=_UNAVAILABLE_SECONDS))


def connector_usable(offer: Offer) -> Refusal | None:
    """The connector is complete."""
    return _unavailable(offer.name, f"cannot be used: {offer.unusable}") if offer.unusable else None


def tool_not_withdrawn(question: Question, call: ToolCall, offer: Offer) -> Refusal | None:
    """The tool is not one that the app's code may rest on: of the contract that its revision started with, or that it
    was reviewed with. That the connector's team renamed, withdrew or changed it is no violation."""
    known = question.app.record.known_contract(offer.name) if call.tool not in offer.tools else None
    if known is None or known == offer.contract_digest:
        return None
    before = question.contracts.find(known) if question.contracts is not None else None
    tool = plain(call.tool, SUBJECT_LIMIT)
    if before is None:
        detail = (
            f"The connector '{offer.name}' has no tool '{tool}' now. Whether it had one when the app was started could"
            " not be checked. The call was not made."
        )
        return Refusal(Problem(Code.CHECK_FAILED, detail, retry_after=_UNAVAILABLE_SECONDS))
    if call.tool not in before.tools:
        return None
    field = offer.changed.get(call.tool)
    what = "withdrew or renamed it" if field is None else f"changed its {field}, which waits for a review of the app"
    detail = (
        f"The tool '{tool}' of the connector '{offer.name}' can no longer be called: its team {what} (allowed:"
        f" {', '.join(sorted(offer.tools)) or 'none'}). This is no violation. Do not try again."
    )
    return Refusal(Problem(Code.TOOL_WITHDRAWN, detail))


def tool_in_contract(call: ToolCall, offer: Offer) -> Refusal | None:
    """The connector has the tool; else it is a violation."""
    if call.tool in offer.tools:
        return None
    tool = plain(call.tool, SUBJECT_LIMIT)
    subject = plain(f"{offer.name}/{tool}", SUBJECT_LIMIT)
    detail = (
        f"The connector '{offer.name}' has no tool '{tool}' (allowed: {', '.join(sorted(offer.tools)) or 'none'})."
        " This counts as a violation. Do not try again."
    )
    return Refusal(Problem(Code.TOOL_NOT_IN_CONTRACT, detail), Violation(ViolationRule.TOOL_NOT_IN_CONTRACT, subject))


def arguments_valid(call: ToolCall, tool: OfferedTool) -> Refusal | None:
    """The arguments fit the contract. That the check cannot be made is another answer than that they do not."""
    try:
        fault = tool.compiled.argument_fault(call.arguments)
    except CheckFailedError as error:
        detail = f"The arguments of '{tool.name}' could not be checked ({error}). The call was not made."
        return Refusal(Problem(Code.CHECK_FAILED, detail, retry_after=_UNAVAILABLE_SECONDS))
    if fault is None:
        return None
    return Refusal(Problem(Code.ARGUMENTS_INVALID, f"The arguments of '{tool.name}' are invalid: {fault}."))


def risk_high_enough(app: App, offer: Offer) -> Refusal | None:
    """The app's pod runs under the risk class that the connector demands, or under a higher one."""
    runs_as = app.record.effective_risk or RiskClass.LOW
    if runs_as.rank >= offer.spec.minimum_risk_class.rank:
        return None
    detail = (
        f"The connector '{offer.name}' demands risk class {offer.spec.minimum_risk_class}, and the app runs as"
        f" {runs_as}. The platform is replacing the app's pod, or its AppBudget does not allow the class. Try again."
    )
    return Refusal(Problem(Code.RISK_TOO_LOW, detail, retry_after=_UNAVAILABLE_SECONDS))


def not_repeated_blindly(call: ToolCall, tool: OfferedTool) -> Refusal | None:
    """A call whose outcome nobody knows is made again only if that changes nothing, or nothing twice."""
    if not call.repeated or tool.effect == "Read" or (tool.keyed and call.key):
        return None
    detail = (
        f"An earlier call of '{tool.name}' may have been made, and the connector would take this one for another."
        " Look at the connector before you try again."
    )
    return Refusal(Problem(Code.OUTCOME_UNKNOWN, detail))


def answered_in_pieces(call: ToolCall, tool: OfferedTool) -> Refusal | None:
    """A tool whose answer is wanted while it comes has such answers; one that has no others is asked so."""
    if call.stream == tool.only_streamed or (call.stream and tool.streamed is not None):
        return None
    if tool.only_streamed:
        detail = f"The tool '{tool.name}' answers piece by piece only: take its answer by tools.stream."
    else:
        detail = f"The tool '{tool.name}' does not answer piece by piece: call it without stream."
    return Refusal(Problem(Code.ARGUMENTS_INVALID, detail))


def _unavailable(connector: str, why: str) -> Refusal:
    detail = f"The connector '{plain(connector, SUBJECT_LIMIT)}' {why}."
    return Refusal(Problem(Code.CONNECTOR_UNAVAILABLE, detail, retry_after=_UNAVAILABLE_SECONDS))
