# SPDX-License-Identifier: Apache-2.0
"""May it: an ordered list of small named checks; the first that objects decides. Pure: nothing here waits or counts.

The order is the contract. Identity was proved before; what an unknown caller or a suspended app asks for is not even
looked at, and every refusal says what, why and when to try again, for machines and for models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from genapps.api.ledger import ViolationRule
from genapps.core.text import plain
from genapps.gateway.messages import Fault, Message, ToolCall
from genapps.gateway.problems import Code, Problem
from genapps.gateway.records import App

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
class Question:
    """Everything a decision may depend on."""

    app: App
    """Whose current pod is asking."""
    at_threshold: bool
    """By the gateway's own count; the operator may not have written its verdict yet."""
    message: Message | Fault


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


def request_valid(question: Question) -> Refusal | None:
    """The body is a message."""
    return invalid(question.message) if isinstance(question.message, Fault) else None


def invalid(fault: Fault) -> Refusal:
    """What a body that is no message is answered with."""
    return Refusal(Problem(Code.REQUEST_INVALID, f"The request does not match its schema: {fault.detail}."))


def connector_in_envelope(question: Question) -> Refusal | None:
    """The connector is in the app's envelope; else it is a violation."""
    granted = question.app.record.envelope.connectors
    if not isinstance(question.message, ToolCall) or question.message.connector in granted:
        return None
    subject = plain(question.message.connector, SUBJECT_LIMIT)
    detail = (
        f"The connector '{subject}' is not in the app's envelope (allowed: {', '.join(granted) or 'none'}). This"
        " counts as a violation. Do not try again: spec.envelope is immutable."
    )
    violation = Violation(ViolationRule.CONNECTOR_NOT_IN_ENVELOPE, subject)
    return Refusal(Problem(Code.CONNECTOR_NOT_IN_ENVELOPE, detail), violation)


def connector_available(question: Question) -> Refusal | None:
    """No connector is in the catalogue yet, so each one granted is unavailable."""
    if not isinstance(question.message, ToolCall):
        return None
    detail = (
        f"The connector '{plain(question.message.connector, SUBJECT_LIMIT)}' is in the envelope but not available yet."
    )
    return Refusal(Problem(Code.CONNECTOR_UNAVAILABLE, detail, retry_after=_UNAVAILABLE_SECONDS))


APP_CHECKS: Sequence[Check] = (app_not_suspended, below_threshold)
"""About the app itself, whatever it asks for."""
CHECKS: Sequence[Check] = (*APP_CHECKS, request_valid, connector_in_envelope, connector_available)


def decide(question: Question, checks: Sequence[Check] = CHECKS) -> Refusal | None:
    """The first refusal, or None."""
    return next((refusal for check in checks if (refusal := check(question)) is not None), None)
