# SPDX-License-Identifier: Apache-2.0
"""The generator itself: one loop over epoll and sockets, one outstanding request a connection.

Standard library only, and no asyncio: a request costs two system calls and 9 us of CPU, so that one core can ask for
more than 100,000 a second. What a run used of it is a row of the table.
"""

from __future__ import annotations

import asyncio
import heapq
import select
import socket
import ssl
import time
from contextlib import ExitStack, suppress

from bench.load.job import Answer, AnswerResult, Load, LoadResult, quantile
from bench.load.response import MalformedError, Response, take

_RECEIVE = 65536


class _Run:
    """Shared by the connections of one load: what was sent, how long it took, when it is over."""

    def __init__(self, load: Load, now: float) -> None:
        self.load = load
        self.latencies: list[float] = []
        self.answered = 0
        self.failed = 0
        self.failure = ""
        self.sent = 0
        self.started = now
        self.begins = now + load.warm_up
        self.ends = self.begins + load.seconds if not load.requests else float("inf")
        self.waiting: list[tuple[float, int, _Connection]] = []
        """Connections whose next request is not due yet: when it is, and a number that no other one has."""

    def may_send(self, now: float) -> bool:
        return now < self.ends and not (self.load.requests and self.sent >= self.load.requests)

    def due(self, now: float) -> float:
        """When the next request is due."""
        return self.started + self.sent / self.load.rate if self.load.rate else now

    def patience(self, now: float) -> float:
        """The seconds until a connection has to send."""
        return max(0.0, self.waiting[0][0] - now) if self.waiting else float("inf")

    def send_due(self, now: float) -> None:
        """Send what is due on the connections that wait."""
        while self.waiting and self.waiting[0][0] <= now:
            heapq.heappop(self.waiting)[2].send_now()

    def fail(self, why: str) -> None:
        self.failed += 1
        self.failure = self.failure or why


class _Connection:
    __slots__ = ("_buffer", "_number", "_request", "_run", "_sent_at", "_socket", "_varies")

    def __init__(self, run: _Run, number: int, connected: socket.socket) -> None:
        self._run = run
        self._number = number
        self._socket = connected
        self._request = run.load.request(number, 0)
        self._varies = run.load.varies
        self._buffer = b""
        self._sent_at = 0.0

    def send(self, now: float) -> bool:
        """Send the next request, or wait until it is due; False when the load is over."""
        run = self._run
        due = run.due(now)
        if not run.may_send(max(now, due)):
            return False
        if self._varies:
            self._request = run.load.request(self._number, run.sent)
        run.sent += 1
        self._sent_at = due
        if due > now:
            heapq.heappush(run.waiting, (due, run.sent, self))
            return True
        return self.send_now(late=run.load.rate > 0)

    def send_now(self, *, late: bool = False) -> bool:
        """False when the connection is lost. Who is late by a server's fault counts from when it was due."""
        if not late:
            self._sent_at = time.perf_counter()
        try:
            self._socket.sendall(self._request)
        except OSError as error:
            self._run.fail(f"connection lost before a request was sent ({error!r})")
            return False
        return True

    def receive(self) -> bool:
        """Read what came and go on; False when this connection is done."""
        run = self._run
        try:
            data = self._socket.recv(_RECEIVE)
        except ssl.SSLWantReadError:
            return True  # it was not a whole record, or one of TLS itself
        except OSError as error:
            run.fail(f"connection lost while waiting for a response ({error!r})")
            return False
        if not data:
            run.fail("connection lost while waiting for a response")
            return False
        buffer = self._buffer + data if self._buffer else data
        try:
            response = take(buffer)
        except MalformedError as error:
            run.fail(str(error))
            return False
        if response is None:
            self._buffer = buffer
            return True
        self._buffer = b""
        now = time.perf_counter()
        if response.status != 200:
            run.fail(f"status {response.status}: {response.body[:200]!r}")
        else:
            run.answered += 1
            if run.begins <= now <= run.ends:
                run.latencies.append(now - self._sent_at)
        if response.reusable:
            return self.send(now)
        if run.may_send(now):
            run.fail("the server closes a connection that is still in use")
        return False


async def run_load(load: Load) -> LoadResult:
    """Run a load. Raises OSError when the server cannot be reached, TimeoutError when it does not answer in time."""
    return await asyncio.to_thread(_drive, load)


def _drive(load: Load) -> LoadResult:
    with ExitStack() as stack:
        poll = stack.enter_context(select.epoll())
        sockets = [_connected(load, stack) for _ in range(load.connections)]
        started, cpu = time.perf_counter(), time.thread_time()
        run = _Run(load, started)
        waiting: dict[int, _Connection] = {}
        for number, each in enumerate(sockets):
            connection = _Connection(run, number, each)
            if connection.send(time.perf_counter()):
                waiting[each.fileno()] = connection
                poll.register(each, select.EPOLLIN)
        gives_up = started + load.warm_up + load.seconds + load.deadline
        while waiting:
            now = time.perf_counter()
            for descriptor, _ in poll.poll(min(max(0.0, gives_up - now), run.patience(now))):
                if not waiting[descriptor].receive():
                    poll.unregister(descriptor)
                    del waiting[descriptor]
            run.send_due(time.perf_counter())
            if waiting and time.perf_counter() > gives_up:
                raise TimeoutError(f"{len(waiting)} requests were not answered in time")
        elapsed = time.perf_counter() - started
        busy = (time.thread_time() - cpu) / elapsed
    return _result(run, elapsed, busy)


def _connected(load: Load, stack: ExitStack) -> socket.socket:
    connected = socket.create_connection((load.host, load.port), timeout=load.deadline)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if load.ca_file:
        # Records are not read ahead: what epoll says of the socket is true of what is in it.
        tls = ssl.create_default_context(cafile=load.ca_file)
        connected = tls.wrap_socket(connected, server_hostname=load.name)
    stack.enter_context(connected)
    # No timeout: it would cost a poll before each call, and epoll has said that there is something.
    connected.setblocking(not load.ca_file)
    return connected


def _result(run: _Run, elapsed: float, busy: float) -> LoadResult:
    ordered = sorted(run.latencies)
    p50, p95, p99 = (quantile(ordered, share) for share in (0.5, 0.95, 0.99))
    measured = elapsed if run.load.requests else run.load.seconds
    each = run.latencies if run.load.requests else ()
    return LoadResult(len(ordered), run.failed, measured, p50, p95, p99, busy, run.failure, each, run.answered)


async def run_answer(answer: Answer) -> AnswerResult:
    """Ask until a 200 comes. Raises TimeoutError when none came in time."""
    attempts = 0
    async with asyncio.timeout(answer.deadline):
        while True:
            attempts += 1
            started = time.perf_counter()
            with suppress(OSError, MalformedError):
                response = await _response(answer)
                if response.status == 200:
                    seconds, body = time.perf_counter() - started, response.body.decode(errors="replace")
                    return AnswerResult(time.time(), seconds, attempts, body)
            # A refused connection answers in microseconds: without a pause this would burn the core it measures.
            await asyncio.sleep(0.005)


async def _response(answer: Answer) -> Response:
    reader, writer = await asyncio.open_connection(answer.host, answer.port)
    try:
        writer.write(f"GET {answer.path} HTTP/1.1\r\nHost: {answer.host}\r\n\r\n".encode("ascii"))
        buffer = b""
        while True:
            data = await reader.read(65536)
            if not data:
                raise MalformedError("closed before the response was complete")
            buffer += data
            response = take(buffer)
            if response is not None:
                return response
    finally:
        writer.close()
