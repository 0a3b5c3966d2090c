# SPDX-License-Identifier: Apache-2.0
"""Every attack by a whole call ends as its row says, counts as it should, and a neighbour notices nothing."""

from typing import Any

import pytest

from genapps.gateway.problems import MEANINGS, RefusalClass
from tests.unit.gateway.attacks import mcp, model
from tests.unit.gateway.attacks.upstreams import Attack, script
from tests.unit.gateway.connectors import LATEST, manifest
from tests.unit.gateway.egress.world import HERE, Server, always, serving, sized, upstream
from tests.unit.gateway.world import Installation, Reply, app_record

RATE = sized(b'{"rate": 0.94}', b"content-type: application/json")


def slice_of(name: str, server: Server) -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"connector-{name}",
            "labels": {"genapps.dev/connector": name},
            "annotations": {"genapps.dev/service": f"team/{name}:80"},
        },
        "ports": [{"port": server.port}],
        "endpoints": [{"addresses": [HERE]}],
    }


def at_service(name: str, **spec: Any) -> dict[str, Any]:
    return manifest(name, endpoint={"service": {"namespace": "team", "name": name, "port": 80}}, **spec)


async def call(gateway: Installation, connector: str, tool: str, arguments: Any) -> Reply:
    content = {"requestId": "r1", "step": 1, "connector": connector, "tool": tool, "arguments": arguments}
    return await gateway.post("/v1/calls", content)


async def ask_neighbour(gateway: Installation) -> None:
    assert (await call(gateway, "neighbour", "latest", {"currency": "EUR"})).json().get("result") == {"rate": 0.94}


async def carried_out(gateway: Installation, usual: dict[str, Any], attack: Attack) -> None:
    sender = upstream()
    gateway.upstream.send = sender.send  # type: ignore[method-assign]
    envelope = {"digest": "sha256:" + "a" * 64, "connectors": ["attacked", "neighbour"]}
    gateway.records.changed(app_record(envelope=envelope))
    async with serving(script(attack)) as server, serving(always(RATE)) as neighbour:
        gateway.services.changed(slice_of("attacked", server))
        gateway.services.changed(slice_of("neighbour", neighbour))
        gateway.catalogue.changed(at_service("attacked", **(usual | attack.spec)))
        gateway.catalogue.changed(at_service("neighbour", tools=[LATEST]))
        await ask_neighbour(gateway)
        reply = await call(gateway, "attacked", attack.tool, attack.arguments)
        await ask_neighbour(gateway)
        assert neighbour.connections == 1
        sender.close()
    told = reply.json()
    assert (told.get("code"), len(server.requests)) == (attack.code, attack.asked), told
    violations = gateway.metrics.violations.labels("tool_not_in_contract")._value.get()
    if attack.code is None:
        assert reply.status == 200
        assert violations == 0
    else:
        meant = MEANINGS[attack.code]
        assert (told["class"], reply.status) == (meant.refusal_class, meant.status)
        assert gateway.metrics.answers.labels("/v1/calls", attack.code)._value.get() == 1
        assert violations == (meant.refusal_class is RefusalClass.VIOLATION)
        assert len(reply.body) < 2000
        assert reply.body.decode().isprintable()


@pytest.mark.parametrize("attack", mcp.ATTACKS, ids=lambda attack: attack.title)
async def test_an_attack_by_mcp_ends_as_its_row_says(gateway: Installation, attack: Attack) -> None:
    await carried_out(gateway, mcp.SPEC, attack)


@pytest.mark.parametrize("attack", model.ATTACKS, ids=lambda attack: attack.title)
async def test_an_attack_by_a_model_ends_as_its_row_says(gateway: Installation, attack: Attack) -> None:
    await carried_out(gateway, model.SPEC, attack)


def test_the_rows_are_as_many_as_they_seem() -> None:
    for rows, least in ((mcp.ATTACKS, 100), (model.ATTACKS, 50)):
        assert len({attack.title for attack in rows}) == len(rows) >= least
