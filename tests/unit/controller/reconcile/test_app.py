# SPDX-License-Identifier: Apache-2.0
"""One app through the loop: what is written, in which order, and what ends a reconciliation."""

from typing import Any

import pytest

from genapps.api.names import child_name
from genapps.cluster.errors import ConflictError
from genapps.controller.process.leader_election import LeaseLostError
from genapps.controller.reconcile.app import PassesExhaustedError
from genapps.controller.reconcile.execute import ChildRefusedError
from tests.unit.controller.loop import KEY, Loop, running

CHILD = child_name(*KEY)


async def test_a_new_app_gets_its_children_then_its_pod_then_its_record_then_its_status(loop: Loop) -> None:
    await loop.reconciler.reconcile(KEY)
    kinds = loop.server.kinds()
    lasting = {"ServiceAccount", "PersistentVolumeClaim", "Service", "NetworkPolicy", "ConfigMap"}
    assert set(kinds[: kinds.index("Pod")]) == lasting
    assert kinds[kinds.index("Pod") :] == ["Pod", "AppRecord", "GeneratedApp/status"]


async def test_an_app_that_is_as_it_should_be_is_not_written_again(loop: Loop) -> None:
    await loop.reconciler.reconcile(KEY)
    loop.server.writes.clear()
    await loop.reconciler.reconcile(KEY)
    assert loop.server.writes == []


async def test_the_status_is_written_to_that_very_app(loop: Loop) -> None:
    await loop.reconciler.reconcile(KEY)
    sent = next(body for _, kind, body in loop.server.writes if kind == "GeneratedApp/status")
    assert sent["metadata"] == {"namespace": "team", "name": "a", "uid": "uid-a"}


async def test_an_event_follows_a_status_that_turned(loop: Loop) -> None:
    loop.app(11, tier="huge")
    await loop.reconciler.reconcile(KEY)
    assert [kind for _, kind, _ in loop.server.writes][-2:] == ["GeneratedApp/status", "Event"]
    assert loop.server.writes[-1][2]["involvedObject"]["uid"] == "uid-a"


async def test_a_refused_child_is_reported_and_tried_again(loop: Loop) -> None:
    loop.server.refuse["PATCH", "Pod"] = (403, "exceeded quota: pods=10")
    with pytest.raises(ChildRefusedError):
        await loop.reconciler.reconcile(KEY)
    assert "exceeded quota: pods=10" in loop.message("Ready")
    loop.server.refuse.clear()
    await loop.reconciler.reconcile(KEY)
    assert "exceeded quota" not in loop.message("Ready")


@pytest.mark.parametrize("kind", ["ServiceAccount", "NetworkPolicy", "Pod"])
async def test_the_words_of_a_webhook_that_is_down_reach_the_status(loop: Loop, kind: str) -> None:
    words = 'failed calling webhook "pods.try.example": connection refused'
    loop.server.refuse["PATCH", kind] = (500, words)
    with pytest.raises(ChildRefusedError):
        await loop.reconciler.reconcile(KEY)
    assert words in loop.message("Ready")
    assert words in loop.message("Stalled")
    loop.server.refuse.clear()
    await loop.reconciler.reconcile(KEY)
    assert words not in loop.message("Ready")


async def test_an_app_without_endpoints_is_never_ready(loop: Loop) -> None:
    loop.server.refuse["PATCH", "EndpointSlice"] = (403, "denied by policy")
    await loop.reconciler.reconcile(KEY)
    loop.pod_is_ready()
    with pytest.raises(ChildRefusedError):
        await loop.reconciler.reconcile(KEY)
    ready = next(entry for entry in loop.status()["conditions"] if entry["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "ChildRefused")


async def test_a_forced_app_has_everything_but_its_snapshots_applied_once(loop: Loop) -> None:
    await loop.reconciler.reconcile(KEY)
    loop.server.writes.clear()
    loop.sweep._forced.add(KEY)
    await loop.reconciler.reconcile(KEY)
    kinds = loop.server.kinds()
    assert sorted(kinds) == sorted(["ServiceAccount", "PersistentVolumeClaim", "Service", "NetworkPolicy", "Pod"])
    await loop.reconciler.reconcile(KEY)
    assert loop.server.kinds() == []


async def test_a_child_that_somebody_edits_again_and_again_ends_the_passes(loop: Loop) -> None:
    def open_it(stored: dict[str, Any]) -> None:
        if stored["kind"] == "NetworkPolicy":
            stored["spec"] = {**stored["spec"], "egress": [{}]}

    loop.server.alter = open_it
    with pytest.raises(PassesExhaustedError, match="12 passes"):
        await loop.reconciler.reconcile(KEY)
    assert loop.server.kinds().count("NetworkPolicy") == 12


async def test_an_edited_child_is_put_right_and_counted_as_drift(loop: Loop) -> None:
    await loop.reconciler.reconcile(KEY)
    loop.server.writes.clear()
    live = loop.server.objects["Service", CHILD]
    metadata = {**live["metadata"], "resourceVersion": "5000"}
    spec = {**live["spec"], "ports": [{"port": 1}]}
    loop.caches.children["run", "Service"].changed({**live, "metadata": metadata, "spec": spec})
    loop.server.version = 6000
    await loop.reconciler.reconcile(KEY)
    assert loop.server.kinds() == ["Service"]
    assert loop.metrics.registry.get_sample_value("genapps_drift_healed_total", {"kind": "Service"}) == 1


async def test_a_record_that_another_writer_has_changed_is_not_written_over(loop: Loop) -> None:
    loop.server.refuse["POST", "AppRecord"] = (409, "exists")
    with pytest.raises(ConflictError):
        await loop.reconciler.reconcile(KEY)
    assert "GeneratedApp/status" not in loop.server.kinds(), "a status would tell of a verdict that is not durable"


async def test_nothing_is_written_once_leadership_is_lost_in_the_middle() -> None:
    asked: list[str] = []

    def guard() -> None:
        asked.append("may I")
        if len(asked) > 3:
            raise LeaseLostError("not renewed")

    async with running(guard) as loop:
        with pytest.raises(LeaseLostError):
            await loop.reconciler.reconcile(KEY)
        assert len(loop.server.writes) == 3


async def test_an_app_holds_a_place_under_its_budget_until_its_record_says_so(loop: Loop) -> None:
    loop.server.refuse["PATCH", "Pod"] = (403, "no")
    with pytest.raises(ChildRefusedError):
        await loop.reconciler.reconcile(KEY)
    assert loop.caches.reservations.holds(KEY, "b")
    loop.server.refuse.clear()
    await loop.reconciler.reconcile(KEY)
    assert not loop.caches.reservations.holds(KEY, "b")
    assert loop.caches.summary.apps == {"b": 1}


async def test_an_app_without_a_known_namespace_is_looked_at_again(loop: Loop) -> None:
    loop.caches.namespaces.deleted({"metadata": {"name": "team", "resourceVersion": "9"}})
    await loop.reconciler.reconcile(KEY)
    assert loop.server.writes == []
    loop.clock.move_to(1.0)
    assert await loop.queue.get() == KEY


async def test_an_app_that_starts_is_looked_at_again_without_an_event(loop: Loop) -> None:
    await loop.reconciler.reconcile(KEY)
    loop.clock.move_to(10.0)
    assert await loop.queue.get() == KEY
