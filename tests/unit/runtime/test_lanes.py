# SPDX-License-Identifier: Apache-2.0
"""How computing calls share the loop, and what waits for a guest, without one."""

import time
from collections.abc import Callable
from typing import Any, cast

import pytest

from genapps_runtime.guest.instance import Guest
from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.action import Action
from genapps_runtime.serve.action_context import ActionContext
from genapps_runtime.serve.guests import Guests
from genapps_runtime.serve.lanes import Lanes, rest_seconds
from genapps_runtime.serve.messages import Exchange, Request
from genapps_runtime.serve.processor_time import ProcessorTime
from genapps_runtime.state.facet import Facet
from tests.runtime.harness import until


class FakeGuest:
    """Its calls pause until it has had `left` slices more."""

    def __init__(self, left: int, slices: list["FakeGuest"]) -> None:
        self.left = left
        self.computing = False
        self.dropped = False
        self.slices = slices

    def start(self, _message: bytes, _deadline: float, _sink: Any, _answer: Any, _readings: Any) -> bytes:
        return self.go_on()

    def go_on(self) -> bytes:
        self.slices.append(self)
        self.left -= 1
        self.computing = self.left >= 0
        return b"" if self.computing else b"turn"

    def drop(self) -> None:
        self.dropped, self.computing = True, False


class FakeGuests:
    """Those of `guests` that are free, one after the other."""

    def __init__(self, guests: list[FakeGuest]) -> None:
        self.guests = guests
        self.idle_calls = 0

    def current(self, _tenant: str) -> FakeGuest | None:
        return next((guest for guest in self.guests if not guest.computing and not guest.dropped), None)

    def drop_idle(self, in_use: Callable[[Any], bool]) -> bool:
        assert not in_use(self.guests[0])
        self.idle_calls += 1
        return self.idle_calls < 3


class World:
    """Lanes, what they said of which action, and the guests in the order of their slices."""

    def __init__(self, *left: int) -> None:
        self.slices: list[FakeGuest] = []
        self.guests = [FakeGuest(times, self.slices) for times in left]
        self.fake = FakeGuests(self.guests)
        self.waited: list[int] = []
        self.ended: list[tuple[int, object]] = []
        self.begun: list[int] = []
        self.failed: dict[int, str] = {}
        self.lanes = Lanes(cast("Guests", self.fake), 2.0, self, ProcessorTime(), 0, idle_seconds=0.001)

    def waits(self, action: Action) -> None:
        self.waited.append(action.number)

    def computed(self, action: Action, outcome: bytes | Exception) -> None:
        self.ended.append((action.number, outcome))

    def retry(self, actions: list[Action]) -> None:
        self.begun += [action.number for action in actions]

    def fail(self, action: Action, problem: ProblemError) -> None:
        self.failed[action.number] = problem.code

    def in_use(self, guest: Guest) -> bool:
        return False

    def call(self, number: int, *, seconds: float = 60, guest: FakeGuest | None = None) -> Action:
        exchange = Exchange(Request("r", "GET", "/", "", [], b""), 0.0, lambda _reply: None)
        context, facet = cast("ActionContext", _Context()), cast("Facet", _Facet())
        action = Action(number, exchange, context, facet, time.monotonic() + seconds)
        action.guest = cast("Guest | None", guest)
        assert self.lanes.call(action, b"message") in (None, b"turn")
        return action


class _Config:
    action_millis = 1


class _Facet:
    tenant = "default"
    view = None


class _Context:
    config = _Config()


@pytest.mark.parametrize(("used", "statements", "left"), [(0.0, 0.0, 0.5), (0.3, 0.199, 0.001), (0.3, 0.2, 0.0)])
def test_calls_and_statements_share_what_an_action_may_use(used: float, statements: float, left: float) -> None:
    lanes = Lanes(cast("Guests", FakeGuests([])), 2.0, World(), ProcessorTime(), 500)
    exchange = Exchange(Request("r", "GET", "/", "", [], b""), 0.0, lambda _reply: None)
    action = Action(1, exchange, cast("ActionContext", _Context()), cast("Facet", _Facet()), 60.0)
    action.meter.guest_cpu_seconds, action.meter.statement_cpu_seconds = used, statements
    assert lanes._left_of(action) == pytest.approx(left)


