# SPDX-License-Identifier: Apache-2.0
"""One connection of a caller: its requests run one after the other, and their replies leave in that order."""

import asyncio
import time
from typing import cast

from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.half_closed import HalfClosed
from genapps_runtime.serve.lazy_timer import LazyTimer
from genapps_runtime.serve.messages import Answer, Exchange, FileReply, Reply, Streamed, problem_reply
from genapps_runtime.serve.reading import Reading
from genapps_runtime.serve.reply_bytes import CONTINUE, reply_bytes, streamed_head
from genapps_runtime.serve.request_ids import new_id
from genapps_runtime.serve.request_parser import BODY, HEAD, Arrived
from genapps_runtime.serve.shared import Shared, failure
from genapps_runtime.serve.streamed_body import StreamedBody

FILE_PIECE_BYTES = 64 * 1024
"""Of a file that is sent: what one reader who takes nothing makes this process hold, beside the file itself."""
_NEVER = float("inf")


class Connection(Reading):
    """The protocol. A running request has no time limit here: the app answers it by its deadline."""

    __slots__ = (
        "_flush_by", "_fresh", "_half_closed", "_idle_until", "_last", "_leaving", "_refusal", "_rest", "_running",
        "_serving", "_streamed", "_unsent",
    )  # fmt: skip

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._running: tuple[Arrived, Exchange] | None = None
        self._fresh = True
        """No request has come yet."""
        self._serving = False
        """In the loop that starts requests: replies may come while it runs."""
        self._refusal: tuple[Reply, str] | None = None
        """To be sent when all requests before it are answered. Nothing is parsed any more."""
        self._leaving = False
        """Closes at `_flush_by` at the latest: the last reply is written, or the caller sends no more."""
        self._unsent = 0
        """Bytes of replies that the kernel has not taken. While there are any, nothing else is begun."""
        self._rest: memoryview | None = None
        """Of a file: what follows the bytes that the kernel has not taken."""
        self._streamed: Streamed | None = None
        """The reply of the running request, whose body is being sent piece by piece."""
        self._last = False
        """The connection ends with the reply that is being sent."""
        self._flush_by = _NEVER
        self._half_closed: HalfClosed | None = None
        """The caller sends no more."""

    # Called by the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first head."""
        shared = self._shared
        self._loop = asyncio.get_running_loop()
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=0)  # who does not take a reply gets no other
        self._idle_until = time.monotonic() + shared.limits.head_seconds
        self._timer = LazyTimer(shared.limits.idle_seconds, self._due, self._time_out)
        shared.connections[self] = None
        if shared.draining:
            self._transport.close()
        elif not shared.has_room(self):
            self._refuse(ProblemError("Busy", "too many connections are open"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Give back what is held, and tell the running request."""
        shared = self._shared
        self._timer.stop()
        self._drop_waiting()
        shared.held.give(self._unsent)
        self._unsent = 0
        self._rest = self._streamed = None
        del shared.connections[self]
        running, self._running = self._running, None
        if running is not None:
            arrived, exchange = running
            shared.held.give(arrived.held)
            if not exchange.gone:
                exchange.leave()
            if arrived.upload is not None:
                arrived.upload.fail(ProblemError("CallerGone"))
        if not shared.connections and shared.on_last_lost is not None:
            shared.on_last_lost()

    def data_received(self, data: bytes) -> None:
        """Parse, and start what is whole."""
        if self._refusal is not None or self._leaving or self._parser.ended:
            self._discard(len(data))
        else:
            self._feed(data)

    def eof_received(self) -> bool:
        """The caller sends no more. What they have sent is still answered, unless they have gone."""
        parser = self._parser
        self._break_body(ProblemError("RequestInvalid", "the body ended before its announced end"))
        if self._leaving or not (self._running or parser.arrived or self._refusal or self._unsent):
            return False
        if self._half_closed is None:
            self._half_closed = HalfClosed(self._transport)
            if self._running is not None and self._running[0].newer and not (self._unsent or self._streamed):
                self._transport.write(CONTINUE)
                if self._half_closed.is_gone():  # as it is at once on the same machine
                    self._running[1].leave()
                    return False
        self._timer.hasten()
        return True

    def pause_writing(self) -> None:
        """The kernel takes no more of a reply for now."""
        self._unsent = self._transport.get_write_buffer_size()
        self._shared.held.take(self._unsent)
        if self._parser.upload is None:  # else who sends before they read would wait for themselves
            self._transport.pause_reading()
        if not self._leaving and self._rest is None:
            self._flush_by = time.monotonic() + self._shared.limits.write_seconds
        self._timer.hasten()

    def resume_writing(self) -> None:
        """The caller has taken the reply."""
        self._shared.held.give(self._unsent)
        self._unsent = 0
        if self._transport.is_closing():
            return
        if self._rest is not None:
            self._write_rest()
            if self._rest is None:
                self._sent()
            if self._unsent or self._transport.is_closing():
                return
        if not self._reading_paused:
            self._transport.resume_reading()
        if self._streamed is not None:
            self._moved()
            self._streamed.has_room()
        else:
            self._go_on()

    # Called by the listener, and for another connection.

    def idle(self) -> bool:
        """Whether nothing is under way in either direction."""
        parser = self._parser
        busy = self._running or parser.arrived or parser.stage or self._refusal or self._leaving or self._unsent
        return not (busy or self._transport.is_closing())

    def spent(self) -> bool:
        """Whether it is idle after a reply: callers must expect that such a connection is closed."""
        return not self._fresh and self.idle()

    def shut_down(self) -> None:
        """Close as soon as everything that has begun is answered. The listener has set `draining`."""
        if self.idle():
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    # From requests to replies.

    def _serve(self) -> None:
        """Start the next request if none is running."""
        if self._serving:
            return
        self._serving = True
        arrived = self._parser.arrived
        while self._running is None and arrived and not self._unsent and not self._transport.is_closing():
            self._run(arrived.popleft())
        self._serving = False

    def _go_on(self) -> None:
        if not self._serving:
            self._serve()
            self._settle()

    def _settle(self) -> None:
        """When all that has arrived is answered: refuse, read on, or ask for the body."""
        parser = self._parser
        if self._running is not None or parser.arrived or self._unsent or self._leaving:
            return
        if self._refusal is not None:
            (reply, request_id), self._refusal = self._refusal, None
            self._write(reply, request_id, only_head=False, close=True)
            self._linger()
        elif self._reading_paused:
            self._loop.call_soon(self._feed_rest)  # a reply may come while a request is being started
        elif parser.body_missing():
            self._continue()

    def _continue(self) -> None:
        self._parser.continued(time.monotonic())
        self._transport.write(CONTINUE)

    def _want_body(self) -> None:
        """The app waits for more of the body, or there is room for more."""
        if self._parser.body_missing() and self._streamed is None:
            self._continue()
            self._timer.hasten()
        if self._reading_paused:
            self._loop.call_soon(self._feed_rest)

    def _run(self, arrived: Arrived) -> None:
        shared, request = self._shared, arrived.request
        exchange = Exchange(request, arrived.begun, self._reply)
        self._running = arrived, exchange
        self._fresh = False
        if arrived.upload is not None:
            exchange.upload = arrived.upload
            arrived.upload.attach(self._want_body)
        if shared.submit is None:
            exchange.reply(problem_reply(ProblemError("NotReady"), request.id))
        elif not shared.held.fits(0):
            exchange.reply(problem_reply(ProblemError("Busy", "callers do not take their replies"), request.id))
        else:
            try:
                shared.submit(exchange)
            except Exception:
                exchange.reply(problem_reply(failure(request.id), request.id))

    def _reply(self, reply: Answer) -> None:
        if self._running is None:
            return  # the caller is gone
        if isinstance(reply, Streamed):
            if not self._transport.is_closing():
                self._begin_body(reply, self._running[0])
            return
        (arrived, _), self._running = self._running, None
        self._shared.held.give(arrived.held)
        if arrived.upload is not None:
            self._leave_body(arrived)
        if self._transport.is_closing():
            return
        self._last = last = self._is_last(arrived)
        self._write(reply, arrived.request.id, only_head=arrived.request.method == "HEAD", close=last)
        if self._rest is None:
            self._sent()

    def _is_last(self, arrived: Arrived) -> bool:
        """Whether the connection ends with the reply to this request."""
        parser, ends = self._parser, self._shared.draining or self._half_closed is not None
        nothing_left = not (parser.arrived or parser.stage or self._refusal)
        return self._leaving or not arrived.persistent or (ends and nothing_left)

    def _begin_body(self, reply: Streamed, arrived: Arrived) -> None:
        if arrived.upload is not None and not arrived.upload.complete:
            arrived.persistent = False
        self._last = last = self._is_last(arrived)
        self._transport.write(streamed_head(reply, arrived.request.id, chunked=arrived.newer, close=last))
        if arrived.request.method == "HEAD":
            self._end_running()
        else:
            self._streamed = reply
            self._moved()
            self._timer.hasten()
            reply.attach(StreamedBody(self._transport, self._moved, self._end_running, chunked=arrived.newer))

    def _moved(self) -> None:
        """Something of a body has been sent: the time for the next begins."""
        self._flush_by = time.monotonic() + self._shared.limits.write_seconds

    def _end_running(self) -> None:
        running, self._running, self._streamed = self._running, None, None
        if running is not None:
            self._shared.held.give(running[0].held)
            self._leave_body(running[0])
            self._last = self._last or self._is_last(running[0])
            self._sent()

    def _sent(self) -> None:
        """All of a reply is written, but for what the transport still holds."""
        if not self._last and not (self._half_closed and not (self._parser.arrived or self._refusal)):
            self._idle_until = time.monotonic() + self._shared.limits.idle_seconds
            self._go_on()
        elif self._discarded:
            self._linger()
        else:
            self._transport.close()

    def _write(self, reply: Reply | FileReply, request_id: str, *, only_head: bool, close: bool) -> None:
        pieces = reply_bytes(reply, request_id, only_head=only_head, close=close)
        self._transport.write(pieces[0])
        if len(pieces) == 1:
            return
        if isinstance(reply, Reply):
            self._transport.write(pieces[1])
        else:
            self._flush_by = time.monotonic() + self._shared.limits.write_seconds
            self._rest = memoryview(pieces[1])
            self._write_rest()

    def _write_rest(self) -> None:
        """Write on while the kernel takes it: others get this file too, and a reader who is slow holds one piece."""
        while self._rest is not None and not (self._unsent or self._transport.is_closing()):
            piece, rest = self._rest[:FILE_PIECE_BYTES], self._rest[FILE_PIECE_BYTES:]
            self._rest = rest or None
            self._transport.write(piece)

    # The end.

    def _refuse(self, problem: ProblemError) -> None:
        """Parse nothing more, and say why when all before it is answered."""
        if self._break_body(problem):
            return
        request_id = new_id()
        self._refusal = problem_reply(problem, request_id), request_id
        self._go_on()

    def _linger(self) -> None:
        """Close when the caller does, and soon: closing while they still send would destroy the reply on its way."""
        if self._transport.is_closing():
            return
        if self._half_closed:
            self._transport.close()
            return
        self._transport.write_eof()
        if self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()
        self._leave_within(self._shared.limits.linger_seconds)

    def _leave_within(self, seconds: float) -> None:
        self._leaving = True
        self._flush_by = time.monotonic() + seconds
        self._timer.hasten()

    # Time. Most requests do not touch the timer: it is moved only where it would fire too late.

    def _due(self) -> float:
        limits, parser = self._shared.limits, self._parser
        if self._leaving or self._unsent or self._streamed is not None:
            return self._flush_by
        if self._half_closed is not None:
            return self._half_closed.look_at
        if self._refusal is not None or self._reading_paused:
            return _NEVER
        if parser.stage == HEAD:
            return parser.begun + limits.head_seconds
        if parser.stage == BODY and not parser.body_missing():
            if parser.upload is None:
                return parser.body_begun + limits.body_seconds
            return min(parser.upload.touched + limits.body_seconds, parser.body_begun + limits.upload_seconds)
        return _NEVER if self._running is not None or parser.stage else self._idle_until

    def _time_out(self) -> None:
        parser = self._parser
        if self._leaving or self._unsent or self._streamed is not None:
            self._transport.abort()
        elif self._half_closed is not None:
            if self._half_closed.is_gone():
                self._transport.abort()
        elif parser.stage:
            part = "head" if parser.stage == HEAD else "body"
            self._refuse(ProblemError("RequestTimeout", f"the {part} did not arrive in time"))
        else:
            self._transport.close()
