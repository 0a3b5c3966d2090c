# SPDX-License-Identifier: Apache-2.0
"""From a connection's bytes to its requests, within the limits.

llhttp knows the grammar; it is strict unless told otherwise. What it leaves to its user is here: the size of head and
body, trailers, and an offer to speak another protocol, which is declined as if it had not been made.
"""

import time
from collections import deque
from typing import Final, NoReturn

import httptools

from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.head import Head, read_head
from genapps_runtime.serve.held_bytes import HeldBytes
from genapps_runtime.serve.limits import HttpLimits
from genapps_runtime.serve.messages import Headers, Request
from genapps_runtime.serve.upload import HELD_BYTES, Upload

BETWEEN: Final = 0
HEAD: Final = 1
BODY: Final = 2
"""What the next byte belongs to. Plain numbers: members of an Enum are looked up too slowly for every header."""


class Arrived:
    """A request that may begin: it is whole, but for an `upload`.

    `held` is what it counts for in the account, in bytes; `newer` says that it is no HTTP/1.0.
    """

    __slots__ = ("begun", "held", "newer", "persistent", "request", "upload")

    def __init__(
        self, request: Request, begun: float, held: int, persistent: bool, newer: bool, upload: Upload | None = None
    ) -> None:
        self.request = request
        self.begun = begun
        self.held = held
        self.newer = newer
        self.persistent = persistent
        self.upload = upload


