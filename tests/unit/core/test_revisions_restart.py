# SPDX-License-Identifier: Apache-2.0
"""The operator may die at any point: what it does next follows from what is stored, so the end is the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps.api.apprecord import REVISIONS_KEPT, RevisionResult
from genapps.core.desired.snapshots import snapshot_names
from genapps.core.steps import Apply, Step, Wait
from genapps.core.verdict import Mode
from tests.unit.core.revising import answer, code, crash, results, runs, started, two
from tests.unit.core.world import CHILD, World, app, budget


class KilledError(Exception):
    """The operator is gone."""


@dataclass
class Mortal(World):
    """A world whose operator dies once, after so many writes (counted one by one, also within a step)."""

    writes_left: int | None = None
    dropped: list[str] = field(default_factory=list)

    def _execute(self, steps: Sequence[Step]) -> bool:
        done = False
        for step in self._singly(steps):
            if isinstance(step, Wait):
                return super()._execute([step]) or done
            if self.writes_left == 0:
                self.writes_left = None
                raise KilledError
            super()._execute([step])
            done = True
            if self.writes_left is not None:
                self.writes_left -= 1
        return done

    def _singly(self, steps: Sequence[Step]) -> list[Step]:
        found: list[Step] = []
        for step in steps:
            found.extend([Apply((one,)) for one in step.manifests] if isinstance(step, Apply) else [step])
        return found

    def restarted(self) -> None:
        """Settle, with the restart that a death makes necessary; a pod that was told to stop is gone meanwhile."""
        for _ in range(8):
            try:
                self.settle()
            except KilledError:
                continue
            if self.pod is None or not self.pod.deleting:
                return
            self.pod_is_gone()
        raise AssertionError("the app does not settle")


def mortal(world: World) -> Mortal:
    return Mortal(**vars(world))


def switched(world: Mortal) -> None:
    world.app = code("two")
    world.restarted()


def failed(world: Mortal) -> None:
    crash(world)
    world.restarted()


def end(world: Mortal) -> Any:
    """Everything that must not depend on when the operator died."""
    answer(world)
    world.writes_left = None
    assert world.plan() == ()
    assert world.record
    kept = [(one.digest, one.config_digest, one.result, one.message) for one in world.record.revisions]
    conditions = [(one["type"], one["status"], one["reason"], one["message"]) for one in world.status["conditions"]]
    return kept, world.record.revision, conditions, sorted(world.children), world.manifests["Pod", CHILD]


def good() -> Mortal:
    return mortal(World(app=app({"rollback": {"to": "previousRevision", "state": "Restore"}})).run())


def bad() -> Mortal:
    world, _ = two(World(app=app({"rollback": {"to": "previousRevision", "state": "Restore"}})))
    return mortal(world)


def new() -> Mortal:
    return mortal(started())


def rejected(world: Mortal) -> None:
    """No pod is left: the end is compared after the code is corrected."""
    failed(world)
    assert world.pod is None
    assert results(world) == ["Failed"]
    assert ("CodeVerified", "False", "CodeRejected") in {
        (one["type"], one["status"], one["reason"]) for one in world.status["conditions"]
    }
    switched(world)


@pytest.mark.parametrize(
    ("start", "go"), [(good, switched), (bad, failed), (new, rejected)], ids=["switch", "return", "rejected"]
)
def test_a_death_after_any_write_leads_to_the_same_end(
    start: Callable[[], Mortal], go: Callable[[Mortal], None]
) -> None:
    unhurt = start()
    before = len(unhurt.writes)
    go(unhurt)
    writes = sum(not write.startswith(("status", "Event")) for write in unhurt.writes[before:])
    wanted = end(unhurt)
    assert writes >= 3
    for number in range(writes):
        world = start()
        world.writes_left = number
        go(world)
        assert world.writes_left is None, "the operator died"
        assert end(world) == wanted, f"after {number} writes"


def test_a_bad_revision_that_was_never_recorded_gives_way_too() -> None:
    """Its pod was created and has failed while the operator was down."""
    world = good()
    first = runs(world)
    world.app = code("two")
    world.settle()
    world.pod_is_gone()
    world.writes_left = len([1 for step in world.plan() for _ in getattr(step, "manifests", [step])])
    with pytest.raises(KilledError):
        world.settle()
    assert world.record
    assert world.record.revision
    assert world.record.revision.code_digest == first
    assert runs(world) != first
    failed(world)
    assert runs(world) == first
    assert results(world) == ["Running", "Failed"]
    assert "--restore-state" not in world.manifests["Pod", CHILD]["spec"]["containers"][0]["args"], "the wish is gone"


def test_nothing_is_decided_by_the_status() -> None:
    world = bad()
    crash(world)
    world.status = {"revision": "forged", "revisions": [{"revision": "0" * 12, "result": "Superseded"}]}
    world.restarted()
    assert results(world) == ["Running", "Failed"]


CODES = ["one", "two", "three", "four", "five", "six", "seven"]
EVENTS = st.one_of(
    st.sampled_from(CODES).map(lambda text: ("code", text)),
    st.sampled_from(["ready", "unready", "rejected", "crashing", "late", "gone", "tier", "suspend", "reset"]).map(
        lambda name: (name, "")
    ),
    st.integers(0, 6).map(lambda number: ("die", str(number))),
)


def happen(world: Mortal, name: str, detail: str) -> None:
    pod = world.pod
    match name:
        case "code":
            world.app = code(detail)
        case "suspend":
            world.app = code("one", {"operatingMode": "Suspended"})
        case "die":
            world.writes_left = int(detail)
        case "tier":
            world.budget = budget({"tiers": {"small": {"guestMemory": f"{64 + len(world.writes) % 3 * 32}Mi"}}})
        case "reset":
            world.status = {}
        case "gone" if pod:
            world.pod_is_gone()
        case "ready" if pod:
            world.make_ready()
        case "unready" | "rejected" | "crashing" if pod:
            crash(world, "CodeRejected" if name == "rejected" else "Error", own=name == "rejected")
        case "late":
            world.later(minutes=3)


@given(st.lists(EVENTS, min_size=1, max_size=25))
def test_whatever_happens_what_runs_is_kept_and_nothing_failed_runs_beside_something_good(events: Any) -> None:
    world = mortal(World().run())
    for name, detail in events:
        happen(world, name, detail)
        world.restarted()
        assert world.record
        history = world.record.revisions
        assert 1 <= len(history) <= REVISIONS_KEPT
        assert len({kept.digest for kept in history}) == len(history)
        assert world.record.revision
        assert world.record.revision.digest in {kept.digest for kept in history}
        there = {name for kind, name in world.children if kind == "ConfigMap"}
        assert there == snapshot_names(world.observe(), history)
        running = next(kept for kept in history if kept.digest == world.record.revision.digest)
        others = [kept for kept in history if kept.result in (RevisionResult.RUNNING, RevisionResult.SUPERSEDED)]
        assert running.result is not RevisionResult.FAILED or not others
        if world.verdict().mode is Mode.RUN:
            assert runs(world) == running.code_digest
