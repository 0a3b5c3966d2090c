# SPDX-License-Identifier: Apache-2.0
"""A gateway that is gone, or that hangs: its kernel takes connections and acknowledges, and no more comes of it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from genapps_runtime.egress import attempts, gateway_connection
from genapps_runtime.egress.attempts import C
from genapps_runtime.egress.gateway_client import GatewayClient
from genapps_runtime.egress.gateway_connection import GatewayConnection, UnreachableError
from tests.runtime.fake_gateway import Authority
from tests.runtime.harness import until
from tests.support.clock import Clock
from tests.unit.runtime.test_gateway_client import PAYLOAD, WRITTEN, connected


@pytest.fixture
def authority() -> Authority:
    return Authority.make()


class FirstGone(GatewayClient):
    """As many connections as `gone` are sent to a gateway that is not there any more, or that `hangs`."""

    gone = 0
    hangs = False
    given_up = 0

    async def _connect_once(self, kind: type[C]) -> C:
        if self.gone > 0:
            self.gone -= 1
            if not self.hangs:
                raise UnreachableError("nobody listens")
            try:
                await asyncio.Event().wait()
            finally:
                self.given_up += 1
        return await super()._connect_once(kind)


@pytest.mark.parametrize(("gone", "made"), [(5, True), (6, False)])
async def test_a_connection_is_tried_six_times(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: int, made: bool
) -> None:
    monkeypatch.setattr(attempts, "PAUSE_SECONDS", 0.0)
    async with connected(authority, tmp_path, kind=FirstGone) as (server, call, client):
        client.gone = gone
        server.script = [(200, WRITTEN)]
        called = await call()
        assert ("ok" in called.outcome, called.wrote) == (made, made)
        assert len(server.bodies) == (1 if made else 0)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "SILENT_SECONDS", 0.01)
    monkeypatch.setattr(gateway_connection, "LISTENS_SECONDS", 0.05)


@pytest.mark.usefixtures("impatient")
async def test_a_gateway_that_hangs_is_not_waited_for_while_another_one_answers(
    authority: Authority, tmp_path: Path
) -> None:
    async with connected(authority, tmp_path, kind=FirstGone) as (server, call, client):
        client.gone, client.hangs = 5, True
        server.script = [(200, WRITTEN)]
        assert (await call()).outcome == {"ok": 1}
        await until(lambda: client.given_up == 5)
        assert (len(server.bodies), server.connections) == (1, 1)


class Slow(GatewayClient):
    """As where the processor has too much to do."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.begun = asyncio.Semaphore(0)
        self.door = asyncio.Event()

    async def _connect_once(self, kind: type[C]) -> C:
        self.begun.release()
        await self.door.wait()
        return await super()._connect_once(kind)


@pytest.mark.usefixtures("impatient")
async def test_an_attempt_that_takes_long_is_not_begun_anew(authority: Authority, tmp_path: Path) -> None:
    async with connected(authority, tmp_path, kind=Slow) as (server, call, client):
        server.script = [(200, WRITTEN)]
        called = asyncio.create_task(call())
        for _ in range(attempts.ATTEMPTS):
            await client.begun.acquire()
        for _ in range(5):
            await asyncio.sleep(attempts.SILENT_SECONDS)
        assert client.begun.locked()
        client.door.set()
        assert (await called).outcome == {"ok": 1}


@pytest.mark.usefixtures("impatient")
async def test_attempts_end_when_their_time_is_over(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "SECONDS", 0.1)
    async with connected(authority, tmp_path, kind=Slow) as (_, call, client):
        called = await call()
        assert (called.outcome["problem"]["code"], called.wrote) == ("GatewayUnavailable", False)
        assert client._attempts._beside == 0


