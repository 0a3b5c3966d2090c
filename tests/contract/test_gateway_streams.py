# SPDX-License-Identifier: Apache-2.0
"""Answers that come piece by piece through both planes: the gateway's server and the runtime's client, over TLS."""

import asyncio
import itertools
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest

from genapps.gateway.egress.messages import OutboundResponse
from genapps.gateway.listeners import listener
from genapps_runtime.egress.gateway_address import GatewayAddress
from genapps_runtime.egress.gateway_client import GatewayClient
from genapps_runtime.egress.gateway_connection import UnreachableError
from genapps_runtime.egress.gateway_stream import GatewayStream
from tests.runtime.fake_gateway import GATEWAY_NAME, Authority
from tests.runtime.harness import until
from tests.unit.gateway.connectors import manifest
from tests.unit.gateway.test_http_streams import CSV, EXPORT, NDJSON, ROWS
from tests.unit.gateway.test_model_connector import MESSAGES, model
from tests.unit.gateway.test_model_streams import CUT, DONE, EVENTS, delta, event, lines, stream, told
from tests.unit.gateway.world import Installation, Issuer, app_record

CALL: dict[str, Any] = {"connector": "llm", "tool": "chat", "arguments": {"messages": MESSAGES}, "stream": True}
CONTRACTS = Path(__file__).resolve().parents[2] / "docs" / "contracts"
LINE = jsonschema_rs.Draft202012Validator(json.loads((CONTRACTS / "gateway-stream.schema.json").read_text()))
PROBLEM = jsonschema_rs.Draft202012Validator(json.loads((CONTRACTS / "gateway-problem.schema.json").read_text()))
WAITING_SECONDS = 30.0


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def gateway(issuer: Issuer) -> AsyncIterator[Installation]:
    found = Installation(issuer)
    found.records.changed(app_record(envelope={"digest": "sha256:" + "a" * 64, "connectors": ["llm"]}))
    found.catalogue.changed(model())
    found.upstream.answer = OutboundResponse(200, EVENTS, b"")
    yield found
    await found.ledgers.stop()


@asynccontextmanager
async def served(gateway: Installation, folder: Path) -> AsyncIterator[GatewayClient]:
    """The gateway behind a socket, and a client whose pod's token it takes."""
    authority = Authority.make()
    server = listener(gateway.app, 0, authority.server_context(folder))
    serving = asyncio.create_task(server.serve())
    client = None
    try:
        await until(lambda: server.started)
        sockets = [one for listening in server.servers for one in listening.sockets]
        port = next(one.getsockname()[1] for one in sockets if one.family == socket.AF_INET)
        (folder / "ca").write_bytes(authority.ca)
        (folder / "token").write_text(gateway.issuer.token())
        address = GatewayAddress("127.0.0.1", port, GATEWAY_NAME)
        client = GatewayClient(address, str(folder / "ca"), str(folder / "token"))
        async with asyncio.timeout(WAITING_SECONDS):
            yield client
    finally:
        if client is not None:
            client.close()
        server.should_exit = True
        await serving


async def opened(client: GatewayClient) -> GatewayStream:
    found = await client.stream("r", 1, CALL, 10, "")
    assert isinstance(found, GatewayStream), found
    return found


async def test_lines_are_what_the_contract_says(gateway: Installation) -> None:
    for last in (DONE, CUT):
        gateway.upstream.pieces = event(delta("1")), told(), last
        found = lines(await stream(gateway))
        assert all(map(LINE.is_valid, found))
        assert "problem" not in found[-1] or PROBLEM.is_valid(found[-1]["problem"])
    assert not LINE.is_valid({})
    assert not LINE.is_valid({"piece": 1, "end": {"effect": "Read"}})
    assert not LINE.is_valid({"end": {"effect": "Write"}})


async def test_pieces_go_through_both_planes(gateway: Installation, tmp_path: Path) -> None:
    texts = ["zw", "ö", "lf\n"]
    async with served(gateway, tmp_path) as client:
        gateway.upstream.pieces = *(event(delta(text)) for text in texts), told(), DONE
        answer, found = await opened(client), []
        while (outcome := await answer.next())["ok"] is not None:
            found += outcome["ok"]
        assert found == [delta(text) for text in texts]
        gateway.upstream.pieces = event(delta("1")), CUT
        answer = await opened(client)
        assert await answer.next() == {"ok": [delta("1")]}
        assert (await answer.next())["problem"]["code"] == "UpstreamFailed"
        refused = await client.stream("r", 1, CALL | {"tool": "embeddings", "arguments": {"input": "a"}}, 10, "")
        assert isinstance(refused, dict)
        assert refused["problem"]["code"] == "ArgumentsInvalid"


async def test_a_list_that_is_no_result_any_more_goes_through_both_planes(
    gateway: Installation, tmp_path: Path
) -> None:
    gateway.records.changed(app_record(envelope={"digest": "sha256:" + "a" * 64, "connectors": ["rates"]}))
    gateway.catalogue.changed(manifest(tools=[ROWS, EXPORT]))
    async with served(gateway, tmp_path) as client:
        for tool, head, piece in (("rows", NDJSON, b'{"n":%b1}\n' % (b" " * 1000)), ("export", CSV, b"zwei;2\n" * 150)):
            gateway.upstream.answer = OutboundResponse(200, head, b"")
            gateway.upstream.pieces = (piece * 50,) * 100
            asked = {"connector": "rates", "tool": tool, "arguments": {}, "stream": True}
            answer = await client.stream("r", 1, asked, 10, "")
            assert isinstance(answer, GatewayStream), answer
            found: list[Any] = []
            while (outcome := await answer.next())["ok"] is not None:
                found += outcome["ok"]
            came = [{"n": 1}] * 5000 if tool == "rows" else "zwei;2\n" * 750_000
            assert found == came or "".join(found) == came


async def test_a_reader_who_takes_nothing_stops_the_connector_and_whoever_leaves_ends_it(
    gateway: Installation, tmp_path: Path
) -> None:
    async with served(gateway, tmp_path) as client:
        gateway.upstream.pieces = itertools.repeat(event(delta("x" * 50_000)))
        answer = await opened(client)
        taken = -1
        while gateway.upstream.taken != taken:
            taken = gateway.upstream.taken
            await asyncio.sleep(0.5)
        assert taken < 500, "what the sockets hold and a bound more"
        assert gateway.permits.running("llm") == 1
        for _ in range(taken + 1):
            await answer.next()
        assert gateway.upstream.taken > taken
        answer.close()
        await until(lambda: not gateway.permits.running("llm"))
        assert gateway.upstream.left == 1


async def test_a_gateway_that_breaks_in_the_middle_is_no_whole_answer(gateway: Installation, tmp_path: Path) -> None:
    async with served(gateway, tmp_path) as client:
        gateway.upstream.pieces = event(delta("1")), ZeroDivisionError("secret")
        answer = await opened(client)
        assert await answer.next() == {"ok": [delta("1")]}
        with pytest.raises(UnreachableError):
            await answer.next()
        assert gateway.permits.running("llm") == 0


async def test_a_call_that_does_not_stream_is_answered_as_before(gateway: Installation, tmp_path: Path) -> None:
    async with served(gateway, tmp_path) as client:
        gateway.upstream.answer = OutboundResponse(200, {"content-type": "application/json"}, orjson.dumps({"a": 1}))
        whole = {name: member for name, member in CALL.items() if name != "stream"}
        assert (await client.call("r", 1, whole, 10, "")).outcome == {"ok": {"a": 1}}