@pytest.mark.parametrize(("cores", "rest"), [(1.0, 0.5), (0.5, 2.0), (0.05, 29.0), (1.5, 0.0), (2.0, 0.0), (16.0, 0.0)])
def test_a_third_of_the_cores_is_left(cores: float, rest: float) -> None:
    assert rest_seconds(1.0, cores) == pytest.approx(rest)
    assert rest_seconds(0.006, cores) == pytest.approx(0.006 * rest)
    assert rest_seconds(0.0, cores) == 0


async def test_calls_that_compute_take_turns() -> None:
    world = World(3, 3)
    world.call(1)
    world.call(2)
    assert world.lanes.busy
    await until(lambda: len(world.ended) == 2)
    first, second = world.guests
    assert world.slices == [first, second] * 4
    assert world.ended == [(1, b"turn"), (2, b"turn")]
    assert world.waited == [1, 2]
    assert not world.lanes.busy


async def test_those_that_wait_go_on_in_their_order_once_a_guest_is_free() -> None:
    world = World(2, 10**9)
    world.call(1)
    world.call(2)
    for number in (3, 4, 5):
        world.call(number)
    world.call(6, guest=world.guests[1])
    world.call(7, guest=world.guests[0])
    assert world.lanes.blocked
    assert world.lanes.waiting == 5
    await until(lambda: bool(world.begun))
    assert world.begun == [3, 4, 5, 7]  # 6 waits for its own
    assert not world.lanes.blocked
    assert world.lanes.waiting == 1
    world.guests[1].left = 0
    await until(lambda: len(world.ended) == 2)
    assert world.begun == [3, 4, 5, 7, 6]


async def test_one_whose_time_is_over_or_whose_caller_has_gone_waits_no_longer() -> None:
    world = World(10**9)
    world.call(1)
    world.call(2, seconds=0)
    world.call(3, seconds=0, guest=world.guests[0])
    world.call(4).exchange.gone = True
    world.call(5)
    await until(lambda: len(world.failed) == 3)
    assert world.failed == {2: "Busy", 3: "ActionTimeout", 4: "CallerGone"}
    assert world.lanes.waiting == 1
    world.lanes.close()
    assert world.failed == {2: "Busy", 3: "ActionTimeout", 4: "CallerGone", 1: "AppRestarted", 5: "AppRestarted"}


async def test_a_call_that_does_not_matter_any_more_ends_with_its_guest() -> None:
    world = World(10**9, 10**9)
    forgotten = world.call(1)
    world.call(2)
    waits, late = world.call(3), world.call(4, guest=world.guests[0])
    assert [world.lanes.has(action) for action in (forgotten, waits, late)] == [True, True, True]
    world.lanes.forget(forgotten)
    world.lanes.forget(waits)
    assert [world.lanes.has(action) for action in (forgotten, waits, late)] == [False, False, True]
    await until(lambda: bool(world.begun))
    assert world.begun == [4]
    assert [guest.dropped for guest in world.guests] == [True, False]
    assert world.ended == []
    world.lanes.close()
    assert world.failed == {2: "AppRestarted"}


async def test_a_guest_that_was_dropped_meanwhile_ends_its_call() -> None:
    world = World(10**9)
    world.call(1)
    world.guests[0].drop()
    await until(lambda: bool(world.ended))
    ((number, outcome),) = world.ended
    assert (number, getattr(outcome, "code", "")) == (1, "AppRestarted")


async def test_guests_are_looked_at_for_as_long_as_some_are_idle() -> None:
    world = World(1)
    world.call(1)
    await until(lambda: world.fake.idle_calls == 3)
    assert world.lanes._idle is None
    world.guests[0].left = 1
    world.call(2)
    await until(lambda: world.fake.idle_calls == 4)
    world.lanes.close()
