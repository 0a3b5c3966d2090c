# SPDX-License-Identifier: Apache-2.0
"""How soon a key that is woken comes out of the queue, and that nothing is queued by who does not lead."""

import asyncio

from prometheus_client import CollectorRegistry

from genapps.controller.cache.caches import Caches
from genapps.controller.cache.keys import AppKey, BudgetKey, Key
from genapps.controller.process.metrics import queue_metrics
from genapps.controller.reconcile.queue import WorkQueue
from genapps.controller.reconcile.waker import Waker
from tests.unit.controller.world import NOW, Clock, app, record

A, B = AppKey("team", "a"), AppKey("team", "b")


class Setting:
    """Caches, a waker and its queue, on a clock that the test moves."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.queue: WorkQueue[Key] = WorkQueue(self.clock, queue_metrics(CollectorRegistry()))
        self.sweep = asyncio.Event()
        self.leading = True
        self.waker = Waker(self.queue, lambda: self.leading, self.sweep)
        self.caches = Caches("system", frozenset({"run"}), lambda: NOW, self.waker.on_change)

    async def queued(self) -> list[Key]:
        """What is queued now, in order; each is done."""
        keys = []
        while len(self.queue):
            keys.append(await self.queue.get())
            self.queue.done(keys[-1], failed=False)
        return keys


async def test_counted_violations_go_before_what_waits_and_a_budget_is_looked_at_once_for_a_group() -> None:
    setting = Setting()
    for number, name in enumerate(("a", "b")):
        setting.caches.apps.changed(app(name, number + 1, budget="b"))
    name = record("b")["metadata"]["name"]
    setting.caches.ledgers.changed({"metadata": {"namespace": "system", "name": name, "resourceVersion": "3"}})
    assert await setting.queued() == [B, A]
    setting.clock.move_to(0.9)
    assert await setting.queued() == []
    setting.clock.move_to(1.0)
    assert await setting.queued() == [BudgetKey("b")]


async def test_who_does_not_lead_queues_nothing_and_sweeps_all_the_same() -> None:
    setting = Setting()
    setting.leading = False
    setting.caches.apps.changed(app("a", 1, budget="b"))
    assert not setting.sweep.is_set()
    setting.caches.apps.deleted(app("a", 2))
    setting.waker.wake(A)
    setting.clock.move_to(5)
    assert await setting.queued() == []
    assert setting.sweep.is_set()


async def test_a_new_leader_queues_everything_and_asks_for_a_sweep() -> None:
    setting = Setting()
    setting.leading = False
    setting.caches.apps.changed(app("a", 1, budget="b"))
    setting.leading = True
    setting.waker.everything(setting.caches)
    assert A in await setting.queued()
    assert setting.sweep.is_set()
