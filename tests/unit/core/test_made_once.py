# SPDX-License-Identifier: Apache-2.0
"""What a pass makes once, and what is made once for many apps, is what would be made anew."""

from typing import Any

import pytest

from genapps.core.desired.pod import pod
from genapps.core.judge import judge
from genapps.core.runtime_config import runtime_config
from genapps.core.verdict import PodStatus
from tests.unit.core.world import CHILD, START, World, app, budget

DIGEST = "sha256:" + "a" * 64


def settings(world: World, system_namespace: str = "genapps-system", **changes: Any) -> Any:
    world.app = app(changes)
    grant = world.verdict().grant
    assert grant is not None
    return runtime_config(world.app, grant, system_namespace, DIGEST, "app.py")


def test_the_pod_that_judging_has_made_is_the_one_that_is_desired() -> None:
    world = World().run()
    observed = world.observe()
    verdict = judge(observed, START, "0" * 32)
    assert verdict.grant is not None
    assert verdict.revision is not None
    assert verdict.pod.status is PodStatus.READY
    assert verdict.pod.wanted == pod(observed, verdict.grant, verdict.revision)


def test_another_tier_makes_another_pod_at_the_next_pass() -> None:
    world = World().run()
    world.budget = budget({"tiers": {"small": {"guestMemory": "256Mi"}}})
    verdict = world.verdict()
    assert verdict.pod.status is PodStatus.OUTDATED
    manifest = next(one for one in world.desired() if one["kind"] == "Pod")
    assert manifest["metadata"]["name"] == CHILD
    assert manifest["spec"]["containers"][0]["resources"]["limits"]["memory"] == "352Mi"


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"workloadClass": "batch"}, "time"),
        ({"napAfter": "90s"}, "time"),
        ({"envelope": {"retention": {"responses": "2h"}}}, "retention"),
        ({"fallback": {"static": {"status": 200, "contentType": "text/plain", "body": "later"}}}, "fallback"),
        ({"fallback": {"lastGood": True}}, "fallback"),
        ({"workloadClass": "background"}, "background"),
        ({"schedules": [{"name": "a", "cron": "0 2 * * *", "path": "/a"}]}, "schedules"),
        ({"fallback": {"export": True}}, "fallback"),
        ({"envelope": {"retention": {"state": "720h"}}}, "retention"),
    ],
)
def test_settings_follow_the_spec(changes: dict[str, Any], part: str) -> None:
    world = World()
    before, after = settings(world), settings(world, **changes)
    assert getattr(before, part) != getattr(after, part)
    assert before.limits == after.limits
    assert settings(world) == before


def test_state_is_kept_as_long_as_the_envelope_says() -> None:
    world = World()
    assert settings(world).retention.state_seconds == 0
    assert settings(world, envelope={"retention": {"state": "36h"}}).retention.state_seconds == 36 * 3600


@pytest.mark.parametrize(
    ("of_app", "of_tier", "millis"),
    [
        ({}, {}, 60_000),
        ({}, {"napAfter": "5m"}, 300_000),
        ({"napAfter": "1h30m"}, {"napAfter": "5m"}, 5_400_000),
        ({"napAfter": "0s"}, {}, 0),
        ({"napAfter": "10s"}, {"napAfter": "0s"}, 10_000),
    ],
)
def test_when_an_app_naps_is_its_own_word_and_else_its_tiers(
    of_app: dict[str, Any], of_tier: dict[str, Any], millis: int
) -> None:
    world = World()
    world.budget = budget({"tiers": {"small": of_tier}})
    assert settings(world, **of_app).time.nap_millis == millis


def test_settings_follow_the_tier_and_the_platform() -> None:
    world = World()
    before = settings(world)
    assert settings(world, "elsewhere").gateway.host == "gateway.elsewhere.svc"
    world.budget = budget({"tiers": {"small": {"guestMemory": "256Mi"}}})
    assert settings(world).limits.guest_memory_bytes == 256 * 2**20 != before.limits.guest_memory_bytes
