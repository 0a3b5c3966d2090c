# SPDX-License-Identifier: Apache-2.0
"""The sweep: lost events, vanished apps in two rounds, the alarm; lists come from a scripted API server."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import orjson
import pytest
from aiohttp import web

from genapps.cluster.errors import ApiError
from genapps.controller.cache.caches import Caches
from genapps.controller.cache.cluster_memory import ClusterMemory, Sighting
from genapps.controller.cache.keys import AppKey, BudgetKey, Key
from genapps.controller.process.metrics import Metrics
from genapps.controller.watch.absence import Absence
from genapps.controller.watch.liveness import StreamLiveness
from genapps.controller.watch.sweep import Sweep, SweepResult
from tests.support.scripted_server import Script, serve
from tests.unit.controller import world
from tests.unit.controller.world import SETTINGS, Clock, app, child, record


@dataclass
class Setting:
    """A sweep over caches that a test fills, and a store that the API server answers from."""

    caches: Caches
    sweep: Sweep
    metrics: Metrics
    liveness: StreamLiveness
    clock: Clock
    store: dict[str, dict[str, Any]] = field(default_factory=dict)
    namespaces: dict[str, dict[str, str]] = field(
        default_factory=lambda: {"system": {"uid": "s1"}, "team": {"uid": "n1"}}
    )
    others: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """AppBudgets, Connectors and AppHolds, by plural."""
    memory: ClusterMemory = field(default_factory=lambda: ClusterMemory(lambda: 0))
    system_uid: str = "k1"
    version: int = 100
    broken: bool = False
    woken: list[Key] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        name = request.path.rpartition("/")[2]
        if self.broken:
            return web.Response(status=403, body=b"{}")
        if name == "generatedapps":
            listing = {"metadata": {"resourceVersion": str(self.version)}, "items": list(self.store.values())}
            return web.Response(body=orjson.dumps(listing))
        if name == "namespaces":
            found = [{"metadata": {"name": name, **metadata}} for name, metadata in self.namespaces.items()]
            listing = {"metadata": {"resourceVersion": str(self.version)}, "items": found}
            return web.Response(body=orjson.dumps(listing))
        if name in ("appbudgets", "connectors", "appholds"):
            items = self.others.get(name, [])
            return web.Response(body=orjson.dumps({"metadata": {"resourceVersion": str(self.version)}, "items": items}))
        if name == "customresourcedefinitions":
            listing = {"metadata": {"resourceVersion": str(self.version)}, "items": [{"metadata": {"uid": "d1"}}]}
            return web.Response(body=orjson.dumps(listing))
        if name == "kube-system":
            return web.Response(body=orjson.dumps({"metadata": {"uid": self.system_uid}}))
        stored = self.store | {each["metadata"]["name"]: each for kind in self.others.values() for each in kind}
        if name in stored:
            return web.Response(body=orjson.dumps(stored[name]))
        return web.Response(status=404, body=orjson.dumps({"reason": "NotFound"}))

    def have(self, *objects: dict[str, Any]) -> None:
        """Apps that exist and that the caches know."""
        for object_ in objects:
            self.store[object_["metadata"]["name"]] = object_
            self.caches.apps.changed(object_)


@pytest.fixture
async def setting() -> AsyncIterator[Setting]:
    script = Script()
    async with serve(script) as client:
        woken: list[Key] = []
        metrics = Metrics()
        caches, clock = world.caches(), Clock()
        liveness = StreamLiveness((resource.plural for resource, _ in caches.watched_by_kopf), clock.time)
        memory = ClusterMemory(caches.highest_version)
        absence = Absence(client, memory)
        sweep = Sweep(
            client,
            caches,
            SETTINGS,
            metrics,
            liveness,
            woken.append,
            clock.time,
            asyncio.Event(),
            clock.date,
            absence,
            memory,
        )
        made = Setting(caches, sweep, metrics, liveness, clock, woken=woken, memory=memory)
        script.answers = [made.answer]
        yield made


def lost_events(setting: Setting) -> float:
    return setting.metrics.registry.get_sample_value("genapps_lost_events_total") or 0.0


async def test_each_round_tells_how_the_fences_stand_also_while_lists_fail(setting: Setting) -> None:
    def running(name: str, ready: str, **labels: str) -> dict[str, Any]:
        pod = child(name, "Pod")
        pod["metadata"]["labels"] |= labels
        state = {"running": {"startedAt": "2026-11-23T11:00:00Z"}}
        conditions = [{"type": "Ready", "status": ready, "lastTransitionTime": "2026-11-23T11:59:00Z"}]
        return {**pod, "status": {"conditions": conditions, "containerStatuses": [{"name": "runtime", "state": state}]}}

    pods = setting.caches.children["run", "Pod"]
    for pod in (running("a", "True"), running("b", "False"), running("c", "True", tier="open")):
        pods.changed(pod)
    pods.changed({"kind": "Pod", "metadata": {"namespace": "run", "name": "x", "uid": "x", "resourceVersion": "1"}})
    opening = child("everybody", "NetworkPolicy")
    opening["metadata"] |= {"name": "everybody", "labels": {}}
    opening["spec"] = {"podSelector": {"matchLabels": {"tier": "open"}}, "policyTypes": ["Egress"], "egress": [{}]}
    setting.caches.children["run", "NetworkPolicy"].changed(opening)
    setting.broken = True
    with pytest.raises(ApiError):
        await setting.sweep.round()
    value = setting.metrics.registry.get_sample_value
    assert [value("genapps_fences", {"state": state}) for state in ("proven", "unproven", "open")] == [1, 1, 1]
    assert value("genapps_fence_unproven_seconds") == 60
    pods.changed({**running("b", "True"), "metadata": {**child("b", "Pod")["metadata"], "resourceVersion": "2"}})
    with pytest.raises(ApiError):
        await setting.sweep.round()
    assert value("genapps_fence_unproven_seconds") == 0


async def test_an_app_whose_event_is_only_late_is_left_to_the_event(setting: Setting) -> None:
    setting.have(app("a", 1))
    setting.store["a"] = app("a", 5, tier="large")
    await setting.sweep.round()
    assert setting.caches.apps.version(("team", "a")) == 1
    setting.caches.apps.changed(setting.store["a"])
    await setting.sweep.round()
    assert lost_events(setting) == 0


async def test_an_app_that_is_still_behind_in_the_next_round_is_read(setting: Setting) -> None:
    setting.have(app("a", 1))
    setting.store["a"] = app("a", 5, tier="large")
    await setting.sweep.round()
    await setting.sweep.round()
    assert setting.caches.apps.version(("team", "a")) == 5
    assert lost_events(setting) == 1


async def test_a_creation_that_was_never_told_is_found(setting: Setting) -> None:
    setting.store["a"] = app("a", 5)
    await setting.sweep.round()
    await setting.sweep.round()
    assert setting.caches.apps.get(("team", "a")) is not None


async def test_a_deletion_that_was_never_told_is_found(setting: Setting) -> None:
    setting.have(app("a", 5))
    setting.caches.records.changed(record("a"))
    del setting.store["a"]
    await setting.sweep.round()
    assert setting.caches.apps.get(("team", "a")) is not None
    await setting.sweep.round()
    assert setting.caches.apps.get(("team", "a")) is None
    assert setting.sweep.result.vanished == {AppKey("team", "a")}


async def test_a_record_without_app_is_marked_first_and_released_one_round_after_its_mark(setting: Setting) -> None:
    key = AppKey("team", "gone")
    setting.caches.records.changed(record("gone", 1))
    await setting.sweep.round()
    assert setting.sweep.result == SweepResult(vanished=frozenset({key}))
    setting.caches.records.changed(record("gone", 2, deletedAt="2026-11-23T10:00:00Z"))
    await setting.sweep.round()
    assert setting.sweep.result == SweepResult(removable=frozenset({key}))
    assert setting.woken == [key, key]


async def test_an_app_that_is_back_is_not_released(setting: Setting) -> None:
    setting.caches.records.changed(record("back", 2, deletedAt="2026-11-23T10:00:00Z"))
    setting.have(app("back", 9))
    await setting.sweep.round()
    assert setting.sweep.result == SweepResult()


async def test_children_without_app_and_record_are_orphans_in_the_second_round(setting: Setting) -> None:
    setting.caches.children["run", "Service"].changed(child("lost"))
    await setting.sweep.round()
    assert setting.sweep.result.orphans == set()
    await setting.sweep.round()
    assert setting.sweep.result.orphans == {AppKey("team", "lost")}


async def test_an_object_whose_labels_do_not_fit_its_name_is_nobodys_orphan(setting: Setting) -> None:
    foreign = child("lost")
    foreign["metadata"]["name"] = "somebody-elses"
    setting.caches.children["run", "Service"].changed(foreign)
    await setting.sweep.round()
    await setting.sweep.round()
    assert setting.sweep.result.orphans == set()


@pytest.mark.parametrize(
    ("apps", "vanished", "removed"),
    [(0, 5, True), (0, 6, False), (94, 6, True), (50, 6, False), (180, 20, True), (180, 21, False)],
)
async def test_too_many_at_once_raise_an_alarm_and_stop_all_removals(
    setting: Setting, apps: int, vanished: int, removed: bool
) -> None:
    for number in range(apps):
        setting.have(app(f"here-{number}"))
        setting.caches.records.changed(record(f"here-{number}"))
    for number in range(vanished):
        setting.caches.records.changed(record(f"gone-{number}"))
    await setting.sweep.round()
    assert bool(setting.sweep.result.vanished) is removed
    assert setting.metrics.registry.get_sample_value("genapps_vanish_alarm") == (not removed)


async def test_a_person_may_confirm_that_so_many_apps_are_gone(setting: Setting) -> None:
    for number in range(9):
        setting.caches.records.changed(record(f"gone-{number}"))
    for version, (confirmed, allowed) in enumerate((("8", False), ("9", True)), 2):
        setting.caches.namespaces.changed(world.confirmed("system", confirmed, version))
        await setting.sweep.round()
        assert bool(setting.sweep.result.vanished) is allowed


async def test_a_confirmation_is_used_up_by_what_it_confirmed(setting: Setting) -> None:
    setting.caches.namespaces.changed(world.confirmed("system", "9", 2))
    for number in range(9):
        setting.caches.records.changed(record(f"gone-{number}"))
    await setting.sweep.round()
    assert len(setting.sweep.result.vanished) == 9
    for number in range(9):
        at = (setting.clock.date() + timedelta(seconds=1)).isoformat()
        setting.caches.records.changed(record(f"gone-{number}", 2, deletedAt=at))
        await setting.sweep.round()
        assert len(setting.sweep.result.vanished) == 8 - number, "the rest is still confirmed"
    for number in range(6):
        setting.caches.records.changed(record(f"later-{number}"))
    await setting.sweep.round()
    assert setting.sweep.result.vanished == set()
    assert len(setting.sweep.result.held) == 6


async def test_a_confirmation_ends_after_an_hour(setting: Setting) -> None:
    setting.caches.namespaces.changed(world.confirmed("system", "9", 2))
    assert setting.memory.confirmed_since("9", setting.clock.date()) == setting.clock.date()
    for number in range(9):
        setting.caches.records.changed(record(f"gone-{number}"))
    setting.clock.now = 3600
    await setting.sweep.round()
    assert setting.sweep.result.vanished == set()
    setting.clock.now = 3599
    await setting.sweep.round()
    assert len(setting.sweep.result.vanished) == 9


async def test_what_is_held_is_told_by_metric_and_budget(setting: Setting) -> None:
    for number in range(9):
        setting.caches.records.changed(record(f"gone-{number}", budget="b" if number < 3 else "c"))
    await setting.sweep.round()
    assert setting.metrics.registry.get_sample_value("genapps_deletions_held") == 9
    assert {key for key in setting.woken if isinstance(key, BudgetKey)} == {BudgetKey("b"), BudgetKey("c")}
    held = setting.sweep.held_of("b")
    assert (held.of_budget, held.in_all) == (3, 9)
    assert held.confirm == "kubectl annotate namespace system genapps.dev/confirm-vanished=9 --overwrite"
    setting.woken.clear()
    setting.caches.namespaces.changed(world.confirmed("system", "9", 2))
    await setting.sweep.round()
    assert setting.metrics.registry.get_sample_value("genapps_deletions_held") == 0
    assert BudgetKey("b") in setting.woken
    assert setting.sweep.held_of("b").of_budget == 0


@pytest.mark.parametrize(
    ("namespaces", "removed"),
    [
        pytest.param({"system": {"uid": "s1"}}, True, id="it is gone"),
        pytest.param({"system": {"uid": "s1"}, "team": {"uid": "n2"}}, True, id="it is another one of its name"),
        pytest.param(
            {"system": {"uid": "s1"}, "team": {"uid": "n1", "deletionTimestamp": "2026-11-23T10:00:00Z"}},
            True,
            id="it is going",
        ),
        pytest.param({"system": {"uid": "s1"}, "team": {"uid": "n1"}}, False, id="it is still there"),
        pytest.param({"team": {"uid": "n2"}}, False, id="the list does not even have our own namespace"),
        pytest.param({}, False, id="the list is empty"),
    ],
)
async def test_apps_that_vanish_with_their_namespace_raise_no_alarm(
    setting: Setting, namespaces: dict[str, dict[str, str]], removed: bool
) -> None:
    for number in range(20):
        setting.caches.records.changed(record(f"gone-{number}"))
    setting.namespaces = namespaces
    await setting.sweep.round()
    assert len(setting.sweep.result.vanished) == (20 if removed else 0)
    assert setting.metrics.registry.get_sample_value("genapps_vanish_alarm") == (not removed)


async def test_a_deleted_namespace_does_not_cover_for_apps_of_others(setting: Setting) -> None:
    for number in range(20):
        setting.caches.records.changed(record(f"meant-{number}", namespaceUid="n0"))
    for number in range(9):
        setting.caches.records.changed(record(f"lost-{number}"))
    await setting.sweep.round()
    assert {key.name for key in setting.sweep.result.vanished} == {f"meant-{number}" for number in range(20)}
    assert setting.metrics.registry.get_sample_value("genapps_vanish_alarm") == 1


@pytest.mark.parametrize("plural", ["appbudgets", "connectors", "appholds"])
async def test_lost_events_of_every_kind_that_kopf_watches_are_found(setting: Setting, plural: str) -> None:
    collection = next(
        collection for resource, collection in setting.caches.watched_by_kopf if resource.plural == plural
    )
    thing = {"metadata": {"name": "x", "uid": "u", "resourceVersion": "5"}, "spec": {}}
    setting.others[plural] = [thing]
    await setting.sweep.round()
    assert collection.get(("", "x")) is None
    await setting.sweep.round()
    assert collection.version(("", "x")) == 5
    setting.others[plural] = []
    await setting.sweep.round()
    await setting.sweep.round()
    assert collection.get(("", "x")) is None
    assert lost_events(setting) == 2


async def test_a_stream_that_brings_no_change_in_three_rounds_is_reported(setting: Setting) -> None:
    setting.have(app("a", 1))
    for version in (5, 6, 7):
        assert setting.liveness.silent() == ""
        setting.store["a"] = app("a", version)
        await setting.sweep.round()
        await setting.sweep.round()
    assert "generatedapps brought nothing in 3 rounds" in setting.liveness.silent()
    setting.liveness.received("generatedapps")
    assert setting.liveness.silent() == ""


async def test_an_app_that_is_gone_is_not_forced_for_ever(setting: Setting) -> None:
    setting.have(app("gone"))
    await setting.sweep.round()
    setting.clock.now += SETTINGS.forced_apply_seconds
    await setting.sweep.round()
    setting.caches.apps.deleted(setting.store.pop("gone"))
    await setting.sweep.round()
    assert not setting.sweep.take_forced(AppKey("team", "gone"))


async def test_each_app_is_forced_once_in_an_interval(setting: Setting) -> None:
    key = AppKey("team", "a")
    setting.have(app("a"))
    await setting.sweep.round()
    assert not setting.sweep.take_forced(key)
    for _ in range(2):
        setting.clock.now += SETTINGS.forced_apply_seconds
        await setting.sweep.round()
        assert setting.woken.pop() == key
        assert setting.sweep.take_forced(key)
        assert not setting.sweep.take_forced(key)
        await setting.sweep.round()
        assert not setting.sweep.take_forced(key)


async def test_a_round_that_fails_leaves_the_last_result_as_it_is(setting: Setting) -> None:
    setting.caches.records.changed(record("gone"))
    before = await setting.sweep.round()
    assert before.vanished == {AppKey("team", "gone")}
    setting.broken = True
    with pytest.raises(ApiError):
        await setting.sweep.round()
    assert setting.sweep.result == before


async def test_another_cluster_is_taken_up_once_every_known_app_was_found_in_it(setting: Setting) -> None:
    assert setting.memory.believes(Sighting("k0", "d1", 100, known=0))
    assert not setting.memory.believes(Sighting("k1", "d1", 100, known=100))
    setting.caches.records.changed(record("gone"))
    await setting.sweep.round()
    assert setting.memory.doubt, "an app is missing: perhaps it is only not restored yet"
    setting.have(app("gone"))
    await setting.sweep.round()
    assert setting.memory.doubt == ""
    assert setting.memory.believes(Sighting("k1", "d1", 100, known=100))