class RequestParser:
    """Puts what has arrived into `arrived`. Times are seconds of the monotonic clock."""

    __slots__ = (
        "_body", "_head", "_head_bytes", "_headers", "_held", "_limits", "_parser", "_problem", "_raw_bytes", "_target",
        "_upgrade", "arrived", "begun", "body_begun", "ended", "held", "left", "stage", "upload",
    )  # fmt: skip

    def __init__(self, limits: HttpLimits, held: HeldBytes) -> None:
        self._limits = limits
        self._held = held
        self._parser = httptools.HttpRequestParser(self)
        self._problem: ProblemError | None = None
        self._upgrade = False
        self._head: Head | None = None
        self._body: bytes | bytearray = b""
        self._target = b""
        self._headers: Headers = []
        self._head_bytes = self._raw_bytes = 0
        self.arrived: deque[Arrived] = deque()
        self.stage: int = BETWEEN
        self.begun = self.body_begun = 0.0
        self.held = 0
        """What the unfinished request counts for in the account."""
        self.left = 0
        """Bytes that are known to be missing of its body."""
        self.ended = False
        """No further request is read: the caller has said so."""
        self.upload: Upload | None = None
        """The body that is being read, of a request that has arrived."""

    def feed(self, data: bytes) -> None:
        """Parse. Raises ProblemError for what is refused; then nothing more must be fed."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            if self.ended:
                return  # bytes behind the last request are nobody's
            if self._problem is None and isinstance(error, httptools.HttpParserCallbackError):
                raise
            raise self._problem or ProblemError("RequestInvalid", str(error)) from None
        if self.stage == HEAD:
            self._count_unfinished(len(data))

    def body_missing(self) -> bool:
        """Whether the caller waits for `100 Continue`: it has announced a body, and nothing of it has come."""
        return self.stage == BODY and self._head is not None and self._head.expects_continue and not self._body

    def continued(self, now: float) -> None:
        """The caller has been told to send the body."""
        assert self._head is not None  # noqa: S101  in stage BODY
        self._head.expects_continue = False
        self.body_begun = now

    def drop(self) -> None:
        """Forget the unfinished request."""
        self._held.give(self.held)
        self.held = self.left = 0
        self._body = b""
        self._headers = []
        self.upload = None
        self.stage = BETWEEN

    # Called by the parser. What is raised in here stops it.

    def on_message_begin(self) -> None:
        """The first byte of a head is there."""
        if not self._upgrade:
            self.begun = time.monotonic()
        self._target = b""
        self._headers = []
        self._head_bytes = self._raw_bytes = 0
        self.stage = HEAD

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        self._count(len(url) if self._target else len(url) + self._limits.header_cost)
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole field of the head, or of the trailer."""
        self._count(len(name) + len(value) + self._limits.header_cost)
        if self.stage == HEAD:  # later ones are trailers, which nobody has asked for
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Judge the head."""
        parser = self._parser
        method = parser.get_method().decode("ascii")
        self._upgrade = parser.should_upgrade() and method != "CONNECT"
        if self._upgrade:
            return
        try:
            head = read_head(method, parser.get_http_version(), self._target, self._headers)
        except ProblemError as problem:
            self._stop(problem)
        self._head = head
        self._body = b""
        self.stage = BODY
        if head.length is not None:
            self._admit_body(head.length)

    def on_body(self, piece: bytes) -> None:
        """A piece of the body, without the framing of chunks."""
        size = len(piece)
        if self.upload is not None:
            self._add(self.upload, piece)
            return
        if len(self._body) + size > self._limits.body_bytes:
            self._add(self._begin_upload(len(self._body) + size), piece)
            return
        self._take(size)
        self.left -= size
        if not self._body:
            self._body = piece
            return
        if type(self._body) is bytes:
            self._body = bytearray(self._body)  # and no list: a chunk of one byte costs no object
        self._body += piece

    def on_message_complete(self, upload: Upload | None = None) -> None:
        """The request is whole, or begins with this `upload`."""
        if self._upgrade:
            return
        head = self._head
        assert head is not None  # noqa: S101  set when the head was complete
        if self.upload is not None:
            self.upload.end()
            self.upload = None
            self.left, self.ended, self.stage = 0, not (head.persistent and self._parser.should_keep_alive()), BETWEEN
            return
        if self.arrived:
            self._take(self._limits.pipelined_cost)
        method = self._parser.get_method().decode("ascii")
        body = b"" if upload is not None else bytes(self._body)
        request = Request(head.request_id, method, head.path, head.query, self._headers, body, head.key, head.traced)
        persistent = head.persistent and self._parser.should_keep_alive()
        self.arrived.append(Arrived(request, self.begun, self.held, persistent, head.persistent, upload))
        self._body = b""
        self.held = self.left = 0
        self.ended = not persistent
        self.stage = BETWEEN

    def _decline_upgrade(self, rest: bytes) -> None:
        """Parse the head once more without the offer: the parser takes what follows for the other protocol's bytes.

        What it has parsed is well-formed, so the head that is made of it says the same about the body.
        """
        method, version = self._parser.get_method(), self._parser.get_http_version()
        lines = [b"%b %b HTTP/%b" % (method, self._target, version.encode("ascii"))]
        lines += [b"%b: %b" % header for header in self._headers if header[0] != b"upgrade"]
        self._parser = httptools.HttpRequestParser(self)
        self.feed(b"\r\n".join([*lines, b"", b""]))
        if rest and not self.ended:
            self.feed(rest)

    def _admit_body(self, length: int) -> None:
        self.body_begun = time.monotonic()
        self.left = max(length, 0)
        if length > self._limits.body_bytes:
            self._begin_upload(length)
        elif not self._held.fits(self.left):
            self._stop(_full())

    def _begin_upload(self, known: int) -> Upload:
        """The body is too long to be held, with at least the bytes that are `known` by now: the request begins."""
        self._check_upload(known)
        reserved = max(0, HELD_BYTES - self.held)
        if not self._held.leaves_half(reserved):
            self._stop(_full())
        self._take(reserved)
        upload, left = Upload(self._body), self.left
        self.on_message_complete(upload)
        self.upload, self.left, self.ended, self.stage = upload, left, False, BODY
        return upload

    def _add(self, upload: Upload, piece: bytes) -> None:
        """A part of a body that is not held."""
        assert self._head is not None  # noqa: S101  set when the head was complete
        self._check_upload(upload.received + len(piece))
        self._head.expects_continue = False
        self.left -= len(piece)
        upload.add(piece)

    def _check_upload(self, size: int) -> None:
        most = max(self._limits.body_bytes, self._limits.upload_bytes)
        if size > most:
            self._stop(ProblemError("RequestTooLarge", f"the body may have at most {most} bytes"))

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self._limits.head_bytes:
            self._stop(ProblemError("HeadTooLarge"))

    def _count_unfinished(self, size: int) -> None:
        """Bound what the parser holds of a field that does not end; it tells of whole ones only."""
        self._raw_bytes += size
        if self._raw_bytes > 2 * self._limits.head_bytes:
            raise ProblemError("HeadTooLarge")
        if not self._held.fits(size):
            raise _full()
        self._held.take(size)
        self.held += size

    def _take(self, size: int) -> None:
        if not self._held.fits(size):
            self._stop(_full())
        self._held.take(size)
        self.held += size

    def _stop(self, problem: ProblemError) -> NoReturn:
        self._problem = problem
        raise problem


def _full() -> ProblemError:
    return ProblemError("Busy", "the requests of other callers fill the memory that is kept for them")
