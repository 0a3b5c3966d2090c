# SPDX-License-Identifier: Apache-2.0
"""The asking side of a generator process: one on the host, another in a pod."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from bench.cores import generator_core, on_core
from bench.load.job import Answer, AnswerResult, Job, Load, LoadResult, Result, result_from_wire, to_wire
from bench.processes import REPOSITORY, stopped

FULL = 0.90
"""A generator that uses more than this share of its core may be what limits a rate."""


class LoadFailedError(Exception):
    """Requests failed, or the generator could not work: such a load is no measurement."""


class Generator:
    """A connection to a generator process; one job at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.saturated = False
        self.pid: int | None = None
        """Of its process, where that is on this machine."""

    async def load(self, job: Load) -> LoadResult:
        """Run a load. Raises LoadFailedError when a request failed or none was completed."""
        result = await self._ask(job)
        assert isinstance(result, LoadResult)
        if result.failed or not result.completed:
            raise LoadFailedError(f"{job}: {result.failed} failed, {result.completed} completed; {result.failure}")
        self.saturated = self.saturated or result.busy > FULL
        return result

    async def answer(self, job: Answer) -> AnswerResult:
        """Ask until a 200 comes. Raises LoadFailedError when none came in time."""
        result = await self._ask(job)
        assert isinstance(result, AnswerResult)
        return result

    async def _ask(self, job: Job) -> Result:
        self._writer.write(json.dumps(to_wire(job)).encode() + b"\n")
        await self._writer.drain()
        wire = json.loads(await self._reader.readline() or b'{"error": "the generator is gone"}')
        if "error" in wire:
            raise LoadFailedError(f"{job}: {wire['error']}")
        return result_from_wire(wire)


@asynccontextmanager
async def connected(host: str, port: int) -> AsyncIterator[Generator]:
    """A generator that already listens at this address."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield Generator(reader, writer)
    finally:
        writer.close()


@asynccontextmanager
async def host_generator(python: Sequence[str] = (sys.executable,)) -> AsyncIterator[Generator]:
    """A generator process on this machine, on the generator's core; `python` are the first words of its command."""
    command = [*on_core(generator_core()), *python, "-m", "bench.load.agent"]
    process = await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE)
    async with stopped(process):
        assert process.stdout is not None
        listening = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
        async with connected("127.0.0.1", int(listening["port"])) as generator:
            generator.pid = process.pid
            yield generator
