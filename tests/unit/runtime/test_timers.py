# SPDX-License-Identifier: Apache-2.0
"""Timers of requests that wait: what fires, and what is kept of those that are cancelled."""

import asyncio
import gc
import time
import weakref
from functools import partial

import pytest

from genapps_runtime.serve.timers import FEW, Timers
from tests.runtime.harness import until


class _Thing:
    """What a timer holds."""


async def test_timers_fire_in_the_order_of_their_times_and_not_before() -> None:
    timers, begun = Timers(), time.monotonic()
    fired: list[tuple[int, float]] = []
    for millis in (20, 1, 10, 1):
        timers.call_at(begun + millis / 1000, lambda millis: fired.append((millis, time.monotonic())), millis)
    await until(lambda: len(fired) == 4)
    assert [millis for millis, _ in fired] == [1, 1, 10, 20]
    assert all(at >= begun + millis / 1000 for millis, at in fired)
    assert len(timers) == 0


async def test_a_cancelled_timer_does_not_fire_also_by_one_of_the_same_moment() -> None:
    timers, now = Timers(), time.monotonic()
    fired: list[str] = []
    other = timers.call_at(now + 0.002, fired.append, "other")
    timers.call_at(now + 0.001, other.cancel)
    timers.call_at(now, fired.append, "past")
    timers.call_at(now + 0.003, fired.append, "last")
    await until(lambda: "last" in fired)
    assert fired == ["past", "last"]
    other.cancel()  # again: nothing


async def test_one_that_fails_is_told_and_keeps_no_other_from_its_time() -> None:
    told: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context["exception"]))
    timers, now = Timers(), time.monotonic()
    fired: list[int] = []
    timers.call_at(now, partial(int, "x"))
    timers.call_at(now, fired.append, 1)
    await until(lambda: bool(fired))
    assert [type(error) for error in told] == [ValueError]


async def test_what_a_timer_begins_at_once_waits_for_other_events() -> None:
    timers = Timers()
    order: list[str] = []

    def again() -> None:
        asyncio.get_running_loop().call_soon(order.append, "event")
        timers.call_at(time.monotonic() + 0.0001, order.append, "next")

    timers.call_at(time.monotonic(), again)
    await until(lambda: len(order) == 2)
    assert order == ["event", "next"]


@pytest.mark.parametrize("kept", [0, 10, 1000])
async def test_cancelled_ones_are_never_more_than_few_or_than_the_others(kept: int) -> None:
    timers, far = Timers(), time.monotonic() + 3600
    open_ones = [timers.call_at(far, print) for _ in range(kept)]
    for _ in range(5000):
        timers.call_at(far, print).cancel()
        assert len(timers) <= kept + max(FEW, kept) + 1
    for one in open_ones:
        one.cancel()
    assert len(timers) <= FEW


async def test_a_cancelled_timer_holds_nothing() -> None:
    timers, thing = Timers(), _Thing()
    seen = weakref.ref(thing)
    timer = timers.call_at(time.monotonic() + 3600, print, thing)
    del thing
    gc.collect()
    assert seen() is not None
    timer.cancel()
    assert seen() is None


async def test_an_earlier_timer_is_not_kept_by_a_later_one() -> None:
    timers = Timers()
    fired: list[str] = []
    timers.call_at(time.monotonic() + 3600, fired.append, "late")
    timers.call_at(time.monotonic() + 0.001, fired.append, "early")
    await until(lambda: fired == ["early"])


async def test_cancelled_ones_wake_nobody_one_by_one() -> None:
    timers, fired, now = Timers(), list[str](), time.monotonic()
    for seconds in range(1, FEW):
        timers.call_at(now + 3600 + seconds, print).cancel()
    timers.call_at(now + 0.001, fired.append, "last")
    await until(lambda: fired == ["last"])
    assert len(timers) == 0
