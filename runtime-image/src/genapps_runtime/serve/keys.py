# SPDX-License-Identifier: Apache-2.0
"""Requests that name a key (`Idempotency-Key`): each is run once, and a repeat gets the answer of the first.

The scope of a key is the app, the tenant, the method and the path: the first two are the facet's, the others are in
the scope's hash. What makes two requests the same is method, path, query, `Content-Type` and body. Other fields are
not: a client may send another `User-Agent` or `traceparent` with a repeat, and a renewed token.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import orjson

from genapps_runtime.guest.turns import Done, End, Written
from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.messages import Reply, Request
from genapps_runtime.state.errors import StateUnavailableError
from genapps_runtime.state.facet import Facet
from genapps_runtime.state.journal import Intent
from genapps_runtime.state.marks import Found, Mark

RESPONSE_BYTES = 256 * 1024
"""Of a larger response, with its head, only the mark is kept."""
HASH_BYTES = 16
"""Nobody finds a second text with a given hash of this length, and a page of an index holds many of them."""
NOT_YET = frozenset({"KeysFull", "RequestRunning"})
"""Problems of requests that have not run, and may later."""
REPLAYED = (b"idempotent-replayed", b"true")
_ASKS_AGAIN = frozenset({408, 425, 429})
"""Statuses below 500 that say: not now, ask again."""


@dataclass(slots=True)
class Keyed:
    """A request with a key that is under way. `replaces` is as for `Mark`. `intents` are what it has called before."""

    scope: bytes
    digest: bytes
    replaces: int | None
    facet: Facet
    intents: Sequence[Intent] = ()
    marked: bool = False
    """Whether the last answer that it had is kept, once that is stored."""

    def mark(self, reply: Reply) -> Mark | None:
        """What is kept of the app's answer. None when a repeat runs again: the app has said that it may."""
        self.marked = reply.status < 500 and reply.status not in _ASKS_AGAIN
        if not self.marked:
            return None
        response = _encoded(reply)
        return Mark(self.scope, self.digest, response if len(response) <= RESPONSE_BYTES else None, self.replaces)

    def mark_of(self, done: Written, pieces: Sequence[bytes]) -> Mark | None:
        """The same of what is stored with it; the body are these pieces.

        Of an answer that leaves piece by piece there is a mark from its beginning on, and no response.
        """
        if isinstance(done, End):
            return None
        mark = self.mark(Reply(done.status, done.headers, b"".join(pieces)))
        return mark if mark is None or isinstance(done, Done) else replace(mark, response=None)

    def leave(self, *, answered: bool, wrote: bool) -> None:
        """The request has ended: a repeat finds its mark, or runs.

        `answered`: with what the app said, or a part of it; `wrote`: its tools may have changed something. When it has
        no mark then, a repeat gets what they have brought.
        """
        self.facet.running.pop(self.scope, None)
        if (answered and self.marked) or not wrote:
            self.facet.journal.finish(self.scope)


def admit(request: Request, facet: Facet) -> Keyed | Reply:
    """Begin a request with a key; or the answer that it has got before.

    Raises ProblemError: KeyReused, RequestRunning, ResponseNotKept, KeysFull, StateUnavailable.
    """
    scope, digest = _hashes(request)
    running = facet.running.get(scope)
    if running is not None:
        raise ProblemError("RequestRunning" if running == digest else "KeyReused")
    try:
        found = facet.find_mark(scope)
    except StateUnavailableError as error:
        raise ProblemError("StateUnavailable", str(error)) from None
    replaces = None
    if found is not None:
        if not facet.marks.expired(found.at):
            return _repeated(found, digest)
        replaces = found.at
    unfinished = facet.journal.unfinished(scope)
    if unfinished is not None and unfinished.request != digest:
        raise ProblemError("KeyReused")
    if facet.marks.full(facet.figures.kept, len(facet.running)):
        raise ProblemError("KeysFull", f"there are {facet.marks.room.marks} keys whose marks must be kept")
    facet.running[scope] = digest
    return Keyed(scope, digest, replaces, facet, () if unfinished is None else tuple(unfinished.intents))


def _repeated(found: Found, digest: bytes) -> Reply:
    if found.digest != digest:
        raise ProblemError("KeyReused")
    if found.response is None:
        raise ProblemError("ResponseNotKept")
    return _decoded(found.response)


def _hashes(request: Request) -> tuple[bytes, bytes]:
    """Of the scope and of the whole request. Each text stands behind its length: no two requests are the same bytes."""
    key, method, path, query = request.key, request.method, request.path, request.query
    hashed = hashlib.blake2b(f"{len(key)} {len(method)} {key}{method}{path}".encode(), digest_size=HASH_BYTES)
    scope = hashed.digest()
    types = "\n".join([value.decode("latin-1") for name, value in request.headers if name == b"content-type"])
    hashed.update(f"{len(path)} {len(query)} {len(types)} {query}{types}".encode())
    hashed.update(request.body)
    return scope, hashed.digest()


def _encoded(reply: Reply) -> bytes:
    """A line of JSON with status and headers, then the body. Bytes of headers are code points there."""
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in reply.headers]
    return orjson.dumps((reply.status, headers)) + b"\n" + reply.body


def _decoded(response: bytes) -> Reply:
    head, _, body = response.partition(b"\n")
    status, headers = orjson.loads(head)
    fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return Reply(status, [*fields, REPLAYED], body)
