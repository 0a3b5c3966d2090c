# SPDX-License-Identifier: Apache-2.0
"""Calls are paid exactly: the last unit is given once, and what was not used comes back."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from genapps.api.ledger import Activity
from genapps.core.budgets.amounts import NOTHING, Amounts
from genapps.gateway.budgets.spending import Credit, OverLimit, Reserved, SpendingUnavailableError
from tests.unit.gateway.budgets.replicas import BUDGET, CHILD, Replica, account, committed, leased, limited
from tests.unit.gateway.world import Store, app

UNITS = ("tokens", "tool_calls", "cpu_millis", "cost_micros")


def pair(store: Store, **limits: int) -> tuple[Replica, Replica]:
    return Replica(store, "a", limited(**limits)), Replica(store, "b", limited(**limits))


@pytest.mark.parametrize("unit", UNITS)
async def test_the_last_unit_is_given_once_to_500_calls_at_two_gateways(unit: str) -> None:
    store = Store()
    one, other = pair(store, **{unit: 1})
    asked = (gateway.spend(**{unit: 1}) for gateway in (one, other) * 250)
    outcomes = await asyncio.gather(*asked)
    assert sum(isinstance(outcome, Reserved) for outcome in outcomes) == 1
    refused = next(outcome for outcome in outcomes if isinstance(outcome, OverLimit))
    assert (refused.bucket, refused.limit, refused.spent) == ("budget finance", 1, 1)
    await asyncio.gather(one.spending.stop(), other.spending.stop())
    assert account(store).spent.model_dump()[unit] == 1
    assert committed(store) == Amounts(**{unit: 1})
    assert store.writes < 20, "a crowd at a limit writes little"


@pytest.mark.parametrize(("ceiling", "unit"), [("tokensPerPeriod", "tokens"), ("cpuSecondsPerPeriod", "cpu_millis")])
async def test_the_ceiling_of_the_app_holds_below_the_budgets_limit(ceiling: str, unit: str) -> None:
    gateway = Replica(Store(), "a", limited(**{unit: 10**9}))
    gateway.app = app(tier={"name": "small", ceiling: 1})
    most = 1000 if unit == "cpu_millis" else 1
    assert isinstance(await gateway.spend(**{unit: most}), Reserved)
    refused = await gateway.spend(**{unit: 1})
    assert isinstance(refused, OverLimit)
    assert (refused.bucket, refused.unit, refused.limit) == ("app", "cpuMillis" if most > 1 else "tokens", most)


async def test_what_the_budget_refuses_the_app_gets_back() -> None:
    store = Store()
    gateway = Replica(store, "a", limited(tokens=5))
    gateway.app = app(tier={"name": "small", "tokensPerPeriod": 100})
    assert isinstance(await gateway.spend(tokens=6), OverLimit)
    assert isinstance(await gateway.spend(tokens=5), Reserved)
    await gateway.spending.stop()
    assert committed(store, CHILD) == Amounts(tokens=5)


async def test_what_a_call_did_not_use_is_there_for_the_next() -> None:
    gateway = Replica(Store(), "a", limited(tokens=10))
    reserved = await gateway.begin(tokens=10)
    assert isinstance(reserved, Reserved)
    assert isinstance(await gateway.begin(tokens=1), OverLimit)
    assert gateway.spending.settle(reserved, Amounts(tokens=3)) == NOTHING
    assert isinstance(await gateway.begin(tokens=7), Reserved)


async def test_a_call_that_was_not_made_costs_nothing() -> None:
    store = Store()
    gateway = Replica(store, "a", limited(tokens=10))
    reserved = await gateway.begin(tokens=10)
    assert isinstance(reserved, Reserved)
    gateway.spending.release(reserved)
    await gateway.spending.stop()
    assert committed(store) == NOTHING


async def test_what_a_call_used_beyond_its_bound_is_booked_as_an_overrun() -> None:
    store = Store()
    gateway = Replica(store, "a", limited(tokens=10))
    reserved = await gateway.begin(tokens=10)
    assert isinstance(reserved, Reserved)
    assert gateway.spending.settle(reserved, Amounts(tokens=25)) == Amounts(tokens=15)
    await gateway.spending.stop()
    assert (account(store).spent.tokens, account(store).overrun.tokens) == (25, 15)


async def test_an_idle_lease_is_given_back_and_the_other_gateway_can_spend_all() -> None:
    store = Store()
    one, other = pair(store, tool_calls=1000)
    await one.spend(tool_calls=1)
    held = leased(store).tool_calls
    assert 1 <= held <= 1000 // 20, "no gateway strands more than a twentieth of what is left"
    assert isinstance(await other.begin(tool_calls=1000 - held + 1), OverLimit)
    await one.pass_time(30)
    other.seconds += 1  # it remembers the refusal for a second
    assert (leased(store), account(store).spent.tool_calls) == (NOTHING, 1)
    assert isinstance(await other.begin(tool_calls=999), Reserved)


async def test_many_calls_cost_few_writes() -> None:
    store = Store()
    gateway = Replica(store, "a", limited(tool_calls=200_000, cost_micros=10**9))
    for _ in range(1000):
        await gateway.spend(tool_calls=1, cost_micros=100)
    await gateway.pass_time(60)
    assert store.writes <= 4
    assert account(store).spent.tool_calls == 1000


async def test_the_lease_of_a_gateway_that_was_killed_counts_as_spent_after_five_minutes() -> None:
    store = Store()
    one, other = pair(store, tool_calls=1000)
    await one.spend(tool_calls=1)
    held = leased(store).tool_calls
    other.clock.forward(seconds=301)
    await other.spend(tool_calls=1)
    assert account(store).spent.tool_calls == held
    await one.pass_time(60)  # it was not dead after all
    assert account(store).spent.tool_calls == held, "what it spent is in what was counted"
    assert isinstance(await one.spend(tool_calls=1), Reserved), "and it goes on with a lease of its own"


async def test_a_process_of_the_same_pod_does_not_wait_for_its_forerunners_lease() -> None:
    store = Store()
    gateway = Replica(store, "a", limited(tool_calls=10))
    await gateway.begin(tool_calls=4)
    gateway.start()
    assert isinstance(await gateway.spend(tool_calls=6), Reserved)
    await gateway.spending.stop()
    assert committed(store) == Amounts(tool_calls=10)


async def test_a_write_whose_answer_was_lost_is_told_once() -> None:
    store = Store()
    gateway = Replica(store, "a", limited(tool_calls=100))
    await gateway.spend(tool_calls=3)
    store.lose_answers = True
    for _ in range(4):  # an outage ends a round: the app's Ledger first, then the budget's
        await gateway.pass_time(60)
    store.lose_answers = False
    assert account(store).spent.tool_calls == 3
    await gateway.pass_time(60)
    await gateway.spending.stop()
    assert committed(store) == Amounts(tool_calls=3)


async def test_without_the_api_server_nothing_is_paid_beyond_the_lease() -> None:
    store = Store()
    gateway = Replica(store, "a", limited(tool_calls=40))
    await gateway.spend(tool_calls=1)
    held = leased(store).tool_calls
    store.down = True
    for _ in range(held - 1):
        assert isinstance(await gateway.spend(tool_calls=1), Reserved)
    with pytest.raises(SpendingUnavailableError):
        await gateway.spend(tool_calls=1)
    store.down = False
    assert isinstance(await gateway.spend(tool_calls=1), Reserved)


async def test_a_raised_limit_is_spent_and_a_lowered_one_holds_at_once() -> None:
    store = Store()
    gateway = Replica(store, "a", limited(tokens=100))
    await gateway.spend(tokens=100)
    assert isinstance(await gateway.spend(tokens=1), OverLimit)
    assert [entry.unit for entry in account(store).exhausted] == ["tokens"]
    gateway.envelope = limited(tokens=150)
    assert gateway.spending.exhausted(gateway.app, gateway.envelope) is None
    assert isinstance(await gateway.spend(tokens=1), Reserved)
    assert account(store).exhausted == ()
    gateway.envelope = limited(tokens=20)
    await gateway.pass_time(60)
    refused = await gateway.spend(tokens=50)
    assert isinstance(refused, OverLimit)
    assert refused.spent >= 101
    assert refused.limit == 20


async def test_one_call_that_does_not_fit_exhausts_nothing() -> None:
    store = Store()
    gateway = Replica(store, "a", limited(tokens=1000))
    assert isinstance(await gateway.spend(tokens=1001), OverLimit)
    assert account(store).exhausted == ()
    assert gateway.spending.exhausted(gateway.app, gateway.envelope) is None


async def test_what_calls_only_set_aside_exhausts_nothing() -> None:
    store = Store()
    gateway = Replica(store, "a", limited(tokens=1000))
    held = await gateway.spending.reserve(gateway.app, gateway.envelope, Amounts(tokens=1000))
    assert isinstance(held, Reserved)
    assert isinstance(await gateway.spend(tokens=1), OverLimit)
    assert account(store).exhausted == ()
    gateway.spending.settle(held, Amounts(tokens=1))
    assert gateway.spending.exhausted(gateway.app, gateway.envelope) is None
    assert isinstance(await gateway.spend(tokens=994), Reserved)
    assert isinstance(await gateway.spend(tokens=6), OverLimit)
    assert account(store).exhausted == (), "more than half a percent is not spent"
    await gateway.spend(tokens=1)
    await gateway.pass_time(1)
    assert isinstance(await gateway.spend(tokens=6), OverLimit)
    assert [entry.unit for entry in account(store).exhausted] == ["tokens"]


async def test_a_new_period_begins_empty_and_what_is_under_way_is_told_to_the_old_one() -> None:
    store = Store()
    gateway = Replica(store, "a", limited(tokens=100))
    running = await gateway.begin(tokens=60)
    assert isinstance(running, Reserved)
    gateway.envelope = replace(limited(tokens=100), period="2026-12")
    assert isinstance(await gateway.spend(tokens=100), Reserved)
    gateway.spending.settle(running, Amounts(tokens=10))
    await gateway.pass_time(60)
    assert committed(store, period="2026-11") == Amounts(tokens=10)
    assert committed(store, period="2026-12") == Amounts(tokens=100)


async def test_a_gateway_that_has_not_heard_of_the_new_period_pays_nothing_from_the_old_one() -> None:
    one, other = pair(Store(), tokens=100)
    one.envelope = replace(one.envelope, period="2026-12")
    await one.spend(tokens=1)
    with pytest.raises(SpendingUnavailableError):
        await other.spend(tokens=1)


async def test_shadow_refuses_nothing_and_counts_what_it_would_have_refused() -> None:
    store = Store()
    gateway = Replica(store, "a", replace(limited(tool_calls=2), enforced=False))
    for _ in range(5):
        assert isinstance(await gateway.spend(tool_calls=1), Reserved)
    assert await gateway.spending.credit(gateway.app, gateway.envelope, 500) is None
    await gateway.spending.stop()
    assert account(store).spent.tool_calls == 5
    assert account(store).activity.shadow_refusals == 3
    assert account(store, CHILD).activity.shadow_refusals == 3


async def test_credit_is_paid_when_it_is_granted() -> None:
    store = Store()
    gateway = Replica(store, "a", replace(limited(cpu_millis=1200), cpu_micros_per_hour=3_600_000))
    spending, who, envelope = gateway.spending, gateway.app, gateway.envelope
    assert await spending.credit(who, envelope, 0) == Credit(0, None)
    assert await spending.credit(who, envelope, 500) == Credit(500, None)
    assert await spending.credit(who, envelope, 500) == Credit(500, None)
    last = await spending.credit(who, envelope, 500)
    assert last is not None
    assert last.cpu_millis == 0
    assert last.over is not None
    assert (last.over.unit, last.over.limit) == ("cpuMillis", 1200)
    await spending.stop()
    assert account(store).spent == Amounts(cpu_millis=1000, cost_micros=1000).stored()


async def test_much_credit_is_granted_at_once_where_much_is_left() -> None:
    gateway = Replica(Store(), "a", limited(cpu_millis=10**8))
    assert await gateway.spending.credit(gateway.app, gateway.envelope, 500) == Credit(10_000, None)


@pytest.mark.parametrize("unit", ["cpu_millis", "cost_micros"])
async def test_who_wants_more_credit_than_is_left_gets_it_for_as_many_actions_as_fit(unit: str) -> None:
    store = Store()
    envelope = replace(limited(**{unit: 1700}), cpu_micros_per_hour=3_600_000)
    one, other = Replica(store, "a", envelope), Replica(store, "b", envelope)
    assert one.app.record.tier.cpu_millis_per_action == 500
    assert await one.spending.credit(one.app, envelope, 4000) == Credit(1500, None)
    for gateway in (one, other):
        last = await gateway.spending.credit(gateway.app, envelope, 4000)
        assert last is not None
        assert last.cpu_millis == 0
        assert last.over is not None
        assert last.over.limit == 1700


async def test_one_action_gets_its_credit_also_where_others_hold_the_rest() -> None:
    store = Store()
    one, other = (Replica(store, name, limited(cpu_millis=10_000)) for name in "ab")
    assert isinstance(await one.begin(cpu_millis=9_500), Reserved)
    assert await other.spending.credit(other.app, other.envelope, 8_000) == Credit(500, None)


async def test_credit_of_a_budget_whose_claims_are_too_large_is_none() -> None:
    envelope = replace(limited(), state_limited=True)
    gateway = Replica(Store(), "a", envelope)
    assert await gateway.spending.credit(gateway.app, envelope, 500) == Credit(10_000, None)
    spent = replace(envelope, state_exhausted=(7, 7))
    credit = await gateway.spending.credit(gateway.app, spent, 500)
    assert credit is not None
    assert credit.over is not None
    assert (credit.cpu_millis, credit.over.unit) == (0, "stateMibSeconds")


async def test_what_nobody_set_aside_is_charged_and_counts_as_an_overrun_where_it_is_limited() -> None:
    store = Store()
    gateway = Replica(store, "a", limited(cpu_millis=100))
    gateway.spending.charge(gateway.app, gateway.envelope, Amounts(cpu_millis=250, tokens=7))
    await gateway.spending.stop()
    assert account(store).spent == Amounts(cpu_millis=250, tokens=7).stored()
    assert account(store).overrun == Amounts(cpu_millis=250).stored()


async def test_figures_are_added_up_for_the_app_and_for_its_budget() -> None:
    store = Store()
    one, other = pair(store)
    for gateway in (one, other):
        gateway.spending.note(gateway.app, gateway.envelope, Activity(actions=3, fallbacks=1))
        await gateway.pass_time(60)
    for name in (CHILD, BUDGET):
        assert account(store, name).activity == Activity(actions=6, fallbacks=2)


async def test_days_are_told_apart_for_the_budget_only() -> None:
    store = Store()
    gateway = Replica(store, "a", limited())
    for _ in range(2):
        await gateway.spend(tokens=5)
        await gateway.pass_time(86_400)
    days = {entry.day: entry.spent.tokens for entry in account(store).days}
    assert days == {"2026-11-24": 5, "2026-11-25": 5}
    assert account(store, CHILD).days == ()


async def test_a_ledger_that_cannot_be_read_pays_nothing() -> None:
    store = Store()
    gateway = Replica(store, "a", limited(tokens=100))
    await gateway.spend(tokens=1)
    await gateway.spending.stop()
    store.objects["Ledger", "genapps-system", BUDGET]["record"]["account"]["spent"] = "many"
    gateway.start()
    with pytest.raises(SpendingUnavailableError):
        await gateway.spend(tokens=1)
