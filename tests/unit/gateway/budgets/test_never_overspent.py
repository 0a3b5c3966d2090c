# SPDX-License-Identifier: Apache-2.0
"""No history of calls, kills, lost answers, clocks, periods and limits makes an account grow beyond its limit, or hides
what was spent. `make test-long` plays more and longer ones."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from genapps.core.budgets.amounts import Amounts, Limits
from genapps.gateway.budgets.spending import Reserved, SpendingUnavailableError
from genapps.gateway.ledgers.swap import WRITE_SECONDS
from tests.unit.gateway.budgets.replicas import BUDGET, CHILD, Replica, committed, limited
from tests.unit.gateway.world import Store, app

HISTORIES = int(os.environ.get("GENAPPS_HISTORIES", "30"))
STEPS = 50
CEILING = 60
"""Tokens of the app in a period."""
PERIODS = ("2026-11", "2026-12", "2027-01")
replicas = strategies.integers(0, 1)
bounds: strategies.SearchStrategy[dict[str, int]] = strategies.builds(
    dict, tokens=strategies.integers(0, 30), tool_calls=strategies.integers(0, 3)
)
shares = strategies.sampled_from((0, 0.5, 1))


class HistoryLoop(asyncio.SelectorEventLoop):
    """A loop whose time passes when the history says so: no write is given up because the machine is busy."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def time(self) -> float:
        return self.seconds


class Gateways(RuleBasedStateMachine):
    """Two gateways and one app. `spent` is what calls have really used, by period; a call that was under way when its
    gateway was killed may have used all it had reserved."""

    kills = True

    def __init__(self) -> None:
        super().__init__()
        self.loop = HistoryLoop()
        self.store = Store()
        self.published = limited(tokens=100, tool_calls=20)
        self.replicas = [Replica(self.store, pod, self.published) for pod in ("a", "b")]
        for each in self.replicas:
            each.app = app(tier={"name": "small", "tokensPerPeriod": CEILING})
        self.spent: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.highest: dict[str, Limits] = {}
        """The highest limits that were published in each period."""
        self.lossless = not self.kills
        """Nothing happened that makes a lease count as spent."""
        self.publish(self.published.limits)

    def do(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def publish(self, limits: Limits) -> None:
        self.published = replace(self.published, limits=limits)
        before = self.highest.get(self.published.period, limits)
        self.highest[self.published.period] = Limits(
            tokens=max(before.tokens or 0, limits.tokens or 0),
            tool_calls=max(before.tool_calls or 0, limits.tool_calls or 0),
        )

    async def _begun(self, replica: Replica, bound: dict[str, int]) -> bool:
        try:
            return isinstance(await replica.begin(**bound), Reserved)
        except SpendingUnavailableError:
            return False

    def _used(self, period: str, amounts: Amounts) -> None:
        self.spent[period] += amounts.tokens
        self.calls[period] += amounts.tool_calls

    @rule(number=replicas, bound=bounds)
    def call(self, number: int, bound: dict[str, int]) -> None:
        self.do(self._begun(self.replicas[number], bound))

    @rule(numbers=strategies.lists(replicas, min_size=2, max_size=8), bound=bounds)
    def crowd(self, numbers: list[int], bound: dict[str, int]) -> None:
        async def together() -> None:
            await asyncio.gather(*(self._begun(self.replicas[number], bound) for number in numbers))

        self.do(together())

    @rule(number=replicas, share=shares, last=strategies.booleans())
    def answer(self, number: int, share: float, last: bool) -> None:
        replica = self.replicas[number]
        if replica.running:
            period, reserved = replica.running.pop(-1 if last else 0)
            used = Amounts(*(int(amount * share) for amount in reserved.bound))
            replica.spending.settle(reserved, used)
            self._used(period, used)

    @rule(number=replicas)
    def release(self, number: int) -> None:
        replica = self.replicas[number]
        if replica.running:
            replica.spending.release(replica.running.pop()[1])

    @rule(number=replicas, seconds=strategies.sampled_from((1.0, 31.0, 61.0)))
    def time_passes(self, number: int, seconds: float) -> None:
        self.do(self.replicas[number].pass_time(seconds, wall=self.kills))

    @rule(number=replicas, seconds=strategies.sampled_from((31.0, 61.0)), bound=bounds, turns=strategies.integers(0, 4))
    def a_call_comes_while_leases_are_given_back(
        self, number: int, seconds: float, bound: dict[str, int], turns: int
    ) -> None:
        replica = self.replicas[number]

        async def late() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)
            await self._begun(replica, bound)

        async def together() -> None:
            await asyncio.gather(replica.pass_time(seconds, wall=self.kills), late())

        self.do(together())

    @precondition(lambda self: self.kills)
    @rule(number=replicas, seconds=strategies.integers(-86_400, 86_400))
    def clock_jumps(self, number: int, seconds: int) -> None:
        self.replicas[number].clock.forward(seconds=seconds)

    @rule(number=replicas, bound=bounds, turns=strategies.integers(0, 6), telling=strategies.booleans())
    def the_api_server_answers_too_late(self, number: int, bound: dict[str, int], turns: int, telling: bool) -> None:
        replica = self.replicas[number]

        async def given_up() -> None:
            work = replica.pass_time(61, wall=self.kills) if telling else self._begun(replica, bound)
            task = asyncio.ensure_future(work)
            for _ in range(turns):
                await asyncio.sleep(0)
            self.loop.seconds += WRITE_SECONDS + 1
            await task

        self.do(given_up())

    @rule(number=replicas, bound=bounds, turns=strategies.integers(0, 6))
    def a_caller_goes_before_its_call_begins(self, number: int, bound: dict[str, int], turns: int) -> None:
        async def gone() -> None:
            task = asyncio.ensure_future(self._begun(self.replicas[number], bound))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self.do(gone())

    def _killed(self, replica: Replica) -> None:
        for period, reserved in replica.running:
            self._used(period, reserved.bound)
        replica.start()

    @precondition(lambda self: self.kills)
    @rule(number=replicas)
    def killed(self, number: int) -> None:
        self._killed(self.replicas[number])

    @precondition(lambda self: self.kills)
    @rule(number=replicas, bound=bounds, turns=strategies.integers(0, 6), telling=strategies.booleans())
    def killed_between_two_steps(self, number: int, bound: dict[str, int], turns: int, telling: bool) -> None:
        replica = self.replicas[number]

        async def some_turns() -> None:
            work = replica.pass_time(61) if telling else self._begun(replica, bound)
            task = asyncio.ensure_future(work)
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self.do(some_turns())
        self._killed(replica)

    @rule(number=replicas)
    def stopped(self, number: int) -> None:
        replica = self.replicas[number]
        while replica.running:
            self.answer(number, 1, last=True)
        self.do(replica.spending.stop())
        if self.store.down or self.store.lose_answers:
            self.lossless = False
        replica.start()

    @rule(down=strategies.booleans(), lost=strategies.booleans())
    def network(self, down: bool, lost: bool) -> None:
        self.store.down, self.store.lose_answers = down, lost

    @rule()
    def network_is_well(self) -> None:
        self.network(down=False, lost=False)

    @rule(tokens=strategies.integers(0, 200), calls=strategies.integers(0, 40))
    def resized(self, tokens: int, calls: int) -> None:
        self.publish(Limits(tokens=tokens, tool_calls=calls))

    @rule(period=strategies.sampled_from(PERIODS))
    def rolled_over(self, period: str) -> None:
        if period > self.published.period:
            self.published = replace(self.published, period=period)
            self.publish(self.published.limits)

    @rule(number=replicas)
    def heard(self, number: int) -> None:
        self.replicas[number].envelope = self.published

    @invariant()
    def nothing_grows_beyond_its_limit(self) -> None:
        for period, highest in self.highest.items():
            used = committed(self.store, period=period)
            assert highest.tokens is not None
            assert highest.tool_calls is not None
            assert used.tokens <= highest.tokens
            assert used.tool_calls <= highest.tool_calls
            assert committed(self.store, CHILD, period).tokens <= CEILING

    @invariant()
    def nothing_that_was_spent_is_hidden(self) -> None:
        for period in self._kept():
            under_way = [
                reserved.bound
                for replica in self.replicas
                for begun, reserved in replica.running
                if begun == period
            ]  # fmt: skip
            tokens = self.spent[period] + sum(bound.tokens for bound in under_way)
            calls = self.calls[period] + sum(bound.tool_calls for bound in under_way)
            assert tokens <= committed(self.store, period=period).tokens
            assert tokens <= committed(self.store, CHILD, period).tokens
            assert calls <= committed(self.store, period=period).tool_calls

    def _kept(self) -> tuple[str, ...]:
        """The periods that the Ledgers tell of: the last two that anything was spent in."""
        stored = [self.store.objects.get(("Ledger", "genapps-system", name)) for name in (BUDGET, CHILD)]
        known = [
            {object_["record"][key]["period"] for key in ("account", "previous") if key in object_["record"]}
            for object_ in stored
            if object_ is not None
        ]
        return tuple(known[0] & known[1]) if len(known) == 2 else ()

    def teardown(self) -> None:
        """After a history without a kill, what is told in the end is exactly what was spent, and nothing is held."""
        try:
            if self.lossless:
                self._all_is_told()
        finally:
            self.loop.close()

    def _all_is_told(self) -> None:
        self.network_is_well()
        for number in (0, 1):
            self.stopped(number)
        for period in self._kept():
            assert committed(self.store, period=period) == Amounts(
                tokens=self.spent[period], tool_calls=self.calls[period]
            )
            assert committed(self.store, CHILD, period).tokens == self.spent[period]


