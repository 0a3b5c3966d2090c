# SPDX-License-Identifier: Apache-2.0
"""Removing what is left of an app: never without a live look, never while the whole system is taken away."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from genapps.api.names import child_name
from genapps.controller.cache.caches import Caches
from genapps.controller.cache.cluster_memory import ClusterMemory
from genapps.controller.cache.keys import AppKey, Key
from genapps.controller.code.image_pulls import ImagePulls
from genapps.controller.code.sources import Sources
from genapps.controller.process.metrics import Metrics
from genapps.controller.reconcile.cleanup import Cleanup
from genapps.controller.reconcile.execute import Executor
from genapps.controller.reconcile.observe import Observer
from genapps.controller.watch.absence import Absence
from genapps.controller.watch.liveness import StreamLiveness
from genapps.controller.watch.sweep import Sweep, SweepResult
from tests.support.scripted_server import Answer, Script, json, refusal, serve
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
        memory = ClusterMemory(caches.highest_version)
        absence = Absence(client, memory)
        sweep = Sweep(
            client,
            caches,
            SETTINGS,
            Metrics(),
            StreamLiveness(["generatedapps"], time),
            lambda _: None,
            time,
            asyncio.Event(),
            lambda: NOW,
            absence,
            memory,
        )
        later: list[tuple[Key, float]] = []
        cleanup = Cleanup(
            absence=absence,
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


DEFINITION = {"metadata": {"uid": "d1"}}
SYSTEM = json({"metadata": {"uid": "kube-system"}})
ORDER = [json({"metadata": {"resourceVersion": "50"}, "items": [DEFINITION]}), SYSTEM]
NO_DEFINITION = json({"metadata": {"resourceVersion": "50"}, "items": []})
DEFINITION_GOING = json(
    {"metadata": {"resourceVersion": "50"}, "items": [{"metadata": {"uid": "d1", "deletionTimestamp": DELETED}}]}
)
OLDER = json({"metadata": {"resourceVersion": "6"}, "items": [DEFINITION]})


def run(setting: Setting) -> None:
    """The app ran until now: it has a record, a pod and endpoints."""
    setting.caches.records.changed(record("a", 7))
    for kind in ("Pod", "EndpointSlice"):
        object_ = child("a", kind)
        object_["metadata"]["uid"] = kind
        setting.caches.children["run", kind].changed(object_)


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


GONE = [refusal(404), json({"metadata": {"uid": "n1"}}), *ORDER]


async def test_pod_and_endpoints_of_an_app_that_is_gone_end_before_the_sweep_has_looked(setting: Setting) -> None:
    run(setting)
    setting.script.answers = [*GONE, json({"kind": "Status"}), json({"kind": "Status"})]
    await setting.cleanup.after_deletion(KEY)
    deleted = [asked for asked in setting.script.asked if asked.method == "DELETE"]
    assert [asked.path.split("/")[-2] for asked in deleted] == ["pods", "endpointslices"]
    assert deleted[0].body["gracePeriodSeconds"] == 1
    assert setting.caches.records.get(("system", child_name("team", "a"))) is not None
    assert [asked for asked in setting.script.asked if asked.method in ("PUT", "PATCH", "POST")] == []


async def test_a_deletion_is_believed_while_other_objects_change(setting: Setting) -> None:
    run(setting)

    async def system_later(request: web.Request) -> web.StreamResponse:
        setting.caches.namespaces.changed({"metadata": {"name": "busy", "uid": "b", "resourceVersion": "51"}})
        return await SYSTEM(request)

    setting.script.answers = [*GONE[:-1], system_later, json({"kind": "Status"})]
    await setting.cleanup.after_deletion(KEY)
    assert [method for method, _ in setting.asked()][-2:] == ["DELETE", "DELETE"]


async def test_its_place_in_the_budget_is_free_at_once(setting: Setting) -> None:
    run(setting)
    assert setting.caches.summary.apps["b"] == 1
    setting.script.answers = [*GONE, json({"kind": "Status"}), json({"kind": "Status"})]
    await setting.cleanup.after_deletion(KEY)
    assert setting.caches.summary.apps["b"] == 0


async def test_when_the_sweep_agrees_its_clock_begins_whatever_became_of_its_namespace(setting: Setting) -> None:
    run(setting)
    setting.sweep.result = SweepResult(vanished=frozenset({KEY}))
    setting.script.answers = [
        refusal(404),
        *ORDER,
        json({"kind": "Status"}),
        json({"kind": "Status"}),
        json(record("a", 9)),
    ]
    await setting.cleanup.after_deletion(KEY)
    assert setting.asked()[-1][0] == "PUT"
    assert setting.script.asked[-1].body["record"]["deletedAt"].startswith("2026-11-23T12:00:00")


@pytest.mark.parametrize(
    ("what", "answers"),
    [
        ("a finalizer holds it", [json({"metadata": {"uid": "uid-a", "deletionTimestamp": "x"}})]),
        ("its namespace is gone: the sweep looks at those", [refusal(404), refusal(404)]),
        ("its namespace is another one", [refusal(404), json({"metadata": {"uid": "n2"}})]),
        ("the definition is gone", [refusal(404), json({"metadata": {"uid": "n1"}}), NO_DEFINITION, SYSTEM]),
        ("the definition is going", [refusal(404), json({"metadata": {"uid": "n1"}}), DEFINITION_GOING, SYSTEM]),
        ("the store is older than what was seen", [refusal(404), json({"metadata": {"uid": "n1"}}), OLDER, SYSTEM]),
    ],
)  # fmt: skip
async def test_what_is_not_proven_to_be_gone_runs_on(setting: Setting, what: str, answers: list[Answer]) -> None:
    run(setting)
    setting.script.answers = [*answers, refusal(500)]
    await setting.cleanup.after_deletion(KEY)
    assert {method for method, _ in setting.asked()} == {"GET"}, what
    assert len(setting.asked()) == len(answers)
    assert setting.caches.summary.apps["b"] == 1
    assert setting.later == [(KEY, 10.0)]


async def test_a_definition_that_was_made_again_proves_nothing(setting: Setting) -> None:
    run(setting)
    setting.script.answers = [*GONE, json({"kind": "Status"}), json({"kind": "Status"})]
    await setting.cleanup.after_deletion(KEY)
    setting.script.asked.clear()
    again = json({"metadata": {"resourceVersion": "60"}, "items": [{"metadata": {"uid": "d2"}}]})
    setting.script.answers = [refusal(404), json({"metadata": {"uid": "n1"}}), again, SYSTEM, refusal(500)]
    await setting.cleanup.after_deletion(KEY)
    assert {method for method, _ in setting.asked()} == {"GET"}


async def test_orphans_need_the_same_proof(setting: Setting) -> None:
    setting.sweep.result = SweepResult(orphans=frozenset({KEY}))
    setting.script.answers = [refusal(404), NO_DEFINITION, SYSTEM, refusal(500)]
    await setting.cleanup.after_deletion(KEY)
    assert {method for method, _ in setting.asked()} == {"GET"}


async def test_nothing_ends_while_the_whole_system_is_removed(setting: Setting) -> None:
    run(setting)
    ending = {"name": "system", "uid": "s", "resourceVersion": "2", "deletionTimestamp": DELETED}
    setting.caches.namespaces.changed({"metadata": ending})
    setting.script.answers = [*GONE, refusal(500)]
    await setting.cleanup.after_deletion(KEY)
    assert {method for method, _ in setting.asked()} == {"GET"}


async def test_the_sweeps_word_alone_proves_nothing(setting: Setting) -> None:
    run(setting)
    setting.sweep.result = SweepResult(vanished=frozenset({KEY}))
    setting.script.answers = [refusal(404), NO_DEFINITION, SYSTEM, refusal(500)]
    await setting.cleanup.after_deletion(KEY)
    assert {method for method, _ in setting.asked()} == {"GET"}
