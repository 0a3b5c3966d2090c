"""Removing what is left of an app: never without a live look, never while the whole system is taken away."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from genapps.controller.cache.caches import Caches
from genapps.controller.cache.keys import AppKey, Key
from genapps.controller.code.image_pulls import ImagePulls
from genapps.controller.code.sources import Sources
from genapps.controller.process.metrics import Metrics
from genapps.controller.reconcile.cleanup import Cleanup
from genapps.controller.reconcile.execute import Executor
from genapps.controller.reconcile.observe import Observer
from genapps.controller.watch.liveness import StreamLiveness
from genapps.controller.watch.sweep import Sweep, SweepResult
from tests.support.scripted_server import Script, json, refusal, serve
from tests.unit.controller import world
from tests.unit.controller.world import NOW, SETTINGS, Clock, child, no_pull, record

KEY = AppKey("team", "a")
DELETED = "2026-11-23T10:00:00Z"


@dataclass
class Setting:
    cleanup: Cleanup
    caches: Caches
    sweep: Sweep
    script: Script
    later: list[tuple[Key, float]] = field(default_factory=list)

    def asked(self) -> list[tuple[str, str]]:
        return [(request.method, request.path.rpartition("/")[2]) for request in self.script.asked]


@pytest.fixture
async def setting() -> AsyncIterator[Setting]:
    script = Script()
    async with serve(script) as client:
        caches, time = world.caches(), Clock().time
        sweep = Sweep(
            client,
            caches,
            SETTINGS,
            Metrics(),
            StreamLiveness(["generatedapps"], time),
            lambda _: None,
            time,
            asyncio.Event(),
        )
        later: list[tuple[Key, float]] = []
        cleanup = Cleanup(
            client=client,
            caches=caches,
            observer=Observer(caches, Sources(client, caches.sources, ImagePulls(no_pull, lambda _: None)), SETTINGS),
            executor=Executor(client, caches, "system", frozenset({"run"})),
            sweep=sweep,
            system_namespace="system",
            clock=lambda: NOW,
            later=lambda key, seconds: later.append((key, seconds)),
        )
        caches.namespaces.changed({"metadata": {"name": "system", "uid": "s", "resourceVersion": "1"}})
        caches.children["run", "Service"].changed(child("a"))
        yield Setting(cleanup, caches, sweep, script, later)


def purged(**fields: Any) -> dict[str, Any]:
    found = record("a", 2, **fields)
    found["metadata"]["deletionTimestamp"] = DELETED
    return found


async def test_a_purge_needs_no_sweep_but_a_live_look(setting: Setting) -> None:
    setting.caches.records.changed(purged(deletedAt=DELETED))
    setting.script.answers = [refusal(404), json({"kind": "Status"})]
    await setting.cleanup.after_deletion(KEY)
    assert [method for method, _ in setting.asked()] == ["GET", "DELETE"]
    assert setting.script.asked[1].body["preconditions"] == {"uid": "c"}


async def test_nothing_is_removed_when_the_live_look_finds_the_app(setting: Setting) -> None:
    setting.caches.records.changed(purged(deletedAt=DELETED))
    setting.script.answers = [json({"metadata": {"uid": "uid-a"}})]
    await setting.cleanup.after_deletion(KEY)
    await setting.cleanup.after_replacement(KEY, "another")
    assert [method for method, _ in setting.asked()] == ["GET", "GET"]


async def test_another_live_app_of_the_name_does_not_stop_the_removal(setting: Setting) -> None:
    setting.caches.records.changed(record("a", 2, deletedAt=DELETED))
    setting.script.answers = [json({"metadata": {"uid": "uid-next"}}), json({"kind": "Status"})]
    await setting.cleanup.after_replacement(KEY, "uid-next")
    assert [method for method, _ in setting.asked()] == ["GET", "DELETE"]


async def test_without_a_purge_the_sweep_has_to_release_it_first(setting: Setting) -> None:
    setting.caches.records.changed(record("a", 2, deletedAt=DELETED))
    await setting.cleanup.after_deletion(KEY)
    assert setting.asked() == []
    setting.sweep.result = SweepResult(removable=frozenset({KEY}))
    setting.script.answers = [refusal(404), json({"kind": "Status"})]
    await setting.cleanup.after_deletion(KEY)
    assert len(setting.asked()) == 2


async def test_nothing_is_purged_while_the_system_namespace_ends(setting: Setting) -> None:
    ending = {"name": "system", "uid": "s", "resourceVersion": "2", "deletionTimestamp": DELETED}
    setting.caches.namespaces.changed({"metadata": ending})
    setting.caches.records.changed(purged(deletedAt=DELETED))
    await setting.cleanup.after_deletion(KEY)
    await setting.cleanup.after_replacement(KEY, "uid-next")
    assert setting.asked() == []


async def test_what_runs_in_a_namespace_that_is_not_served_is_left_alone(setting: Setting) -> None:
    setting.caches.records.changed(purged(deletedAt=DELETED, runNamespace="elsewhere"))
    await setting.cleanup.after_deletion(KEY)
    assert setting.asked() == []


async def test_a_record_is_released_against_its_version_and_uid_and_without_the_finalizer(setting: Setting) -> None:
    metadata = child("a")["metadata"] | {"resourceVersion": "3"}
    setting.caches.children["run", "Service"].deleted({"metadata": metadata})
    setting.caches.records.changed(purged(deletedAt=DELETED))
    setting.script.answers = [refusal(404), json({"kind": "AppRecord"})]
    await setting.cleanup.after_deletion(KEY)
    assert setting.asked()[1][0] == "PUT", "an apply would leave the finalizer to the create that set it"
    sent = setting.script.asked[1].body["metadata"]
    assert (sent["uid"], sent["resourceVersion"], "finalizers" in sent) == ("r", "2", False)


async def test_an_app_whose_name_another_has_is_marked_and_looked_at_again(setting: Setting) -> None:
    setting.caches.records.changed(record("a", 2))
    setting.script.answers = [json({"metadata": {"uid": "uid-next"}}), json(record("a", 3, deletedAt=DELETED))]
    await setting.cleanup.after_replacement(KEY, "uid-next")
    assert setting.script.asked[1].body["record"]["deletedAt"].startswith("2026-11-23T12:00:00")
    assert setting.script.asked[1].body["metadata"]["finalizers"] == ["genapps.dev/purge"]
    assert setting.later == [(KEY, 0.0)]


async def test_the_mark_waits_while_the_caches_are_behind(setting: Setting) -> None:
    setting.caches.records.changed(record("a", 2))
    setting.script.answers = [json({"metadata": {"uid": "uid-a"}})]
    await setting.cleanup.after_replacement(KEY, "uid-next")
    assert [method for method, _ in setting.asked()] == ["GET"]
