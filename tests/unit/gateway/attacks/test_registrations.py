# SPDX-License-Identifier: Apache-2.0
"""A Connector that may not be is called by nobody, also where the API server let it through."""

import pytest

from genapps.gateway.problems import RefusalClass
from tests.unit.gateway.attacks.registrations import REGISTRATIONS, Registration
from tests.unit.gateway.attacks.rows import call, counted, neighbour_is_served, secret, with_neighbour
from tests.unit.gateway.connectors import manifest
from tests.unit.gateway.world import CHILD, Installation


@pytest.mark.parametrize("registration", REGISTRATIONS, ids=lambda registration: registration.title)
async def test_a_connector_that_may_not_be_is_called_by_nobody_and_a_neighbour_notices_nothing(
    registration: Registration, gateway: Installation
) -> None:
    with_neighbour(gateway)
    gateway.catalogue.changed(manifest())
    assert (await gateway.post("/v1/calls", call())).status == 200, "as it was before"
    gateway.upstream.asked.clear()
    gateway.secrets.changed(secret(hosts="rates.example.com, login.team.svc"))
    gateway.catalogue.changed(manifest(**registration.spec))
    reply = await gateway.post("/v1/calls", call())
    assert (reply.json()["code"], reply.json()["class"]) == (registration.code, RefusalClass.LIMIT)
    assert gateway.upstream.asked == []
    assert counted(gateway, CHILD) == 0, "the connector's fault is not the app's"
    await neighbour_is_served(gateway)


def test_the_rows_are_as_many_as_they_seem() -> None:
    assert len({registration.title for registration in REGISTRATIONS}) == len(REGISTRATIONS) > 150
