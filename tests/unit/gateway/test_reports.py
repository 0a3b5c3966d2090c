# SPDX-License-Identifier: Apache-2.0
"""Reports of runtimes can only add, and only to their own app."""

from typing import Any

import pytest

from genapps.gateway.app import REPORT_BURST
from tests.unit.gateway.world import CHILD, NAMESPACE, Installation, app_record

POLICY = {"threshold": 3, "window": "10m", "slowThreshold": 3, "slowWindow": "1h"}
MALFORMED = {"requestId": "r1", "rule": "malformed_output", "subject": "TurnInvalid"}
EGRESS = {"requestId": "r1", "rule": "raw_egress", "subject": "10.0.0.1:443"}


@pytest.fixture
def app(gateway: Installation) -> Installation:
    gateway.records.changed(app_record(violationPolicy=POLICY))
    return gateway


async def report(gateway: Installation, request_id: str, of: dict[str, Any] = MALFORMED, **options: Any) -> int:
    return (await gateway.post("/v1/violations", of | {"requestId": request_id}, **options)).status


async def record(gateway: Installation) -> dict[str, Any]:
    await gateway.slow_ledgers.write()
    ledger = gateway.store.objects.get(("Ledger", NAMESPACE, CHILD), {"record": {}})
    stored: dict[str, Any] = ledger["record"]
    return stored


async def test_malformed_output_counts_as_a_defect_and_not_as_a_violation(app: Installation) -> None:
    assert await report(app, "r1") == 202
    stored = await record(app)
    assert (stored["defects"]["total"], stored["defects"]["latest"]["code"]) == (1, "malformed_output")
    assert "violations" not in stored


async def test_malformed_output_suspends_at_the_slow_threshold(app: Installation) -> None:
    assert [await report(app, f"r{number}") for number in range(4)] == [202, 202, 202, 403]
    assert (await record(app))["defects"]["tripped"]["count"] == 3


@pytest.mark.parametrize("of", [MALFORMED, EGRESS], ids=["defect", "violation"])
async def test_a_report_that_comes_twice_counts_once(app: Installation, of: dict[str, Any]) -> None:
    assert [await report(app, "r1", of) for _ in range(2)] == [202, 202]
    assert not app.ledgers.at_threshold(app.records._apps[CHILD])
    assert await report(app, "r2", of) == 202
    assert (await app.call("mail")).json()["code"] == "ConnectorUnavailable", "two actions, and the threshold is 3"


async def test_whatever_a_report_claims_the_count_never_falls(app: Installation) -> None:
    await report(app, "r1")
    for forged in (
        {"count": -5},
        {"total": 0},
        {"at": "2020-01-01T00:00:00Z"},
        {"app": "another"},
        {"rule": "none"},
        {"subject": None},
    ):
        reply = await app.post("/v1/violations", MALFORMED | forged)
        assert reply.json()["code"] == "RequestInvalid"
    assert (await record(app))["defects"]["total"] == 1


async def test_a_report_of_another_pod_counts_for_nobody(app: Installation) -> None:
    earlier = {"namespace": "genapps-run", "pod": {"name": CHILD, "uid": "an-earlier-pod"}}
    claims = {"kubernetes.io": {**earlier, "serviceaccount": {"name": CHILD, "uid": "s"}}}
    for of in (MALFORMED, EGRESS):
        reply = await app.post("/v1/violations", of, token=app.issuer.token(claims))
        assert (reply.status, reply.json()["code"]) == (401, "CallerUnknown")
    assert await record(app) == {}


async def test_reports_of_defects_and_of_violations_share_one_rate(app: Installation) -> None:
    app.records.changed(app_record(violationPolicy={**POLICY, "threshold": 50, "slowThreshold": 1000}))
    for number in range(REPORT_BURST):
        assert await report(app, f"r{number}", EGRESS if number % 2 else MALFORMED) == 202
    assert await report(app, "one more") == 429
    assert (await record(app))["limitsMet"]["total"] == 1
