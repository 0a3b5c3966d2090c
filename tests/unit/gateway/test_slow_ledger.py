# SPDX-License-Identifier: Apache-2.0
"""Defects and limits: counted in distinct actions, written seldom, and the threshold at once."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from genapps.api.ledger import Ledger
from genapps.core import slow_counts as rules
from genapps.gateway.callers.records import App
from genapps.gateway.ledgers.sinks import Sinks
from genapps.gateway.ledgers.slow_account import DAMPING_SECONDS, LIMITS_SECONDS, MOST_IDS
from genapps.gateway.ledgers.slow_ledger import MOST_IN_A_ROUND, REMEMBERED_SECONDS, SlowLedgers
from genapps.gateway.messages import Fault, ToolCall
from genapps.gateway.metrics import Metrics
from genapps.gateway.problems import Code, Problem
from tests.unit.gateway.world import CHILD, NAMESPACE, NOON, Clock, Store, app

POLICY = {"threshold": 3, "window": "10m", "slowThreshold": 5, "slowWindow": "1h"}
APP = app(violationPolicy=POLICY)  # 2 tool calls per action
LENIENT = app(violationPolicy={**POLICY, "slowThreshold": 10_000})
CALL = ToolCall(requestId="r1", step=0, connector="mail", tool="send", arguments={})
TOO_MANY = Problem(Code.TOO_MANY_CALLS, "Too many.")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def start(store: Store, clock: Clock) -> SlowLedgers:
    """A gateway whose watch has begun; it hears of changes by `store.deliver`."""
    ledgers = SlowLedgers(store, NAMESPACE, Metrics(), clock, monotonic=lambda: clock.now.timestamp())
    store.follow(ledgers)
    return ledgers


@pytest.fixture
def ledgers(store: Store, clock: Clock) -> SlowLedgers:
    return start(store, clock)


async def defect(ledgers: SlowLedgers, *ids: str, of: App = APP) -> None:
    for request_id in ids:
        await ledgers.defect(of, Code.ARGUMENTS_INVALID, "mail/send", request_id)


def names(count: int, prefix: str = "r") -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


def stored(store: Store, kind: str = "defects", child: str = CHILD) -> Any:
    return store.objects["Ledger", NAMESPACE, child]["record"].get(kind)


async def test_defects_below_the_threshold_wait_for_a_write_that_they_share(store: Store, ledgers: SlowLedgers) -> None:
    await defect(ledgers, *names(4))
    assert store.writes == 0
    await ledgers.write()
    noon = "2026-11-23T12:00:00.000000Z"
    latest = {"at": noon, "code": "ArgumentsInvalid", "subject": "mail/send", "requestId": "r3"}
    span = {"since": noon, "until": noon, "count": 4}
    assert stored(store) == {"total": 4, "spans": [span], "latest": latest}
    assert store.writes == 1


async def test_the_defect_that_reaches_the_threshold_is_durable_before_its_answer(
    store: Store, ledgers: SlowLedgers
) -> None:
    await defect(ledgers, *names(4))
    assert not ledgers.at_threshold(APP)
    await defect(ledgers, "r4")
    assert stored(store)["tripped"] == {"at": "2026-11-23T12:00:00.000000Z", "count": 5}
    assert ledgers.at_threshold(APP)
    await defect(ledgers, *names(50, "s"))
    await ledgers.write()
    assert (store.writes, stored(store)["total"]) == (1, 5), "after the threshold nothing is counted"


async def test_one_action_counts_once_and_again_beyond_its_calls(ledgers: SlowLedgers) -> None:
    await defect(ledgers, *["r1"] * 5)
    assert not ledgers.at_threshold(APP)
    await defect(ledgers, "r1")
    assert ledgers.at_threshold(APP), "1 and 4 beyond the 2 calls of the tier"


async def test_whoever_makes_up_ids_so_that_they_are_forgotten_only_counts_more(ledgers: SlowLedgers) -> None:
    strict = app(violationPolicy={**POLICY, "slowThreshold": MOST_IDS + 2})
    await defect(ledgers, *names(MOST_IDS), of=strict)
    await defect(ledgers, f"r{MOST_IDS - 1}", of=strict)
    assert not ledgers.at_threshold(strict), "an id that is remembered counts once"
    await defect(ledgers, "another", of=strict)
    assert not ledgers.at_threshold(strict)
    await defect(ledgers, "r0", of=strict)
    assert ledgers.at_threshold(strict), "one that is not, again"


async def test_a_thousand_defects_in_a_second_of_one_app_are_one_write(
    store: Store, clock: Clock, ledgers: SlowLedgers
) -> None:
    await asyncio.gather(*(defect(ledgers, request_id, of=LENIENT) for request_id in names(1000)))
    for _ in range(9):
        await ledgers.write()
        clock.forward(seconds=1)
        await defect(ledgers, *names(10, f"{clock.now.second}-"), of=LENIENT)
    assert store.writes == 1
    clock.forward(seconds=1)
    await ledgers.write()
    assert (store.writes, stored(store)["total"]) == (2, 1090)


async def test_a_storm_that_reaches_the_threshold_is_one_write(store: Store, ledgers: SlowLedgers) -> None:
    await asyncio.gather(*(defect(ledgers, request_id) for request_id in names(1000)))
    await ledgers.write()
    assert (store.writes, stored(store)["total"]) == (1, 5)


async def test_a_storm_of_five_hundred_apps_is_written_twenty_a_second(
    store: Store, clock: Clock, ledgers: SlowLedgers
) -> None:
    apps = [App(f"app-{number:03}", LENIENT.record) for number in range(500)]
    for second in range(3):
        for one in apps:
            await defect(ledgers, f"a{second}", f"b{second}", of=one)
        await ledgers.write()
        clock.forward(seconds=1)
    assert store.writes == 3 * MOST_IN_A_ROUND
    for _ in range(500 // MOST_IN_A_ROUND - 3):
        await ledgers.write()
        clock.forward(seconds=1)
    written = [stored(store, child=one.child)["total"] for one in apps]
    assert min(written) >= 2, "each has had its turn, before any of them had a third one"


async def test_limits_are_shown_and_never_suspend(store: Store, clock: Clock, ledgers: SlowLedgers) -> None:
    for _ in range(1000):
        await ledgers.note(APP, TOO_MANY, CALL)
    await ledgers.write()
    assert stored(store, "limitsMet")["total"] == 1000
    assert not ledgers.at_threshold(APP)
    await ledgers.note(APP, TOO_MANY, CALL)
    clock.forward(seconds=LIMITS_SECONDS - 1)
    await ledgers.write()
    assert store.writes == 1
    await defect(ledgers, "r1")
    await ledgers.write()
    assert store.writes == 2, "a defect waits no longer because of a limit"
    assert stored(store, "limitsMet")["total"] == 1001


async def test_what_a_connector_or_the_platform_does_wrong_counts_nothing(store: Store, ledgers: SlowLedgers) -> None:
    own = {Code.ARGUMENTS_INVALID, Code.REQUEST_INVALID, Code.TOO_MANY_CALLS, Code.TOO_MANY_REPORTS}
    for code in set(Code) - own:
        await ledgers.note(APP, Problem(code, ""), CALL)
    await ledgers.write()
    await ledgers.note(APP, Problem(Code.REQUEST_INVALID, ""), Fault("", "r1", by_app=False))
    await ledgers.write()
    assert store.objects == {}, "the runtime's part of a body is not the app's"


async def test_a_gateway_that_is_started_again_goes_on_counting(
    store: Store, clock: Clock, ledgers: SlowLedgers
) -> None:
    await defect(ledgers, *names(4))
    await ledgers.stop()
    successor = start(store, clock)
    assert not successor.at_threshold(APP)
    await defect(successor, "s1")
    assert successor.at_threshold(APP)
    assert start(store, clock).at_threshold(APP), "and the next one knows without any new defect"


async def test_after_a_restart_of_everything_gateway_and_operator_still_know(
    store: Store, clock: Clock, ledgers: SlowLedgers
) -> None:
    await defect(ledgers, *names(5))
    clock.forward(days=30)
    assert start(store, clock).at_threshold(APP)
    known = Ledger.model_validate(store.objects["Ledger", NAMESPACE, CHILD]).record.defects
    assert rules.reached(known, APP.record.violation_policy, None, clock.now), "what the operator suspends by"


async def test_one_watch_tells_all_that_read_ledgers(store: Store, clock: Clock, ledgers: SlowLedgers) -> None:
    others = [SlowLedgers(store, NAMESPACE, Metrics(), clock) for _ in range(2)]
    both = Sinks(*others)
    await defect(ledgers, *names(5))
    ledger = store.objects["Ledger", NAMESPACE, CHILD]
    both.changed(ledger)
    assert all(other.at_threshold(APP) for other in others)
    both.deleted(ledger)
    assert not any(other.at_threshold(APP) for other in others)
    both.listed([ledger], "200")
    assert all(other.at_threshold(APP) for other in others)
    both.listed([], "201")
    assert not any(other.at_threshold(APP) for other in others)


async def test_two_gateways_add_up(store: Store, clock: Clock) -> None:
    first, second = start(store, clock), start(store, clock)
    await defect(first, *names(3))
    await defect(second, *names(2, "s"))
    await first.write()
    await second.write()
    store.deliver()
    assert first.at_threshold(APP)
    assert second.at_threshold(APP)
    assert (stored(store)["total"], store.writes) == (5, 2)


async def test_of_two_that_write_at_once_neither_loses_anything(store: Store, clock: Clock) -> None:
    gateways = [start(store, clock) for _ in range(2)]
    for number, gateway in enumerate(gateways):
        await defect(gateway, *names(20, f"g{number}-"), of=LENIENT)
    await asyncio.gather(*(gateway.write() for gateway in gateways))
    assert stored(store)["total"] == 40


async def test_in_an_outage_the_threshold_holds_and_is_written_later(
    store: Store, clock: Clock, ledgers: SlowLedgers
) -> None:
    store.down = True
    await defect(ledgers, *names(5))
    assert ledgers.at_threshold(APP)
    store.down = False
    clock.forward(seconds=DAMPING_SECONDS)
    await ledgers.write()
    assert stored(store)["tripped"]["count"] == 5


async def test_an_outage_ends_the_round(store: Store, clock: Clock) -> None:
    metrics = Metrics()
    ledgers = SlowLedgers(store, NAMESPACE, metrics, clock, monotonic=lambda: clock.now.timestamp())
    for number in range(3):
        await defect(ledgers, "r1", of=App(f"app-{number}", APP.record))
    store.down = True
    await ledgers.write()
    assert metrics.ledger_writes.labels("failed")._value.get() == 1


async def test_a_write_whose_answer_is_lost_counts_twice_and_never_less(
    store: Store, clock: Clock, ledgers: SlowLedgers
) -> None:
    store.lose_answers = True
    await defect(ledgers, "r1", of=LENIENT)
    await ledgers.write()
    store.lose_answers = False
    clock.forward(seconds=DAMPING_SECONDS)
    await ledgers.write()
    assert stored(store)["total"] == 2


async def test_an_acknowledgement_empties_the_window(store: Store, clock: Clock, ledgers: SlowLedgers) -> None:
    await defect(ledgers, *names(5))
    resumed = app(violationPolicy=POLICY, countFrom=(NOON + timedelta(seconds=1)).isoformat())
    clock.forward(seconds=2)
    assert not ledgers.at_threshold(resumed)
    await defect(ledgers, *names(4, "s"), of=resumed)
    assert not ledgers.at_threshold(resumed)
    await defect(ledgers, "s4", of=resumed)
    assert ledgers.at_threshold(resumed)
    assert stored(store)["tripped"]["count"] == 5


@pytest.mark.parametrize("ahead", [timedelta(days=1), timedelta(days=-1)])
async def test_a_gateway_whose_clock_is_a_day_off_hides_nothing(store: Store, clock: Clock, ahead: timedelta) -> None:
    right, wrong = start(store, clock), start(store, Clock(NOON + ahead))
    await defect(right, *names(3))
    await right.write()
    store.deliver()
    await defect(wrong, *names(2, "w"))
    await wrong.stop()
    store.deliver()
    assert stored(store)["total"] == 5
    assert right.at_threshold(APP) or ahead < timedelta(), "what comes from the future counts"
    assert {span["count"] for span in stored(store)["spans"]} == {2, 3}, "and takes nothing away"


async def test_defects_after_an_acknowledgement_count_although_our_clock_is_behind(
    store: Store, ledgers: SlowLedgers
) -> None:
    resumed = app(violationPolicy=POLICY, countFrom=(NOON + timedelta(days=1)).isoformat())
    await defect(ledgers, *names(5), of=resumed)
    assert ledgers.at_threshold(resumed)


async def test_a_purged_app_gets_no_ledger_and_its_successor_begins_anew(
    store: Store, clock: Clock, ledgers: SlowLedgers
) -> None:
    await defect(ledgers, *names(5))
    store.deliver()
    await defect(ledgers, "late")
    gone = store.objects.pop(("Ledger", NAMESPACE, CHILD))
    ledgers.deleted(gone)
    ledgers.forget(CHILD)
    clock.forward(seconds=DAMPING_SECONDS)
    await ledgers.write()
    assert store.objects == {}
    assert not ledgers.at_threshold(APP)


async def test_a_late_event_of_the_watch_takes_nothing_back(store: Store, clock: Clock, ledgers: SlowLedgers) -> None:
    await defect(ledgers, *names(2))
    await ledgers.write()
    clock.forward(seconds=DAMPING_SECONDS)
    await defect(ledgers, *names(3, "s"))
    assert ledgers.at_threshold(APP)
    store.deliver()
    assert ledgers.at_threshold(APP), "the first event told of two"


async def test_what_others_keep_in_the_ledger_stays(store: Store, clock: Clock, ledgers: SlowLedgers) -> None:
    await defect(ledgers, "r1")
    await ledgers.write()
    store.objects["Ledger", NAMESPACE, CHILD]["record"]["newer"] = "kept"
    clock.forward(seconds=DAMPING_SECONDS)
    await defect(ledgers, "r2")
    await ledgers.write()
    assert store.objects["Ledger", NAMESPACE, CHILD]["record"]["newer"] == "kept"
    assert stored(store)["total"] == 2


async def test_an_unreadable_ledger_keeps_nobody_else_from_being_written(
    store: Store, clock: Clock, ledgers: SlowLedgers
) -> None:
    await defect(ledgers, "r1")
    await ledgers.write()
    store.objects["Ledger", NAMESPACE, CHILD]["record"] = {"app": 7}
    clock.forward(seconds=DAMPING_SECONDS)
    await defect(ledgers, "r2")
    await defect(ledgers, "r1", of=App("another", APP.record))
    await ledgers.write()
    assert stored(store, child="another")["total"] == 1


async def test_who_was_quiet_is_not_remembered(clock: Clock, ledgers: SlowLedgers) -> None:
    await defect(ledgers, "r1")
    await ledgers.write()
    clock.forward(seconds=REMEMBERED_SECONDS + 1)
    await ledgers.write()
    assert not ledgers._accounts
