# SPDX-License-Identifier: Apache-2.0
"""A gateway whose books fail after a call was made: the app hears what the call brought, and nothing is given back."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest
import structlog

from genapps.core.budgets.amounts import NOTHING, Amounts, Limits
from genapps.gateway.egress.messages import FailureReason, OutboundResponse, UpstreamFailedError
from tests.unit.gateway.budgets.replicas import account
from tests.unit.gateway.connectors import manifest
from tests.unit.gateway.test_model_connector import model
from tests.unit.gateway.test_model_streams import DONE, EVENTS, delta, event, stream, told
from tests.unit.gateway.world import Installation, Reply, app_record, envelope

CUT = UpstreamFailedError(FailureReason.CLOSED, "10.0.0.1 closed", sent=True)


def broken(*_: Any, **__: Any) -> NoReturn:
    raise ZeroDivisionError("a defect of ours")


@pytest.fixture
def outside(gateway: Installation) -> Installation:
    gateway.records.changed(app_record(envelope={"digest": "sha256:" + "a" * 64, "connectors": ["rates", "llm"]}))
    gateway.catalogue.changed(manifest())
    gateway.catalogue.changed(model())
    gateway.envelopes["finance"] = envelope(Limits(tool_calls=100))
    return gateway


async def book(outside: Installation) -> Reply:
    call = {"requestId": "r", "step": 1, "connector": "rates", "tool": "book", "arguments": {}}
    return await outside.post("/v1/calls", call)


async def test_a_write_that_was_done_is_answered_and_stays_set_aside(
    outside: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.upstream.answer = OutboundResponse(201, {"content-type": "application/json"}, b'{"id": 7}')
    monkeypatch.setattr(outside.spending, "settle", broken)
    with structlog.testing.capture_logs() as lines:
        reply = await book(outside)
    assert (reply.status, reply.json()) == (200, {"result": {"id": 7}, "effect": "Write"})
    assert [line["connector"] for line in lines if line["event"] == "payment_not_booked"] == ["rates"]
    assert outside.permits.running("rates") == 0
    await outside.spending.stop()
    found = account(outside.store, "budget.finance")
    assert Amounts.of(found.spent) == NOTHING
    assert [lease.amounts.tool_calls for lease in found.leases] == [1], "what was done is never free"


@pytest.mark.parametrize("fails", ["settle", "note"])
async def test_a_failure_that_may_have_done_something_says_so(
    outside: Installation, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    outside.upstream.answer = CUT
    monkeypatch.setattr(outside.spending if fails == "settle" else outside.slow_ledgers, fails, broken)
    reply = await book(outside)
    assert (reply.status, reply.json()["code"]) == (409, "OutcomeUnknown")


async def test_an_answer_that_comes_piece_by_piece_comes_whole(
    outside: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.upstream.answer = OutboundResponse(200, EVENTS, b"")
    outside.upstream.pieces = event(delta("2")), told(), DONE
    monkeypatch.setattr(outside.spending, "settle", broken)
    assert (await stream(outside)).body.splitlines()[-1] == b'{"end":{"effect":"Read"}}'
