# SPDX-License-Identifier: Apache-2.0
"""Actions that wait: what lets them go on, and what ends them. Without a guest."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from genapps_runtime.guest.instance import Guest, GuestGoneError
from genapps_runtime.guest.turns import Call
from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.action import Action
from genapps_runtime.serve.action_context import ActionContext
from genapps_runtime.serve.messages import Exchange, Request
from genapps_runtime.serve.statements import Statement
from genapps_runtime.serve.waiting import PENDING, Waiting
from genapps_runtime.state.facet import Facet
from tests.runtime.harness import until


class _Facet:
    view = None


def _no_statement(_action: Action, call: Call) -> Statement:
    raise AssertionError(call)


class Waiters:
    """Waiting, and what it said: numbers of actions that can go on, and failures by number."""

    def __init__(self) -> None:
        self.ready: list[int] = []
        self.failed: dict[int, str] = {}
        self.waiting = Waiting(lambda action: self.ready.append(action.number), self._fail, _no_statement)

    def _fail(self, action: Action, problem: ProblemError) -> None:
        self.failed[action.number] = problem.code
        self.waiting.end(action)


class Acting(Action):
    """An action whose tool is a function of the test."""

    tool: Callable[[], Awaitable[Any]] | None = None

    async def call_tool(self, call: Call) -> dict[str, Any]:
        assert self.tool is not None, call
        outcome: dict[str, Any] = await self.tool()
        return outcome


def action(
    number: int, *, method: str = "GET", seconds: float = 60, tool: Callable[[], Awaitable[Any]] | None = None
) -> Acting:
    exchange = Exchange(Request("r", method, "/", "", [], b""), 0.0, lambda _reply: None)
    made = Acting(number, exchange, cast("ActionContext", None), cast("Facet", _Facet()), time.monotonic() + seconds)
    made.tool = tool
    return made


def timer(number: int, millis: int) -> Call:
    return Call(str(number), "timer", {"millis": millis})


def tool(number: int) -> Call:
    return Call(str(number), "tool", {"connector": "a", "tool": "b", "arguments": {}})


async def test_the_first_result_lets_an_action_go_on_and_later_ones_are_kept_for_it() -> None:
    waiters, one = Waiters(), action(1)
    waiters.waiting.add(one, [timer(1, 1), timer(2, 5)], for_all=False)
    await until(lambda: waiters.ready == [1])
    await until(lambda: len(one.results) == 2)
    assert waiters.ready == [1]


async def test_an_action_that_waits_for_all_goes_on_with_the_last_result() -> None:
    waiters, one = Waiters(), action(1)
    waiters.waiting.add(one, [timer(1, 1), timer(2, 5)], for_all=True)
    await until(lambda: bool(waiters.ready))
    assert one.results == {"1": {"ok": None}, "2": {"ok": None}}


async def test_an_action_that_can_go_on_is_not_ended_by_its_deadline() -> None:
    waiters, one = Waiters(), action(1, seconds=0.02)
    waiters.waiting.add(one, [timer(1, 1), timer(2, 10_000)], for_all=False)
    await until(lambda: waiters.ready == [1])
    await asyncio.sleep(0.05)  # past the deadline: nothing may happen
    assert waiters.failed == {}


async def test_a_deadline_that_was_moved_ends_an_action_also_when_the_first_one_passed_while_it_could_go_on() -> None:
    waiters, one = Waiters(), action(1, seconds=0.02)
    waiters.waiting.add(one, [timer(1, 1)], for_all=True)
    await until(lambda: waiters.ready == [1])
    one.deadline += 0.05  # what it had waited for its body
    await asyncio.sleep(0.04)  # past the first deadline: nothing may happen
    waiters.waiting.add(one, [timer(2, 10_000)], for_all=True)
    await until(lambda: waiters.failed == {1: "ActionTimeout"})


async def test_an_action_that_waits_ends_at_its_deadline() -> None:
    waiters = Waiters()
    waiters.waiting.add(action(1, seconds=0.01), [timer(1, 10_000)], for_all=True)
    await until(lambda: waiters.failed == {1: "ActionTimeout"})
    assert len(waiters.waiting) == 0


async def test_a_tool_out_of_time_ends_its_action_only_while_that_waits() -> None:
    async def late() -> None:
        raise TimeoutError

    waiters = Waiters()
    waiters.waiting.add(action(1, tool=late), [tool(1)], for_all=True)
    await until(lambda: waiters.failed == {1: "ActionTimeout"})
    gone_on = action(2, tool=late)
    waiters.waiting.add(gone_on, [tool(1)], for_all=False)
    waiters.waiting.wake([2], None)
    await asyncio.sleep(0.01)  # the tool ends: nothing may happen
    assert waiters.ready == [2]
    assert 2 not in waiters.failed


async def test_a_call_that_fails_here_is_a_problem_of_that_call(capfd: pytest.CaptureFixture[str]) -> None:
    async def broken() -> None:
        raise KeyError("ours")

    waiters, one = Waiters(), action(1, tool=broken)
    waiters.waiting.add(one, [tool(1)], for_all=True)
    await until(lambda: waiters.ready == [1])
    assert one.results["1"]["problem"]["code"] == "GatewayUnavailable"
    assert "runtime failed" in capfd.readouterr().out


async def test_calls_that_are_given_up_bring_nothing() -> None:
    waiters, one = Waiters(), action(1)
    waiters.waiting.add(one, [timer(1, 1), timer(2, 20)], for_all=False)
    waiters.waiting.forget(one, ["1", "7"])
    await until(lambda: waiters.ready == [1])
    assert list(one.results) == ["2"]


async def test_those_who_wait_for_each_other_only_fail_and_others_do_not() -> None:
    waiters = Waiters()
    waiters.waiting.add(action(1), [], for_all=False)
    waiters.waiting.add(action(2), [timer(1, 10_000)], for_all=False)
    waiters.waiting.fail_stuck()
    assert waiters.failed == {}
    waiters.waiting.wake([2], None)
    waiters.waiting.fail_stuck()
    assert waiters.failed == {1: "AppFailed"}
    assert waiters.ready == [2]


@pytest.mark.parametrize(("method", "code"), [("GET", {1: "CallerGone"}), ("HEAD", {1: "CallerGone"}), ("POST", {})])
async def test_a_caller_who_leaves_ends_what_only_reads(method: str, code: dict[int, str]) -> None:
    waiters, one = Waiters(), action(1, method=method)
    waiters.waiting.add(one, [timer(1, 10_000)], for_all=True)
    one.exchange.leave()
    assert waiters.failed == code


async def test_an_action_waits_for_so_many_calls_and_no_more() -> None:
    waiters, one = Waiters(), action(1)
    waiters.waiting.add(one, [timer(number, 10_000) for number in range(PENDING)], for_all=False)
    waiters.waiting.wake([1], None)
    with pytest.raises(GuestGoneError):
        waiters.waiting.add(one, [timer(PENDING, 10_000)], for_all=False)
    waiters.waiting.end(one)
    assert one.pending == {}


async def test_a_guest_wakes_nobody_in_another_guest() -> None:
    waiters, own, others = Waiters(), action(1), action(2)
    own.guest, others.guest = cast("Guest", object()), cast("Guest", object())
    for one in (own, others):
        waiters.waiting.add(one, [timer(1, 10_000)], for_all=True)
    waiters.waiting.wake([1, 2], own.guest)
    assert waiters.ready == [1]
    assert waiters.waiting.holds(others)
    for one in (own, others):
        waiters.waiting.end(one)
