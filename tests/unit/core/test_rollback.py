# SPDX-License-Identifier: Apache-2.0
"""The way back of an app: to which revision, with which state, and how many are kept for it."""

from typing import Any

import pytest

from tests.unit.core.revising import answer, code, crash, replace_pod, results, runs, snapshots, switch, two
from tests.unit.core.world import CHILD, World, app


class TestRollbackTo:
    def three(self, rollback: Any) -> tuple[World, str, str]:
        """Two good revisions, and a third one that has just started; with the code of the two."""
        world, first = two()
        answer(world)
        second = runs(world)
        switch(world, "three", {"rollback": rollback(first, second)})
        crash(world)
        return world, first, second

    def test_the_previous_revision_is_the_default(self) -> None:
        for rollback in (None, {"to": "previousRevision"}, {"to": "fallback"}):
            world, _, second = self.three(lambda *_, chosen=rollback: chosen)
            replace_pod(world)
            assert runs(world) == second

    def test_a_kept_revision_can_be_named_by_its_code(self) -> None:
        world, first, _ = self.three(lambda first, _: {"to": first})
        replace_pod(world)
        answer(world)
        assert runs(world) == first
        assert results(world) == ["Running", "Superseded", "Failed"]
        assert "rollback.to" not in world.message("Stalled")

    def test_code_that_is_not_kept_is_reported_and_the_previous_revision_runs(self) -> None:
        world, _, second = self.three(lambda *_: {"to": "sha256:" + "0" * 64})
        replace_pod(world)
        answer(world)
        assert runs(world) == second
        assert "The operator keeps no good revision with the code digest in spec.rollback.to." in world.message(
            "Stalled"
        )

    def test_another_name_afterwards_moves_nothing(self) -> None:
        world, first, second = self.three(lambda *_: None)
        replace_pod(world)
        answer(world)
        world.app = code("three", {"rollback": {"to": first}})
        world.settle()
        assert runs(world) == second
        assert world.plan() == ()

    def test_only_a_return_to_the_fallback_is_without_effect(self) -> None:
        for to, inactive in (("previousRevision", "False"), ("sha256:" + "0" * 64, "False"), ("fallback", "True")):
            world = World(app=app({"rollback": {"to": to}})).run()
            assert world.condition("FieldsInactive")[0] == inactive

    @pytest.mark.parametrize("gone", ["code", "config"])
    def test_a_revision_without_its_snapshots_is_passed_over(self, gone: str) -> None:
        world, first, _ = self.three(lambda *_: None)
        assert world.record
        second = world.record.revisions[1]
        digest = (second.code_digest if gone == "code" else second.config_digest).removeprefix("sha256:")[:12]
        del world.children["ConfigMap", f"{CHILD}-{gone}-{digest}"]
        replace_pod(world)
        assert runs(world) == first

    @pytest.mark.parametrize(("reason", "runs_on"), [("Error", True), ("CodeRejected", False)])
    def test_a_failed_revision_runs_when_nothing_else_can_unless_it_cannot_load(
        self, reason: str, runs_on: bool
    ) -> None:
        world, _ = two()
        crash(world, reason, own=reason != "Error")
        world.later(minutes=2)
        replace_pod(world)
        answer(world)
        good = {name for name in world.children if name[0] == "ConfigMap"}
        assert world.record
        bad = world.record.revisions[1]
        for name in good:
            if bad.code_digest[7:19] not in name[1] and bad.config_digest[7:19] not in name[1]:
                del world.children[name]
        world.pod_is_gone()
        world.settle()
        assert (world.pod is not None) == runs_on
        assert not runs_on or runs(world) == bad.code_digest


