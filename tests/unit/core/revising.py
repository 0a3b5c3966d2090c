# SPDX-License-Identifier: Apache-2.0
"""Steps of a revision's life in the world of the core's tests."""

from dataclasses import replace
from typing import Any

from genapps.core.observed import Termination
from tests.unit.core.world import CHILD, World, app


def code(text: str, spec: dict[str, Any] | None = None) -> Any:
    return app({"code": {"source": {"inline": f"{text}\n"}}, **(spec or {})}, {"generation": 2})


def started(world: World | None = None) -> World:
    """A new app, whose first pod exists."""
    world = world or World()
    world.settle()
    world.bind()
    world.settle()
    return world


def switch(world: World, text: str, spec: dict[str, Any] | None = None) -> None:
    """Ask for other code, until its pod exists."""
    world.app = code(text, spec)
    replace_pod(world)


def replace_pod(world: World) -> None:
    world.settle()
    assert world.pod
    assert world.pod.deleting
    world.pod_is_gone()
    world.settle()


def answer(world: World) -> None:
    world.make_ready()
    world.settle()


def crash(world: World, reason: str = "CodeRejected", *, own: bool = True) -> None:
    """The runtime ends and says why."""
    assert world.pod
    ended = Termination(reason, "line 1: never", 3, own=own)
    world.pod = replace(world.pod, ready=False, started_at=None, scheduled_at=world.now, termination=ended)


def results(world: World) -> list[str]:
    assert world.record
    return [kept.result.value for kept in world.record.revisions]


def runs(world: World) -> str:
    """The digest of the code in the pod's arguments."""
    return str(world.manifests["Pod", CHILD]["spec"]["containers"][0]["args"][3])


def two(world: World | None = None) -> tuple[World, str]:
    """A good revision, and a second one that has just started; with the digest of the first one's code."""
    world = (world or World()).run()
    first = runs(world)
    switch(world, "two")
    assert runs(world) != first
    return world, first


def snapshots(world: World) -> int:
    return world.kinds().count("ConfigMap")
