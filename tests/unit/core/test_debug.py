# SPDX-License-Identifier: Apache-2.0
"""Who is told what an app says when it fails: with `spec.debug` its callers too, as long as they are its own."""

from typing import Any

import pytest

from genapps.core.inactive import inactive_fields
from tests.unit.core.revising import answer, code, crash, replace_pod, switch, two
from tests.unit.core.world import CHILD, World, app, budget

OUTSIDE = {"policy": {"ingressFrom": [{"namespaceSelector": {"matchLabels": {"team": "portal"}}}]}}
DEBUG = {"debug": True}


def told(world: World) -> bool:
    """Whether the live pod tells its callers."""
    return "--debug" in world.manifests["Pod", CHILD]["spec"]["containers"][0]["args"]


def callers(world: World) -> list[Any]:
    """The peers that the app's fence admits."""
    ingress: list[Any] = world.manifests["NetworkPolicy", CHILD]["spec"]["ingress"]
    return [peer for rule in ingress for peer in rule["from"]]


def test_by_default_callers_are_told_nothing() -> None:
    world = World().run()
    assert not told(world)
    assert world.condition("FieldsInactive") == ("False", "AllActive")


def test_an_app_that_asks_for_it_tells_its_own_callers() -> None:
    world = World(app=app({**DEBUG, "ingress": {"from": [{"podSelector": {"matchLabels": {"a": "b"}}}]}})).run()
    assert told(world)
    assert world.condition("FieldsInactive") == ("False", "AllActive")


def test_it_is_no_new_revision() -> None:
    world = World().run()
    assert world.record
    before = world.record.revision
    world.app = app(DEBUG, {"generation": 2})
    replace_pod(world)
    assert told(world)
    assert world.record.revision == before


def test_where_others_may_call_it_is_without_effect_and_status_says_why() -> None:
    world = World(app=app(DEBUG), budget=budget(OUTSIDE)).run()
    assert not told(world)
    assert len(callers(world)) == 2
    assert world.condition("FieldsInactive") == ("True", "NotYetActive")
    assert "spec.debug (AppBudget finance spec.policy.ingressFrom admits" in world.message("FieldsInactive")


def test_others_are_admitted_only_after_the_pod_that_tells_is_gone() -> None:
    world = World(app=app(DEBUG)).run()
    world.budget = budget(OUTSIDE)
    world.settle()
    assert world.pod
    assert world.pod.deleting
    assert len(callers(world)) == 1
    world.pod_is_gone()
    world.settle()
    assert not told(world)
    assert len(callers(world)) == 2


def test_others_are_shut_out_before_a_pod_tells() -> None:
    world = World(app=app(DEBUG), budget=budget(OUTSIDE)).run()
    world.budget = budget()
    world.writes.clear()
    replace_pod(world)
    assert world.writes.index("NetworkPolicy") < world.writes.index("Pod")
    assert (told(world), len(callers(world))) == (True, 1)


@pytest.mark.parametrize("withdrawn", [None, budget({"namespaces": ["sales"]})])
def test_without_a_budget_that_says_who_may_call_nothing_is_told(withdrawn: Any) -> None:
    world = World(app=app(DEBUG)).run()
    world.budget = withdrawn
    replace_pod(world)
    assert not told(world)
    assert "spec.debug (no usable AppBudget" in world.message("FieldsInactive")


def test_above_development_it_is_without_effect() -> None:
    promoted = app({**DEBUG, "stage": "Internal", "code": {"digest": "sha256:" + "0" * 64}})
    assert inactive_fields(promoted, budget()) == ("spec.debug (in stage Development only)",)


def test_a_revision_that_comes_back_does_not_bring_back_what_callers_were_told() -> None:
    world, _ = two(World(app=app(DEBUG)))
    answer(world)
    switch(world, "three", DEBUG)
    world.budget = budget(OUTSIDE)
    replace_pod(world)
    crash(world)
    replace_pod(world)
    answer(world)
    assert world.condition("Stalled") == ("True", "RolledBack")
    assert not told(world)


def test_a_held_revision_follows_what_is_asked_now() -> None:
    world = World(app=app(DEBUG)).run()
    world.app = code("two", {"code": {"source": {"inline": "two\n"}, "digest": "sha256:" + "0" * 64}})
    replace_pod(world)
    assert not told(world)
