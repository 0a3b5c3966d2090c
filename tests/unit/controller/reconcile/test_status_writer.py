# SPDX-License-Identifier: Apache-2.0
"""A status goes to one very object, and the answer into its cache."""

from typing import Any

from genapps.controller.cache.keys import AppKey
from genapps.controller.reconcile.status_writer import write_status
from tests.support.scripted_server import Script, json, refusal, serve
from tests.unit.controller import world
from tests.unit.controller.world import app


async def test_the_answer_is_in_the_cache_at_once_and_wakes_nobody() -> None:
    seen = world.Seen()
    seen.caches.apps.changed(app("a", 1))
    seen.woken()
    script = Script([json({**app("a", 7), "status": {"x": "y"}})])
    metadata = {"namespace": "team", "name": "a", "uid": "uid-a"}
    async with serve(script) as client:
        live = await write_status(client, seen.caches.apps, "GeneratedApp", metadata, {"x": "y"})
    assert live is not None
    stored = seen.caches.apps.get(("team", "a"))
    assert stored is not None
    assert stored.raw["status"] == {"x": "y"}
    assert seen.woken() == []
    assert script.asked[0].path.endswith("/generatedapps/a/status")
    assert script.asked[0].body["metadata"]["uid"] == "uid-a"


async def test_a_spec_that_somebody_wrote_just_before_the_status_wakes_its_app() -> None:
    seen = world.Seen()
    seen.caches.apps.changed(of_generation(1, app("a", 5, tier="small")))
    seen.woken()
    edited = of_generation(2, app("a", 6, tier="large"))
    answer = {**of_generation(2, app("a", 7, tier="large")), "status": {"x": "y"}}
    async with serve(Script([json(answer)])) as client:
        await write_status(client, seen.caches.apps, "GeneratedApp", {"namespace": "team", "name": "a"}, {"x": "y"})
    assert seen.woken() == [AppKey("team", "a")]
    seen.caches.apps.changed(edited)
    stored = seen.caches.apps.get(("team", "a"))
    assert stored is not None
    assert stored.raw["spec"] == {"tier": "large"}
    assert seen.woken() == [], "its event is older than the answer"


def of_generation(generation: int, object_: dict[str, Any]) -> dict[str, Any]:
    return {**object_, "metadata": {**object_["metadata"], "generation": generation}}


async def test_an_object_that_is_gone_has_no_status_and_does_not_come_back() -> None:
    caches = world.caches()
    async with serve(Script([refusal(404)])) as client:
        assert await write_status(client, caches.apps, "GeneratedApp", {"namespace": "team", "name": "a"}, {}) is None
    assert caches.apps.get(("team", "a")) is None
