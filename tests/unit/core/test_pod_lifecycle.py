# SPDX-License-Identifier: Apache-2.0
"""Pods that fail, hang or change owners, and what outlives them."""

from dataclasses import replace
from datetime import timedelta

from genapps.core.observed import ClaimState
from genapps.core.steps import Apply, Delete, Wait, WriteRecord
from genapps.core.verdict import Mode
from tests.unit.core.world import CHILD, PLATFORM, START, World, app, budget, connector, ledger


def evict(world: World) -> None:
    assert world.pod
    world.pod = replace(world.pod, ready=False, finished_at=world.now, finished_reason="Evicted")
    world.settle()


def replaced(world: World) -> float:
    """Lets the failed pod be replaced; seconds that it took."""
    since = world.now
    wait = world.plan()[-1]
    assert isinstance(wait, Wait)
    assert wait.reason == "BackingOff"
    assert wait.seconds
    world.later(seconds=wait.seconds)
    world.settle()
    assert world.pod
    assert world.pod.deleting
    world.pod_is_gone()
    world.settle()
    return (world.now - since).total_seconds()


def test_an_evicted_pod_is_replaced_after_a_pause() -> None:
    world = World().run()
    world.later(days=1)
    evict(world)
    assert replaced(world) == 10
    assert world.pod
    assert not world.pod.deleting


def test_the_pause_grows_while_the_app_does_not_answer_and_has_an_end() -> None:
    world = World().run()
    world.later(days=1)
    pauses = []
    for _ in range(9):
        evict(world)
        pauses.append(replaced(world))
    assert pauses == sorted(pauses)
    assert pauses[0] == 10
    assert pauses[-1] == 300


def test_an_app_that_answered_in_between_starts_with_the_short_pause() -> None:
    world = World().run()
    for _ in range(6):
        evict(world)
        replaced(world)
    world.make_ready()
    world.settle()
    evict(world)
    assert replaced(world) == 10


def test_a_pod_on_a_lost_node_is_never_deleted_by_force() -> None:
    world = World().run()
    assert world.pod
    world.pod = replace(world.pod, ready=False, deletion_deadline=world.now)
    world.later(hours=1)
    world.steps.clear()
    world.settle()
    assert world.condition("Stalled") == ("True", "NodeUnreachable")
    assert not [step for step in world.steps if isinstance(step, Delete) and step.kind == "Pod"]
    assert world.plan() == (Wait("NodeUnreachable"),)


def test_a_pod_that_stops_is_looked_at_again_when_it_is_overdue() -> None:
    world = World().run()
    assert world.pod
    world.pod = replace(world.pod, ready=False, deletion_deadline=world.now + timedelta(seconds=10))
    world.settle()
    assert world.plan() == (Wait("PodStopping", 41.0),)


def test_a_pod_that_starts_is_looked_at_again_at_its_deadline() -> None:
    world = World().run()
    assert world.pod
    world.pod = replace(world.pod, ready=False)
    world.settle()
    assert world.plan() == (Wait("PodStarting", 120.0),)


def test_a_pod_that_somebody_else_made_under_our_labels_gets_no_place_in_the_record() -> None:
    world = World().run()
    assert world.pod
    world.pod = replace(world.pod, uid="intruder")
    key = ("Pod", CHILD)
    world.children[key] = replace(world.children[key], uid="intruder", spec_digest="other", digest="other")
    world.settle()
    assert world.record
    assert world.record.pod is None or world.record.pod.uid != "intruder"
    assert world.pod.deleting


def test_endpoints_go_while_the_pod_is_not_ready() -> None:
    world = World().run()
    assert world.pod
    world.pod = replace(world.pod, ready=False)
    world.settle()
    assert ("EndpointSlice", CHILD) not in world.children
    world.make_ready()
    world.settle()
    assert ("EndpointSlice", CHILD) in world.children


def test_snapshots_stay_as_long_as_a_pod_names_them() -> None:
    world = World().run()
    first = {name for kind, name in world.children if kind == "ConfigMap"}
    world.budget = budget({"tiers": {"small": {"guestMemory": "128Mi"}}})
    world.settle()
    assert first < {name for kind, name in world.children if kind == "ConfigMap"}
    world.pod_is_gone()
    world.settle()
    left = first & {name for kind, name in world.children if kind == "ConfigMap"}
    assert [name.rsplit("-", 2)[1] for name in left] == ["code"], "the revision goes on with other settings"


