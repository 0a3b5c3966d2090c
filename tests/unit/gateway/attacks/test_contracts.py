# SPDX-License-Identifier: Apache-2.0
"""Every attack on a contract ends as its row says; nothing leaves, nothing counts, and a neighbour notices nothing."""

from typing import Any

import pytest

from genapps.gateway.contracts.wording import FAULT_CHARACTERS
from genapps.gateway.egress.messages import OutboundResponse
from tests.unit.gateway.attacks.contracts import ANSWERED, REGISTERED, SENT, Answered, Registered, Sent
from tests.unit.gateway.connectors import LATEST, manifest
from tests.unit.gateway.world import Installation, Reply, app_record

JSON = {"content-type": "application/json"}


@pytest.fixture
def outside(gateway: Installation) -> Installation:
    """A gateway whose app may call `rates`, which is attacked, and `neighbour`."""
    envelope = {"digest": "sha256:" + "a" * 64, "connectors": ["neighbour", "rates"]}
    gateway.records.changed(app_record(envelope=envelope))
    gateway.catalogue.changed(manifest("neighbour"))
    gateway.catalogue.changed(manifest())
    return gateway


async def call(outside: Installation, arguments: bytes, connector: str = "rates") -> Reply:
    head = b'{"requestId":"r1","step":1,"connector":"%s","tool":"latest","arguments":' % connector.encode()
    return await outside.post("/v1/calls", head + arguments + b"}")


async def neighbour_answers(outside: Installation) -> None:
    outside.upstream.answer = OutboundResponse(200, JSON, b'{"rate":0.94}')
    assert (await call(outside, b'{"currency":"EUR"}', "neighbour")).status == 200


def refused(reply: Reply) -> tuple[Any, Any]:
    return reply.json()["code"], reply.json()["class"]


@pytest.mark.parametrize("attack", SENT, ids=lambda attack: attack.title)
async def test_what_an_app_sends(outside: Installation, attack: Sent) -> None:
    tool = LATEST | {"input": attack.input or LATEST["input"], "path": attack.path}
    outside.catalogue.changed(manifest(tools=[tool]))
    reply = await call(outside, attack.arguments)
    assert refused(reply) == (attack.code, "defect")
    detail = reply.json()["detail"]
    assert attack.detail in detail
    assert detail.isprintable()
    assert len(detail) < FAULT_CHARACTERS + 150
    assert outside.upstream.asked == []
    assert outside.metrics.violations.labels("tool_not_in_contract")._value.get() == 0
    await neighbour_answers(outside)


@pytest.mark.parametrize("attack", REGISTERED, ids=lambda attack: attack.title)
async def test_what_a_connectors_team_registers(outside: Installation, attack: Registered) -> None:
    outside.catalogue.changed(manifest(tools=[attack.tool]))
    assert refused(await call(outside, b'{"currency":"EUR"}')) == ("ConnectorUnavailable", "limit")
    assert outside.upstream.asked == []
    await neighbour_answers(outside)
    outside.catalogue.changed(manifest())
    assert (await call(outside, b'{"currency":"EUR"}')).status == 200


@pytest.mark.parametrize("attack", ANSWERED, ids=lambda attack: attack.title)
async def test_what_a_service_answers(outside: Installation, attack: Answered) -> None:
    outside.upstream.answer = OutboundResponse(200, JSON, attack.body)
    assert refused(await call(outside, b'{"currency":"EUR"}')) == ("ResultInvalid", "limit")
    await neighbour_answers(outside)


def test_the_rows_are_as_many_as_they_seem() -> None:
    for rows in (SENT, REGISTERED, ANSWERED):
        assert len({attack.title for attack in rows}) == len(rows)
    assert len(SENT) + len(REGISTERED) + len(ANSWERED) > 90
