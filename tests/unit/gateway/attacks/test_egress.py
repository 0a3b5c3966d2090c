# SPDX-License-Identifier: Apache-2.0
"""Every attack on egress ends as its row says, and a neighbour notices nothing."""

import asyncio
from pathlib import Path

import pytest

from genapps.gateway.egress.messages import EgressRefusedError, UpstreamFailedError
from tests.unit.gateway.attacks.egress import ATTACKS, Attack
from tests.unit.gateway.egress.world import GET, LIMITS, OK, always, server_tls, serving, upstream


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.title)
async def test_an_attack_ends_as_its_row_says_and_a_neighbour_notices_nothing(attack: Attack, ca: Path) -> None:
    answers = list(attack.names)

    def lookup(_: str) -> tuple[str, ...]:
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def script(_: bytes) -> list[bytes | asyncio.Event]:
        return [attack.answer.replace(b"PORT", b"%d" % server.port), asyncio.Event()]

    sender = upstream(lookup, ca=ca)
    tls = server_tls(attack.tls) if attack.tls else None
    async with serving(script, tls) as server, serving(always(OK)) as neighbour:
        assert (await sender.send(neighbour.service(), GET, LIMITS)).body == b"ok"
        with pytest.raises((EgressRefusedError, UpstreamFailedError)) as ended:
            await sender.send(attack.target(server.port), attack.request, attack.limits)
        assert isinstance(ended.value, EgressRefusedError | UpstreamFailedError)
        assert (ended.value.reason, ended.value.sent) == (attack.reason, attack.sent)
        assert bool(server.requests) == attack.sent
        assert (await sender.send(neighbour.service(), GET, LIMITS)).body == b"ok"
        assert neighbour.connections == 1
        sender.close()


def test_the_rows_are_as_many_as_they_seem() -> None:
    assert len({attack.title for attack in ATTACKS}) == len(ATTACKS) > 200
