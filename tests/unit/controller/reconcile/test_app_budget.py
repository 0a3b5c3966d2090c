# SPDX-License-Identifier: Apache-2.0
"""What a pass of a budget tells Prometheus: what is refused, and nothing else."""

import pytest

from tests.unit.controller.loop import Loop
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
