# SPDX-License-Identifier: Apache-2.0
"""Request and reply of the app's HTTP server, as every module of this package passes them on."""

from dataclasses import dataclass

from genapps_runtime.problems import CONTENT_TYPE, ProblemError

Headers = list[tuple[bytes, bytes]]
"""Names in lower case with their values, in the order of sending."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the caller sent: `query` without the question mark, `body` whole (in bytes)."""

    id: str
    method: str
    path: str
    query: str
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What the caller gets: an HTTP status, headers without those that the server sets, and the whole body."""

    status: int
    headers: Headers
    body: bytes


def problem_reply(problem: ProblemError, request_id: str, *, debug: bool = False) -> Reply:
    """The problem as a reply with an RFC 9457 document; what the app itself said is in it only in `debug`."""
    return Reply(problem.status, [(b"content-type", CONTENT_TYPE)], problem.body(request_id, debug=debug))
