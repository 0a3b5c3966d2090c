# SPDX-License-Identifier: Apache-2.0
"""Request and reply of the app's HTTP server, as every module of this package passes them on."""

from collections.abc import Callable
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


class Exchange:
    """One request and the way back to its caller.

    `begun` is when the first bytes of the request's head came, in seconds of the monotonic clock.
    """

    __slots__ = ("_send", "begun", "gone", "on_gone", "request")

    def __init__(self, request: Request, begun: float, send: Callable[[Reply], None]) -> None:
        self.request = request
        self.begun = begun
        self.gone = False
        """Whether the caller went away: nobody will read a reply."""
        self.on_gone: Callable[[], object] | None = None
        """Called once when the caller goes away."""
        self._send = send

    def reply(self, reply: Reply) -> None:
        """Answer the request, once. Does nothing when the caller has gone."""
        if not self.gone:
            self._send(reply)

    def leave(self) -> None:
        """The caller went away."""
        self.gone = True
        on_gone, self.on_gone = self.on_gone, None
        if on_gone is not None:
            on_gone()


def problem_reply(problem: ProblemError, request_id: str, *, debug: bool = False) -> Reply:
    """The problem as a reply with an RFC 9457 document; what the app itself said is in it only in `debug`."""
    return Reply(problem.status, [(b"content-type", CONTENT_TYPE)], problem.body(request_id, debug=debug))
