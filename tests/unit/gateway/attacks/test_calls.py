# SPDX-License-Identifier: Apache-2.0
"""Every attack of an app, and of a connector on an app, ends as its row says."""

import orjson
import pytest

from genapps.gateway.limits.breaker import BreakerRules
from genapps.gateway.problems import MEANINGS
from tests.unit.gateway.attacks.calls import ATTACKS
from tests.unit.gateway.attacks.rows import (
    CANARY,
    TOOLS,
    Attack,
    call,
    counted,
    neighbour_is_served,
    neighbours_token,
    with_neighbour,
)
from tests.unit.gateway.connectors import manifest
from tests.unit.gateway.world import CHILD, Installation

PROBLEM_BYTES = 4096
"""No refusal is longer, whatever was asked for."""


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.title)
async def test_a_call_is_refused_as_its_row_says_and_a_neighbour_notices_nothing(
    attack: Attack, gateway: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    with_neighbour(gateway, **attack.record)
    gateway.catalogue.changed(manifest(**{"tools": TOOLS, **attack.connector}))
    if attack.secret is not None:
        gateway.secrets.changed(attack.secret)
    if attack.answer is not None:
        gateway.upstream.answer = attack.answer
    await neighbour_is_served(gateway)
    for number in range(attack.before):
        await gateway.post("/v1/calls", attack.content | {"requestId": f"before-{number}"})
    reply = await gateway.post("/v1/calls", attack.content)
    found = orjson.loads(reply.body)
    assert (found.get("code"), found.get("class")) == (attack.code, attack.kind), found
    assert reply.status == (attack.status or MEANINGS[attack.code].status)
    assert reply.headers["content-type"] == "application/problem+json"
    assert len(reply.body) < PROBLEM_BYTES
    assert counted(gateway, CHILD) == attack.counted
    assert len([host for host, _ in gateway.upstream.asked if host.host == "rates.example.com"]) == attack.asked
    assert CANARY not in found["detail"] + capsys.readouterr().out
    await neighbour_is_served(gateway)


async def test_what_is_no_attack_is_answered(gateway: Installation) -> None:
    with_neighbour(gateway)
    gateway.catalogue.changed(manifest(tools=TOOLS))
    assert (await gateway.post("/v1/calls", call())).status == 200
    assert (await gateway.post("/v1/calls", call({"name": "report 1.txt", "language": "de"}, "loose"))).status == 200


@pytest.mark.parametrize("name", ["..", "\uff0e\uff0e", "a\r\nb"])
async def test_arguments_that_make_no_request_cost_no_other_app_the_connector(name: str, gateway: Installation) -> None:
    with_neighbour(gateway)
    gateway.catalogue.changed(manifest(tools=TOOLS))
    for _ in range(BreakerRules().least_calls * 2):
        reply = await gateway.post("/v1/calls", call({"name": name}, "loose"))
        assert reply.json()["code"] == "ArgumentsInvalid"
    assert (await gateway.post("/v1/calls", call(), token=neighbours_token(gateway))).status == 200


def test_the_rows_are_as_many_as_they_seem() -> None:
    assert len({attack.title for attack in ATTACKS}) == len(ATTACKS) > 120