def test_a_kept_revision_whose_snapshot_is_gone_stops_the_app() -> None:
    world = World().run()
    world.budget = None
    world.children = {key: child for key, child in world.children.items() if key[0] != "ConfigMap"}
    world.settle()
    assert world.verdict().mode is Mode.STOP
    assert world.pod
    assert world.pod.deleting
    assert world.manifests["NetworkPolicy", CHILD]["spec"]["egress"] == []


def test_without_a_budget_the_pod_comes_back_with_the_last_tier() -> None:
    world = World().run()
    before = world.manifests["Pod", CHILD]
    world.budget = None
    world.pod_is_gone()
    world.settle()
    assert world.manifests["Pod", CHILD] == before


def test_held_code_keeps_the_tier_it_was_judged_with_and_the_callers_of_the_platform() -> None:
    peer = {"ipBlock": {"cidr": "192.0.2.0/24"}}
    policy = {"maxRiskClass": "medium", "ingressFrom": [peer]}
    world = World(budget=budget({"policy": policy})).run()
    pod, fence = world.manifests["Pod", CHILD], world.manifests["NetworkPolicy", CHILD]
    world.app = app({"code": {"digest": "sha256:" + "0" * 64}}, {"generation": 2})
    world.budget = budget({"policy": policy, "tiers": {"small": {"guestMemory": "1Gi"}}})
    assert world.plan() == ()
    world.pod_is_gone()
    world.settle()
    assert world.manifests["Pod", CHILD] == pod
    assert world.manifests["NetworkPolicy", CHILD] == fence


def test_another_tier_replaces_the_pod_and_keeps_the_claim_as_it_is() -> None:
    world = World().run()
    claim = world.manifests["PersistentVolumeClaim", CHILD]
    world.budget = budget({"tiers": {"small": {"guestMemory": "128Mi", "state": {"claim": "5Gi"}}}})
    world.settle()
    world.pod_is_gone()
    world.settle()
    container = world.manifests["Pod", CHILD]["spec"]["containers"][0]
    assert container["resources"]["limits"]["memory"] == "224Mi"
    assert world.manifests["PersistentVolumeClaim", CHILD] == claim


def claimed(world: World) -> str:
    found: str = world.manifests["PersistentVolumeClaim", CHILD]["spec"]["resources"]["requests"]["storage"]
    return found


def another_tier(world: World, claim: str) -> None:
    """The same app on a tier with a claim of another size, until nothing is left to do."""
    world.budget = budget({"tiers": {"small": {"guestMemory": "128Mi", "state": {"claim": claim}}}})
    world.settle()
    world.pod_is_gone()
    world.settle()
    world.make_ready()
    world.settle()


def test_a_claim_grows_with_its_tier_once_the_app_answers_and_never_shrinks() -> None:
    world = World().run()
    another_tier(world, "5Gi")
    assert claimed(world) == "5Gi"
    another_tier(world, "2Gi")
    assert claimed(world) == "5Gi"
    assert world.plan() == ()


def test_a_claim_that_is_not_bound_does_not_grow() -> None:
    world = World().run()
    before = claimed(world)
    assert world.claim
    world.claim = replace(world.claim, bound=False)
    world.platform = replace(world.platform, wait_for_first_consumer=True)
    another_tier(world, "5Gi")
    assert claimed(world) == before


def test_a_claim_that_may_not_grow_keeps_no_pod_from_being_replaced() -> None:
    world = World().run()
    before = claimed(world)
    world.budget = budget({"tiers": {"small": {"state": {"claim": "5Gi"}}}})
    applied = [one["kind"] for step in world.plan() if isinstance(step, Apply) for one in step.manifests]
    assert applied[-1] == "PersistentVolumeClaim", "after everything else: what is refused ends the pass"
    evict(world)
    assert claimed(world) == before, "first the pod"


def test_without_budget_and_run_namespace_nothing_is_written_there() -> None:
    world = World().run()
    world.budget, world.platform = None, replace(PLATFORM, run_namespaces=frozenset())
    assert world.desired() == ()


def test_the_pod_tells_the_collector_how_long_to_keep_its_log() -> None:
    for retention, kept in (({}, "168h"), ({"logs": "1h30m"}, "1h30m")):
        world = World(app=app({"envelope": {"retention": retention}})).run()
        assert world.manifests["Pod", CHILD]["metadata"]["labels"]["genapps.dev/log-retention"] == kept


