# SPDX-License-Identifier: Apache-2.0
"""The work queue, on a clock that the test moves."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from genapps.controller.process.metrics import queue_metrics
from genapps.controller.reconcile.queue import WorkQueue
from tests.unit.controller.world import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> WorkQueue[str]:
    return WorkQueue(clock, queue_metrics(CollectorRegistry()), jitter=lambda: 1.0)


async def take(queue: WorkQueue[str]) -> list[str]:
    """Everything in line, each key worked on without failure."""
    keys = []
    while len(queue):
        keys.append(await queue.get())
        queue.done(keys[-1], failed=False)
    return keys


async def test_a_key_added_three_times_is_worked_on_once(queue: WorkQueue[str]) -> None:
    for key in ("a", "b", "a", "a"):
        queue.add(key)
    assert await take(queue) == ["a", "b"]


async def test_a_key_added_during_its_work_is_worked_on_once_more(queue: WorkQueue[str]) -> None:
    queue.add("a")
    key = await queue.get()
    queue.add("a")
    queue.add("a")
    assert len(queue) == 0
    queue.done(key, failed=False)
    assert await take(queue) == ["a"]


async def test_what_came_before_the_work_reads_anew_does_not_bring_the_key_back(queue: WorkQueue[str]) -> None:
    queue.add("a")
    await queue.get()
    queue.add("a")
    queue.seen("a")
    queue.done("a", failed=False)
    assert await take(queue) == []


async def test_what_comes_after_the_work_has_read_brings_the_key_back(queue: WorkQueue[str]) -> None:
    queue.add("a")
    await queue.get()
    queue.seen("a")
    queue.add("a")
    queue.done("a", failed=False)
    assert await take(queue) == ["a"]


async def test_an_urgent_key_goes_to_the_front_also_when_it_waits_already(queue: WorkQueue[str]) -> None:
    for key in ("a", "b", "c"):
        queue.add(key)
    queue.add("c", first=True)
    queue.add("d", first=True)
    assert await take(queue) == ["d", "c", "a", "b"]


async def test_the_queue_says_whether_urgent_keys_wait_until_the_last_of_them_is_taken(queue: WorkQueue[str]) -> None:
    queue.add("a")
    assert not queue.urgent()
    queue.add("a", first=True)
    queue.add("b", first=True)
    await queue.get()
    assert queue.urgent()
    await queue.get()
    assert not queue.urgent()


async def test_an_urgent_add_during_the_work_stays_urgent_afterwards(queue: WorkQueue[str]) -> None:
    queue.add("a")
    await queue.get()
    queue.add("a", first=True)
    queue.add("b")
    queue.done("a", failed=False)
    assert await take(queue) == ["a", "b"]


async def test_a_failed_key_comes_back_later_each_time(queue: WorkQueue[str], clock: Clock) -> None:
    delays = []
    queue.add("a")
    for _ in range(4):
        await queue.get()
        queue.done("a", failed=True)
        assert len(queue) == 0
        delays.append(clock.orders[0].due - clock.now)
        clock.move_to(clock.orders[0].due)
    assert delays == [0.25, 0.5, 1.0, 2.0]


async def test_the_delay_of_a_failing_key_has_a_ceiling(queue: WorkQueue[str], clock: Clock) -> None:
    queue.add("a")
    for _ in range(40):
        await queue.get()
        queue.done("a", failed=True)
        clock.move_to(clock.orders[0].due)
    await queue.get()
    queue.done("a", failed=True)
    assert clock.orders[0].due - clock.now == 60.0


async def test_a_success_forgets_earlier_failures(queue: WorkQueue[str], clock: Clock) -> None:
    queue.add("a")
    for failed in (True, True, True, False, True):
        await queue.get()
        queue.done("a", failed=failed)
        if failed:
            clock.move_to(clock.orders[0].due)
        else:
            queue.add("a")
    assert clock.now == pytest.approx(0.25 + 0.5 + 1.0 + 0.25)


async def test_a_failing_key_does_not_hold_up_the_others(queue: WorkQueue[str], clock: Clock) -> None:
    queue.add("poison")
    queue.add("fine")
    await queue.get()
    queue.done("poison", failed=True)
    assert await take(queue) == ["fine"]
    clock.move_to(0.25)
    assert await take(queue) == ["poison"]


async def test_an_event_for_a_key_in_back_off_is_worked_on_at_once(queue: WorkQueue[str]) -> None:
    queue.add("a")
    await queue.get()
    queue.done("a", failed=True)
    queue.add("a")
    assert await take(queue) == ["a"]


async def test_the_earliest_of_several_delays_counts(queue: WorkQueue[str], clock: Clock) -> None:
    queue.add_after("a", 5)
    queue.add_after("a", 2)
    queue.add_after("a", 9)
    clock.move_to(1.9)
    assert await take(queue) == []
    clock.move_to(2.0)
    assert await take(queue) == ["a"]
    clock.move_to(20.0)
    assert await take(queue) == []


async def test_two_workers_never_hold_the_same_key(queue: WorkQueue[str]) -> None:
    queue.add("a")
    first = await queue.get()
    queue.add("a")
    second = asyncio.ensure_future(queue.get())
    queue.add("b")
    assert (first, await second) == ("a", "b")


async def test_a_waiting_worker_wakes_up_for_a_new_key(queue: WorkQueue[str]) -> None:
    waiting = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.add("a")
    assert await waiting == "a"


async def test_idle_means_neither_in_line_nor_at_work(queue: WorkQueue[str]) -> None:
    assert queue.idle()
    queue.add("a")
    assert not queue.idle()
    await queue.get()
    assert not queue.idle()
    queue.done("a", failed=False)
    assert queue.idle()


async def test_a_closed_queue_gives_out_nothing_and_is_drained_when_work_has_ended(queue: WorkQueue[str]) -> None:
    queue.add("a")
    queue.add("b")
    key = await queue.get()
    queue.close()
    waiting = asyncio.create_task(queue.get())
    drained = asyncio.create_task(queue.drained())
    await asyncio.sleep(0)
    assert not drained.done()
    queue.done(key, failed=False)
    await drained
    assert not waiting.done()
    waiting.cancel()


async def test_work_that_does_not_end_is_seen_in_the_metrics(clock: Clock) -> None:
    registry = CollectorRegistry()
    queue: WorkQueue[str] = WorkQueue(clock, queue_metrics(registry))
    for key in ("a", "b"):
        queue.add(key)
        await queue.get()
        clock.now += 10

    def value(name: str) -> float | None:
        return registry.get_sample_value(name, {"name": "genapps", "controller": "genapps"})

    assert value("workqueue_unfinished_work_seconds") == 30
    assert value("workqueue_longest_running_processor_seconds") == 20
