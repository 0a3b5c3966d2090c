# SPDX-License-Identifier: Apache-2.0
"""Pods that admission changes, and pods that the platform wants otherwise, through the whole loop."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from genapps.api.names import ANNOTATION_POD_DIGEST, child_name
from genapps.controller.cache.keys import AppKey
from tests.unit.controller.loop import KEY, Loop
from tests.unit.controller.world import SETTINGS

CHILD = child_name(*KEY)
OTHER = AppKey("team", "b")


def changing(**fields: Any) -> Any:
    def alter(stored: dict[str, Any]) -> None:
        if stored["kind"] == "Pod":
            stored["spec"] = {**stored["spec"], **fields}

    return alter


def condition(loop: Loop, kind: str) -> tuple[str, str]:
    found = next(entry for entry in loop.status()["conditions"] if entry["type"] == kind)
    return found["status"], found["reason"]


def gone(loop: Loop) -> None:
    """The pod whose deletion was ordered is gone, and the next one will have another uid."""
    store = loop.caches.children["run", "Pod"]
    loop.server.version += 1
    metadata = {"namespace": "run", "name": CHILD, "uid": "gone", "resourceVersion": str(loop.server.version)}
    store.deleted({"metadata": metadata})
    loop.server.objects.pop(("Pod", CHILD), None)


async def answering(loop: Loop) -> None:
    await loop.reconciler.reconcile(KEY)
    loop.server.version += 1
    pod = loop.server.objects["Pod", CHILD]
    pod["metadata"] = {**pod["metadata"], "resourceVersion": str(loop.server.version)}
    status = {"phase": "Running", "podIP": "10.1.1.1", "conditions": [{"type": "Ready", "status": "True"}]}
    loop.caches.children["run", "Pod"].changed({**pod, "status": status})
    await loop.reconciler.reconcile(KEY)
    assert condition(loop, "Ready") == ("True", "Available")
    loop.server.writes.clear()


def deletions(loop: Loop) -> list[str]:
    found = [kind for method, kind, _ in loop.server.writes if method == "DELETE"]
    loop.server.writes.clear()
    return found


async def test_a_pod_with_more_tolerations_and_a_longer_grace_stays(loop: Loop) -> None:
    loop.server.alter = changing(tolerations=[{"operator": "Exists"}], terminationGracePeriodSeconds=30)
    await loop.reconciler.reconcile(KEY)
    assert deletions(loop) == []
    assert condition(loop, "Stalled") == ("False", "NotStalled")
    await loop.reconciler.reconcile(KEY)
    assert loop.server.kinds() == []


async def test_a_pod_with_another_fence_is_named_counted_and_tried_again_after_growing_pauses(loop: Loop) -> None:
    loop.server.alter = changing(dnsPolicy="ClusterFirst")
    created = 0
    for number in range(60):  # a minute, looked at each second
        loop.clock.now = float(number)
        uid = f"pod-{number}"
        loop.server.objects.setdefault(("Pod", CHILD), {"metadata": {"uid": uid}})
        await loop.reconciler.reconcile(KEY)
        if "Pod" in deletions(loop):
            created += 1
            assert condition(loop, "Stalled") == ("True", "PodMutated")
            gone(loop)
    assert created == 4, "at once, and after 10, 20 and 40 seconds would come the next ones"
    assert loop.metrics.registry.get_sample_value("genapps_pods_mutated_total", {"field": "spec.dnsPolicy"}) == created
    assert condition(loop, "Stalled") == ("True", "PodMutated")


def without_our_note(*, spec: bool) -> Any:
    """As a webhook that strips annotations it does not know, and, with `spec`, sets a pull policy as well."""

    def alter(stored: dict[str, Any]) -> None:
        if stored["kind"] != "Pod":
            return
        notes = stored["metadata"]["annotations"]
        kept = {name: value for name, value in notes.items() if name != ANNOTATION_POD_DIGEST}
        stored["metadata"] = {**stored["metadata"], "annotations": kept}
        if spec:
            container = {**stored["spec"]["containers"][0], "imagePullPolicy": "Always"}
            stored["spec"] = {**stored["spec"], "containers": [container]}

    return alter


async def test_a_pod_without_its_note_is_named_and_tried_again_after_growing_pauses(loop: Loop) -> None:
    loop.server.alter = without_our_note(spec=True)
    created = 0
    for number in range(60):  # a minute, looked at each second
        loop.clock.now = float(number)
        loop.server.objects.setdefault(("Pod", CHILD), {"metadata": {"uid": f"pod-{number}"}})
        await loop.reconciler.reconcile(KEY)
        if "Pod" in deletions(loop):
            created += 1
            assert condition(loop, "Stalled") == ("True", "PodMutated")
            gone(loop)
    assert created == 4
    loop.server.alter = lambda _: None
    loop.clock.now += 60
    await answering(loop)


async def test_a_pod_that_is_as_asked_but_for_its_note_is_accepted_and_not_applied_again_and_again(loop: Loop) -> None:
    loop.server.alter = without_our_note(spec=False)
    await answering(loop)
    await loop.reconciler.reconcile(KEY)
    assert loop.server.kinds() == []


@pytest.fixture
async def newer(loop: Loop) -> Loop:
    """An app that answers, another one that has the only permit, and another runtime image."""
    await answering(loop)
    assert loop.reconciler.permits.ask(OTHER, "run", loop.clock.date())
    loop.observer._settings = replace(SETTINGS, runtime_image="newer")
    return loop


async def test_a_pod_that_serves_waits_for_its_permit(newer: Loop) -> None:
    await newer.reconciler.reconcile(KEY)
    assert deletions(newer) == []
    assert condition(newer, "Ready") == ("True", "Available")
    assert condition(newer, "Reconciling") == ("True", "Switching")


async def test_it_is_replaced_once_the_other_app_is_ready_again(newer: Loop) -> None:
    await newer.reconciler.reconcile(KEY)
    assert newer.reconciler.permits.settle(OTHER, done=True, now=newer.clock.date()) == [KEY]
    await newer.reconciler.reconcile(KEY)
    assert "Pod" in deletions(newer)
    assert not newer.reconciler.permits.ask(OTHER, "run", newer.clock.date()), (
        "the permit is the app's until it is ready"
    )
    gone(newer)
    await answering(newer)
    assert newer.reconciler.permits.ask(OTHER, "run", newer.clock.date())


async def test_it_is_replaced_when_the_other_app_does_not_come_back_in_time(newer: Loop) -> None:
    await newer.reconciler.reconcile(KEY)
    newer.clock.now += timedelta(minutes=2).total_seconds()
    await newer.reconciler.reconcile(KEY)
    assert "Pod" in deletions(newer)
