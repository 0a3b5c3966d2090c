# SPDX-License-Identifier: Apache-2.0
"""An answer of the gateway that is taken while it comes: in order, within bounds, and never again."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from genapps_runtime.egress import gateway_client
from genapps_runtime.egress.gateway_address import GatewayAddress
from genapps_runtime.egress.gateway_client import GatewayClient
from genapps_runtime.egress.gateway_connection import UnreachableError
from genapps_runtime.egress.gateway_stream import HELD_BYTES, LINE_BYTES, PIECES_BYTES, GatewayStream
from tests.runtime.fake_gateway import GATEWAY_NAME, Authority
from tests.support.clock import Clock

CALL: dict[str, Any] = {"connector": "llm", "tool": "chat", "arguments": {}, "stream": True}
END = {"end": {"effect": "Read"}}
STALE = {"code": "GatewayStale", "class": "limit"}
WAITING_SECONDS = 30.0


class Server:
    """Writes what a test gives it; `bodies` are what it was asked, `left` is set when a caller has gone."""

    def __init__(self) -> None:
        self.script: list[Callable[[asyncio.StreamWriter], Awaitable[None]]] = []
        self.bodies: list[dict[str, Any]] = []
        self.left = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        self.bodies.append(json.loads(await reader.readexactly(size)))
        try:
            await self.script.pop(0)(writer)
        except ConnectionError:
            self.left.set()
        writer.close()


def begin(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


def line(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def chunks(*contents: bytes, whole: bool = True) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    async def write(writer: asyncio.StreamWriter) -> None:
        begin(writer)
        for content in contents:
            writer.write(chunk(content))
            await writer.drain()
        writer.write(chunk(b"") if whole else b"")
        await writer.drain()

    return write


def answer(status: int, value: Any) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    async def write(writer: asyncio.StreamWriter) -> None:
        body = json.dumps(value).encode()
        writer.write(b"HTTP/1.1 %d x\r\ncontent-length: %d\r\n\r\n%b" % (status, len(body), body))
        await writer.drain()

    return write


@asynccontextmanager
async def connected(folder: Path) -> AsyncIterator[tuple[Server, GatewayClient]]:
    server, authority = Server(), Authority.make()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=authority.server_context(folder))
    (folder / "ca").write_bytes(authority.ca)
    (folder / "token").write_text("t")
    address = GatewayAddress("127.0.0.1", listening.sockets[0].getsockname()[1], GATEWAY_NAME)
    async with asyncio.timeout(WAITING_SECONDS):
        yield server, GatewayClient(address, str(folder / "ca"), str(folder / "token"), Clock())
    listening.close()


async def opened(client: GatewayClient) -> GatewayStream:
    found = await client.stream("r", 1, CALL, 10, "")
    assert isinstance(found, GatewayStream), found
    return found


async def everything(stream: GatewayStream) -> list[Any]:
    found: list[Any] = []
    while (outcome := await stream.next()).get("ok") is not None:
        found += outcome["ok"]
    assert outcome == {"ok": None}
    return found


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_pieces_come_in_order_however_they_are_cut(tmp_path: Path, size: int) -> None:
    pieces: list[Any] = [0, None, "zwölf\n", [], {}]
    content = b"".join(line({"piece": one}) for one in pieces) + line(END)
    async with connected(tmp_path) as (server, client):
        server.script = [chunks(*(content[at : at + size] for at in range(0, len(content), size)))]
        assert await everything(await opened(client)) == pieces
        assert server.bodies == [{"requestId": "r", "step": 1, **CALL, "millisLeft": 10_000}]


async def test_what_has_come_is_given_together_up_to_a_bound(tmp_path: Path) -> None:
    large = "x" * (PIECES_BYTES // 2)
    async with connected(tmp_path) as (server, client):
        server.script = [chunks(*(line({"piece": large}) for _ in range(8)), line(END))]
        stream = await opened(client)
        sizes = []
        while (outcome := await stream.next())["ok"]:
            sizes.append(len(outcome["ok"]))
        assert sum(sizes) == 8
        assert set(sizes) == {1}, "two of them have more than the bound with what is around them"


@pytest.mark.parametrize(
    ("status", "value", "code"),
    [(403, {"code": "ConnectorNotInEnvelope", "class": "violation"}, "ConnectorNotInEnvelope"),
     (502, {"error": "of a proxy"}, "GatewayUnavailable"), (404, "none", "GatewayUnavailable")],
)  # fmt: skip
async def test_a_refusal_is_a_problem(tmp_path: Path, status: int, value: Any, code: str) -> None:
    async with connected(tmp_path) as (server, client):
        server.script = [answer(status, value)]
        found = await client.stream("r", 1, CALL, 10, "")
        assert isinstance(found, dict)
        assert found["problem"]["code"] == code
        assert len(server.bodies) == 1


async def test_a_gateway_that_cannot_decide_yet_is_asked_again(tmp_path: Path) -> None:
    async with connected(tmp_path) as (server, client):
        server.script = [answer(503, STALE), chunks(line({"piece": 1}), line(END))]
        assert await everything(await opened(client)) == [1]
        assert len(server.bodies) == 2


@pytest.mark.parametrize("whole", [True, False])
async def test_an_answer_without_its_last_line_was_cut_off_and_is_not_asked_for_again(
    tmp_path: Path, whole: bool
) -> None:
    async with connected(tmp_path) as (server, client):
        server.script = [chunks(line({"piece": 1}), b'{"piece":', whole=whole)]
        stream = await opened(client)
        assert await stream.next() == {"ok": [1]}
        with pytest.raises(UnreachableError):
            await stream.next()
        assert len(server.bodies) == 1


@pytest.mark.parametrize(
    "last", [b"{", b"7", b"{}", b'{"piece":1,"end":{}}', b'{"more":{}}', b'{"end":null}', b'{"problem":1}']
)
async def test_a_line_that_is_none_of_the_gateways_ends_the_answer(tmp_path: Path, last: bytes) -> None:
    async with connected(tmp_path) as (server, client):
        server.script = [chunks(last + b"\n")]
        stream = await opened(client)
        with pytest.raises(UnreachableError):
            await stream.next()


async def test_a_problem_in_the_middle_comes_after_the_pieces_before_it(tmp_path: Path) -> None:
    problem = {"code": "UpstreamFailed", "class": "limit"}
    async with connected(tmp_path) as (server, client):
        server.script = [chunks(line({"piece": 1}) + line({"problem": problem}))]
        stream = await opened(client)
        assert [await stream.next(), await stream.next()] == [{"ok": [1]}, {"problem": problem}]


@pytest.mark.parametrize("more", [0, 1])
async def test_a_line_has_a_bound(tmp_path: Path, more: int) -> None:
    text = "x" * (LINE_BYTES - len(line({"piece": ""})) + 1 + more)
    async with connected(tmp_path) as (server, client):
        server.script = [chunks(line({"piece": text}) + line(END))]
        stream = await opened(client)
        if more:
            with pytest.raises(UnreachableError):
                await everything(stream)
        else:
            assert await everything(stream) == [text]


async def test_a_gateway_waits_for_whoever_does_not_take_what_comes(tmp_path: Path) -> None:
    """And goes on when they do: nothing is lost, also of lines that are as large as they may be."""
    piece = "x" * (PIECES_BYTES - 20)
    written = 0
    stuck = asyncio.Event()

    async def write(writer: asyncio.StreamWriter) -> None:
        nonlocal written
        begin(writer)
        while written < 400:
            writer.write(chunk(line({"piece": piece})))
            written += 1
            drained = asyncio.create_task(writer.drain())
            if not (await asyncio.wait([drained], timeout=1.0))[0]:
                stuck.set()
            await drained
        writer.write(chunk(line(END)) + chunk(b""))

    async with connected(tmp_path) as (server, client):
        server.script = [write]
        stream = await opened(client)
        await stuck.wait()
        assert written < 400
        assert stream._held < HELD_BYTES
        assert len(await everything(stream)) == 400


async def test_whoever_leaves_an_answer_breaks_it_off(tmp_path: Path) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        begin(writer)
        while True:
            writer.write(chunk(line({"piece": "x" * 1000})))
            await writer.drain()

    async with connected(tmp_path) as (server, client):
        server.script = [endless]
        stream = await opened(client)
        await stream.next()
        stream.close()
        await server.left.wait()


async def test_so_many_answers_come_at_once_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_client, "MOST_STREAMS", 2)
    async with connected(tmp_path) as (server, client):
        server.script = [chunks(line({"piece": 1}), line(END)) for _ in range(3)]
        first, second = await opened(client), await opened(client)
        refused = await client.stream("r", 1, CALL, 10, "")
        assert isinstance(refused, dict)
        assert (refused["problem"]["code"], refused["problem"]["retryAfter"]) == ("CallRefused", 1)
        await everything(first)
        await opened(client)
        second.close()
        second.close()
        assert client._streams == 1
        assert len(server.bodies) == 3


async def test_a_gateway_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    address = GatewayAddress("127.0.0.1", 1, GATEWAY_NAME)
    (tmp_path / "ca").write_bytes(Authority.make().ca)
    client = GatewayClient(address, str(tmp_path / "ca"), str(tmp_path / "token"), Clock())
    found = await client.stream("r", 1, CALL, 10, "")
    assert isinstance(found, dict)
    assert found["problem"]["code"] == "GatewayUnavailable"


class Transport(asyncio.Transport):
    """Knows only whether it reads."""

    reading = True

    def is_closing(self) -> bool:
        return False

    def write(self, data: Any) -> None:
        pass

    def abort(self) -> None:
        pass

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


async def test_reading_goes_on_when_all_that_is_held_is_the_beginning_of_a_long_line() -> None:
    long = line({"piece": "x" * (PIECES_BYTES + 2000)})
    transport, stream = Transport(), GatewayStream()
    stream.connection_made(transport)
    begun = asyncio.create_task(stream.begin(b""))
    await asyncio.sleep(0)
    stream.data_received(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunk(long + long + long[:-1]))
    assert await begun is None
    assert not transport.reading
    await stream.next()
    assert not transport.reading, "a whole line is there still"
    await stream.next()
    assert transport.reading
    stream.close()
