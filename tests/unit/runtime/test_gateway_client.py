# SPDX-License-Identifier: Apache-2.0
"""A call that the gateway may have got is not sent again, unless the tool is known to read only."""

import asyncio
import json
import socket
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from genapps_runtime.egress import gateway_client
from genapps_runtime.egress.attempts import C
from genapps_runtime.egress.gateway_address import GatewayAddress
from genapps_runtime.egress.gateway_client import IDLE_CONNECTIONS, SPARE_SECONDS, GatewayClient
from tests.runtime.fake_gateway import GATEWAY_NAME, Authority
from tests.runtime.harness import until
from tests.support.clock import Clock

PAYLOAD: dict[str, Any] = {"connector": "shop", "tool": "pay", "arguments": {}, "key": "0a" * 32}
UNKNOWN = {"code": "OutcomeUnknown", "class": "limit", "detail": "it may have been made"}


READ = {"result": 1, "effect": "Read"}
WRITTEN = {"result": 1, "effect": "Write"}
LOST = None
"""The gateway is killed when the tool has answered it, and before it answers."""


class Server:
    """Answers as the script says. `bodies` are the calls, `connections` is how many there were."""

    def __init__(self) -> None:
        self.script: list[tuple[int, Any] | None] = []
        self.bodies: list[dict[str, Any]] = []
        self.connections = 0
        self.silent = False
        self.asked: Callable[[], None] = lambda: None
        """Called with each of them."""
        self.hangs = False
        """It takes what comes on connections that are open, and says nothing."""
        self.refuses_heads = False
        self.heads: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                if self.hangs:
                    self.hangs = False  # a new connection leads to another one
                    await reader.read()
                    break
                if b"expect: 100-continue" in head:
                    if self.refuses_heads:
                        self.answer(writer, self.script.pop(0))
                        break
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.bodies.append(json.loads(await reader.readexactly(size)))
                self.asked()
                if self.silent:
                    await reader.read()
                    break
                answer = self.script.pop(0)
                if answer is None:
                    break
                self.answer(writer, answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    def answer(self, writer: asyncio.StreamWriter, answer: tuple[int, Any] | None) -> None:
        assert answer is not None
        body = json.dumps(answer[1]).encode()
        writer.write(b"HTTP/1.1 %d x\r\ncontent-length: %d\r\n\r\n%b" % (answer[0], len(body), body))


@pytest.fixture
def authority() -> Authority:
    return Authority.make()


@asynccontextmanager
async def connected(
    authority: Authority, folder: Path, clock: Clock | None = None, kind: type[GatewayClient] = GatewayClient
) -> AsyncIterator[tuple[Server, Callable[[], Any], Any]]:
    server = Server()
    context = authority.server_context(folder)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context)
    (folder / "ca").write_bytes(authority.ca)
    (folder / "token").write_text("t")
    address = GatewayAddress("127.0.0.1", listening.sockets[0].getsockname()[1], GATEWAY_NAME)
    client = kind(address, str(folder / "ca"), str(folder / "token"), clock or Clock())
    yield server, lambda: client.call("r", 1, PAYLOAD, 10, ""), client
    client.close()
    listening.close()


@pytest.mark.parametrize("before", [[], [(200, WRITTEN)], [(200, {"result": 1})]])
async def test_a_call_whose_answer_was_lost_is_not_made_again(
    authority: Authority, tmp_path: Path, before: list[tuple[int, Any]]
) -> None:
    """On a new connection, and on one that was used before."""
    async with connected(authority, tmp_path) as (server, call, _):
        server.script = [*before, LOST]
        for _ in before:
            assert (await call()).outcome == {"ok": 1}
        called = await call()
        assert called.outcome["problem"]["code"] == "OutcomeUnknown"
        assert (called.wrote, called.answered) == (True, False)
        assert [body.get("repeated") for body in server.bodies] == [None] * (len(before) + 1)
        assert server.connections == 1


async def test_a_lost_call_of_a_tool_that_only_reads_is_made_again_as_a_repeated_one(
    authority: Authority, tmp_path: Path
) -> None:
    async with connected(authority, tmp_path) as (server, call, _):
        server.script = [(200, READ), LOST, (200, {**READ, "result": 2})]
        assert not (await call()).wrote
        called = await call()
        assert (called.outcome, called.wrote) == ({"ok": 2}, False)
        assert [body.get("repeated") for body in server.bodies] == [None, None, True]


