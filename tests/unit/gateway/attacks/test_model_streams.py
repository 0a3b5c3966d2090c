# SPDX-License-Identifier: Apache-2.0
"""Every attack by a stream ends as its row says, leaves nothing behind, and a neighbour notices nothing."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
import structlog

from genapps.gateway.connectors import exchanger
from genapps.gateway.problems import MEANINGS, RefusalClass
from tests.unit.gateway.attacks.model import ASKED, SPEC
from tests.unit.gateway.attacks.model_streams import ATTACKS, BYTES, FIRST, MOST, StreamAttack
from tests.unit.gateway.attacks.rows import CANARY, secret
from tests.unit.gateway.attacks.test_upstreams import RATE, ask_neighbour, at_service, slice_of
from tests.unit.gateway.attacks.upstreams import cut_stream
from tests.unit.gateway.connectors import LATEST
from tests.unit.gateway.egress.world import END, Script, Server, always, serving, upstream
from tests.unit.gateway.world import Installation, Reply, app_record

CREDENTIAL = {"secretName": "key", "key": "token", "as": {"header": "X-Api-Key"}}
WHOLE = {"end": {"effect": "Read"}}


@asynccontextmanager
async def attacked(gateway: Installation, script: Script) -> AsyncIterator[Server]:
    """A connector with a credential whose server does as the script says; its neighbour is served before and after."""
    sender = upstream()
    gateway.upstream.send = sender.send  # type: ignore[method-assign]
    gateway.upstream.stream = sender.stream  # type: ignore[assignment, method-assign]
    envelope = {"digest": "sha256:" + "a" * 64, "connectors": ["attacked", "neighbour"]}
    gateway.records.changed(app_record(envelope=envelope))
    gateway.secrets.changed(secret(connector="attacked", hosts="attacked.team.svc"))
    async with serving(script) as server, serving(always(RATE)) as neighbour:
        gateway.services.changed(slice_of("attacked", server))
        gateway.services.changed(slice_of("neighbour", neighbour))
        gateway.catalogue.changed(at_service("attacked", **(SPEC | {"credential": CREDENTIAL})))
        gateway.catalogue.changed(at_service("neighbour", tools=[LATEST]))
        await ask_neighbour(gateway)
        yield server
        await ask_neighbour(gateway)
        assert neighbour.connections == 1
        assert gateway.permits.running("attacked") == 0
        sender.close()


async def stream(gateway: Installation, tool: str = "chat", arguments: Any = ASKED, **how: Any) -> Reply:
    content = {"requestId": "r1", "step": 1, "connector": "attacked", "tool": tool, "arguments": arguments}
    return await gateway.post("/v1/calls", content | {"stream": True}, **how)


def told(reply: Reply) -> tuple[int, dict[str, Any]]:
    """How many pieces came, and what came after them."""
    if reply.headers["content-type"] != "application/x-ndjson":
        return 0, reply.json()
    *pieces, last = [orjson.loads(line) for line in reply.body.splitlines()]
    assert all(set(piece) == {"piece"} for piece in pieces)
    return len(pieces), last.get("problem", last)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.title)
async def test_an_attack_by_a_stream_ends_as_its_row_says(
    gateway: Installation, attack: StreamAttack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchanger, "STREAM_BYTES", BYTES)
    async with attacked(gateway, always(*attack.answer)) as server:
        with structlog.testing.capture_logs() as lines:
            reply = await stream(gateway, attack.tool, attack.arguments)
    passed, last = told(reply)
    assert (last.get("code"), passed, len(server.requests)) == (attack.code, attack.passed, attack.asked), last
    shown = str((reply.body, lines))
    assert CANARY not in shown
    assert "secret" not in shown
    if attack.code is None:
        assert last == WHOLE
    else:
        assert last["class"] == MEANINGS[attack.code].refusal_class
        assert len(orjson.dumps(last)) < 2000
    violations = gateway.metrics.violations.labels("tool_not_in_contract")._value.get()
    violates = attack.code is not None and MEANINGS[attack.code].refusal_class is RefusalClass.VIOLATION
    assert violations == violates
    if attack.asked:
        (line,) = [line for line in lines if line["event"] == "call_ended"]
        assert line["code"] == (attack.code or "ok")
        assert line.get("output_tokens", MOST) == attack.counted


async def test_a_caller_who_goes_ends_the_stream_at_its_server(gateway: Installation) -> None:
    begun, gone, never = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def script(_: bytes) -> Iterator[bytes | asyncio.Event]:
        yield b"".join(cut_stream(FIRST)[:-1])
        begun.set()
        yield never

    async with attacked(gateway, script) as server:
        with structlog.testing.capture_logs() as lines:
            asked = asyncio.create_task(stream(gateway, gone=gone))
            await begun.wait()
            gone.set()
            await asked
        never.set()
        await server.anything_closed.wait()
    assert (server.closed, lines[-1]["code"]) == (1, "Cancelled")


@pytest.mark.parametrize("whole", [True, False])
async def test_of_a_connector_that_is_withdrawn_no_stream_begins(gateway: Installation, whole: bool) -> None:
    async with attacked(gateway, always(END)) as server:
        if whole:
            gateway.catalogue.deleted(at_service("attacked"))
        else:
            gateway.catalogue.changed(
                at_service("attacked", **(SPEC | {"tools": [{"name": "embeddings", "effect": "Read"}]}))
            )
        reply = await stream(gateway)
    assert reply.json()["code"] == ("ConnectorUnavailable" if whole else "ToolNotInContract")
    assert server.requests == []


def test_the_rows_are_as_many_as_they_seem() -> None:
    assert len({attack.title for attack in ATTACKS}) == len(ATTACKS) >= 90
