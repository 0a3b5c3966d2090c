# SPDX-License-Identifier: Apache-2.0
"""Counting that survives conflicts, outages and restarts."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from genapps.api.ledger import ViolationRule
from genapps.cluster.errors import UnavailableError
from genapps.gateway.callers.records import App
from genapps.gateway.decision import Violation
from genapps.gateway.ledgers.ledger import Ledgers, LedgerUnavailableError
from genapps.gateway.metrics import Metrics
from tests.unit.gateway.world import CHILD, NAMESPACE, NOON, Clock, Store, app

PAYROLL = Violation(ViolationRule.CONNECTOR_NOT_IN_ENVELOPE, "payroll")
APP = app()  # threshold 3 in 10 minutes, 2 tool calls per action


@pytest.fixture
def clock() -> Clock:
    return Clock()


def start(store: Store, clock: Clock) -> Ledgers:
    """A gateway whose watch has begun; it hears of changes by `store.deliver`."""
    ledgers = Ledgers(store, NAMESPACE, Metrics(), clock)
    store.follow(ledgers)
    return ledgers


@pytest.fixture
def ledgers(store: Store, clock: Clock) -> Ledgers:
    return start(store, clock)


async def test_the_first_violation_is_durable_before_the_answer(store: Store, ledgers: Ledgers) -> None:
    assert await ledgers.count(APP, PAYROLL, "r1")
    assert store.ledger()["total"] == 1
    assert store.ledger()["window"] == [
        {
            "at": "2026-11-23T12:00:00.000000Z",
            "rule": PAYROLL.rule,
            "subject": "payroll",
            "requestId": "r1",
            "envelope": APP.record.envelope.digest,
        }
    ]
    assert "tripped" not in store.ledger()


async def test_each_violation_is_durable_before_its_answer(store: Store, clock: Clock, ledgers: Ledgers) -> None:
    for number in (1, 2):
        assert await ledgers.count(APP, PAYROLL, f"r{number}")
        assert store.ledger()["total"] == number
    clock.forward(seconds=1)
    assert await ledgers.count(APP, PAYROLL, "r3")
    assert store.ledger()["tripped"] == {"at": "2026-11-23T12:00:01.000000Z", "count": 3}
    assert ledgers.at_threshold(APP)


async def test_after_the_threshold_nothing_is_written(store: Store, ledgers: Ledgers) -> None:
    for number in range(20):
        await ledgers.count(APP, PAYROLL, f"r{number}")
    assert store.writes == 3


async def test_a_flood_shares_its_writes(store: Store, ledgers: Ledgers) -> None:
    lenient = app(violationPolicy={"threshold": 50, "window": "24h"})
    flood = [ledgers.count(lenient, PAYROLL, f"r{number}") for number in range(200)]
    assert (await asyncio.gather(*flood)).count(True) == 50
    assert store.ledger()["total"] == 50
    assert store.writes <= 2, "one for whoever came first, one for all that came meanwhile"


async def test_a_thousand_violations_at_once_of_five_hundred_apps_are_a_write_or_two_of_each(
    store: Store, ledgers: Ledgers
) -> None:
    apps = [App(f"app-{number:03}", APP.record) for number in range(500)]
    await asyncio.gather(*(ledgers.count(each, PAYROLL, f"r{number}") for each in apps for number in range(2)))
    assert store.writes <= 2 * len(apps)
    assert store.objects["Ledger", NAMESPACE, "app-499"]["record"]["violations"]["total"] == 2


async def test_a_thousand_violations_at_once_of_one_app_are_a_write_or_two(store: Store, ledgers: Ledgers) -> None:
    counted = await asyncio.gather(*(ledgers.count(APP, PAYROLL, f"r{number}") for number in range(1000)))
    assert counted.count(True) == 3
    assert store.writes <= 2


async def test_nothing_is_written_when_nothing_is_pending(store: Store, ledgers: Ledgers) -> None:
    await ledgers.count(APP, PAYROLL, "r1")
    assert await ledgers.flush()
    assert await ledgers.flush()
    assert store.writes == 1


async def test_repeats_under_one_id_count_only_beyond_the_fan_out(ledgers: Ledgers) -> None:
    for _ in range(3):
        await ledgers.count(APP, PAYROLL, "r1")
    assert not ledgers.at_threshold(APP)
    await ledgers.count(APP, PAYROLL, "r1")
    assert ledgers.at_threshold(APP)


async def test_concurrent_violations_are_counted_one_after_the_other(store: Store, ledgers: Ledgers) -> None:
    counted = await asyncio.gather(*(ledgers.count(APP, PAYROLL, f"r{number}") for number in range(20)))
    assert counted.count(True) == 3, "after the threshold nothing is counted, everything is refused"
    assert store.ledger()["total"] == 3


async def test_an_app_stays_at_its_threshold_although_the_window_has_passed(clock: Clock, ledgers: Ledgers) -> None:
    for number in range(3):
        await ledgers.count(APP, PAYROLL, f"r{number}")
    clock.forward(hours=1)
    assert ledgers.at_threshold(APP), "the operator may be down; only an acknowledgement ends it"


async def test_violations_outside_the_window_do_not_add_up(store: Store, clock: Clock, ledgers: Ledgers) -> None:
    for number in range(6):
        await ledgers.count(APP, PAYROLL, f"r{number}")
        clock.forward(minutes=6)
    assert not ledgers.at_threshold(APP)
    assert await ledgers.flush()
    assert store.ledger()["total"] == 6
    assert len(store.ledger()["window"]) == 2


async def test_an_acknowledgement_empties_the_window(clock: Clock, ledgers: Ledgers) -> None:
    for number in range(3):
        await ledgers.count(APP, PAYROLL, f"r{number}")
    resumed = app(countFrom=(NOON + timedelta(seconds=1)).isoformat())
    clock.forward(seconds=2)
    assert not ledgers.at_threshold(resumed)
    for number in range(2):
        assert await ledgers.count(resumed, PAYROLL, f"s{number}")
    assert not ledgers.at_threshold(resumed)
    assert await ledgers.count(resumed, PAYROLL, "s2")
    assert ledgers.at_threshold(resumed)


async def test_violations_after_an_acknowledgement_count_although_our_clock_is_behind(
    clock: Clock, ledgers: Ledgers
) -> None:
    resumed = app(countFrom=(NOON + timedelta(minutes=5)).isoformat())
    for number in range(3):
        assert await ledgers.count(resumed, PAYROLL, f"r{number}")
    assert ledgers.at_threshold(resumed)


async def test_a_restart_keeps_the_count(store: Store, clock: Clock, ledgers: Ledgers) -> None:
    for number in range(2):
        await ledgers.count(APP, PAYROLL, f"r{number}")
    successor = start(store, clock)
    assert await successor.count(APP, PAYROLL, "r2")
    assert successor.at_threshold(APP)
    assert store.ledger()["total"] == 3


async def test_a_tripped_app_is_refused_by_the_next_process_without_any_new_violation(
    store: Store, clock: Clock, ledgers: Ledgers
) -> None:
    for number in range(3):
        await ledgers.count(APP, PAYROLL, f"r{number}")
    assert start(store, clock).at_threshold(APP)


async def test_the_other_gateway_refuses_as_soon_as_its_watch_tells_it(store: Store, clock: Clock) -> None:
    one, other = start(store, clock), start(store, clock)
    for number in range(3):
        await one.count(APP, PAYROLL, f"r{number}")
    assert not other.at_threshold(APP)
    store.deliver()
    assert other.at_threshold(APP)


async def test_the_other_gateway_does_not_count_beyond_the_threshold_although_its_watch_lags(
    store: Store, clock: Clock
) -> None:
    one, other = start(store, clock), start(store, clock)
    for number in range(3):
        await one.count(APP, PAYROLL, f"r{number}")
    assert not await other.count(APP, PAYROLL, "r9"), "it lost the swap, and read that the threshold was reached"
    assert store.ledger()["total"] == 3
    assert other.at_threshold(APP)
    assert await other.flush()
    assert store.ledger()["total"] == 3


async def test_the_loser_of_a_swap_counts_on_what_the_winner_wrote(store: Store, clock: Clock) -> None:
    one, other = start(store, clock), start(store, clock)
    await one.count(APP, PAYROLL, "r1")
    clock.forward(seconds=1)
    await other.count(APP, PAYROLL, "r2")
    clock.forward(seconds=1)
    await one.count(APP, PAYROLL, "r3")
    assert [entry["requestId"] for entry in store.ledger()["window"]] == ["r1", "r2", "r3"]
    assert store.ledger()["tripped"]["count"] == 3
    assert one.at_threshold(APP)


async def test_of_a_flood_at_both_gateways_only_the_threshold_is_counted(store: Store, clock: Clock) -> None:
    both = start(store, clock), start(store, clock)
    flood = [both[number % 2].count(APP, PAYROLL, f"r{number}") for number in range(40)]
    assert (await asyncio.gather(*flood)).count(True) == 3
    assert store.ledger()["total"] == 3


async def test_an_event_that_is_older_than_what_is_known_changes_nothing(store: Store, clock: Clock) -> None:
    one, other = start(store, clock), start(store, clock)
    await one.count(APP, PAYROLL, "r1")
    await other.count(APP, PAYROLL, "r2")
    await other.count(APP, PAYROLL, "r3")
    assert other.at_threshold(APP)
    store.deliver()
    assert other.at_threshold(APP)
    assert await other.count(app(countFrom=(NOON + timedelta(minutes=1)).isoformat()), PAYROLL, "r4")
    assert store.ledger()["total"] == 4


async def test_two_that_create_the_ledger_at_once_both_count(store: Store, clock: Clock) -> None:
    one, other = start(store, clock), start(store, clock)
    assert not one.at_threshold(APP)
    assert not other.at_threshold(APP)
    await asyncio.gather(one.count(APP, PAYROLL, "r1"), other.count(APP, PAYROLL, "r2"))
    assert store.ledger()["total"] == 2


async def test_a_conflict_without_a_change_of_ours_costs_one_more_read(store: Store, ledgers: Ledgers) -> None:
    await ledgers.count(APP, PAYROLL, "r1")
    store.touch("Ledger", CHILD)
    await ledgers.count(APP, PAYROLL, "r2")
    assert await ledgers.flush()
    assert store.ledger()["total"] == 2


async def test_in_an_outage_the_count_goes_on_in_memory_and_is_written_later(
    store: Store, clock: Clock, ledgers: Ledgers
) -> None:
    await ledgers.count(APP, PAYROLL, "r1")
    store.down = True
    for number in (2, 3):
        with pytest.raises(LedgerUnavailableError):
            await ledgers.count(APP, PAYROLL, f"r{number}")
    assert ledgers.at_threshold(APP)
    assert not await ledgers.flush()
    store.down = False
    clock.forward(minutes=1)
    assert await ledgers.flush()
    assert (store.ledger()["total"], store.ledger()["tripped"]["count"]) == (3, 3)


class Away(Store):
    """An API server that lets its callers wait, and then does not answer."""

    asked = 0

    async def create(self, _: Mapping[str, Any]) -> dict[str, Any]:
        self.asked += 1
        await asyncio.sleep(0)
        raise UnavailableError(0, "NoAnswer", "connection refused")


async def test_in_an_outage_nobody_waits_for_the_attempts_of_others(clock: Clock) -> None:
    away = Away()
    ledgers = start(away, clock)
    lenient = app(violationPolicy={"threshold": 50, "window": "24h"})
    flood = [ledgers.count(lenient, PAYROLL, f"r{number}") for number in range(20)]
    failed = await asyncio.gather(*flood, return_exceptions=True)
    assert [type(one) for one in failed] == [LedgerUnavailableError] * 20
    assert away.asked == 1


async def test_a_write_whose_answer_was_lost_is_not_counted_twice(store: Store, ledgers: Ledgers) -> None:
    await ledgers.count(APP, PAYROLL, "r1")
    store.lose_answers = True
    with pytest.raises(LedgerUnavailableError):
        await ledgers.count(APP, PAYROLL, "r2")
    store.lose_answers = False
    assert await ledgers.flush()
    assert store.ledger()["total"] == 2
    assert len(store.ledger()["window"]) == 2


async def test_a_violation_that_the_watch_shows_is_not_written_again(store: Store, ledgers: Ledgers) -> None:
    store.lose_answers = True
    with pytest.raises(LedgerUnavailableError):
        await ledgers.count(APP, PAYROLL, "r1")
    store.lose_answers = False
    store.deliver()
    assert await ledgers.flush()
    assert store.writes == 1


@pytest.mark.parametrize("told", [True, False], ids=["told by the watch", "found by the swap"])
async def test_a_removed_ledger_is_written_again_with_all_that_is_known(store: Store, clock: Clock, told: bool) -> None:
    ledgers, other = start(store, clock), start(store, clock)
    await ledgers.count(APP, PAYROLL, "r1")
    store.deliver()
    store.remove()
    if told:
        store.deliver()
    await other.count(APP, PAYROLL, "r2")
    assert store.ledger()["total"] == 2


async def test_a_purged_app_starts_anew_whichever_end_is_heard_of_first(store: Store, clock: Clock) -> None:
    for record_first in (True, False):
        ledgers = start(store, clock)
        for number in range(3):
            await ledgers.count(APP, PAYROLL, f"r{number}")
        store.deliver()
        if record_first:
            ledgers.forget(CHILD)
            assert ledgers.at_threshold(APP), "its Ledger is still there"
        store.remove()
        store.deliver()
        if not record_first:
            assert ledgers.at_threshold(APP), "whoever removes a Ledger does not acquit"
            ledgers.forget(CHILD)
        assert not ledgers.at_threshold(APP)


async def test_a_ledger_that_a_new_list_lacks_was_removed(store: Store, clock: Clock, ledgers: Ledgers) -> None:
    for number in range(3):
        await ledgers.count(APP, PAYROLL, f"r{number}")
    ledgers.forget(CHILD)
    store.remove()
    store.follow(ledgers)
    assert not ledgers.at_threshold(APP)


async def test_what_other_parts_keep_in_the_ledger_stays(store: Store, clock: Clock, ledgers: Ledgers) -> None:
    await ledgers.count(APP, PAYROLL, "r1")
    record = store.objects["Ledger", NAMESPACE, CHILD]["record"]
    record["account"] = {"period": "2026-11", "spent": {"tokens": 5}}
    record["later"] = {"of": "a version that this one does not know"}
    record["violations"]["later"] = "too"
    store.touch("Ledger", CHILD)
    await ledgers.count(APP, PAYROLL, "r2")
    kept = store.objects["Ledger", NAMESPACE, CHILD]["record"]
    assert (kept["account"], kept["later"], kept["violations"]["later"]) == (record["account"], record["later"], "too")
    assert kept["violations"]["total"] == 2


async def test_an_unreadable_ledger_denies_its_own_app_only_and_is_not_overwritten(store: Store, clock: Clock) -> None:
    metadata = {"namespace": NAMESPACE, "name": CHILD}
    await store.create({"apiVersion": "genapps.dev/v1alpha1", "kind": "Ledger", "metadata": metadata, "record": 7})
    ledgers = start(store, clock)
    with pytest.raises(LedgerUnavailableError):
        ledgers.at_threshold(APP)
    with pytest.raises(LedgerUnavailableError):
        await ledgers.count(APP, PAYROLL, "r1")
    assert store.writes == 1
    assert not ledgers.at_threshold(App("another", APP.record))


async def test_a_ledger_that_becomes_unreadable_under_a_swap_is_not_overwritten(store: Store, ledgers: Ledgers) -> None:
    await ledgers.count(APP, PAYROLL, "r1")
    store.objects["Ledger", NAMESPACE, CHILD]["record"] = 7
    store.touch("Ledger", CHILD)
    with pytest.raises(LedgerUnavailableError):
        await ledgers.count(APP, PAYROLL, "r2")
    assert not await ledgers.flush()
    assert store.objects["Ledger", NAMESPACE, CHILD]["record"] == 7


async def test_memory_and_ledger_stay_bounded_under_a_slow_flood(store: Store, clock: Clock, ledgers: Ledgers) -> None:
    lenient = app(
        violationPolicy={"threshold": 50, "window": "24h"}, tier={"name": "small", "toolCallsPerAction": 1000}
    )
    await ledgers.count(lenient, PAYROLL, "r")
    store.down = True
    for _ in range(300):
        clock.forward(seconds=1)
        with suppress(LedgerUnavailableError):
            await ledgers.count(lenient, PAYROLL, "r")
    assert ledgers.at_threshold(lenient), "repeats without end count, however many calls the tier allows"
    store.down = False
    assert await ledgers.flush()
    assert len(store.ledger()["window"]) <= 100