async def test_a_tool_that_reads_no_more_is_not_called_again(authority: Authority, tmp_path: Path) -> None:
    async with connected(authority, tmp_path) as (server, call, _):
        server.script = [(200, READ), (200, WRITTEN), LOST]
        for _ in range(2):
            await call()
        assert (await call()).outcome["problem"]["code"] == "OutcomeUnknown"
        assert len(server.bodies) == 3


async def test_nobody_knows_what_became_of_a_lost_call_whose_repeat_is_refused(
    authority: Authority, tmp_path: Path
) -> None:
    async with connected(authority, tmp_path) as (server, call, _):
        server.script = [(200, READ), LOST, (409, UNKNOWN)]
        await call()
        called = await call()
        assert called.outcome["problem"]["code"] == "OutcomeUnknown"
        assert (called.wrote, called.answered) == (True, True)


async def test_a_repeat_is_lost_at_most_once(authority: Authority, tmp_path: Path) -> None:
    async with connected(authority, tmp_path) as (server, call, _):
        server.script = [(200, READ), LOST, LOST]
        await call()
        assert (await call()).outcome["problem"]["code"] == "OutcomeUnknown"
        assert len(server.bodies) == 3


@pytest.mark.parametrize(
    "answer", [(200, "no object"), (502, {"error": "of a proxy"}), (500, {})], ids=["no object", "a proxy", "no code"]
)
async def test_an_answer_that_is_none_of_the_gateways_says_nothing(
    authority: Authority, tmp_path: Path, answer: tuple[int, Any]
) -> None:
    async with connected(authority, tmp_path) as (server, call, _):
        server.script = [answer]
        called = await call()
        assert len(server.bodies) == 1
        assert called.wrote


@pytest.mark.parametrize(
    ("code", "wrote"),
    [("Suspended", False), ("UpstreamFailed", False), ("OutcomeUnknown", True), ("ResultInvalid", True)],
)
async def test_a_problem_says_that_nothing_was_done_unless_its_code_says_otherwise(
    authority: Authority, tmp_path: Path, code: str, wrote: bool
) -> None:
    async with connected(authority, tmp_path) as (server, call, _):
        server.script = [(502, {"code": code, "class": "limit", "detail": "as it is"})]
        called = await call()
        assert (called.wrote, called.answered) == (wrote, True)


@pytest.mark.parametrize("code", ["CallerUnknown", "GatewayStale"])
async def test_a_call_that_was_not_even_judged_is_made_anew(authority: Authority, tmp_path: Path, code: str) -> None:
    async with connected(authority, tmp_path) as (server, call, _):
        server.script = [(503, {"code": code, "class": "limit", "detail": "later"}), (200, WRITTEN)]
        assert (await call()).outcome == {"ok": 1}
        assert [body.get("repeated") for body in server.bodies] == [None, None]


@pytest.mark.parametrize(("seconds", "millis"), [(10, 10_000), (1.9999, 1999), (3600, 3_600_000), (86_400, 3_600_000)])
async def test_the_gateway_is_told_how_much_time_the_action_has_left(
    authority: Authority, tmp_path: Path, seconds: float, millis: int
) -> None:
    async with connected(authority, tmp_path) as (server, _, client):
        server.script = [(200, WRITTEN)]
        await client.call("r", 1, PAYLOAD, seconds, "")
        assert server.bodies == [{"requestId": "r", "step": 1, **PAYLOAD, "millisLeft": millis}]


@pytest.mark.parametrize("first", [LOST, (503, {"code": "GatewayStale", "class": "limit", "detail": "later"})])
@pytest.mark.parametrize(("passed", "left"), [(1.5, 8500), (10.5, 0)])
async def test_a_call_that_is_sent_again_has_less_time_left(
    authority: Authority, tmp_path: Path, first: Any, passed: float, left: int
) -> None:
    clock = Clock()
    async with connected(authority, tmp_path, clock) as (server, call, _):
        server.script = [(200, READ)]
        await call()
        server.script = [first, (200, READ)]
        server.asked = lambda: setattr(clock, "now", clock.now + passed)
        await call()
        assert [body["millisLeft"] for body in server.bodies] == [10_000, 10_000, left]


async def test_a_connection_that_was_idle_for_ten_seconds_is_not_used_again(
    authority: Authority, tmp_path: Path
) -> None:
    clock = Clock()
    async with connected(authority, tmp_path, clock) as (server, call, _):
        server.script = [(200, WRITTEN)] * 3
        for wait, connections in ((0.0, 1), (9.9, 1), (10.0, 2)):
            clock.now += wait
            await call()
            assert server.connections == connections


