# SPDX-License-Identifier: Apache-2.0
"""Nobody is an app by a token that is not its pod's own, now."""

import pytest

from genapps.gateway.problems import RefusalClass
from tests.unit.gateway.attacks.rows import call, counted, neighbour_is_served, with_neighbour
from tests.unit.gateway.attacks.tokens import FORGERIES, Forgery
from tests.unit.gateway.connectors import manifest
from tests.unit.gateway.world import CHILD, Installation


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.title)
async def test_a_token_is_refused_as_its_row_says_and_a_neighbour_notices_nothing(
    forgery: Forgery, gateway: Installation
) -> None:
    with_neighbour(gateway)
    gateway.catalogue.changed(manifest())
    await neighbour_is_served(gateway)
    token = forgery.token(gateway)
    if forgery.fault is None:
        await gateway.post("/v1/heartbeat", {}, token=token)
        forgery.change(gateway)
    reply = await gateway.post("/v1/calls", call(), token=token)
    expected = "CallerUnknown" if forgery.fault is None else "TokenInvalid"
    assert (reply.status, reply.json()["code"], reply.json()["class"]) == (401, expected, RefusalClass.LIMIT)
    assert reply.headers["connection"] == "close"
    if forgery.fault is not None:
        name, labels = "genapps_gateway_token_faults_total", {"fault": forgery.fault.value}
        assert gateway.metrics.registry.get_sample_value(name, labels) == 1
    assert counted(gateway, CHILD) == 0, "whoever it is, it is not the app"
    assert [target.host for target, _ in gateway.upstream.asked] == ["weather.example.com"]
    await neighbour_is_served(gateway)


def test_the_rows_are_as_many_as_they_seem() -> None:
    assert len({forgery.title for forgery in FORGERIES}) == len(FORGERIES) > 40