class TestState:
    def returned(self, rollback: Any) -> World:
        world, _ = two(World(app=app({"rollback": rollback})))
        crash(world)
        replace_pod(world)
        return world

    def switched(self, rollback: Any) -> World:
        world = World(app=app({"rollback": rollback})).run()
        switch(world, "two", {"rollback": rollback})
        crash(world)
        replace_pod(world)
        return world

    def restores(self, world: World) -> bool:
        return "--restore-state" in world.manifests["Pod", CHILD]["spec"]["containers"][0]["args"]

    @pytest.mark.parametrize("state", [None, "Keep", "Restore"])
    def test_state_comes_back_only_when_that_is_wished(self, state: str | None) -> None:
        rollback = {"to": "previousRevision", **({"state": state} if state else {})}
        assert self.restores(self.switched(rollback)) == (state == "Restore")

    @pytest.mark.parametrize("state", ["Keep", "Restore"])
    def test_the_runtime_copies_state_only_when_it_may_have_to_come_back(self, state: str) -> None:
        world = World(app=app({"rollback": {"to": "previousRevision", "state": state}})).run()
        texts = [text for one in world.manifests.values() if (text := one.get("data", {}).get("runtime.json"))]
        assert [f'"stateSnapshot":{str(state == "Restore").lower()}' in text for text in texts] == [True]

    def test_the_wish_at_the_failure_holds_until_another_revision_runs(self) -> None:
        world = self.switched({"to": "previousRevision", "state": "Restore"})
        answer(world)
        world.app = code("two", {"rollback": {"to": "previousRevision", "state": "Keep"}})
        world.settle()
        assert world.plan() == ()
        world.pod_is_gone()
        world.settle()
        assert self.restores(world), "the runtime knows whether it has done it"
        switch(world, "three")
        assert not self.restores(world)
        assert world.record
        assert world.record.revision
        assert world.record.revision.restore_state is None


class TestFive:
    def test_the_last_five_are_kept_and_their_snapshots(self) -> None:
        world = World().run()
        dropped = runs(world)
        for number in range(5):
            switch(world, f"number {number}")
            answer(world)
        assert results(world) == ["Superseded"] * 4 + ["Starting"]
        assert snapshots(world) == 10
        assert not [name for _, name in world.children if dropped[7:19] in name]

    def test_bad_revisions_never_push_out_the_good_one(self) -> None:
        world = World().run()
        first = runs(world)
        for number in range(7):
            switch(world, f"number {number}")
            crash(world)
            replace_pod(world)
            answer(world)
            assert runs(world) == first
        assert results(world) == ["Running"] + ["Failed"] * 4

    def test_revisions_that_were_never_ready_do_not_push_it_out_either(self) -> None:
        world = World().run()
        first = runs(world)
        for number in range(7):
            switch(world, f"number {number}")
        assert results(world) == ["Superseded"] + ["Abandoned"] * 3 + ["Starting"]
        crash(world)
        replace_pod(world)
        assert runs(world) == first


class TestBeside:
    """Revisions beside suspension, findings and re-creation."""

    def test_a_suspended_app_keeps_its_revisions_and_that_they_were_good(self) -> None:
        world, _ = two()
        answer(world)
        world.app = code("two", {"operatingMode": "Suspended"})
        replace_pod(world)
        assert results(world) == ["Superseded", "Running"]
        assert snapshots(world) == 4

    def test_the_same_name_again_starts_without_a_history(self) -> None:
        world, _ = two()
        crash(world)
        replace_pod(world)
        answer(world)
        bad = code("two")
        world.app = bad.model_copy(update={"metadata": bad.metadata.model_copy(update={"uid": "app-uid-2"})})
        replace_pod(world)
        assert results(world) == ["Starting"], "what failed may be tried again"

    def test_a_held_revision_that_fails_gives_way_too(self) -> None:
        world, first = two()
        world.app = code("two", {"code": {"source": {"inline": "two\n"}, "digest": "sha256:" + "0" * 64}})
        crash(world)
        replace_pod(world)
        answer(world)
        assert runs(world) == first
        assert world.condition("CodeVerified") == ("False", "SourceDiffers")
        assert world.condition("Ready") == ("True", "Available")

    def test_a_source_that_differs_runs_the_verified_code_also_after_a_restart_of_the_pod(self) -> None:
        world = World().run()
        first = runs(world)
        other = {"code": {"source": {"inline": "two\n"}, "digest": first}}
        world.app = app(other, {"generation": 2})
        world.settle()
        world.pod_is_gone()
        world.status = {}
        world.settle()
        answer(world)
        assert runs(world) == first
        assert world.condition("CodeVerified") == ("False", "SourceDiffers")
        assert results(world) == ["Running"]
        world.app = code("two")
        replace_pod(world)
        answer(world)
        assert runs(world) != first, "without spec.code.digest the source is the wish"
        assert world.condition("CodeVerified") == ("True", "Verified")
