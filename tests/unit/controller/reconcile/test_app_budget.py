# SPDX-License-Identifier: Apache-2.0
"""What a pass of a budget tells Prometheus: what is refused and not what would be, and how its families do."""

from typing import Any

import pytest

from tests.unit.controller import world
from tests.unit.controller.loop import SPEC, Loop
from tests.unit.controller.reconcile.test_budget_record import KEY, change
from tests.unit.controller.reconcile.test_worker import work


@pytest.mark.parametrize(("mode", "refused"), [("Enforce", 2), ("Shadow", 0)])
async def test_units_that_are_refused_are_counted_and_not_those_that_would_be(
    loop: Loop, mode: str, refused: int
) -> None:
    change(loop, limits={"tokens": 0, "costUSD": "0", "toolCalls": 1}, mode=mode)
    await work(loop, KEY)
    assert loop.metrics.registry.get_sample_value("genapps_budget_exhausted", {"budget": "b"}) == refused
    assert loop.server.objects["AppBudget", "b"]["status"]["exhausted"] == ["tokens", "costUSD"]


def family(name: str) -> dict[str, Any]:
    return {**SPEC["envelope"], "family": name}


async def test_families_have_series_while_they_and_their_budget_last(loop: Loop) -> None:
    def apps_of(family: str) -> float | None:
        about = {"budget": "b", "family": family}
        return loop.metrics.registry.get_sample_value("genapps_family_apps", about)

    loop.server.version += 1
    loop.app(loop.server.version, envelope=family("forms"))
    change(loop)
    await work(loop, KEY)
    assert apps_of("forms") == 1
    loop.server.version += 1
    loop.app(loop.server.version, envelope=family("reports"))
    await work(loop, KEY)
    assert (apps_of("forms"), apps_of("reports")) == (None, 1)
    del loop.server.objects["AppBudget", "b"]
    loop.caches.budgets.deleted(world.budget("b", loop.server.version + 1))
    await work(loop, KEY)
    assert apps_of("reports") is None
    assert loop.metrics.registry.get_sample_value("genapps_budget_exhausted", {"budget": "b"}) is None
