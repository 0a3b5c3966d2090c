# SPDX-License-Identifier: Apache-2.0
"""Each of the requests that nobody should send is answered as it should be, and its neighbour notices nothing."""

import asyncio
import json
import re
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.runtime.bad_input_cases import CASES, Answered, Case, get
from tests.runtime.fake_gateway import DEADLINE_SECONDS, Authority
from tests.runtime.harness import Pod, serving, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOURCE = b"""
import asyncio
from genapps import app, state

@app.get("/ok")
async def ok(request):
    return {"count": await state.get("count", 0)}

@app.post("/count")
async def count(request):
    await state.put("count", await state.get("count", 0) + 1)
    return "counted"

@app.post("/slow")
async def slow(request):
    await asyncio.sleep(0.05)
    return await count(request)

@app.post("/json")
async def as_json(request):
    return await request.json()
"""
_HEAD = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n(.*?)\r\n\r\n", re.DOTALL)
_RESET = struct.pack("ii", 1, 0)


class Neighbour:
    """A caller whose requests are well-formed, on a connection of their own that stays open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def count(self) -> int:
        """What the app has counted."""
        self._writer.write(get(b"/ok", close=b""))
        async with asyncio.timeout(DEADLINE_SECONDS):
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            assert head.startswith(b"HTTP/1.1 200")
            assert length is not None
            return int(json.loads(await self._reader.readexactly(int(length[1])))["count"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pod(authority: Authority, engine: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pod]:
    async with serving(authority, engine, tmp_path_factory.mktemp("bad-input"), {"app.py": SOURCE}) as pod:
        yield pod


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def neighbour(pod: Pod) -> AsyncIterator[Neighbour]:
    reader, writer = await asyncio.open_connection("127.0.0.1", pod.port)
    yield Neighbour(reader, writer)
    writer.close()


async def answers(port: int, case: Case) -> list[Answered]:
    """Status and code of each answer on a connection of the case's own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(case.sent)
    if case.end == "eof":
        writer.write_eof()
    elif case.end == "reset":
        await writer.drain()
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        writer.transport.abort()
        return []
    async with asyncio.timeout(DEADLINE_SECONDS):
        content = await reader.read()
    writer.close()
    heads = list(_HEAD.finditer(content))
    if not heads:
        assert content == b""
        return []
    ends = [*(head.start() for head in heads[1:]), len(content)]
    bodies = [content[head.end() : end] for head, end in zip(heads, ends, strict=True)]
    problems = [b"problem+json" in head[2] for head in heads]
    return [
        (int(head[1]), json.loads(body)["code"] if problem else "")
        for head, body, problem in zip(heads, bodies, problems, strict=True)
    ]


async def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 60
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_it_is_answered_as_it_should_be_and_its_neighbour_notices_nothing(
    pod: Pod, neighbour: Neighbour, case: Case
) -> None:
    before, worker = await neighbour.count(), pod.worker()
    assert tuple(await answers(pod.port, case)) == case.answers
    assert await neighbour.count() - before == case.writes
    assert pod.worker() == worker


@pytest.mark.parametrize("end", ["eof", "reset"])
async def test_what_has_begun_is_done_and_nothing_else_though_its_caller_has_gone(
    pod: Pod, neighbour: Neighbour, end: str
) -> None:
    before = await neighbour.count()
    lines = len(pod.log())
    sent = b"POST /slow HTTP/1.1\r\nhost: app\r\ncontent-length: 0\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", pod.port)
    writer.write(sent)
    async with asyncio.timeout(DEADLINE_SECONDS):
        if end == "eof":
            writer.write_eof()
            assert b"HTTP/1.1 200 OK" in await reader.read()
        else:
            await writer.drain()
            writer.transport.abort()
    await until(lambda: any(one["path"] == "/slow" for one in pod.log()[lines:]))
    (line,) = [one for one in pod.log()[lines:] if one["path"] == "/slow"]
    begun = line["status"] == 200  # one that has not begun before its caller has gone begins never
    assert begun or (end == "reset" and line["code"] == "CallerGone")
    assert await neighbour.count() - before == int(begun)
    writer.close()
