# SPDX-License-Identifier: Apache-2.0
"""The last of a limit is told at once: the operator stops apps by what is told, whichever gateway is asked next."""

from __future__ import annotations

import asyncio

from genapps.core.budgets.amounts import Amounts
from genapps.gateway.budgets.spending import OverLimit, Reserved
from genapps.gateway.ledgers.rounds import URGENT_SECONDS, in_rounds
from tests.unit.gateway.budgets.replicas import BUDGET, Replica, account, limited
from tests.unit.gateway.world import NAMESPACE, Store


def pair(store: Store, calls: int) -> tuple[Replica, Replica]:
    return Replica(store, "a", limited(tool_calls=calls)), Replica(store, "b", limited(tool_calls=calls))


async def test_what_uses_a_limit_up_is_told_in_a_round_that_does_not_wait() -> None:
    store = Store()
    one, other = pair(store, 2)
    await one.spend(tool_calls=1)
    assert not one.spending.urgent.is_set(), "one more is left"
    await one.spend(tool_calls=1)
    assert one.spending.urgent.is_set()
    assert isinstance(await other.spend(tool_calls=1), OverLimit)
    assert account(store).exhausted == (), "a lease may come back, so the refusal exhausts nothing"
    await one.spending.write()
    assert account(store).spent.tool_calls == 2


async def test_a_gateway_learns_from_the_other_ones_lease_that_its_own_is_the_last() -> None:
    store = Store()
    one, other = pair(store, 1000)
    await one.spend(tool_calls=1)
    assert not one.spending.urgent.is_set()
    await other.begin(tool_calls=950)
    one.spending.changed(store.objects["Ledger", NAMESPACE, BUDGET])
    await one.spend(tool_calls=1)
    assert one.spending.urgent.is_set()
    await one.spending.write()
    assert account(store).spent.tool_calls == 2


async def test_the_last_is_told_once_for_each_call_and_a_raised_limit_ends_it() -> None:
    store = Store()
    one, _ = pair(store, 1)
    await one.spend(tool_calls=1)
    await one.spending.write()
    writes = store.writes
    await one.spending.write()
    assert store.writes == writes, "there is nothing new to tell"
    one.envelope = limited(tool_calls=1000)
    one.seconds += 1
    await one.spend(tool_calls=1)
    one.spending.urgent.clear()
    await one.spend(tool_calls=1)
    assert not one.spending.urgent.is_set()


async def test_far_from_the_limit_nothing_is_told_before_its_time() -> None:
    store = Store()
    one, _ = pair(store, 1000)
    await one.spend(tool_calls=1)
    await one.spending.write()  # the app's own account, for the first time
    await one.spend(tool_calls=1)
    writes = store.writes
    await one.spending.write()
    assert (store.writes, account(store).spent.tool_calls) == (writes, 0)


async def test_calls_that_use_nothing_of_what_is_used_up_are_told_in_their_time() -> None:
    store = Store()
    one = Replica(store, "a", limited(tokens=0, tool_calls=1000, cpu_millis=500))
    await one.spend(cpu_millis=500)
    assert one.spending.urgent.is_set()
    await one.spending.write()
    one.spending.urgent.clear()
    await one.spend(tool_calls=1)
    writes = store.writes
    for _ in range(20):
        await one.spend(tool_calls=1)
        await one.spending.write()
    assert not one.spending.urgent.is_set(), "of the units that are used up nothing was used"
    assert (store.writes, account(store).spent.tool_calls) == (writes, 0)


async def test_what_a_connector_used_beyond_the_last_is_told_at_once() -> None:
    store = Store()
    one = Replica(store, "a", limited(tokens=0, tool_calls=10))
    reserved = await one.begin(tool_calls=1)
    assert isinstance(reserved, Reserved)
    one.spending.settle(reserved, Amounts(tokens=7, tool_calls=1))
    assert one.spending.urgent.is_set()
    await one.spending.write()
    assert account(store).overrun.tokens == 7


async def test_between_two_urgent_rounds_there_is_a_pause() -> None:
    said: list[str | float] = []
    urgent, enough = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        said.append("round")
        urgent.set()

    async def pause(seconds: float) -> None:
        said.append(seconds)
        if said.count("round") == 3:
            enough.set()
            await asyncio.Event().wait()

    urgent.set()
    task = asyncio.create_task(in_rounds(write, urgent, pause))
    await enough.wait()
    task.cancel()
    assert said == ["round", URGENT_SECONDS] * 3


async def test_an_urgent_round_comes_before_a_regular_one_that_was_begun_earlier() -> None:
    rounds: list[str] = []
    both, urgent = asyncio.Event(), asyncio.Event()

    async def regular() -> None:
        rounds.append("regular")
        both.set()

    async def asked() -> None:
        rounds.append("asked")

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(in_rounds(regular)), group.create_task(in_rounds(asked, urgent))]
        urgent.set()
        await both.wait()
        for task in tasks:
            task.cancel()
    assert rounds[0] == "asked"
    assert not urgent.is_set()