async def test_each_of_many_calls_at_once_finds_its_connection_again_a_moment_later(
    authority: Authority, tmp_path: Path
) -> None:
    clock = Clock()
    async with connected(authority, tmp_path, clock) as (server, call, client):
        server.script = [(200, WRITTEN)] * 200
        for _ in range(3):
            await asyncio.gather(*(call() for _ in range(IDLE_CONNECTIONS + 4)))
        assert server.connections == IDLE_CONNECTIONS + 4
        clock.now += 0.9 * SPARE_SECONDS
        await asyncio.gather(*(call() for _ in range(IDLE_CONNECTIONS + 2)))
        clock.now += 0.2 * SPARE_SECONDS
        client._trim()
        assert len(client._idle) == IDLE_CONNECTIONS + 2
        clock.now += SPARE_SECONDS
        client._trim()
        assert len(client._idle) == IDLE_CONNECTIONS
        await asyncio.gather(*(call() for _ in range(IDLE_CONNECTIONS)))
        assert server.connections == IDLE_CONNECTIONS + 4


async def test_spare_connections_are_closed_also_when_nothing_is_called_any_more(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_client, "SPARE_SECONDS", 0.01)
    clock = Clock()
    async with connected(authority, tmp_path, clock) as (server, call, client):

        def trimmed() -> bool:
            clock.now += 0.01
            return len(client._idle) == IDLE_CONNECTIONS

        server.script = [(200, WRITTEN)] * 40
        await asyncio.gather(*(call() for _ in range(IDLE_CONNECTIONS + 4)))
        assert len(client._idle) == IDLE_CONNECTIONS + 4
        await until(trimmed)
        assert client._trimming is None


async def test_a_connection_is_given_up_when_nothing_is_acknowledged_for_four_seconds(
    authority: Authority, tmp_path: Path
) -> None:
    """A gateway whose machine is gone closes nothing: the kernel gives its connections up, busy and idle ones."""
    async with connected(authority, tmp_path) as (server, call, client):
        server.script = [(200, WRITTEN)]
        await call()
        held = client._idle[0]._transport.get_extra_info("socket")
        assert held.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        options = (socket.TCP_USER_TIMEOUT, socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL)
        assert [held.getsockopt(socket.IPPROTO_TCP, option) for option in options] == [4000, 2, 1]


async def test_a_lost_question_for_keys_is_asked_again(authority: Authority, tmp_path: Path) -> None:
    async with connected(authority, tmp_path) as (server, call, client):
        server.script = [(200, WRITTEN), LOST, (200, {"tenantKeys": {"issuer": "i"}})]
        await call()
        assert await client.tenant_keys() == {"issuer": "i"}
        assert server.bodies[1:] == [{}, {}]


async def test_a_gateway_that_cannot_be_reached_has_done_nothing(authority: Authority, tmp_path: Path) -> None:
    async with connected(authority, tmp_path) as (server, call, _):
        pass
    called = await call()
    assert called.outcome["problem"]["code"] == "GatewayUnavailable"
    assert not called.wrote
    assert not server.bodies


class NobodyThere(GatewayClient):
    """A connection is never made."""

    async def _connect_once(self, kind: type[C]) -> C:
        never: asyncio.Future[C] = asyncio.get_running_loop().create_future()
        return await never


async def test_a_call_that_runs_out_of_time_before_it_is_sent_has_done_nothing(
    authority: Authority, tmp_path: Path
) -> None:
    async with connected(authority, tmp_path, kind=NobodyThere) as (_, _, client):
        called = await client.call("r", 1, PAYLOAD, 0.05, "")
        assert (called.outcome["problem"]["code"], called.wrote) == ("GatewayUnavailable", False)


async def test_a_call_that_runs_out_of_time_after_it_was_sent_says_so(authority: Authority, tmp_path: Path) -> None:
    async with connected(authority, tmp_path) as (server, _, client):
        server.silent = True
        with pytest.raises(TimeoutError):
            await client.call("r", 1, PAYLOAD, 2, "")
        assert len(server.bodies) == 1


async def test_a_call_that_waits_for_its_answer_holds_little_memory(authority: Authority, tmp_path: Path) -> None:
    """Hundreds of them may wait, in a pod with 96 MiB beside its guest. The other ends are counted here as well."""
    async with connected(authority, tmp_path) as (server, call, _):
        server.silent = True
        tracemalloc.start()
        try:
            calls = [asyncio.create_task(call()) for _ in range(20)]
            await until(lambda: len(server.bodies) == len(calls))
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        for each in calls:
            each.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    assert held < len(calls) * 128 * 1024
