# SPDX-License-Identifier: Apache-2.0
"""A call that the gateway may have got is never sent again as if it were new."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from genapps_runtime.egress.gateway_address import GatewayAddress
from genapps_runtime.egress.gateway_client import GatewayClient
from tests.runtime.fake_gateway import GATEWAY_NAME, Authority

PAYLOAD: dict[str, Any] = {"connector": "shop", "tool": "pay", "arguments": {}, "key": "0a" * 32}
UNKNOWN = {"code": "OutcomeUnknown", "class": "limit", "detail": "it may have been made"}


class Server:
    """Answers as the script says; None: it reads the call and hangs up. `bodies` are the calls."""

    def __init__(self) -> None:
        self.script: list[tuple[int, Any] | None] = []
        self.bodies: list[dict[str, Any]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.bodies.append(json.loads(await reader.readexactly(size)))
                answer = self.script.pop(0)
                if answer is None:
                    break
                body = json.dumps(answer[1]).encode()
                writer.write(b"HTTP/1.1 %d x\r\ncontent-length: %d\r\n\r\n%b" % (answer[0], len(body), body))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()


@pytest.fixture
def authority() -> Authority:
    return Authority.make()


@asynccontextmanager
async def connected(authority: Authority, folder: Path) -> AsyncIterator[tuple[Server, Callable[[], Any]]]:
    server = Server()
    context = authority.server_context(folder)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context)
    (folder / "ca").write_bytes(authority.ca)
    (folder / "token").write_text("t")
    address = GatewayAddress("127.0.0.1", listening.sockets[0].getsockname()[1], GATEWAY_NAME)
    client = GatewayClient(address, str(folder / "ca"), str(folder / "token"))
    yield server, lambda: client.call("r", 1, PAYLOAD, 10, "")
    client.close()
    listening.close()


async def test_a_call_that_was_lost_on_an_idle_connection_is_sent_as_a_repeated_one(
    authority: Authority, tmp_path: Path
) -> None:
    async with connected(authority, tmp_path) as (server, call):
        server.script = [(200, {"result": 1, "credit": None}), None, (200, {"result": 2, "credit": None})]
        assert (await call()).outcome == {"ok": 1}
        assert (await call()).outcome == {"ok": 2}
        assert [body.get("repeated") for body in server.bodies] == [None, None, True]


async def test_nobody_knows_what_became_of_a_lost_call_whose_repeat_is_refused(
    authority: Authority, tmp_path: Path
) -> None:
    async with connected(authority, tmp_path) as (server, call):
        server.script = [(200, {"result": 1, "credit": None}), None, (409, UNKNOWN)]
        await call()
        called = await call()
        assert called.outcome["problem"]["code"] == "OutcomeUnknown"
        assert called.wrote


@pytest.mark.parametrize("first", [None, (200, "no object")])
async def test_a_call_on_a_new_connection_that_is_not_answered_is_not_sent_again(
    authority: Authority, tmp_path: Path, first: tuple[int, Any] | None
) -> None:
    async with connected(authority, tmp_path) as (server, call):
        server.script = [first]
        called = await call()
        assert len(server.bodies) == 1
        assert called.wrote


async def test_a_gateway_that_cannot_be_reached_has_done_nothing(authority: Authority, tmp_path: Path) -> None:
    async with connected(authority, tmp_path) as (server, call):
        pass
    called = await call()
    assert called.outcome["problem"]["code"] == "GatewayUnavailable"
    assert not called.wrote
    assert not server.bodies
