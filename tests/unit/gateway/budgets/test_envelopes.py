# SPDX-License-Identifier: Apache-2.0
"""What the operator publishes of budgets, as calls are paid by it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from genapps.core.budgets.amounts import Limits
from genapps.core.budgets.cost import TokenPrices
from genapps.gateway.budgets.envelope import Envelope
from genapps.gateway.budgets.envelopes import Envelopes

RECORD: dict[str, Any] = {
    "budget": "finance",
    "uid": "c0ffee",
    "period": "2026-11",
    "startsAt": "2026-11-01T00:00:00Z",
    "endsAt": "2026-12-01T00:00:00Z",
    "mode": "Enforce",
    "limits": {"tokens": 1, "toolCalls": 2, "cpuMillis": 3, "costMicros": 4, "stateMibSeconds": 50},
    "prices": {
        "version": "sha256:" + "a" * 64,
        "inputMicros": 5,
        "outputMicros": 6,
        "cachedInputMicros": 0,
        "cpuHourMicros": 8,
    },
    "state": {"mibSeconds": 49, "mib": 1, "at": "2026-11-23T12:00:00Z"},
}


def published(name: str = "finance", **members: Any) -> dict[str, Any]:
    record = {member: value for member, value in (RECORD | members).items() if value is not None}
    return {"metadata": {"name": name, "namespace": "genapps-system"}, "record": record}


def test_a_record_says_limits_prices_and_period() -> None:
    envelopes = Envelopes()
    envelopes.listed([published()], "1")
    assert envelopes.find("finance") == Envelope(
        budget="finance",
        period="2026-11",
        ends_at=datetime(2026, 12, 1, tzinfo=UTC),
        limits=Limits(1, 2, 3, 4),
        enforced=True,
        cpu_micros_per_hour=8,
        prices=TokenPrices(5, 6, 0, None),
        state_limited=True,
    )
    assert envelopes.find("marketing") is None


def test_a_budget_without_limits_and_prices_limits_nothing_and_is_free() -> None:
    envelopes = Envelopes()
    envelopes.changed(published(limits=None, prices={"version": "sha256:" + "a" * 64}, mode="Shadow"))
    found = envelopes.find("finance")
    assert found is not None
    assert (found.limits, found.prices, found.enforced, found.state_limited) == (Limits(), TokenPrices(), False, False)


def test_state_is_exhausted_at_its_limit() -> None:
    envelopes = Envelopes()
    envelopes.changed(published(state=RECORD["state"] | {"mibSeconds": 50}))
    found = envelopes.find("finance")
    assert found is not None
    assert found.state_exhausted == (50, 50)


def test_a_budget_that_is_gone_or_cannot_be_read_pays_for_nobody() -> None:
    envelopes = Envelopes()
    undoing: tuple[Callable[[], None], ...] = (
        lambda: envelopes.deleted(published()),
        lambda: envelopes.listed([], "2"),
        lambda: envelopes.changed(published(limits={"tokens": -1})),
        lambda: envelopes.changed(published(period=None)),
    )
    for undo in undoing:
        envelopes.changed(published())
        assert envelopes.find("finance") is not None
        undo()
        assert envelopes.find("finance") is None
