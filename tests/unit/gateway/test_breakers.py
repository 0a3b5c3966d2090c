# SPDX-License-Identifier: Apache-2.0
"""What a runtime says of its app's breaker: written once for each turn, seldom, and beside what is counted."""

from typing import Any

import pytest

from genapps.api.ledger import ViolationRule
from genapps.cluster.resources import Resource
from genapps.gateway.callers.records import App
from genapps.gateway.decision import Violation
from genapps.gateway.ledgers.breakers import DAMPING_SECONDS, MOST_IN_A_ROUND, Breakers
from genapps.gateway.ledgers.ledger import Ledgers
from genapps.gateway.messages import BreakerState
from genapps.gateway.metrics import Metrics
from tests.unit.gateway.world import CHILD, NAMESPACE, POD_UID, Clock, Store, app

APP = app()
OPEN, CLOSED = BreakerState.OPEN, BreakerState.CLOSED
PAYROLL = Violation(ViolationRule.CONNECTOR_NOT_IN_ENVELOPE, "payroll")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breakers(store: Store, clock: Clock) -> Breakers:
    return Breakers(store, NAMESPACE, Metrics(), clock, monotonic=lambda: clock.now.timestamp())


def stored(store: Store, child: str = CHILD) -> Any:
    return store.objects["Ledger", NAMESPACE, child]["record"].get("breaker")


async def say(breakers: Breakers, clock: Clock, word: BreakerState, *, of: App = APP) -> None:
    """Word that nothing holds back."""
    clock.forward(seconds=DAMPING_SECONDS)
    breakers.heard(of, word)
    await breakers.write()


async def test_an_open_breaker_is_noted_with_its_pod_and_since_when(breakers: Breakers, store: Store) -> None:
    breakers.heard(APP, OPEN)
    await breakers.write()
    noon = "2026-11-23T12:00:00.000000Z"
    assert stored(store) == {"pod": POD_UID, "open": True, "since": noon, "confirmedAt": noon}
    breakers.heard(APP, CLOSED)
    await breakers.write()
    assert stored(store)["open"], "at most one attempt in DAMPING_SECONDS"


async def test_a_closed_breaker_is_noted_and_its_end_only_where_one_was_open(
    breakers: Breakers, store: Store, clock: Clock
) -> None:
    await say(breakers, clock, CLOSED)
    assert store.writes == 0
    await say(breakers, clock, OPEN)
    await say(breakers, clock, CLOSED)
    await say(breakers, clock, CLOSED)
    assert (stored(store)["open"], store.writes) == (False, 2)


async def test_confirmations_are_noted_once_in_two_minutes(breakers: Breakers, store: Store, clock: Clock) -> None:
    for _ in range(7):
        breakers.heard(APP, OPEN)
        await breakers.write()
        clock.forward(minutes=1)
    assert store.writes == 4
    assert stored(store)["since"] == "2026-11-23T12:00:00.000000Z"
    assert stored(store)["confirmedAt"] == "2026-11-23T12:06:00.000000Z"


async def test_a_runtime_that_flaps_is_written_once_in_ten_seconds(
    breakers: Breakers, store: Store, clock: Clock
) -> None:
    for number in range(600):
        breakers.heard(APP, CLOSED if number % 2 else OPEN)
        await breakers.write()
        clock.forward(seconds=0.1)
    assert 0 < store.writes <= 60 / DAMPING_SECONDS


async def test_the_last_word_of_the_pause_counts(breakers: Breakers, store: Store, clock: Clock) -> None:
    await say(breakers, clock, OPEN)
    for word in (CLOSED, OPEN, CLOSED):
        breakers.heard(APP, word)
    clock.forward(seconds=DAMPING_SECONDS - 0.1)
    await breakers.write()
    assert stored(store)["open"]
    clock.forward(seconds=0.1)
    await breakers.write()
    assert not stored(store)["open"]


async def test_a_gateway_that_stops_writes_what_waits(breakers: Breakers, store: Store, clock: Clock) -> None:
    await say(breakers, clock, OPEN)
    breakers.heard(APP, CLOSED)
    await breakers.stop()
    assert not stored(store)["open"]


async def test_many_apps_are_written_in_turns(breakers: Breakers, store: Store, clock: Clock) -> None:
    apps = [App(f"app-{number:03}", APP.record) for number in range(MOST_IN_A_ROUND + 1)]
    for one in apps:
        breakers.heard(one, OPEN)
    await breakers.write()
    assert store.writes == MOST_IN_A_ROUND
    for one in apps[:-1]:
        breakers.heard(one, CLOSED)
    clock.forward(seconds=DAMPING_SECONDS)
    await breakers.write()
    assert stored(store, apps[-1].child), "who waits longest comes first"


