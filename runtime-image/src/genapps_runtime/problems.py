# SPDX-License-Identifier: Apache-2.0
"""Errors over HTTP: RFC 9457 documents with a code from a closed set. Only this module makes them."""

from dataclasses import dataclass
from typing import Any

import orjson

CONTENT_TYPE = b"application/problem+json"
DETAIL_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class Code:
    """What a code means. `retry_after` is in seconds; None means that a retry does not help.

    The detail of a `private` one may quote the app, and so what another caller's data is: it is for the log.
    """

    status: int
    title: str
    retry_after: int | None = None
    private: bool = False


CODES: dict[str, Code] = {
    "RequestInvalid": Code(400, "The request is malformed"),
    "BadRequest": Code(400, "The app rejected the request"),
    "TenantInvalid": Code(400, "The request names no tenant that the app can have"),
    "TokenInvalid": Code(401, "The caller's token is missing or proves nothing"),
    "CallerNotTrusted": Code(403, "The caller may not name a tenant"),
    "RouteNotFound": Code(404, "The app has no such route"),
    "EntryNotFound": Code(404, "There is no such request in the background, or not any more"),
    "MethodNotAllowed": Code(405, "The route does not allow this method"),
    "RequestTimeout": Code(408, "The request did not arrive in time"),
    "RequestRunning": Code(409, "The first request with this Idempotency-Key is still running", 1),
    "ResponseNotKept": Code(409, "The request was answered before, and its response is not kept any more"),
    "StateConflict": Code(409, "Another request changed the same state; retry the request", 1),
    "ReplayDiverged": Code(409, "The app called other tools when the request ran again"),
    "TenantGone": Code(410, "The tenant has been deleted since the request was accepted"),
    "RequestTooLarge": Code(413, "The request body is too large"),
    "ExpectationFailed": Code(417, "The server knows no expectation but 100-continue"),
    "KeyReused": Code(422, "The Idempotency-Key was used for another request"),
    "BudgetExhausted": Code(429, "A limit of the app's budget is used up", 60),
    "HeadTooLarge": Code(431, "The request head is too large"),
    "CallerGone": Code(499, "The caller went away before the answer"),
    "AppFailed": Code(500, "The app failed", private=True),
    "CpuLimitExceeded": Code(500, "The app used the processor for longer than its tier allows"),
    "MemoryExceeded": Code(500, "The app exceeded the memory of its tier", private=True),
    "RuntimeFailed": Code(500, "The runtime failed; see its log"),
    "GuestTrapped": Code(502, "The app crashed", private=True),
    "TurnInvalid": Code(502, "The app returned an invalid turn", private=True),
    "PartiallyDone": Code(502, "The app failed after a tool had done something for the request"),
    "ResponseInvalid": Code(502, "The app's response is not valid HTTP", private=True),
    "ResponseTooLarge": Code(502, "The response of the app is too large"),
    "OutcomeUnknown": Code(502, "Nobody knows whether a tool did what the app had asked it for"),
    "ToolFailed": Code(502, "A tool call of the app was refused or failed", private=True),
    "AppRestarted": Code(503, "The app was restarted", 1),
    "AppUnavailable": Code(503, "The app did not load again after a restart", 5, private=True),
    "BreakerOpen": Code(503, "The app keeps failing; it is tried again in a few seconds", 5),
    "Busy": Code(503, "The app is at the concurrency limit of its tier", 1),
    "CreditUnknown": Code(503, "Nobody can say at the moment whether the app may go on", 5),
    "KeysUnavailable": Code(503, "The app has no keys to verify tokens with", 5),
    "NotReady": Code(503, "The app is starting, or its network isolation is not proven", 1),
    "QueueFull": Code(503, "Too many requests wait in the background", 5),
    "StateUnavailable": Code(503, "The app's state cannot be read or written", 5),
    "ActionTimeout": Code(504, "The app did not answer in time"),
    "JournalFull": Code(507, "The app can keep no further tool call of requests with keys"),
    "KeysFull": Code(507, "The app can keep no further Idempotency-Key"),
    "StateFull": Code(507, "The app's state is full"),
    "TooManyTenants": Code(507, "The app has as many tenants as it may have"),
}
"""The closed set of what a caller can get; codes of tool calls are the gateway's (and FanOutExceeded,
GatewayUnavailable, OutcomeUnknown of this process)."""


class ProblemError(Exception):
    """An action ends with this error. `code` is one of CODES; `detail` may quote hostile text."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = printable(detail)
        self.status = CODES[code].status
        self.steps: list[dict[str, Any]] = []
        """What the app had done by tools, for the caller to look after."""
        self.about: dict[str, Any] = {}
        """Further members of the document; `retryAfter` among them takes the place of the code's own."""
        self.cause: ProblemError | None = None
        """What it failed of, for the log."""

    @property
    def retry_after(self) -> int | None:
        """Seconds; None: a retry does not help."""
        found = self.about.get("retryAfter")
        return found if isinstance(found, int) else CODES[self.code].retry_after

    def fields(self) -> dict[str, object]:
        """What the log line of the action says."""
        fields: dict[str, object] = {"code": self.code, "detail": self.detail}
        if self.cause is not None:
            fields["cause"] = f"{self.cause.code}: {self.cause.detail}"
        return fields

    def body(self, request_id: str, *, debug: bool = False) -> bytes:
        """The RFC 9457 document as JSON; the title stands for a private detail unless in `debug`."""
        known = CODES[self.code]
        told = self.detail if debug or not known.private else ""
        document: dict[str, Any] = {
            "type": f"urn:genapps:problem:{self.code}",
            "title": known.title,
            "status": known.status,
            "detail": told or known.title,
            "code": self.code,
            "requestId": request_id,
        }
        if self.steps:
            document["steps"] = self.steps
        document |= self.about
        if self.retry_after is not None:
            document["retryAfter"] = self.retry_after
        return orjson.dumps(document)


def spent_up(about: dict[str, Any]) -> ProblemError:
    """The problem of a request that meets a limit; `about` are members of a gateway's refusal or credit."""
    names = ("bucket", "unit", "spent", "limit", "retryAfter")
    told: dict[str, Any] = {name: about[name] for name in names if name in about}
    detail = f"Hardly anything is left of {told.get('unit')}: the limit of {told.get('bucket')} is used up."
    problem = ProblemError("BudgetExhausted", detail)
    problem.about = told
    return problem


def printable(text: str, length: int = DETAIL_CHARACTERS) -> str:
    """Hostile text without control characters, cut at `length` characters."""
    cut = text[:length]
    return cut if cut.isprintable() else "".join(character if character.isprintable() else " " for character in cut)


def call_problem(code: str, detail: str, retry_after: int | None = None) -> dict[str, Any]:
    """The problem of a tool call that this process refuses, and not the gateway.

    `retry_after` is in seconds. The class is always `limit`.
    """
    return {"code": code, "class": "limit", "detail": detail, "retryAfter": retry_after}
