# SPDX-License-Identifier: Apache-2.0
"""Counting that survives conflicts, outages and restarts."""

import asyncio
from datetime import timedelta

import pytest

from genapps.api.ledger import ViolationRule
from genapps.gateway.decision import Violation
from genapps.gateway.ledger import Ledgers, LedgerUnavailableError
from genapps.gateway.metrics import Metrics
from tests.unit.gateway.world import CHILD, NAMESPACE, NOON, Clock, Store, app

PAYROLL = Violation(ViolationRule.CONNECTOR_NOT_IN_ENVELOPE, "payroll")
APP = app()  # threshold 3 in 10 minutes, 2 tool calls per action


@pytest.fixture
def clock() -> Clock:
    return Clock()


def start(store: Store, clock: Clock) -> Ledgers:
    return Ledgers(store, NAMESPACE, Metrics(), clock)


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


async def test_the_one_between_waits_for_the_flush_and_the_one_that_trips_does_not(
    store: Store, clock: Clock, ledgers: Ledgers
) -> None:
    for number in (1, 2):
        await ledgers.count(APP, PAYROLL, f"r{number}")
    assert store.ledger()["total"] == 1
    assert await ledgers.flush()
    assert store.ledger()["total"] == 2
    clock.forward(seconds=1)
    await ledgers.count(APP, PAYROLL, "r3")
    assert store.ledger()["tripped"] == {"at": "2026-11-23T12:00:01.000000Z", "count": 3}
    assert await ledgers.at_threshold(APP)


async def test_nothing_is_written_when_nothing_is_pending(store: Store, ledgers: Ledgers) -> None:
    await ledgers.count(APP, PAYROLL, "r1")
    assert await ledgers.flush()
    assert await ledgers.flush()
    assert store.writes == 1


async def test_repeats_under_one_id_count_only_beyond_the_fan_out(ledgers: Ledgers) -> None:
    for _ in range(3):
        await ledgers.count(APP, PAYROLL, "r1")
    assert not await ledgers.at_threshold(APP)
    await ledgers.count(APP, PAYROLL, "r1")
    assert await ledgers.at_threshold(APP)


async def test_concurrent_violations_are_counted_one_after_the_other(store: Store, ledgers: Ledgers) -> None:
    counted = await asyncio.gather(*(ledgers.count(APP, PAYROLL, f"r{number}") for number in range(20)))
    assert counted.count(True) == 3, "after the threshold nothing is counted, everything is refused"
    assert store.ledger()["total"] == 3


async def test_an_app_stays_at_its_threshold_although_the_window_has_passed(clock: Clock, ledgers: Ledgers) -> None:
    for number in range(3):
        await ledgers.count(APP, PAYROLL, f"r{number}")
    clock.forward(hours=1)
    assert await ledgers.at_threshold(APP), "the operator may be down; only an acknowledgement ends it"


async def test_violations_outside_the_window_do_not_add_up(store: Store, clock: Clock, ledgers: Ledgers) -> None:
    for number in range(6):
        await ledgers.count(APP, PAYROLL, f"r{number}")
        clock.forward(minutes=6)
    assert not await ledgers.at_threshold(APP)
    assert await ledgers.flush()
    assert store.ledger()["total"] == 6
    assert len(store.ledger()["window"]) == 2


async def test_an_acknowledgement_empties_the_window(clock: Clock, ledgers: Ledgers) -> None:
    for number in range(3):
        await ledgers.count(APP, PAYROLL, f"r{number}")
    resumed = app(countFrom=(NOON + timedelta(seconds=1)).isoformat())
    clock.forward(seconds=2)
    assert not await ledgers.at_threshold(resumed)
    for number in range(2):
        assert await ledgers.count(resumed, PAYROLL, f"s{number}")
    assert not await ledgers.at_threshold(resumed)
    assert await ledgers.count(resumed, PAYROLL, "s2")
    assert await ledgers.at_threshold(resumed)


async def test_violations_after_an_acknowledgement_count_although_our_clock_is_behind(
    clock: Clock, ledgers: Ledgers
) -> None:
    resumed = app(countFrom=(NOON + timedelta(minutes=5)).isoformat())
    for number in range(3):
        assert await ledgers.count(resumed, PAYROLL, f"r{number}")
    assert await ledgers.at_threshold(resumed)


async def test_a_restart_keeps_the_count(store: Store, clock: Clock, ledgers: Ledgers) -> None:
    for number in range(2):
        await ledgers.count(APP, PAYROLL, f"r{number}")
    await ledgers.stop()
    successor = start(store, clock)
    await successor.load()
    assert await successor.count(APP, PAYROLL, "r2")
    assert await successor.at_threshold(APP)
    assert store.ledger()["total"] == 3


async def test_a_tripped_app_is_refused_by_the_next_process_without_any_new_violation(
    store: Store, clock: Clock, ledgers: Ledgers
) -> None:
    for number in range(3):
        await ledgers.count(APP, PAYROLL, f"r{number}")
    assert await start(store, clock).at_threshold(APP), "also when the ledger was not read at the start"


