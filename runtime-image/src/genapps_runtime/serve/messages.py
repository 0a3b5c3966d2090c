# SPDX-License-Identifier: Apache-2.0
"""Request and reply of the app's HTTP server, as every module of this package passes them on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from genapps_runtime.problems import CONTENT_TYPE, ProblemError
from genapps_runtime.serve.upload import Upload

Headers = list[tuple[bytes, bytes]]
"""Names in lower case with their values, in the order of sending."""

BACKGROUND = "background"
"""Where a request comes from that nobody waits for: the queue."""
SCHEDULE = "schedule"
"""The same: the clock."""
SAFE = frozenset({"GET", "HEAD"})
"""Methods of requests that nobody misses when their caller has gone."""
SERVER_ERROR = 500
"""The least status by which an app says that it has failed."""


@dataclass(slots=True)
class Request:
    """What the caller sent: `query` without the question mark, `body` whole (in bytes).

    Nobody changes it. It is not frozen because that would cost as much as all else in making one.
    """

    id: str
    method: str
    path: str
    query: str
    headers: Headers
    body: bytes
    key: str = ""
    """The `Idempotency-Key` of a request that may change something; it is the id as well."""
    traced: bool = False
    """Whether it has a header `traceparent`, which may be malformed."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the caller gets: an HTTP status, headers without those that the server sets, and the whole body."""

    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class FileReply:
    """What callers get of a file: the beginning of the head as `reply_bytes.beginning` writes it, and a body that
    others get too, which nobody changes."""

    status: int
    head: bytes
    body: bytes | memoryview


class Body(Protocol):
    """The rest of a reply whose head is written: the connection."""

    def send_piece(self, piece: bytes) -> bool:
        """Send a piece; whether there is room for another. If not, `Streamed.has_room` is called when there is."""

    def end_body(self) -> None:
        """Nothing more comes: the answer is whole."""

    def break_off(self) -> None:
        """Nothing more comes, and the caller sees that the answer is not whole."""


class Streamed:
    """An answer whose body leaves piece by piece: its status and headers, as of a `Reply`, and the way to send more."""

    __slots__ = ("_body", "full", "headers", "on_room", "sent", "status")

    def __init__(self, status: int, headers: Headers) -> None:
        self.status = status
        self.headers = headers
        self.sent = 0
        """Bytes of its body."""
        self.full = False
        """Whether the caller has to take something before another piece may come."""
        self.on_room: Callable[[], object] | None = None
        """Called when it is full no more."""
        self._body: Body | None = None

    def attach(self, body: Body) -> None:
        """The head is written, and a body is wanted: the request was no HEAD, and the caller is there."""
        self._body = body

    @property
    def wanted(self) -> bool:
        """Whether anybody takes the body."""
        return self._body is not None

    def send(self, piece: bytes) -> None:
        """Send a piece. Only when it is not `full`: at most one piece waits for the caller."""
        if self._body is not None:
            self.sent += len(piece)
            self.full = not self._body.send_piece(piece)

    def end(self) -> None:
        """The answer is whole."""
        body, self._body = self._body, None
        if body is not None:
            body.end_body()

    def break_off(self) -> None:
        """The answer is not whole, and never will be."""
        body, self._body = self._body, None
        if body is not None:
            body.break_off()

    def has_room(self) -> None:
        """The caller has taken what there was. Called by the connection."""
        self.full = False
        if self.on_room is not None:
            self.on_room()


Whole = Reply | FileReply
Answer = Whole | Streamed


class Exchange:
    """One request and the way back to its caller.

    `begun` is when the first bytes of its head arrived, in seconds of the monotonic clock. `internal` says where a
    request comes from that no caller waits for.
    """

    __slots__ = ("_send", "begun", "code", "gone", "internal", "on_gone", "request", "streamed", "tried", "upload")

    def __init__(self, request: Request, begun: float, send: Callable[[Answer], None], *, internal: str = "") -> None:
        self.request = request
        self.begun = begun
        self.internal = internal
        self.code = ""
        """How it ended: `ok`, or the code of a problem. Set before the reply of an internal one, as `tried` is."""
        self.tried = False
        """Whether it has begun."""
        self.gone = False
        """The caller went away: what has not begun should not begin."""
        self.on_gone: Callable[[], object] | None = None
        """Set by the app to learn that the caller went away."""
        self.streamed: Streamed | None = None
        """The answer, once its head is sent and while its body leaves piece by piece."""
        self.upload: Upload | None = None
        """The request's body, if that is taken piece by piece: `request.body` is empty then."""
        self._send: Callable[[Answer], None] | None = send

    def reply(self, reply: Answer) -> None:
        """Answer, at most once. Whether the caller is still there to read it does not matter."""
        send, self._send = self._send, None
        if send is None:
            raise RuntimeError("a request is answered once")
        send(reply)

    @property
    def ends_when_gone(self) -> bool:
        """Whether nobody misses what it would have done."""
        return self.request.method in SAFE or self.internal == BACKGROUND or self.streamed is not None

    def begin_reply(self, streamed: "Streamed") -> None:
        """Answer with a head, at most once. `streamed` sends the body, if somebody takes it."""
        self.streamed = streamed
        self.reply(streamed)

    def leave(self) -> None:
        """The caller went away. Called by the server."""
        self.gone = True
        if self.on_gone is not None:
            self.on_gone()


def problem_reply(problem: ProblemError, request_id: str, *, debug: bool = False) -> Reply:
    """The problem as a reply with an RFC 9457 document; what the app itself said is in it only in `debug`."""
    headers = [(b"content-type", CONTENT_TYPE)]
    if problem.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if problem.retry_after is not None:
        headers.append((b"retry-after", b"%d" % problem.retry_after))
    return Reply(problem.status, headers, problem.body(request_id, debug=debug))
