# SPDX-License-Identifier: Apache-2.0
"""Events: one object per app, reason and type, counted up; one that cannot be posted ends nothing."""

from datetime import timedelta
from typing import Any

from genapps.controller.reconcile import events
from genapps.controller.reconcile.events import Events
from tests.support.scripted_server import Script, json, refusal, serve
from tests.unit.controller.world import NOW

APP: dict[str, Any] = {"namespace": "team", "name": "a", "uid": "u1"}


async def post(posted: Events, reason: str = "PodReady", minutes: int = 0, about: dict[str, Any] = APP) -> None:
    now = NOW + timedelta(minutes=minutes)
    await posted.post(about, "GeneratedApp", type_="Normal", reason=reason, message="Ready.", now=now)


async def test_the_same_event_again_is_counted_up_under_its_name() -> None:
    script = Script([json({})])
    async with serve(script) as client:
        posted = Events(client, "process")
        await post(posted)
        await post(posted, minutes=5)
    first, second = (asked.body for asked in script.asked)
    assert first["metadata"] == second["metadata"]
    assert (first["count"], second["count"]) == (1, 2)
    assert second["firstTimestamp"] == first["firstTimestamp"] == "2026-11-23T12:00:00Z"
    assert second["lastTimestamp"] == "2026-11-23T12:05:00Z"


async def test_another_reason_another_app_of_the_name_or_another_process_is_another_event() -> None:
    script = Script([json({})])
    async with serve(script) as client:
        posted = Events(client, "process")
        await post(posted)
        await post(posted, reason="PodFailed")
        await post(posted, about={**APP, "uid": "u2"})
        await post(Events(client, "next"))
    assert len({asked.body["metadata"]["name"] for asked in script.asked}) == 4


async def test_an_event_that_is_refused_is_dropped_and_not_counted() -> None:
    script = Script([refusal(403), json({})])
    async with serve(script) as client:
        posted = Events(client, "process")
        await post(posted)
        await post(posted, minutes=5)
    assert script.asked[1].body["count"] == 1


async def test_an_event_of_a_cluster_wide_object_is_posted_in_default() -> None:
    script = Script([json({})])
    async with serve(script) as client:
        await post(Events(client, "process"), about={"name": "b", "uid": "u3"})
    assert script.asked[0].body["metadata"]["namespace"] == "default"
    assert "namespace" not in script.asked[0].body["involvedObject"]


async def test_only_so_many_events_are_remembered() -> None:
    script = Script([json({})])
    async with serve(script) as client:
        posted = Events(client, "process")
        for number in range(events._REMEMBERED + 5):
            posted._posted["team", str(number)] = (1, "")
        await post(posted)
    assert len(posted._posted) == events._REMEMBERED