def test_what_the_pod_needs_is_waited_for_when_somebody_deletes_it() -> None:
    world = World().run()
    key = ("NetworkPolicy", CHILD)
    world.pod_is_gone()
    world.children[key] = replace(world.children[key], deleting=True)
    told, endpoints, wait = world.plan()
    assert isinstance(told, WriteRecord), "that the revision was ready, before its last trace goes"
    assert isinstance(endpoints, Delete)
    assert (endpoints.kind, wait) == ("EndpointSlice", Wait("ChildDeleting"))


def test_a_pod_that_answers_keeps_its_endpoints_while_something_it_needs_goes() -> None:
    world = World().run()
    key = ("PersistentVolumeClaim", CHILD)
    world.children[key] = replace(world.children[key], deleting=True)
    assert world.plan() == (Wait("ChildDeleting"),)
    assert world.condition("Ready") == ("True", "Available")


def test_an_app_whose_claim_somebody_deleted_says_that_it_waits_for_its_end() -> None:
    world = World().run()
    key = ("PersistentVolumeClaim", CHILD)
    world.pod_is_gone()
    world.children[key] = replace(world.children[key], deleting=True)
    assert world.claim
    world.claim = replace(world.claim, deleting=True)
    world.settle()
    assert world.condition("Ready") == ("False", "ClaimPending")
    assert "deleted" in world.message("Ready")
    assert ("EndpointSlice", CHILD) not in world.children


class TestReCreation:
    """The same name again."""

    def deleted(self) -> World:
        """An app that was deleted: claim, record and ledger are left."""
        world = World().run()
        world.ledger = ledger("a")
        world.children = {key: child for key, child in world.children.items() if key[0] == "PersistentVolumeClaim"}
        world.pod, world.status, world.writes = None, {}, []
        assert world.record
        world.record = world.record.model_copy(update={"deleted_at": START, "pod": None})
        world.later(minutes=5)
        return world

    def test_the_same_owner_finds_state_and_counters_again(self) -> None:
        world = self.deleted()
        world.app = app(metadata={"uid": "app-uid-2"})
        world.run()
        assert world.record
        assert (world.record.deleted_at, world.record.app.uid) == (None, "app-uid-2")
        assert world.status["violations"]["count"] == 1
        assert world.condition("Ready") == ("True", "Available")

    def test_the_record_says_that_the_app_is_back_before_anything_else(self) -> None:
        world = self.deleted()
        world.app = app(metadata={"uid": "app-uid-2"})
        world.settle()
        assert world.writes[0] == "AppRecord"

    def test_another_owner_gets_neither_state_nor_the_end_of_its_clock(self) -> None:
        world = self.deleted()
        spec = {"envelope": {"owner": {"team": "sales-tools"}}}
        world.app = app(spec, {"uid": "app-uid-2"})
        world.settle()
        assert world.condition("Stalled") == ("True", "ClaimNotAdopted")
        assert world.record
        assert world.record.deleted_at == START

    def test_no_pod_of_the_earlier_app_is_admitted_once_it_is_gone(self) -> None:
        world = World().run()
        world.app = app({"tier": "huge"}, {"uid": "app-uid-2"})
        world.settle()
        world.pod_is_gone()
        world.settle()
        assert world.record
        assert world.record.pod is None

    def test_a_running_app_does_not_lose_its_claim_to_an_edited_annotation(self) -> None:
        world = World().run()
        assert world.claim
        world.claim = ClaimState(True, False, None, None, world.claim.spec)
        key = ("PersistentVolumeClaim", CHILD)
        world.children[key] = replace(world.children[key], digest="edited")
        steps = world.plan()
        assert [step.manifests[0]["kind"] for step in steps if isinstance(step, Apply)] == ["PersistentVolumeClaim"]

    def test_a_pod_of_the_earlier_app_goes_when_the_new_one_is_refused(self) -> None:
        world = World().run()
        world.app = app({"tier": "huge"}, {"uid": "app-uid-2"})
        world.settle()
        assert world.pod
        assert world.pod.deleting

    def test_a_pod_of_the_earlier_app_is_not_admitted_under_the_envelope_of_the_new_one(self) -> None:
        world = World().run()
        assert world.record
        world.record = world.record.model_copy(update={"deleted_at": START})
        world.app = app({"envelope": {"connectors": ["payroll"]}}, {"uid": "app-uid-2"})
        world.others = {"connectors": {"payroll": connector("low")}}
        world.settle()
        assert world.pod
        assert world.pod.deleting
        assert world.record.envelope.connectors == ("payroll",)
        assert world.record.pod is None
