# SPDX-License-Identifier: Apache-2.0
"""What an app's own calls add to its counts of defects and limits, and what does not count against it."""

from typing import Any

import pytest

from genapps.gateway.egress.messages import OutboundResponse
from tests.unit.gateway.connectors import LATEST, connector, manifest
from tests.unit.gateway.test_withdrawn_tools import digest, started
from tests.unit.gateway.world import CHILD, NAMESPACE, Installation, app_record

POLICY = {"threshold": 3, "window": "10m", "slowThreshold": 3, "slowWindow": "1h"}
GOOD = {"requestId": "r1", "step": 0, "connector": "rates", "tool": "latest", "arguments": {"currency": "EUR"}}
ENVELOPE = {"digest": "sha256:" + "a" * 64, "connectors": ["rates"]}


@pytest.fixture
def app(gateway: Installation) -> Installation:
    """A gateway with an app of a slow threshold of 3, and a connector."""
    gateway.records.changed(app_record(violationPolicy=POLICY, envelope=ENVELOPE))
    gateway.catalogue.changed(manifest(tools=[LATEST]))
    return gateway


async def call(gateway: Installation, request_id: str, **members: Any) -> str:
    content = {"requestId": request_id, "step": 0, "connector": "rates", "tool": "latest", "arguments": {}} | members
    return str((await gateway.post("/v1/calls", content)).json()["code"])


async def written(gateway: Installation, kind: str) -> Any:
    await gateway.slow_ledgers.write()
    ledger = gateway.store.objects.get(("Ledger", NAMESPACE, CHILD), {"record": {}})
    return ledger["record"].get(kind)


async def test_arguments_that_break_the_contract_suspend_at_the_slow_threshold(app: Installation) -> None:
    for number in range(3):
        assert await call(app, f"r{number}") == "ArgumentsInvalid"
    assert await call(app, "r3", arguments={"currency": "EUR"}) == "Suspended"
    reply = await app.post("/v1/heartbeat", {})
    assert reply.json()["suspended"]
    assert (await written(app, "defects"))["tripped"]["count"] == 3
    assert (await written(app, "defects"))["latest"]["subject"] == "rates/latest"


async def test_the_refusal_says_which_threshold_was_reached(app: Installation) -> None:
    for number in range(3):
        await call(app, f"r{number}")
    reply = await app.call("rates")
    assert "defects in 3 actions within 1h" in reply.json()["detail"]
    assert "Do not try again" in reply.json()["detail"]


@pytest.mark.parametrize(
    ("members", "counts"),
    [
        ({"connector": ""}, True),
        ({"tool": "t" * 1025}, True),
        ({"arguments": []}, True),
        ({"step": -1}, False),
        ({"newer": 1}, False),
        ({"requestId": ""}, False),
    ],
)
async def test_a_malformed_call_counts_where_the_app_chose_what_is_wrong_with_it(
    app: Installation, members: dict[str, Any], counts: bool
) -> None:
    assert await call(app, "r1", **members) == "RequestInvalid"
    assert bool(await written(app, "defects")) is counts


async def test_heartbeats_and_reports_of_another_version_count_nothing(app: Installation) -> None:
    for path in ("/v1/heartbeat", "/v1/violations"):
        reply = await app.post(path, {"requestId": "r1", "newer": 1})
        assert reply.json()["code"] == "RequestInvalid"
    assert await written(app, "defects") is None


async def test_a_defect_names_its_action_although_its_call_is_malformed(app: Installation) -> None:
    await call(app, "order-17", connector="")
    assert (await written(app, "defects"))["latest"]["requestId"] == "order-17"


async def test_a_bad_result_of_a_connector_never_counts_against_the_app(app: Installation) -> None:
    app.upstream.answer = OutboundResponse(200, {"content-type": "application/json"}, b'{"rate": "high"}')
    for number in range(5):
        assert await call(app, f"r{number}", arguments={"currency": "EUR"}) == "ResultInvalid"
    assert await written(app, "defects") is None
    assert await written(app, "limitsMet") is None


async def test_arguments_that_fit_the_contract_of_the_start_count_nothing(app: Installation) -> None:
    app.records.changed(started(digest(connector(tools=[LATEST])), violationPolicy=POLICY))
    narrow = {**LATEST["input"], "properties": {"currency": {"type": "string", "enum": ["USD"]}}}
    app.catalogue.changed(manifest(tools=[{**LATEST, "input": narrow}]))
    assert await call(app, "r1", arguments={"currency": "EUR"}) == "ArgumentsInvalid"
    assert await written(app, "defects") is None


async def test_too_many_calls_are_a_limit_that_is_shown(app: Installation) -> None:
    tier = {"name": "small", "toolCallsPerAction": 2, "callsPerMinute": 1}
    app.records.changed(app_record(violationPolicy=POLICY, envelope=ENVELOPE, tier=tier))
    codes = []
    for number in range(20):
        reply = await app.post("/v1/calls", GOOD | {"requestId": f"r{number}"})
        codes.append("ok" if reply.status == 200 else reply.json()["code"])
    assert codes.count("TooManyCalls") > 3
    assert (await written(app, "limitsMet"))["total"] == codes.count("TooManyCalls")
    assert await written(app, "defects") is None
    assert "Suspended" not in codes
