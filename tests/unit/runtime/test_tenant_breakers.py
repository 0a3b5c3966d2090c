# SPDX-License-Identifier: Apache-2.0
"""An app with tenants has a breaker for each of them: whoever makes it fail is refused, and nobody else."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from genapps_runtime.metrics import Metrics
from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.action import Action
from genapps_runtime.serve.action_context import ActionContext
from genapps_runtime.serve.ended import Ended, Unbegun
from genapps_runtime.serve.fallback.breaker import MINIMUM, OPEN_SECONDS, PROBES, WINDOW_SECONDS
from genapps_runtime.serve.fallback.by_tenant import MOST, TenantBreakers
from genapps_runtime.serve.messages import Exchange, Reply, Request
from tests.support.clock import Clock

FAILED = ProblemError("GuestTrapped")
FINE = Reply(200, [], b"")


class World:
    """`told` is what the gateway hears."""

    def __init__(self) -> None:
        self.clock, self.metrics, self.told = Clock(), Metrics(), list[bool]()
        self.breakers = TenantBreakers(self.clock, self.metrics, {}, self._turned)

    def _turned(self, *, is_open: bool) -> None:
        self.told.append(is_open)

    def ask(self, tenant: str, outcome: Reply | ProblemError = FINE, times: int = 1) -> int:
        """How many of these requests are tried; they end as it says."""
        tried = 0
        for _ in range(times):
            exchange = Exchange(Request("r", "GET", "/", "", [], b""), 0.0, lambda _reply: None)
            facet: Any = SimpleNamespace(tenant=tenant, view=None)
            if self.breakers.open and not self.breakers.admits(exchange, tenant):
                self.breakers.take([Ended(Unbegun(exchange, facet), ProblemError("BreakerOpen"))])
                continue
            tried += 1
            action = Action(1, exchange, cast("ActionContext", None), facet, 0.0)
            self.breakers.take([Ended(action, outcome)])
        return tried


@pytest.fixture
def world() -> World:
    return World()


def test_one_tenant_alone_cannot_have_another_one_refused(world: World) -> None:
    assert world.ask("good", times=3) == 3
    assert world.ask("bad", FAILED, 10 * MINIMUM) == MINIMUM
    assert world.ask("good", times=100) == 100
    assert world.ask("new", times=100) == 100
    assert world.metrics.value("genapps_breaker_open_tenants") == 1
    assert (world.told, world.metrics.value("genapps_breaker_open")) == ([], 0), "the app works for most"


@pytest.mark.parametrize("several", [3, 30])
def test_nor_can_several_together(world: World, several: int) -> None:
    for number in range(several):
        assert world.ask(f"bad {number}", FAILED, 2 * MINIMUM) == MINIMUM
    assert world.ask("good", times=100) == 100


def test_the_app_counts_as_failing_while_most_of_those_who_ask_are_refused(world: World) -> None:
    for tenant in ("one", "two", "three"):
        world.ask(tenant)
    world.ask("one", FAILED, MINIMUM + 2)
    assert world.told == []
    world.ask("two", FAILED, MINIMUM + 2)
    assert (world.told, world.metrics.value("genapps_breaker_open")) == ([True], 1)
    world.clock.now += OPEN_SECONDS
    assert world.ask("two", FINE, PROBES + 1) == PROBES + 1
    assert (world.told, world.metrics.value("genapps_breaker_open")) == ([True, False], 0)
    assert world.ask("one", FAILED, 2) == 1, "the breaker of the other one is as it was"


def test_a_probe_that_is_refused_elsewhere_leaves_its_place(world: World) -> None:
    world.ask("one", FAILED, MINIMUM)
    world.clock.now += OPEN_SECONDS
    assert world.ask("one", ProblemError("Busy"), 5 * PROBES) == 5 * PROBES
    assert world.ask("one", FINE, PROBES) == PROBES
    assert not world.breakers.open


def test_who_stops_asking_is_forgotten(world: World) -> None:
    world.ask("bad", FAILED, MINIMUM)
    assert world.told == [True], "nobody else asks"
    world.clock.now += WINDOW_SECONDS
    world.ask("good")
    assert (world.told, world.breakers.open) == ([True, False], False)
    assert list(world.breakers._tenants) == ["good"]


def test_who_is_refused_and_goes_on_asking_is_not_forgotten(world: World) -> None:
    world.ask("bad", FAILED, MINIMUM)
    for _ in range(20):
        world.clock.now += OPEN_SECONDS - 1
        assert world.ask("bad", FAILED, 5) <= 1
    assert world.breakers.open


def test_the_number_of_tenants_is_bounded(world: World) -> None:
    for number in range(2 * MOST):
        world.ask(str(number), FAILED)
    assert len(world.breakers._tenants) == MOST
    assert str(2 * MOST - 1) in world.breakers._tenants
