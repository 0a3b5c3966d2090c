# SPDX-License-Identifier: Apache-2.0
"""A worker: what each kind of key asks for, and that a failure is that key's alone."""

import asyncio

import pytest

from genapps.controller.cache.keys import BudgetKey, ConnectorKey, GatewayKey, Key, NamespaceQuotaKey
from tests.unit.controller import world
from tests.unit.controller.loop import KEY, Loop


async def work(loop: Loop, *keys: Key) -> None:
    """One worker takes these keys, and is ended."""
    for key in keys:
        loop.queue.add(key)
    task = asyncio.create_task(loop.worker.run())
    while not loop.queue.idle():
        await asyncio.sleep(0)
        await loop.queue.drained()
    task.cancel()


def results(loop: Loop, result: str) -> float:
    labels = {"controller": "genapps", "result": result}
    return loop.metrics.registry.get_sample_value("controller_runtime_reconcile_total", labels) or 0


async def test_a_key_that_fails_comes_back_later_each_time_and_delays_no_other(loop: Loop) -> None:
    loop.server.refuse["PATCH", "ServiceAccount"] = (422, "no")
    await work(loop, KEY, ConnectorKey("gone"))
    assert (results(loop, "error"), results(loop, "success")) == (1, 1)
    assert len(loop.queue) == 0
    loop.clock.move_to(0.25)
    assert len(loop.queue) == 1
    await work(loop)
    loop.clock.move_to(0.5)
    assert len(loop.queue) == 0, "the second time it takes longer"
    loop.clock.move_to(0.75)
    assert len(loop.queue) == 1


async def test_a_mistake_of_ours_ends_no_worker(loop: Loop) -> None:
    def broken() -> str:
        raise ZeroDivisionError

    loop.reconciler.new_id = broken
    await work(loop, KEY, ConnectorKey("gone"))
    assert (results(loop, "error"), results(loop, "success")) == (1, 1)


async def test_a_budget_gets_its_status_and_apps_that_wait_for_a_place_a_pass(loop: Loop) -> None:
    await work(loop, BudgetKey("b"))
    kinds = loop.server.kinds()
    assert kinds[:2] == ["BudgetRecord", "AppBudget/status"]
    assert kinds[-1] == "GeneratedApp/status", "the app had no record, so it may have waited"


async def test_a_status_of_a_budget_is_written_only_when_it_differs(loop: Loop) -> None:
    loop.server.objects["AppBudget", "b"] = world.budget("b", 2)
    await work(loop, KEY, BudgetKey("b"))
    loop.server.writes.clear()
    await work(loop, BudgetKey("b"))
    assert loop.server.writes == []


async def test_the_cas_copy_and_the_quota_of_a_run_namespace_are_written_once(loop: Loop) -> None:
    copy = {"namespace": "run", "name": "genapps-gateway-ca", "resourceVersion": "50"}
    loop.caches.ca_copies["run"].changed({"metadata": copy, "data": {"ca.crt": "another"}})
    await work(loop, GatewayKey("run"), NamespaceQuotaKey("run"))
    assert sorted(loop.server.kinds()) == ["ConfigMap", "LimitRange", "ResourceQuota"]
    await work(loop, GatewayKey("run"), NamespaceQuotaKey("run"))
    assert loop.server.kinds() == []


@pytest.mark.parametrize("key", [BudgetKey("gone"), ConnectorKey("gone")], ids=["a budget", "a connector"])
async def test_what_is_gone_has_no_status(loop: Loop, key: Key) -> None:
    await work(loop, key)
    assert loop.server.writes == []
    assert results(loop, "success") == 1


async def test_writes_are_counted_by_kind_once_each(loop: Loop) -> None:
    await work(loop, KEY)
    for kind, verb in (("Pod", "apply"), ("AppRecord", "create"), ("GeneratedApp", "status")):
        labels = {"kind": kind, "verb": verb}
        assert loop.metrics.registry.get_sample_value("genapps_writes_total", labels) == 1
