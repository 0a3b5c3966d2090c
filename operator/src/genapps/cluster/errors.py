# SPDX-License-Identifier: Apache-2.0
"""What the API server can answer instead of an object, as types, so that callers never look at status numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """A refusal or failure of the API server. `status` is the HTTP status (0: no answer at all)."""

    def __init__(self, status: int, reason: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after


class NotFoundError(ApiError):
    """404: the object, its namespace or its kind is not there."""


class ConflictError(ApiError):
    """409: a resource version or uid precondition failed, or another writer was quicker."""


class ForbiddenError(ApiError):
    """403: rights, admission policy or quota refuse it."""


class InvalidError(ApiError):
    """400, 413, 422: the object is not valid or too large; retrying the same one cannot help."""


class GoneError(ApiError):
    """410: the resource version is too old to continue from; list anew."""


class UnavailableError(ApiError):
    """No connection, 429 or 5xx, also after the client's own retries."""


_BY_STATUS: Mapping[int, type[ApiError]] = {
    400: InvalidError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
    413: InvalidError,
    422: InvalidError,
    429: UnavailableError,
}


def from_status(status: int, body: Mapping[str, Any], retry_after: float | None = None) -> ApiError:
    """The typed error for an HTTP status and a decoded `Status` object (which may be empty)."""
    kind = UnavailableError if status >= 500 else _BY_STATUS.get(status, ApiError)
    return kind(status, str(body.get("reason") or "Unknown"), str(body.get("message") or ""), retry_after)
