# SPDX-License-Identifier: Apache-2.0
"""Revisions: what is kept of them, when one counts as failed, and what follows. Where an app returns to, with which
state, and how many are kept is in test_rollback.py, crash points are in test_revisions_restart.py."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from genapps.api.apprecord import RevisionResult
from genapps.api.digests import revision_digest
from genapps.core.steps import Apply, Delete, WriteRecord
from tests.unit.core.revising import answer, code, crash, replace_pod, results, runs, snapshots, started, switch, two
from tests.unit.core.world import CHILD, PLATFORM, World, app, budget

FAILING = ["CodeRejected", "ModuleNotAvailable", "SnapshotMismatch", "ConfigInvalid"]
PLATFORMS = ["EgressOpen", "StateUnavailable", "StateSnapshotFailed"]


def test_a_revision_is_named_by_what_was_judged_together() -> None:
    world = World().run()
    assert world.record
    assert world.record.revision
    (kept,) = world.record.revisions
    assert kept.digest == world.record.revision.digest == revision_digest(kept.code_digest, kept.envelope_digest)
    assert world.status["revision"] == kept.digest.removeprefix("sha256:")[:12] == world.status["desiredRevision"]
    assert f'"revision":"{world.status["revision"]}"' in next(
        one["data"]["runtime.json"] for one in world.manifests.values() if "runtime.json" in one.get("data", {})
    )


def test_that_the_first_revision_is_ready_takes_no_write_of_the_record() -> None:
    world = World().run()
    assert world.writes.count("AppRecord") == 1
    assert world.writes.count("status") == 2
    assert results(world) == ["Starting"]
    assert [(kept["revision"], kept["result"]) for kept in world.status["revisions"]] == [
        (world.status["revision"], "Running")
    ]


def test_a_revision_that_was_ready_is_superseded_with_the_tier_it_ran_with() -> None:
    world, _ = two()
    assert world.record
    assert results(world) == ["Superseded", "Starting"]
    assert world.record.revisions[0].tier == world.record.tier
    assert snapshots(world) == 4
    answer(world)
    assert [kept["result"] for kept in world.status["revisions"]] == ["Superseded", "Running"]


def test_a_revision_that_was_replaced_before_it_was_ready_cannot_be_returned_to() -> None:
    world, first = two()
    switch(world, "three")
    assert results(world) == ["Superseded", "Abandoned", "Starting"]
    crash(world)
    replace_pod(world)
    assert runs(world) == first


def test_settings_of_the_platform_are_no_new_revision() -> None:
    world = World().run()
    assert world.record
    before = world.record.revisions
    world.budget = budget({"tiers": {"small": {"guestMemory": "128Mi"}}})
    replace_pod(world)
    (kept,) = world.record.revisions
    assert (kept.digest, kept.at) == (before[0].digest, before[0].at)
    assert kept.config_digest != before[0].config_digest
    assert kept.result is RevisionResult.RUNNING, "its readiness is not forgotten with its pod"
    assert snapshots(world) == 2


@pytest.mark.parametrize("reason", FAILING)
def test_a_revision_that_will_never_load_gives_way_at_once(reason: str) -> None:
    world, first = two()
    bad, good = (world.status[name] for name in ("desiredRevision", "revision"))
    crash(world, reason)
    world.steps.clear()
    replace_pod(world)
    told, deleted = (
        next(i for i, step in enumerate(world.steps) if isinstance(step, kind)) for kind in (WriteRecord, Delete)
    )
    assert told < deleted, "the failure is durable before the pod goes"
    assert results(world) == ["Running", "Failed"]
    answer(world)
    assert runs(world) == first
    assert world.condition("Ready") == ("True", "Available")
    assert world.condition("Stalled") == ("True", "RolledBack")
    assert world.condition("Reconciling") == ("False", "Settled")
    assert world.message("Stalled").startswith(f"Revision {bad} failed. Revision {good} runs.")
    assert "line 1: never" in world.message("Stalled")
    assert [event.type for event in world.events if event.reason == "RolledBack"] == ["Warning"]
    assert (world.status["revision"], world.status["desiredRevision"]) == (good, bad)
    world.writes.clear()
    world.later(days=3)
    world.settle()
    assert world.writes == [], "it is not tried again"


@pytest.mark.parametrize("reason", PLATFORMS)
def test_what_the_platform_is_to_blame_for_is_no_failure_of_the_revision(reason: str) -> None:
    world, first = two()
    crash(world, reason)
    world.settle()
    world.later(hours=1)
    world.settle()
    assert runs(world) != first
    assert results(world) == ["Superseded", "Starting"]
    assert world.condition("Stalled")[1] == {"StateSnapshotFailed": "StateUnavailable"}.get(reason, reason)


def test_a_revision_that_is_not_ready_in_time_gives_way_at_its_deadline() -> None:
    world, first = two(World(platform=replace(PLATFORM, progress_deadline=timedelta(seconds=30))))
    assert world.pod
    world.pod = replace(world.pod, started_at=world.now)
    world.later(seconds=29)
    world.settle()
    assert world.plan()[-1].seconds == 1  # type: ignore[union-attr]  # a Wait: it is looked at again then
    assert results(world) == ["Superseded", "Starting"]
    world.later(seconds=1)
    replace_pod(world)
    assert runs(world) == first
    assert "not ready after 30 seconds" in world.message("Stalled")


@pytest.mark.parametrize("reason", ["OOMKilled", "Error"])
def test_a_pod_that_ends_again_and_again_has_until_its_deadline(reason: str) -> None:
    world, first = two()
    crash(world, reason, own=False)
    world.later(seconds=119)
    world.settle()
    assert runs(world) != first
    world.later(seconds=1)
    replace_pod(world)
    assert runs(world) == first


@pytest.mark.parametrize(
    ("pod", "platform", "others"),
    [
        pytest.param({"started_at": None}, {}, {}, id="never started"),
        pytest.param({"started_at": None, "unschedulable": "0/1 nodes are available"}, {}, {}, id="no room"),
        pytest.param({"waiting": ("ImagePullBackOff", "no such image")}, {}, {}, id="image of the runtime"),
        pytest.param({}, {"gateway_answers": False}, {}, id="gateway down"),
        pytest.param({}, {"gateway_address": None}, {}, id="gateway without address"),
        pytest.param({}, {}, {"refused": "exceeded quota"}, id="quota"),
    ],
)
def test_trouble_of_the_platform_outlasts_every_deadline(pod: Any, platform: Any, others: Any) -> None:
    world, first = two()
    assert world.pod
    world.pod = replace(world.pod, **{"started_at": world.now, **pod})
    world.platform = replace(world.platform, **platform)
    world.others = others
    world.later(hours=1)
    world.settle()
    assert runs(world) != first
    assert results(world) == ["Superseded", "Starting"]
    world.pod, world.platform, world.others = replace(world.pod, started_at=world.now), PLATFORM, {}
    world.pod = replace(world.pod, unschedulable=None, waiting=None)
    world.later(hours=1)
    replace_pod(world)
    assert runs(world) == first, "without the trouble it would have failed"


def test_an_outage_of_the_gateway_takes_nothing_of_the_time_of_a_revision() -> None:
    world, first = two()
    assert world.pod
    world.pod = replace(world.pod, started_at=world.now)
    world.later(minutes=10)
    world.platform = replace(PLATFORM, gateway_since=world.now - timedelta(seconds=110))
    world.settle()
    assert world.plan()[-1].seconds == 10  # type: ignore[union-attr]  # a Wait
    world.later(seconds=10)
    replace_pod(world)
    assert runs(world) == first


def test_a_first_revision_that_is_late_has_nothing_to_return_to_and_is_tried_on() -> None:
    world = started()
    crash(world, "Error", own=False)
    world.later(days=1)
    world.settle()
    assert results(world) == ["Starting"]
    assert world.pod
    assert not world.pod.deleting
    switch(world, "corrected")
    answer(world)
    assert world.condition("Stalled") == ("False", "NotStalled")
    assert results(world) == ["Abandoned", "Starting"]


def test_a_revision_that_was_good_once_is_never_left() -> None:
    world, first = two()
    answer(world)
    crash(world)
    world.settle()
    world.later(days=1)
    world.settle()
    assert runs(world) != first
    assert results(world) == ["Superseded", "Running"]
    assert world.condition("Stalled") == ("True", "CodeRejected")


def test_that_a_revision_was_ready_is_told_before_its_endpoints_go() -> None:
    world = World().run()
    world.writes.clear()
    crash(world, "Error", own=False)
    world.settle()
    assert world.writes.index("AppRecord") < world.writes.index("delete EndpointSlice")
    assert results(world) == ["Running"]
    switch(world, "two")
    crash(world)
    replace_pod(world)
    assert results(world) == ["Running", "Failed"]


def test_a_readiness_that_was_never_seen_does_not_count() -> None:
    world = started()
    first = runs(world)
    switch(world, "two")
    crash(world)
    world.settle()
    assert runs(world) != first
    assert results(world) == ["Abandoned", "Failed"]


def test_other_code_ends_the_return_and_the_failed_code_is_not_tried_again() -> None:
    world, first = two()
    crash(world)
    replace_pod(world)
    answer(world)
    switch(world, "three")
    answer(world)
    third = runs(world)
    assert world.condition("Stalled") == ("False", "NotStalled")
    assert results(world) == ["Superseded", "Failed", "Starting"]
    world.app = code("two")
    world.settle()
    assert runs(world) == third
    assert world.condition("Stalled") == ("True", "RolledBack")
    assert world.condition("Ready") == ("True", "Available")
    assert world.pod
    assert not world.pod.deleting, "what runs is not restarted for it"
    world.app = app()
    replace_pod(world)
    answer(world)
    assert runs(world) == first
    assert world.condition("Stalled") == ("False", "NotStalled")
    assert results(world) == ["Failed", "Superseded", "Starting"]


def test_taking_the_bad_code_back_changes_nothing_but_the_status() -> None:
    world, _ = two()
    crash(world)
    replace_pod(world)
    answer(world)
    world.app = app(metadata={"generation": 3})
    world.writes.clear()
    world.settle()
    assert {write for write in world.writes if not write.startswith("Event")} == {"status"}
    assert world.condition("Stalled") == ("False", "NotStalled")


def test_a_returned_revision_runs_with_the_settings_and_the_tier_that_it_had() -> None:
    world = World().run()
    before = world.manifests["Pod", CHILD]
    world.budget = budget({"tiers": {"small": {}, "large": {"guestMemory": "256Mi"}}})
    switch(world, "two", {"tier": "large"})
    assert (
        world.manifests["Pod", CHILD]["spec"]["containers"][0]["resources"]
        != (before["spec"]["containers"][0]["resources"])
    )
    crash(world)
    replace_pod(world)
    answer(world)
    assert world.manifests["Pod", CHILD] == before
    world.budget = budget({"tiers": {"small": {"guestMemory": "128Mi"}, "large": {}}})
    assert world.plan() == ()


def test_a_switch_takes_one_write_more_than_its_pod_and_snapshots() -> None:
    world = World().run()
    world.writes.clear()
    switch(world, "two")
    answer(world)
    counted = [write for write in world.writes if write != "status" and not write.startswith("Event")]
    assert sorted(counted) == sorted(
        [
            "ConfigMap",
            "ConfigMap",
            "delete Pod",
            "Pod",
            "delete EndpointSlice",
            "EndpointSlice",
            "AppRecord",
            "AppRecord",
        ]
    )


def test_nothing_is_applied_for_a_return_but_the_pod() -> None:
    world, _ = two()
    crash(world)
    world.steps.clear()
    replace_pod(world)
    applied = [manifest["kind"] for step in world.steps if isinstance(step, Apply) for manifest in step.manifests]
    assert applied == ["Pod"]
