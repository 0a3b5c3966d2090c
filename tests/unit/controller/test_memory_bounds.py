# SPDX-License-Identifier: Apache-2.0
"""What is kept follows the objects that live, not those that ever did: names come and go by the thousand."""

from typing import Any

from prometheus_client import CollectorRegistry

from genapps.api.bundles import BUNDLE_BYTES
from genapps.api.names import child_name
from genapps.controller.cache.caches import Caches
from genapps.controller.cache.keys import AppKey
from genapps.controller.code.bundle_cache import CACHED_BYTES, BundleCache
from genapps.controller.process.metrics import queue_metrics
from genapps.controller.reconcile.queue import WorkQueue
from genapps.core.observed import Bundle
from tests.unit.controller.world import Clock, Seen, app, child, record

ROUNDS = 3000


def entries(thing: object, seen: set[int] | None = None) -> int:
    """How many things are in all containers that an object of ours reaches."""
    seen = set() if seen is None else seen
    if id(thing) in seen or isinstance(thing, str | bytes | int | float | type(None) | type):
        return 0
    seen.add(id(thing))
    if isinstance(thing, dict):
        return len(thing) + sum(entries(each, seen) for pair in thing.items() for each in pair)
    if isinstance(thing, list | tuple | set | frozenset):
        return len(thing) + sum(entries(each, seen) for each in thing)
    if not type(thing).__module__.startswith("genapps."):
        return len(thing) if hasattr(thing, "__len__") else 0
    slots = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    inside = [getattr(thing, name, None) for name in slots] + list(getattr(thing, "__dict__", {}).values())
    return sum(entries(each, seen) for each in inside)


def at(version: int, object_: dict[str, Any]) -> dict[str, Any]:
    return {**object_, "metadata": {**object_["metadata"], "resourceVersion": str(version)}}


def live_and_die(caches: Caches, number: int) -> None:
    """One app with budget, child, snapshot and record, from its creation to the end of its record."""
    name, version = f"app-{number}", number * 10 + 10
    caches.apps.changed(app(name, version, budget=f"budget-{number}"))
    caches.reservations.reserve(AppKey("team", name), f"budget-{number}")
    caches.children["run", "Service"].changed(at(version + 1, child(name)))
    snapshot = at(version + 1, child(name, "ConfigMap"))
    snapshot["metadata"]["name"] += f"-code-{number:012x}"
    caches.children["run", "ConfigMap"].changed(snapshot)
    caches.record_written(at(version + 2, record(name)))
    caches.apps.deleted(app(name, version + 3, budget=f"budget-{number}"))
    caches.reservations.release(AppKey("team", name))
    caches.children["run", "Service"].deleted(at(version + 4, child(name)))
    caches.children["run", "ConfigMap"].deleted(at(version + 4, snapshot))
    caches.records.deleted(at(version + 5, record(name)))


def test_caches_hold_nothing_of_apps_that_are_gone() -> None:
    caches = Seen().caches
    caches.apps.changed(app("stays", 1))
    live_and_die(caches, 0)
    before = entries(caches)
    assert before > len(caches.children), "the count sees into the caches"
    for number in range(1, ROUNDS):
        live_and_die(caches, number)
    assert entries(caches) == before
    assert caches.key_of_child(child_name("team", "app-7")) is None
    assert caches.key_of_child(child_name("team", "stays")) == AppKey("team", "stays")


def test_a_record_keeps_the_name_of_its_app_until_it_goes_itself() -> None:
    seen = Seen()
    caches = seen.caches
    caches.apps.changed(app("a", 1))
    caches.records.changed(record("a", 2))
    caches.apps.deleted(app("a", 3))
    seen.woken()
    caches.children["run", "Service"].changed(at(4, child("a")))
    assert seen.woken() == [AppKey("team", "a")]
    caches.records.deleted(record("a", 5))
    assert caches.key_of_child(child_name("team", "a")) is None


async def test_the_queue_holds_nothing_of_keys_that_were_worked_on() -> None:
    clock = Clock()
    queue: WorkQueue[int] = WorkQueue(clock, queue_metrics(CollectorRegistry()), jitter=lambda: 1.0)
    for number in range(ROUNDS):
        queue.add(number)
        queue.done(await queue.get(), failed=True)
        clock.move_to(clock.now + 120)
        queue.done(await queue.get(), failed=False)
    assert entries(queue) == 0


def test_the_largest_bundle_is_kept_until_it_is_asked_for() -> None:
    kept: BundleCache[int, Bundle] = BundleCache()
    for number in range(3):
        kept.put(number, Bundle("app.py", {"app.py": bytes(BUNDLE_BYTES)}))
        assert kept.get(number) is not None
    assert kept.size <= CACHED_BYTES


def test_bundles_are_bounded_also_when_they_are_tiny_and_many() -> None:
    kept: BundleCache[int, Bundle] = BundleCache()
    for number in range(20_000):
        kept.put(number, Bundle("app.py", {"app.py": b""}))
    assert sum(kept.get(number) is not None for number in range(20_000)) <= CACHED_BYTES // 1024
    assert kept.get(19_999) is not None