async def test_another_writers_violations_are_merged_and_not_overwritten(store: Store, clock: Clock) -> None:
    old, new = start(store, clock), start(store, clock)
    await old.count(APP, PAYROLL, "r1")
    await new.load()
    clock.forward(seconds=1)
    await old.count(APP, PAYROLL, "r2")
    await new.count(APP, PAYROLL, "r3")
    assert await old.flush()
    assert await new.flush()
    assert [entry["requestId"] for entry in store.ledger()["window"]] == ["r1", "r2", "r3"]
    assert store.ledger()["total"] == 3
    assert "tripped" in store.ledger()


async def test_two_that_create_the_ledger_at_once_both_count(store: Store, clock: Clock) -> None:
    one, other = start(store, clock), start(store, clock)
    assert not await one.at_threshold(APP)
    assert not await other.at_threshold(APP)
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
    await ledgers.count(APP, PAYROLL, "r2")
    with pytest.raises(LedgerUnavailableError):
        await ledgers.count(APP, PAYROLL, "r3")
    assert await ledgers.at_threshold(APP)
    assert not await ledgers.flush()
    store.down = False
    clock.forward(minutes=1)
    assert await ledgers.flush()
    assert (store.ledger()["total"], store.ledger()["tripped"]["count"]) == (3, 3)


async def test_a_violation_during_an_outage_at_the_start_is_not_lost(store: Store, clock: Clock) -> None:
    before = start(store, clock)
    for number in range(2):
        await before.count(APP, PAYROLL, f"r{number}")
    await before.stop()
    ledgers = start(store, clock)
    store.down = True
    with pytest.raises(LedgerUnavailableError):
        await ledgers.at_threshold(APP)
    with pytest.raises(LedgerUnavailableError):
        await ledgers.count(APP, PAYROLL, "r2")
    store.down = False
    assert await ledgers.flush()
    assert store.ledger()["total"] == 3
    assert await ledgers.at_threshold(APP)


async def test_a_write_whose_answer_was_lost_is_not_counted_twice(store: Store, ledgers: Ledgers) -> None:
    await ledgers.count(APP, PAYROLL, "r1")
    await ledgers.count(APP, PAYROLL, "r2")
    store.lose_answers = True
    assert not await ledgers.flush()
    store.lose_answers = False
    assert await ledgers.flush()
    assert store.ledger()["total"] == 2
    assert len(store.ledger()["window"]) == 2


async def test_a_removed_ledger_is_written_again_with_all_that_is_known(store: Store, ledgers: Ledgers) -> None:
    await ledgers.count(APP, PAYROLL, "r1")
    store.objects.clear()
    await ledgers.count(APP, PAYROLL, "r2")
    assert await ledgers.flush()
    assert store.ledger()["total"] == 2


async def test_a_purged_app_starts_anew(store: Store, ledgers: Ledgers) -> None:
    for number in range(3):
        await ledgers.count(APP, PAYROLL, f"r{number}")
    store.objects.clear()
    ledgers.forget(CHILD)
    assert not await ledgers.at_threshold(APP)


async def test_what_other_parts_keep_in_the_ledger_stays(store: Store, clock: Clock, ledgers: Ledgers) -> None:
    await ledgers.count(APP, PAYROLL, "r1")
    usage = {"period": "2026-11", "tokens": 5, "toolCalls": 1, "cpuSeconds": 0, "costUSD": "0.01"}
    store.objects["Ledger", NAMESPACE, CHILD]["record"]["usage"] = usage
    successor = start(store, clock)
    await successor.load()
    await successor.count(APP, PAYROLL, "r2")
    assert await successor.flush()
    assert store.objects["Ledger", NAMESPACE, CHILD]["record"]["usage"] == usage


async def test_an_unreadable_ledger_denies_its_own_app_only(store: Store, clock: Clock) -> None:
    metadata = {"namespace": NAMESPACE, "name": CHILD}
    await store.create({"apiVersion": "genapps.dev/v1alpha1", "kind": "Ledger", "metadata": metadata, "record": 7})
    ledgers = start(store, clock)
    await ledgers.load()
    with pytest.raises(LedgerUnavailableError):
        await ledgers.at_threshold(APP)


async def test_memory_and_ledger_stay_bounded_under_a_slow_flood(store: Store, clock: Clock, ledgers: Ledgers) -> None:
    lenient = app(
        violationPolicy={"threshold": 50, "window": "24h"}, tier={"name": "small", "toolCallsPerAction": 1000}
    )
    await ledgers.count(lenient, PAYROLL, "r")
    store.down = True
    for _ in range(300):
        clock.forward(seconds=1)
        try:
            await ledgers.count(lenient, PAYROLL, "r")
        except LedgerUnavailableError:
            break
    assert await ledgers.at_threshold(lenient), "repeats without end count, however many calls the tier allows"
    store.down = False
    assert await ledgers.flush()
    assert len(store.ledger()["window"]) <= 100
