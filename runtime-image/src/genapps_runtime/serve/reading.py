# SPDX-License-Identifier: Apache-2.0
"""What a connection reads: bytes become requests, and no more are read than may wait."""

import asyncio

from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.lazy_timer import LazyTimer
from genapps_runtime.serve.request_ids import new_id
from genapps_runtime.serve.request_parser import Arrived, RequestParser
from genapps_runtime.serve.shared import Shared, failure
from genapps_runtime.serve.upload import Upload

PIECE_BYTES = 4096
"""Parsed at a time, so that few requests arrive beyond what may wait. A body is taken as it comes."""


class Reading(asyncio.Protocol):
    """The reading half of a connection."""

    __slots__ = ("_discarded", "_loop", "_parser", "_reading_paused", "_shared", "_timer", "_transport", "_unfed")

    _loop: asyncio.AbstractEventLoop
    _timer: LazyTimer
    _transport: asyncio.Transport

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._parser = RequestParser(shared.limits, shared.held)
        self._discarded = 0
        self._unfed = b""
        """Read and not parsed yet, while `_reading_paused`: enough requests are waiting."""
        self._reading_paused = False

    def _serve(self) -> None:
        """Start the next request if none is running."""
        raise NotImplementedError

    def _settle(self) -> None:
        """When all that has arrived is answered: refuse, read on, or ask for the body."""
        raise NotImplementedError

    def _refuse(self, problem: ProblemError) -> None:
        """Parse nothing more, and say why when all before it is answered."""
        raise NotImplementedError

    def _feed(self, data: bytes) -> None:
        parser, at, end = self._parser, 0, len(data)
        try:
            while at < end and not parser.ended:
                if len(parser.arrived) >= self._shared.limits.pipelined:
                    self._read_later(data[at:])
                    return
                size = max(PIECE_BYTES, parser.left)
                parser.feed(data if at == 0 and size >= end else data[at : at + size])
                at += size
                self._serve()
        except ProblemError as problem:
            self._refuse(problem)
        except Exception:
            self._refuse(failure(new_id()))
        else:
            self._settle()
            if parser.stage:
                self._go_on_with_body(parser.upload)
                self._timer.hasten()

    def _read_later(self, rest: bytes) -> None:
        if not self._shared.held.fits(len(rest)):
            raise ProblemError("Busy", "too many requests wait on this connection")
        self._shared.held.take(len(rest))
        self._unfed = rest
        self._pause_reading()

    def _pause_reading(self) -> None:
        self._reading_paused = True
        self._transport.pause_reading()

    def _feed_rest(self) -> None:
        if self._reading_paused and not self._transport.is_closing():
            self._reading_paused = False
            data = self._take_unfed()
            self._transport.resume_reading()
            self._feed(data)

    # A body that is taken piece by piece, of a request that may have begun.

    def _go_on_with_body(self, upload: Upload | None) -> None:
        """Some of it has come: the app may go on, and no more is read than there is room for."""
        if upload is not None:
            upload.tell()
            if upload.full:
                self._pause_reading()

    def _break_body(self, problem: ProblemError) -> bool:
        """No more comes of such a body: its request ends with this problem. Whether there was one."""
        upload = self._parser.upload
        self._parser.drop()
        if upload is None:
            return False
        self._parser.ended = True
        upload.fail(problem)
        return True

    def _leave_body(self, arrived: Arrived) -> None:
        """The request is answered: nobody takes what is left of its body."""
        if arrived.upload is not None and not arrived.upload.complete:
            self._parser.drop()
            self._parser.ended = True
            self._take_unfed()
            arrived.persistent = False
            self._discarded += 1

    def _take_unfed(self) -> bytes:
        data, self._unfed = self._unfed, b""
        self._shared.held.give(len(data))
        return data

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > self._shared.limits.linger_bytes:
            self._transport.pause_reading()

    def _drop_waiting(self) -> None:
        parser = self._parser
        parser.drop()
        while parser.arrived:
            self._shared.held.give(parser.arrived.popleft().held)
        self._take_unfed()
