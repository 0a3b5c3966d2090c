"""Errors over HTTP: RFC 9457 documents with a code from a closed set. Only this module makes them."""

from dataclasses import dataclass
from typing import Any

import orjson

CONTENT_TYPE = b"application/problem+json"
DETAIL_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class Code:
    """What a code means. `retry_after` is in seconds; None means that a retry does not help."""

    status: int
    title: str
    retry_after: int | None = None


CODES: dict[str, Code] = {
    "RequestInvalid": Code(400, "The request is malformed"),
    "BadRequest": Code(400, "The app cannot work with this request"),
    "RouteNotFound": Code(404, "The app has no such route"),
    "MethodNotAllowed": Code(405, "The app does not answer this method here"),
    "RequestTimeout": Code(408, "The request did not arrive in time"),
    "StateConflict": Code(409, "Another request changed the same state; the request can be repeated", 1),
    "RequestTooLarge": Code(413, "The request's body is larger than the app's tier allows"),
    "HeadTooLarge": Code(431, "The request's head is too large"),
    "AppFailed": Code(500, "The app failed"),
    "MemoryExceeded": Code(500, "The app needed more memory than its tier allows"),
    "RuntimeFailed": Code(500, "The runtime failed; its log says why"),
    "GuestTrapped": Code(502, "The app crashed"),
    "TurnInvalid": Code(502, "The app's engine gave an answer that makes no sense"),
    "ResponseInvalid": Code(502, "The app's response is not valid HTTP"),
    "ResponseTooLarge": Code(502, "The app's response is larger than its tier allows"),
    "ToolFailed": Code(502, "A tool refused the app's call or failed"),
    "AppRestarted": Code(503, "The app was restarted", 1),
    "AppUnavailable": Code(503, "The app's code did not load again", 5),
    "Busy": Code(503, "The app handles as many requests as its tier allows", 1),
    "NotReady": Code(503, "The app is starting, or its fence is not proven", 1),
    "StateUnavailable": Code(503, "The app's state cannot be read or written", 5),
    "ActionTimeout": Code(504, "The app did not answer in its time"),
    "StateFull": Code(507, "The app's state is full"),
}
"""The closed set of what a caller can get; codes of tool calls are the gateway's (and FanOutExceeded,
GatewayUnavailable of this process)."""


class ProblemError(Exception):
    """An action ends with this error. `code` is one of CODES; `detail` may quote hostile text."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = printable(detail)
        self.status = CODES[code].status

    def body(self, request_id: str) -> bytes:
        """The RFC 9457 document as JSON."""
        known = CODES[self.code]
        document: dict[str, Any] = {
            "type": f"urn:genapps:problem:{self.code}",
            "title": known.title,
            "status": known.status,
            "detail": self.detail or known.title,
            "code": self.code,
            "requestId": request_id,
        }
        if known.retry_after is not None:
            document["retryAfter"] = known.retry_after
        return orjson.dumps(document)


def printable(text: str, length: int = DETAIL_CHARACTERS) -> str:
    """Hostile text without control characters, cut at `length` characters."""
    return "".join(character if character.isprintable() else " " for character in text[:length])


def call_problem(code: str, detail: str, retry_after: int | None = None) -> dict[str, Any]:
    """The problem of a tool call that this process refuses, and not the gateway.

    `retry_after` is in seconds. The class is always `limit`.
    """
    return {"code": code, "class": "limit", "detail": detail, "retryAfter": retry_after}
