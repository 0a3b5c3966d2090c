# SPDX-License-Identifier: Apache-2.0
"""CPU is paid before it is used: what heartbeats ask for and get, and what runtimes may not say."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import structlog

from genapps.core.budgets.amounts import Amounts, Limits
from tests.unit.gateway.budgets.replicas import CHILD, account
from tests.unit.gateway.connectors import manifest
from tests.unit.gateway.world import Installation, app_record, envelope

HOUR_MICROS = 36_000_000
"""Ten micro-dollars for a millisecond."""


def cpu(wanted: int = 0, used: int = 0, boot: str = "a") -> dict[str, Any]:
    return {"cpu": {"wanted": wanted, "used": used, "boot": boot}}


async def beat(gateway: Installation, **content: Any) -> Any:
    reply = await gateway.post("/v1/heartbeat", content)
    assert reply.status == 200, reply.body
    return reply.json()["credit"]


async def spent(gateway: Installation, name: str = "budget.finance") -> Amounts:
    await gateway.spending.stop()
    return Amounts.of(account(gateway.store, name).spent)


async def test_nothing_that_every_action_uses_is_limited_so_no_credit_is_needed(gateway: Installation) -> None:
    gateway.envelopes["finance"] = envelope(Limits(tokens=1, tool_calls=1))
    assert await beat(gateway, **cpu(wanted=500)) is None


async def test_credit_is_paid_when_it_is_granted_in_cpu_and_in_money(gateway: Installation) -> None:
    gateway.envelopes["finance"] = envelope(Limits(cpu_millis=30_000), cpu_micros_per_hour=HOUR_MICROS)
    assert await beat(gateway, **cpu(wanted=500)) == {"cpuMillis": 500, "seconds": 30, "exhausted": None}
    assert await beat(gateway) == {"cpuMillis": 0, "seconds": 30, "exhausted": None}, (
        "who asks for nothing gets nothing"
    )
    assert await spent(gateway) == Amounts(0, 0, 500, 5_000)
    assert await spent(gateway, CHILD) == Amounts(0, 0, 500, 5_000)


async def test_no_runtime_takes_more_at_once_than_its_actions_can_use(gateway: Installation) -> None:
    gateway.envelopes["finance"] = envelope(Limits(cpu_millis=100_000))
    tier = {"name": "small", "toolCallsPerAction": 2, "cpuMillisPerAction": 500, "concurrency": 4}
    gateway.records.changed(app_record(tier=tier))
    assert (await beat(gateway, **cpu(wanted=2**53 - 1)))["cpuMillis"] == 2_000


async def test_a_limit_that_leaves_nothing_is_told_with_heartbeats_and_not_with_calls(gateway: Installation) -> None:
    gateway.envelopes["finance"] = envelope(Limits(cpu_millis=800))
    gateway.records.changed(app_record(envelope={"digest": "sha256:" + "a" * 64, "connectors": ["rates"]}))
    gateway.catalogue.changed(manifest())
    assert (await beat(gateway, **cpu(wanted=800)))["cpuMillis"] == 800
    told = await beat(gateway, **cpu(wanted=500))
    exhausted = {"bucket": "budget finance", "unit": "cpuMillis", "spent": 800, "limit": 800, "retryAfter": 86_400}
    assert told == {"cpuMillis": 0, "seconds": 30, "exhausted": exhausted}
    call = {"requestId": "r", "step": 1, "connector": "rates", "tool": "latest", "arguments": {"currency": "EUR"}}
    assert (await gateway.post("/v1/calls", call)).json().keys() == {"result", "effect"}


async def test_an_api_server_that_does_not_answer_grants_nothing(gateway: Installation) -> None:
    gateway.envelopes["finance"] = envelope(Limits(cpu_millis=800))
    gateway.store.down = True
    assert await beat(gateway, **cpu(wanted=500)) == {"cpuMillis": 0, "seconds": 30, "exhausted": None}


async def test_who_no_longer_waits_for_a_grant_does_not_pay_for_it(
    gateway: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.envelopes["finance"] = envelope(Limits(cpu_millis=30_000))
    get, begun, answers, gone = gateway.store.get, asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slowly(*about: Any) -> Any:
        begun.set()
        await answers.wait()
        return await get(*about)

    monkeypatch.setattr(gateway.store, "get", slowly)
    beating = asyncio.create_task(gateway.post("/v1/heartbeat", cpu(wanted=500), gone=gone))
    await begun.wait()
    gone.set()
    async with asyncio.timeout(10):
        await beating
    answers.set()
    assert (await beat(gateway, **cpu(wanted=500)))["cpuMillis"] == 500
    assert (await spent(gateway)).cpu_millis == 500


@pytest.mark.parametrize("price", [0, HOUR_MICROS])
async def test_money_that_is_used_up_stops_actions_only_where_their_cpu_costs_some(
    gateway: Installation, price: int
) -> None:
    gateway.envelopes["finance"] = envelope(Limits(cost_micros=0), cpu_micros_per_hour=price)
    told = await beat(gateway, **cpu(wanted=500))
    if price:
        assert (told["cpuMillis"], told["exhausted"]["unit"]) == (0, "costMicros")
        return
    assert told is None, "no action uses what is limited"
    gateway.envelopes["finance"] = envelope(Limits(cost_micros=0, cpu_millis=500))
    assert await beat(gateway, **cpu(wanted=500)) == {"cpuMillis": 500, "seconds": 30, "exhausted": None}
    assert (await beat(gateway, **cpu(wanted=500)))["exhausted"]["unit"] == "cpuMillis"


async def test_an_implausible_report_is_charged_as_what_the_pod_can_have_used(gateway: Installation) -> None:
    gateway.envelopes["finance"] = envelope(Limits(cpu_millis=10**6), cpu_micros_per_hour=HOUR_MICROS)
    await beat(gateway, **cpu(used=4_000))
    gateway.clock.forward(seconds=10)
    await beat(gateway, **cpu(used=9_000))
    assert await spent(gateway) == Amounts(), "half a core for ten seconds"
    gateway.clock.forward(seconds=10)
    with structlog.testing.capture_logs() as lines:
        await beat(gateway, **cpu(used=8_999))
    assert [line["verdict"] for line in lines if line["event"] == "cpu_report_implausible"] == ["fell"]
    assert await spent(gateway) == Amounts(0, 0, 5_000, 50_000)
    sample = gateway.metrics.registry.get_sample_value
    for verdict in ("first", "plausible", "fell"):
        assert sample("genapps_gateway_cpu_reports_total", {"verdict": verdict}) == 1


async def test_what_an_app_did_is_added_up_for_its_budget(gateway: Installation) -> None:
    for actions in (5, 2):
        await beat(gateway, activity={"actions": actions, "fallbacks": 1, "retries": 0})
    await gateway.spending.stop()
    for name in (CHILD, "budget.finance"):
        found = account(gateway.store, name).activity
        assert (found.actions, found.fallbacks, found.retries) == (7, 2, 0)


@pytest.mark.parametrize(
    "content",
    [
        cpu(wanted=-1),
        cpu(used=-1),
        cpu(used=2**53),
        cpu(boot=""),
        cpu(boot="a b"),
        cpu(boot="a" * 65),
        {"cpu": {"wanted": 1.5, "used": 0, "boot": "a"}},
        {"cpu": {"wanted": True, "used": 0, "boot": "a"}},
        {"cpu": {"wanted": "1", "used": 0, "boot": "a"}},
        {"cpu": {"used": 0, "boot": "a"}},
        {"activity": {"actions": -1, "fallbacks": 0, "retries": 0}},
        {"activity": {"actions": 1_000_001, "fallbacks": 0, "retries": 0}},
        b'{"cpu": {"wanted": 1e309, "used": 0, "boot": "a"}}',
        b'{"cpu": {"wanted": NaN, "used": 0, "boot": "a"}}',
    ],
)
async def test_reports_that_say_no_number_of_anything_are_refused(gateway: Installation, content: Any) -> None:
    reply = await gateway.post("/v1/heartbeat", content)
    assert (reply.status, reply.json()["code"]) == (400, "RequestInvalid")
    assert gateway.store.writes == 0


async def test_a_suspended_app_gets_no_credit(gateway: Installation) -> None:
    gateway.envelopes["finance"] = envelope(Limits(cpu_millis=800))
    suspension = {"id": "0" * 32, "reason": "RepeatedViolations", "at": "2026-11-23T12:00:00Z"}
    gateway.records.changed(app_record(suspension=suspension))
    assert await beat(gateway, **cpu(wanted=500)) == {"cpuMillis": 0, "seconds": 30, "exhausted": None}, (
        "null would let it use what it likes until its pod is gone"
    )
    assert gateway.store.writes == 0
