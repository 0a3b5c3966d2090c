# SPDX-License-Identifier: Apache-2.0
"""Every refusal the gateway can answer with, as `application/problem+json` (RFC 9457): a closed set of codes.

`class` tells a runtime what a refusal means for the app: a *violation* counts towards suspension, a *defect* is a
fault of the caller's request, a *limit* is neither. `retryAfter` is seconds, absent when retrying cannot help.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import orjson

MEDIA_TYPE = "application/problem+json"


class RefusalClass(StrEnum):
    """What a refusal says about the app."""

    VIOLATION = "violation"
    DEFECT = "defect"
    LIMIT = "limit"


class Code(StrEnum):
    """What a machine switches on."""

    TOKEN_INVALID = "TokenInvalid"  # noqa: S105 (a code)
    CALLER_UNKNOWN = "CallerUnknown"
    SUSPENDED = "Suspended"
    CONNECTOR_NOT_IN_ENVELOPE = "ConnectorNotInEnvelope"
    CONNECTOR_UNAVAILABLE = "ConnectorUnavailable"
    CONNECTOR_NOT_GRANTED = "ConnectorNotGranted"
    TOOL_WITHDRAWN = "ToolWithdrawn"
    TOOL_NOT_IN_CONTRACT = "ToolNotInContract"
    ARGUMENTS_INVALID = "ArgumentsInvalid"
    CHECK_FAILED = "CheckFailed"
    RISK_TOO_LOW = "RiskTooLow"
    TOO_MANY_CALLS = "TooManyCalls"
    BREAKER_OPEN = "BreakerOpen"
    CONNECTOR_BLOCKED = "ConnectorBlocked"
    BUDGET_EXHAUSTED = "BudgetExhausted"
    BUDGET_UNKNOWN = "BudgetUnknown"
    CREDENTIAL_UNAVAILABLE = "CredentialUnavailable"
    EGRESS_REFUSED = "EgressRefused"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    UPSTREAM_FAILED = "UpstreamFailed"
    UPSTREAM_REFUSED = "UpstreamRefused"
    RESULT_INVALID = "ResultInvalid"
    OUTCOME_UNKNOWN = "OutcomeUnknown"
    REQUEST_INVALID = "RequestInvalid"
    TOO_MANY_REPORTS = "TooManyReports"
    GATEWAY_UNAVAILABLE = "GatewayUnavailable"
    GATEWAY_STALE = "GatewayStale"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What is fixed for a code: the HTTP status, the class, and a title for people."""

    status: int
    refusal_class: RefusalClass
    title: str


