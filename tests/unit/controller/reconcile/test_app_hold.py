# SPDX-License-Identifier: Apache-2.0
"""An AppHold in the loop: its status, its Events, its end by the clock, and a new operator that finds it."""

from datetime import timedelta
from typing import Any

from genapps.api.fields import rfc3339
from genapps.api.names import child_name
from genapps.controller.cache.keys import AppKey, HoldKey
from tests.unit.controller.loop import KEY, Loop
from tests.unit.controller.reconcile.test_worker import work

HOLD = HoldKey("stop")


def order(loop: Loop, **spec: Any) -> None:
    """The platform team writes the hold."""
    loop.server.version += 1
    known = loop.server.objects.get(("AppHold", "stop"), {})
    metadata = {"name": "stop", "uid": "uid-stop", "generation": 1, "resourceVersion": str(loop.server.version)}
    given = {"selector": {"owner": "t"}, "reason": "incident 7", **spec}
    object_ = {"kind": "AppHold", "metadata": metadata, "spec": given, "status": known.get("status", {})}
    loop.server.objects["AppHold", "stop"] = object_
    loop.caches.holds.changed(object_)


def told(loop: Loop) -> dict[str, Any]:
    status: dict[str, Any] = loop.server.objects["AppHold", "stop"]["status"]
    return status


def reason(loop: Loop) -> str:
    return str(next(one["reason"] for one in told(loop)["conditions"] if one["type"] == "Ready"))


def gauge(loop: Loop, state: str) -> float | None:
    return loop.metrics.registry.get_sample_value("genapps_hold_apps", {"hold": "stop", "state": state})


async def test_a_hold_says_how_many_it_matches_and_whose_pods_are_left(loop: Loop) -> None:
    await work(loop, KEY)
    loop.pod_is_ready()
    await work(loop, KEY)
    order(loop)
    await work(loop, HOLD)
    assert (told(loop)["active"], told(loop)["matched"], told(loop)["draining"]) == (True, 1, 1)
    assert reason(loop) == "PodStopping"
    await work(loop, KEY)
    record = loop.server.objects["AppRecord", child_name(*KEY)]["record"]
    assert (record["suspension"]["reason"], record["suspension"]["hold"]) == ("Held", "stop")
    assert ("Pod", child_name(*KEY)) not in loop.server.objects
    assert (gauge(loop, "matched"), gauge(loop, "draining")) == (1, 1)


async def test_pods_of_all_held_apps_are_stopped_before_the_rest_is_done_for_any(loop: Loop) -> None:
    await work(loop, KEY)
    loop.pod_is_ready()
    await work(loop, KEY)
    order(loop)
    other = AppKey("team", "other")
    loop.queue.add(other, first=True)
    pod = loop.server.objects["Pod", child_name(*KEY)]
    loop.server.kinds()
    await loop.reconciler.reconcile(KEY)
    assert loop.server.kinds() == ["AppRecord", "Pod"], "the verdict is durable and the pod is ordered to end"
    loop.caches.children["run", "Pod"].deleted(pod)
    assert await loop.queue.get() == other
    loop.queue.done(other, failed=False)
    loop.clock.move_to(loop.clock.now)
    assert await loop.queue.get() == KEY, "it is looked at again, behind the others"
    await loop.reconciler.reconcile(KEY)
    assert {"NetworkPolicy", "GeneratedApp/status"} <= set(loop.server.kinds())
    assert loop.status()["suspension"]["hold"] == "stop"


async def test_a_hold_says_the_same_thing_once(loop: Loop) -> None:
    order(loop)
    await work(loop, KEY, HOLD)
    assert reason(loop) == "Available"
    loop.server.kinds()
    await work(loop, HOLD)
    assert loop.server.kinds() == []


async def test_a_hold_ends_by_the_clock_and_its_apps_say_that_they_may_be_resumed(loop: Loop) -> None:
    order(loop, until=rfc3339(loop.clock.date() + timedelta(hours=1)))
    await work(loop, KEY, HOLD)
    assert loop.status()["suspension"]["holds"] == ["stop"]
    loop.clock.move_to(loop.clock.time() + 3600)
    await work(loop)
    assert (told(loop)["active"], reason(loop)) == (False, "HoldExpired")
    loop.clock.move_to(loop.clock.time() + 1)
    await work(loop)
    assert "holds" not in loop.status()["suspension"]
    assert loop.status()["suspension"]["hold"] == "stop"
    assert ("Pod", child_name(*KEY)) not in loop.server.objects
    assert gauge(loop, "matched") == 0


async def test_a_hold_that_is_gone_is_no_longer_measured(loop: Loop) -> None:
    order(loop)
    await work(loop, HOLD)
    loop.caches.holds.deleted(loop.server.objects.pop(("AppHold", "stop")))
    await work(loop, HOLD)
    assert gauge(loop, "matched") is None
    await work(loop, HOLD)


async def test_a_hold_that_cannot_be_read_is_reported(loop: Loop) -> None:
    order(loop, selector={"planet": "earth"})
    await work(loop, HOLD)
    assert reason(loop) == "SpecInvalid"
    assert told(loop)["matched"] == 0
