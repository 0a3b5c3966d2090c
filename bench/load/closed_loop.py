# SPDX-License-Identifier: Apache-2.0
"""The generator itself: raw asyncio protocols, one outstanding request a connection, nothing but standard library."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import cast

from bench.load.job import Answer, AnswerResult, Load, LoadResult, quantile
from bench.load.response import MalformedError, Response, take


class _Run:
    """Shared by the connections of one load: what was sent, how long it took, when it is over."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.latencies: list[float] = []
        self.failed = 0
        self.failure = ""
        self.sent = 0
        self.open = load.connections
        self.done = asyncio.Event()
        self.begins = time.perf_counter() + load.warm_up
        self.ends = self.begins + load.seconds if not load.requests else float("inf")

    def may_send(self, now: float) -> bool:
        return now < self.ends and not (self.load.requests and self.sent >= self.load.requests)

    def fail(self, why: str) -> None:
        self.failed += 1
        self.failure = self.failure or why

    def closed(self) -> None:
        self.open -= 1
        if not self.open:
            self.done.set()


class _Connection(asyncio.Protocol):
    def __init__(self, run: _Run, number: int) -> None:
        self._run = run
        self._number = number
        self._request = run.load.request(number, 0)
        self._varies = run.load.varies
        self._buffer = b""
        self._sent_at = 0.0
        self._waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes, though they do the same.
        self._transport = cast("asyncio.Transport", transport)
        self._next(time.perf_counter())

    def _next(self, now: float) -> None:
        run = self._run
        if not run.may_send(now):
            self._transport.close()
            return
        if self._varies:
            self._request = run.load.request(self._number, run.sent)
        run.sent += 1
        self._waiting = True
        self._sent_at = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        try:
            response = take(buffer)
        except MalformedError as error:
            self._give_up(str(error))
            return
        if response is None:
            self._buffer = buffer
            return
        self._buffer = b""
        self._waiting = False
        self._book(response)

    def _book(self, response: Response) -> None:
        run = self._run
        now = time.perf_counter()
        if response.status != 200:
            run.fail(f"status {response.status}: {response.body[:200]!r}")
        elif run.begins <= now <= run.ends:
            run.latencies.append(now - self._sent_at)
        if response.reusable:
            self._next(now)
        elif run.may_send(now):
            self._give_up("the server closes a connection that is still in use")
        else:
            self._transport.close()

    def _give_up(self, why: str) -> None:
        self._waiting = False
        self._run.fail(why)
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting:
            self._run.fail(f"connection lost while waiting for a response ({exc!r})")
        self._run.closed()


async def run_load(load: Load) -> LoadResult:
    """Run a load. Raises OSError when the server cannot be reached, TimeoutError when it does not answer in time."""
    run = _Run(load)
    loop = asyncio.get_running_loop()
    started, cpu = time.perf_counter(), time.process_time()
    for number in range(load.connections):
        await loop.create_connection(lambda number=number: _Connection(run, number), load.host, load.port)  # type: ignore[misc]
    async with asyncio.timeout(load.warm_up + load.seconds + load.deadline):
        await run.done.wait()
    elapsed = time.perf_counter() - started
    busy = (time.process_time() - cpu) / elapsed
    ordered = sorted(run.latencies)
    p50, p95, p99 = (quantile(ordered, share) for share in (0.5, 0.95, 0.99))
    measured = elapsed if load.requests else load.seconds
    each = run.latencies if load.requests else ()
    return LoadResult(len(ordered), run.failed, measured, p50, p95, p99, busy, run.failure, each)


async def run_answer(answer: Answer) -> AnswerResult:
    """Ask until a 200 comes. Raises TimeoutError when none came in time."""
    attempts = 0
    async with asyncio.timeout(answer.deadline):
        while True:
            attempts += 1
            started = time.perf_counter()
            with suppress(OSError, MalformedError):
                if await _status(answer) == 200:
                    return AnswerResult(time.time(), time.perf_counter() - started, attempts)
            # A refused connection answers in microseconds: without a pause this would burn the core it measures.
            await asyncio.sleep(0.005)


async def _status(answer: Answer) -> int:
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
                return response.status
    finally:
        writer.close()