class GatewaysThatLive(Gateways):
    """Answers and requests are lost, and no gateway is. The clock on the wall stands: nobody is taken to be gone."""

    kills = False


@pytest.mark.parametrize("histories", [Gateways, GatewaysThatLive])
def test_no_history_overspends_or_hides_what_was_spent(histories: type[Gateways]) -> None:
    run_state_machine_as_test(histories, settings=settings(max_examples=HISTORIES, stateful_step_count=STEPS))


def test_a_lease_of_the_last_period_that_was_given_back_in_vain_is_given_back_again() -> None:
    one_token = {"tokens": 1, "tool_calls": 0}
    history = GatewaysThatLive()
    history.resized(tokens=0, calls=0)
    history.heard(0)
    history.rolled_over("2026-12")
    history.call(0, one_token)
    history.the_api_server_answers_too_late(0, one_token, turns=1, telling=True)
    history.heard(0)
    history.call(0, one_token)
    history.time_passes(0, 31.0)
    history.teardown()


def test_a_machine_that_stands_still_for_seconds_is_no_part_of_a_history(monkeypatch: pytest.MonkeyPatch) -> None:
    history = GatewaysThatLive()
    history.call(0, {"tokens": 1, "tool_calls": 1})
    history.answer(0, 1, last=True)
    later = count(step=10)
    monkeypatch.setattr(time, "monotonic", lambda: float(next(later)))
    history.stopped(0)
    history.teardown()