MEANINGS: Mapping[Code, Meaning] = {
    Code.TOKEN_INVALID: Meaning(401, RefusalClass.LIMIT, "The bearer token is invalid"),
    Code.CALLER_UNKNOWN: Meaning(401, RefusalClass.LIMIT, "The calling pod belongs to no app"),
    Code.SUSPENDED: Meaning(403, RefusalClass.LIMIT, "The app is suspended"),
    Code.CONNECTOR_NOT_IN_ENVELOPE: Meaning(403, RefusalClass.VIOLATION, "The app may not use this connector"),
    Code.CONNECTOR_UNAVAILABLE: Meaning(503, RefusalClass.LIMIT, "The connector is not available"),
    Code.CONNECTOR_NOT_GRANTED: Meaning(403, RefusalClass.LIMIT, "The connector is not granted to the namespace"),
    Code.TOOL_WITHDRAWN: Meaning(403, RefusalClass.LIMIT, "The connector has this tool no more"),
    Code.TOOL_NOT_IN_CONTRACT: Meaning(403, RefusalClass.VIOLATION, "The connector has no such tool"),
    Code.ARGUMENTS_INVALID: Meaning(422, RefusalClass.DEFECT, "The arguments break the tool's contract"),
    Code.CHECK_FAILED: Meaning(503, RefusalClass.LIMIT, "The check of the contract could not be made"),
    Code.RISK_TOO_LOW: Meaning(403, RefusalClass.LIMIT, "The connector demands a higher risk class"),
    Code.TOO_MANY_CALLS: Meaning(429, RefusalClass.LIMIT, "Too many calls"),
    Code.BREAKER_OPEN: Meaning(503, RefusalClass.LIMIT, "The connector fails too often"),
    Code.CONNECTOR_BLOCKED: Meaning(503, RefusalClass.LIMIT, "The connector used more than it was allowed"),
    Code.BUDGET_EXHAUSTED: Meaning(429, RefusalClass.LIMIT, "A budget is used up"),
    Code.BUDGET_UNKNOWN: Meaning(503, RefusalClass.LIMIT, "No budget pays for the app"),
    Code.CREDENTIAL_UNAVAILABLE: Meaning(503, RefusalClass.LIMIT, "The connector's credential cannot be used"),
    Code.EGRESS_REFUSED: Meaning(502, RefusalClass.LIMIT, "The platform refuses the connector's address"),
    Code.DEADLINE_EXCEEDED: Meaning(504, RefusalClass.LIMIT, "The time of the action is used up"),
    Code.UPSTREAM_FAILED: Meaning(502, RefusalClass.LIMIT, "The connector failed"),
    Code.UPSTREAM_REFUSED: Meaning(502, RefusalClass.LIMIT, "The connector refused the call"),
    Code.RESULT_INVALID: Meaning(502, RefusalClass.LIMIT, "The result breaks the tool's contract"),
    Code.OUTCOME_UNKNOWN: Meaning(409, RefusalClass.LIMIT, "The call may have been made before"),
    Code.REQUEST_INVALID: Meaning(400, RefusalClass.DEFECT, "The request is invalid"),
    Code.TOO_MANY_REPORTS: Meaning(429, RefusalClass.LIMIT, "Too many reports"),
    Code.GATEWAY_UNAVAILABLE: Meaning(503, RefusalClass.LIMIT, "The gateway cannot decide at the moment"),
    Code.GATEWAY_STALE: Meaning(503, RefusalClass.LIMIT, "What the gateway knows is too old"),
}

OF_THE_APP = frozenset({Code.TOO_MANY_CALLS, Code.TOO_MANY_REPORTS})
"""Limits that the app itself met. Others of that class tell of a connector, of the platform or of a suspension."""


class OfBudget(NamedTuple):
    """Which limit of a budget was met."""

    bucket: str
    """`app`: the ceiling of its tier; `budget <name>`: that of its budget."""
    unit: str
    """`tokens`, `toolCalls`, `cpuMillis`, `costMicros` or `stateMibSeconds`."""
    spent: int
    """What of it is spent, or set aside for calls that are under way."""
    limit: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One refusal: `detail` is a sentence with what, why and the next step, and holds plain text only."""

    code: Code
    detail: str
    retry_after: int | None = None
    status: int | None = None
    """Set where HTTP has a more exact status than the code's own."""
    upstream_status: int | None = None
    """The status that the connector itself answered with."""
    of_budget: OfBudget | None = None
    """With BUDGET_EXHAUSTED."""

    @property
    def http_status(self) -> int:
        """The status of the HTTP response."""
        return self.status or MEANINGS[self.code].status

    @property
    def refusal_class(self) -> RefusalClass:
        """What kind of refusal it is, for the caller's logic."""
        return MEANINGS[self.code].refusal_class

    def body(self, request_id: str | None, effect: str | None = None) -> bytes:
        """JSON; members that have no value are left out. `effect` is that of the tool, once its call was admitted."""
        members = {
            "type": f"urn:genapps:problem:{self.code}",
            "title": MEANINGS[self.code].title,
            "status": self.http_status,
            "detail": self.detail,
            "code": self.code,
            "class": self.refusal_class,
            "retryAfter": self.retry_after,
            "upstreamStatus": self.upstream_status,
            "requestId": request_id,
            "effect": effect,
            **(self.of_budget._asdict() if self.of_budget is not None else {}),
        }
        return orjson.dumps({name: value for name, value in members.items() if value is not None})
