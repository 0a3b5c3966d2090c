# SPDX-License-Identifier: Apache-2.0
"""How much and how long senders of long bodies may hold, and what takes none."""

import asyncio
import json

import pytest

from genapps_runtime.serve.limits import HttpLimits
from tests.runtime.harness import until
from tests.runtime.streaming_world import Serving
from tests.runtime.uploads_world import (
    BODY,
    LIMITS,
    MOST,
    SOURCE,
    WHOLE,
    answer,
    chunked,
    head,
    in_chunks,
    outside,
    problem,
    uploading,
)


@pytest.mark.parametrize("how", ["announced", "chunked"])
async def test_a_sender_waits_for_the_app_and_little_is_held(serving: Serving, how: str) -> None:
    async with serving(SOURCE, HttpLimits(2**20, 2**26), time={"actionMillis": 60_000}) as world:
        sender, other = await world.connect(), await world.connect()
        body = b"x" * 2**25
        sender.writer.write(head("/held", len(body)) + body if how == "announced" else chunked("/held"))
        if how == "chunked":
            sender.writer.write(in_chunks(body, 50_000))
        await until(lambda: outside(world) == 1)
        connection, upload = await uploading(world)
        await until(lambda: connection._reading_paused)
        assert len(upload._buffer) <= (2**19 if how == "announced" else 2**20 + 2**18)
        assert world.listener.held_bytes <= 2**20
        assert sender.writer.transport.get_write_buffer_size() > 0, "the kernel's buffers are full, and not ours"
        assert (await other.got("/go", "POST"))[0] == 200
        assert json.loads((await answer(sender))[2]) == len(body)
        assert world.listener.held_bytes == 0


async def test_one_byte_more_than_may_come_is_refused(serving: Serving) -> None:
    async with serving(SOURCE, LIMITS) as world:
        caller = await world.connect()
        caller.writer.write(head("/sum", MOST + 1, "expect: 100-continue\r\n"))
        assert await problem(caller) == (413, "RequestTooLarge")
        assert await caller.reader.read() == b""
        for size in (1000, MOST + 1):
            caller = await world.connect()
            caller.writer.write(chunked("/sum") + in_chunks(BODY + b"x", size))
            assert await problem(caller) == (413, "RequestTooLarge")
            assert await caller.reader.read() == b""
        assert world.listener.held_bytes == 0


@pytest.mark.parametrize("path", ["/whole", "/files"])
async def test_an_app_that_wants_the_whole_takes_no_long_body(serving: Serving, path: str) -> None:
    async with serving(SOURCE, LIMITS) as world:
        caller = await world.connect()
        caller.writer.write(head("/whole", WHOLE) + BODY[:WHOLE])
        assert json.loads((await answer(caller))[2]) == WHOLE
        caller.writer.write(head(path, WHOLE + 1, "expect: 100-continue\r\n"))
        assert await problem(caller) == (413, "RequestTooLarge"), "and nobody has asked for the body"


@pytest.mark.parametrize(
    ("limits", "trickles"),
    [(HttpLimits(WHOLE, MOST, body_seconds=0.2), False), (HttpLimits(WHOLE, MOST, upload_seconds=0.4), True)],
)
async def test_a_sender_who_pauses_too_long_or_needs_too_long_is_refused(
    serving: Serving, limits: HttpLimits, trickles: bool
) -> None:
    async with serving(SOURCE, limits) as world:
        caller = await world.connect()
        caller.writer.write(head("/sum", MOST) + BODY[:1000])
        reply = asyncio.create_task(problem(caller))
        while trickles and not reply.done():
            caller.writer.write(b"x")
            await asyncio.wait([reply], timeout=0.01)
        assert await reply == (408, "RequestTimeout")


@pytest.mark.parametrize(("fresh", "status"), [(False, 200), (True, 504)])
async def test_the_time_that_a_sender_takes_is_not_the_apps_unless_it_keeps_an_instance(
    serving: Serving, fresh: bool, status: int
) -> None:
    async with serving(SOURCE, LIMITS, time={"actionMillis": 1100}, limits={"instances": 2}, fresh=fresh) as world:
        caller, other = await world.connect(), await world.connect()
        caller.writer.write(head("/sum", MOST) + BODY[:1000])
        await until(lambda: outside(world) == 1)
        assert (await other.got("/slow"))[0] == 504, "by now the time of the first is over as well"
        caller.writer.write(BODY[1000:])
        assert (await answer(caller))[0] == status


async def test_a_request_with_a_key_has_to_be_whole(serving: Serving) -> None:
    async with serving(SOURCE, LIMITS) as world:
        caller = await world.connect()
        caller.writer.write(head("/sum", WHOLE, "idempotency-key: k\r\n") + BODY[:WHOLE])
        assert (await answer(caller))[0] == 200
        caller.writer.write(head("/sum", WHOLE + 1, "idempotency-key: l\r\nexpect: 100-continue\r\n"))
        assert await problem(caller) == (413, "RequestTooLarge")


async def test_uploads_leave_half_of_the_memory_to_others(serving: Serving) -> None:
    async with serving(SOURCE, HttpLimits(WHOLE, MOST, held_bytes=4 * 2**20)) as world:
        senders = [await world.connect() for _ in range(4)]
        for sender in senders:
            sender.writer.write(head("/sum", MOST))
        await until(lambda: world.listener.held_bytes == 2**21)
        caller = await world.connect()
        caller.writer.write(head("/sum", MOST))
        assert await problem(caller) == (503, "Busy")
        other = await world.connect()
        other.writer.write(head("/whole", WHOLE) + BODY[:WHOLE])
        assert (await answer(other))[0] == 200
        senders[0].writer.write(BODY)
        assert (await answer(senders[0]))[0] == 200
        caller = await world.connect()
        caller.writer.write(head("/sum", MOST) + BODY)
        assert (await answer(caller))[0] == 200
