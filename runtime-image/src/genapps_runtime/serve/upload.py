# SPDX-License-Identifier: Apache-2.0
"""A request's body that is too long to be held: the request begins without it, and takes it piece by piece
(docs/design/0046).

The connection fills a buffer and reads on only while that has room. So a sender waits for the app, and what one of them
makes this process hold does not depend on the size of the body.
"""

import time
from collections.abc import Callable
from typing import Any

from genapps_runtime.guest.messages import piece_of
from genapps_runtime.guest.turns import PIECE_BYTES, Call
from genapps_runtime.problems import ProblemError, call_problem

FULL_BYTES = 256 * 1024
"""From here on the connection reads no more, until less than a piece is left. One read brings as much once more."""
HELD_BYTES = 2 * FULL_BYTES
"""What an upload counts for in the account, from its beginning to its reply, if its length was announced. One in chunks
counts for what has come when it turns out to be one."""
_ONCE = "a long body comes once, each piece after the one before it"


class Upload:
    """The body, as the connection fills it and the action takes it. All times are seconds of the monotonic clock."""

    __slots__ = (
        "_buffer", "_granted", "_problem", "_waited", "_waiter", "_waits_since", "_want", "complete", "most_seconds",
        "next", "received", "touched",
    )  # fmt: skip

    def __init__(self, begun: bytes | bytearray = b"") -> None:
        """`begun` is what has come of it."""
        self._buffer = begun if isinstance(begun, bytearray) else bytearray(begun)
        self.received = len(begun)
        """Bytes that have come."""
        self.touched = time.monotonic()
        """When something came last, or could come again."""
        self.complete = False
        """Whether all of it has come."""
        self.next = 0
        """The number of the next piece; 0 while nobody has taken one."""
        self.most_seconds = 0.0
        """How long its action may wait for the sender beside its own time."""
        self._problem: ProblemError | None = None
        self._want: Callable[[], object] | None = None
        self._waiter: Callable[[], object] | None = None
        self._waits_since = 0.0
        self._waited = self._granted = 0.0

    # By the connection.

    def attach(self, want: Callable[[], object]) -> None:
        """`want` is called when the app waits for more of the body, and when there is room for more."""
        self._want = want

    @property
    def full(self) -> bool:
        """Whether no more should be read for now."""
        return len(self._buffer) >= FULL_BYTES

    def add(self, piece: bytes) -> None:
        """A part has come. Call `tell` when all of what was read is added."""
        self._buffer += piece
        self.received += len(piece)

    def tell(self) -> None:
        """Tell who waits, if there is something for them."""
        self.touched = time.monotonic()
        waiter = self._waiter
        if waiter is not None and self.ready:
            self.cancel()
            waiter()

    def end(self) -> None:
        """All of it has come."""
        self.complete = True
        self.tell()

    def fail(self, problem: ProblemError) -> None:
        """No more will come: whoever takes the next piece gets this problem."""
        if not self.complete and self._problem is None:
            self._problem = problem
            self._buffer.clear()  # a part of a body is of no use
            self.tell()

    # By the action.

    @property
    def ready(self) -> bool:
        """Whether `take` has an answer now."""
        return bool(self._buffer) or self.complete or self._problem is not None

    @property
    def waiting(self) -> bool:
        """Whether somebody waits for it."""
        return self._waiter is not None

    def take(self) -> dict[str, str] | None:
        """The next piece, of at most 64 KiB; None after the last one. Only when it is `ready`. Raises ProblemError."""
        if self._problem is not None:
            raise self._problem
        self.next += 1
        if not self._buffer:
            return None
        piece = bytes(self._buffer[:PIECE_BYTES])
        del self._buffer[:PIECE_BYTES]
        if len(self._buffer) < PIECE_BYTES:
            self._want_more()
        return piece_of(piece, 0)

    def wait(self, told: Callable[[], object]) -> None:
        """Call `told` once it is ready."""
        self._waiter, self._waits_since = told, time.monotonic()
        self._want_more()

    def cancel(self) -> None:
        """Nobody waits for it any more."""
        self._count_wait()
        self._waiter = None

    def grant(self) -> float:
        """How much longer its action may take, since this was asked last: while it waits, it is the sender's time."""
        self._count_wait()
        before, self._granted = self._granted, min(self._waited, self.most_seconds)
        return self._granted - before

    def _want_more(self) -> None:
        if self._want is not None and not self.complete:
            self.touched = time.monotonic()
            self._want()

    def _count_wait(self) -> None:
        if self._waiter is not None:
            now = time.monotonic()
            self._waited += now - self._waits_since
            self._waits_since = now


def taken(upload: Upload, call: Call, results: dict[str, dict[str, Any]]) -> list[Call]:
    """Take a piece for a call of the guest. The call is returned when it lasts until there is one; else its outcome is
    in `results`. Raises ProblemError."""
    if call.payload["chunk"] != upload.next or upload.waiting:
        results[call.id] = {"problem": call_problem("BodyRefused", _ONCE)}
        return []
    if not upload.ready:
        return [call]
    results[call.id] = {"ok": upload.take()}
    return []


def too_long(why: str) -> ProblemError:
    """What a request with such a body gets that has to be known as a whole before it runs."""
    return ProblemError("RequestTooLarge", f"{why}, which takes a body that is whole: this one is too long")