@pytest.mark.usefixtures("impatient")
async def test_a_crowd_makes_few_attempts_beside_others(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where hundreds connect at once it is their number that makes them slow."""
    monkeypatch.setattr(attempts, "MOST_BESIDE", 3)
    begun, door = asyncio.Semaphore(0), asyncio.Event()

    async def slow() -> GatewayConnection:
        begun.release()
        await door.wait()
        return GatewayConnection()

    several = attempts.Attempts()
    for _ in range(2):  # what one crowd has used the next one has again
        door.clear()
        crowd = [asyncio.create_task(several.first(slow)) for _ in range(20)]
        for _ in range(20 + 3):
            await begun.acquire()
        for _ in range(5):
            await asyncio.sleep(attempts.SILENT_SECONDS)
        assert begun.locked(), "no more than three of them have company"
        door.set()
        await asyncio.gather(*crowd)


@pytest.mark.usefixtures("impatient")
async def test_a_call_does_not_leave_on_a_connection_whose_gateway_has_begun_to_hang(
    authority: Authority, tmp_path: Path
) -> None:
    """Its kernel acknowledges everything. Only the head of a call gets there, and the call is made elsewhere."""
    clock = Clock()
    async with connected(authority, tmp_path, clock) as (server, call, _):
        server.script = [(200, WRITTEN)] * 2
        await call()
        clock.now += 1.0
        server.hangs = True
        assert (await call()).outcome == {"ok": 1}
        assert (len(server.bodies), server.connections) == (2, 2)
        assert [b"expect: 100-continue" in head for head in server.heads] == [False, True, False]


async def test_whoever_was_heard_less_than_a_second_ago_is_not_asked(authority: Authority, tmp_path: Path) -> None:
    clock = Clock()
    async with connected(authority, tmp_path, clock) as (server, call, _):
        server.script = [(200, WRITTEN)] * 4
        for after in (0.0, 0.9, 1.0, 0.0):
            clock.now += after
            assert (await call()).outcome == {"ok": 1}
        assert [b"expect: 100-continue" in head for head in server.heads] == [False, False, True, False]
        assert server.connections == 1


async def test_a_call_that_is_refused_by_its_head_was_not_made(authority: Authority, tmp_path: Path) -> None:
    clock = Clock()
    async with connected(authority, tmp_path, clock) as (server, call, client):
        server.script = [(200, WRITTEN), (401, {"code": "TokenInvalid", "class": "limit", "detail": "another"})]
        await call()
        clock.now += 1.0
        server.refuses_heads = True
        called = await call()
        assert (called.outcome["problem"]["code"], called.wrote) == ("TokenInvalid", False)
        assert len(server.bodies) == 1
        assert not client._idle


async def test_a_call_whose_time_ends_while_the_gateway_is_asked_was_not_made(
    authority: Authority, tmp_path: Path
) -> None:
    clock = Clock()
    async with connected(authority, tmp_path, clock) as (server, call, client):
        server.script = [(200, WRITTEN)]
        await call()
        clock.now += 1.0
        server.hangs = True
        called = await client.call("r", 1, PAYLOAD, 0.05, "")
        assert (called.outcome["problem"]["code"], called.wrote) == ("GatewayUnavailable", False)


class _Pipe(asyncio.Transport):
    """What is written to a connection."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closing


@pytest.mark.parametrize("lost", [True, False])
async def test_the_content_does_not_leave_when_the_gateway_goes_as_it_asks_for_it(*, lost: bool) -> None:
    """Both come before the call goes on: the connection is lost, or has begun to be."""
    connection, pipe = GatewayConnection(), _Pipe()
    connection.connection_made(pipe)
    sending = asyncio.create_task(connection.send_when_heard(b"head", b"content"))
    await until(lambda: pipe.written == b"head")
    connection.data_received(b"HTTP/1.1 100 Continue\r\n\r\n")
    pipe.closing = True
    if lost:
        connection.connection_lost(None)
    answer = await sending
    assert (connection.sent, connection.reusable, pipe.written) == (False, False, b"head")
    connection.connection_lost(None)
    with pytest.raises(UnreachableError):
        await answer