async def test_what_is_counted_stays_and_counting_goes_on(breakers: Breakers, store: Store, clock: Clock) -> None:
    ledgers = Ledgers(store, NAMESPACE, Metrics(), clock)
    await ledgers.count(APP, PAYROLL, "r1")
    store.objects["Ledger", NAMESPACE, CHILD]["record"]["newer"] = "kept"
    await say(breakers, clock, OPEN)
    assert store.objects["Ledger", NAMESPACE, CHILD]["record"]["newer"] == "kept"
    assert store.ledger()["total"] == 1
    await ledgers.count(APP, PAYROLL, "r2")
    assert (store.ledger()["total"], stored(store)["pod"]) == (2, POD_UID)


async def test_a_new_pod_begins_anew(breakers: Breakers, store: Store, clock: Clock) -> None:
    await say(breakers, clock, OPEN)
    clock.forward(seconds=5)
    moved = app(pod={"namespace": "genapps-run", "name": CHILD, "uid": "another"})
    await say(breakers, clock, OPEN, of=moved)
    assert (stored(store)["pod"], stored(store)["since"]) == ("another", "2026-11-23T12:00:25.000000Z")
    await say(breakers, clock, CLOSED)
    assert not stored(store)["open"]


async def test_in_an_outage_the_word_waits(breakers: Breakers, store: Store, clock: Clock) -> None:
    store.down = True
    await say(breakers, clock, OPEN)
    store.down = False
    await breakers.write()
    assert store.writes == 0, "an attempt that failed is damped too"
    clock.forward(seconds=DAMPING_SECONDS)
    await breakers.write()
    assert stored(store)["pod"] == POD_UID


class Overtaken(Store):
    """Another process writes between the first read and the write that follows it."""

    reads = 0

    async def get(self, resource: Resource, namespace: str | None, name: str) -> dict[str, Any]:
        self.reads += 1
        read = await super().get(resource, namespace, name)
        if self.reads == 1:
            self.touch("Ledger", CHILD)
        return read


async def test_a_write_of_another_process_is_a_conflict_and_nothing_is_lost(clock: Clock) -> None:
    store = Overtaken()
    owner = {"namespace": "finance", "name": "converter", "uid": "c0ffee"}
    store.objects["Ledger", NAMESPACE, CHILD] = {
        "metadata": {"namespace": NAMESPACE, "name": CHILD, "resourceVersion": "7"},
        "record": {"app": owner, "violations": {"total": 5}},
    }
    await say(Breakers(store, NAMESPACE, Metrics(), clock, monotonic=lambda: clock.now.timestamp()), clock, OPEN)
    assert (store.reads, stored(store)["pod"], store.ledger()["total"]) == (2, POD_UID, 5)


async def test_of_two_gateways_the_one_that_heard_the_later_word_is_right(store: Store, clock: Clock) -> None:
    first, second = (Breakers(store, NAMESPACE, Metrics(), clock, lambda: clock.now.timestamp()) for _ in range(2))
    await say(first, clock, CLOSED)
    first.heard(APP, OPEN)
    clock.forward(seconds=5)
    await say(second, clock, OPEN)
    await say(second, clock, CLOSED)
    await first.write()
    assert not stored(store)["open"]


async def test_an_unreadable_ledger_keeps_nobody_else_from_being_noted(
    breakers: Breakers, store: Store, clock: Clock
) -> None:
    await say(breakers, clock, OPEN)
    store.objects["Ledger", NAMESPACE, CHILD]["record"] = {"app": 7}
    await say(breakers, clock, CLOSED)
    await say(breakers, clock, OPEN, of=App("another", APP.record))
    assert stored(store, "another")["pod"] == POD_UID


async def test_a_purged_app_gets_no_ledger(breakers: Breakers, store: Store) -> None:
    breakers.heard(APP, OPEN)
    breakers.forget(CHILD)
    await breakers.write()
    assert store.objects == {}


async def test_who_was_quiet_is_not_remembered(breakers: Breakers, clock: Clock) -> None:
    await say(breakers, clock, OPEN)
    assert breakers._words
    clock.forward(seconds=DAMPING_SECONDS)
    await breakers.write()
    assert not breakers._words
