# SPDX-License-Identifier: Apache-2.0
"""Arbitrary observations of one app: every part is drawn independently, so that also what should not meet does meet."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from genapps.api.apprecord import Record
from genapps.api.conditions import Reason
from genapps.api.ledger import LedgerRecord
from genapps.api.names import AppKey
from genapps.core.code.source import source_of
from genapps.core.observed import (
    Child,
    ClaimState,
    ForeignSuspension,
    Observed,
    PodState,
    SourceProblem,
    Termination,
    Unreadable,
)
from tests.unit.core.revising import crash, replace_pod, started, switch
from tests.unit.core.world import CHILD, PLATFORM, START, World, app, budget, ledger

SUSPENSION_ID = "0123456789abcdef" * 2
MOMENTS = st.sampled_from([-3600, -60, -5, 0, 5, 60]).map(lambda seconds: START + timedelta(seconds=seconds))
NOW = st.sampled_from([0, 1, 15, 120, 7200]).map(lambda seconds: START + timedelta(seconds=seconds))
"""The moment of the judgement."""


def _world(prepare: Callable[[World], None]) -> World:
    world = World().run()
    prepare(world)
    world.settle()
    return world


def _suspended(world: World) -> None:
    world.ledger = ledger("a", "b", "c")


def _resumed(world: World) -> None:
    world.ledger = ledger("a", "b", "c")
    world.settle()
    world.pod_is_gone()
    world.later(minutes=1)
    world.app = app({"acknowledgedSuspension": SUSPENSION_ID}, {"generation": 2})


def _changed(world: World) -> None:
    switch(world, "two")


def _returned(world: World) -> None:
    switch(world, "two")
    crash(world)
    replace_pod(world)
    world.make_ready()


def _rejected() -> World:
    world = started()
    crash(world)
    world.settle()
    world.pod_is_gone()
    world.settle()
    return world


def _rejecting() -> World:
    world = started()
    crash(world)
    return world


LIVES = (
    World(),
    *(_world(prepare) for prepare in (lambda _: None, _suspended, _resumed, _changed, _returned)),
    _rejected(),
    _rejecting(),
)
"""How far an app had come before anything odd happened."""

SPECS = st.fixed_dictionaries(
    {},
    optional={
        "operatingMode": st.sampled_from(["Running", "Suspended"]),
        "workloadClass": st.sampled_from(["interactive", "batch", "background"]),
        "tier": st.sampled_from(["small", "large"]),
        "idleTimeout": st.just("15m"),
        "acknowledgedSuspension": st.sampled_from([SUSPENSION_ID, "f" * 32]),
        "code": st.sampled_from(
            [
                {"source": {"inline": "print('two')\n"}},
                {"digest": "sha256:" + "0" * 64},
                {"source": {"inline": None, "configMap": {"name": "x", "entry": "y"}}},
                {"source": {"inline": None, "image": {"reference": "r.example/a@sha256:" + "0" * 64}}},
                {"language": "javascript"},
            ]
        ),
        "envelope": st.fixed_dictionaries({"riskClass": st.sampled_from(["low", "medium", "high"])}),
        "fallback": st.just({"static": {"status": 200, "contentType": "text/plain", "body": "later"}}),
    },
)
APPS = SPECS.map(lambda spec: app(spec, {"generation": 2})) | st.text().map(
    lambda message: Unreadable("GeneratedApp", message)
)
BUDGETS = (
    st.none()
    | st.builds(Unreadable, st.just("AppBudget"), st.text())
    | st.fixed_dictionaries(
        {},
        optional={
            "namespaces": st.sampled_from([["finance"], ["sales"]]),
            "runNamespace": st.sampled_from(["genapps-run", "elsewhere"]),
            "tiers": st.sampled_from([{"large": {"cpu": "2"}}, {"small": None, "large": {}}]),
            "limits": st.just({"tokens": 5}),
            "policy": st.fixed_dictionaries(
                {},
                optional={
                    "maxApps": st.integers(0, 2),
                    "maxRiskClass": st.sampled_from(["low", "high"]),
                    "languages": st.just(["javascript"]),
                    "workloadClasses": st.just(["batch"]),
                },
            ),
        },
    ).map(budget)
)
PROBLEMS = st.builds(
    SourceProblem,
    st.sampled_from(
        [Reason.SOURCE_NOT_FOUND, Reason.SOURCE_NOT_LABELLED, Reason.SOURCE_INVALID, Reason.SOURCE_TOO_LARGE]
    ),
    st.text(min_size=1),
)
RUNTIMES_REASONS = (
    "EgressOpen", "CodeRejected", "ModuleNotAvailable", "SnapshotMismatch", "ConfigInvalid", "StateUnavailable",
)  # fmt: skip
TERMINATIONS = st.builds(
    Termination,
    st.sampled_from([*RUNTIMES_REASONS, "OOMKilled", "Error", "", "\u202e"]),
    st.text(),
    st.integers(0, 255),
    st.booleans(),
)
WAITING = st.tuples(st.sampled_from(["CrashLoopBackOff", "ErrImagePull", "ContainerCreating", "?"]), st.text())
POD_PARTS: dict[str, st.SearchStrategy[Any]] = {
    "ready": st.just(True),
    "ip": st.just("10.244.0.9"),
    "deletion_deadline": MOMENTS,
    "finished_at": MOMENTS,
    "finished_reason": st.sampled_from(["", "Evicted", "\x1b[2J"]),
    "started_at": MOMENTS,
    "termination": TERMINATIONS,
    "waiting": WAITING,
    "unschedulable": st.text(min_size=1),
}
PODS = st.lists(st.sampled_from(list(POD_PARTS)), max_size=3, unique=True).flatmap(
    lambda parts: st.builds(PodState, uid=st.just("pod-uid"), **{part: POD_PARTS[part] for part in parts})
)
CLAIMS = st.builds(
    ClaimState,
    bound=st.booleans(),
    lost=st.booleans(),
    owner=st.none() | st.sampled_from(["finance-tools", "others"]),
    namespace_uid=st.none() | st.sampled_from(["namespace-uid-1", "another"]),
    spec=st.just({}),
)
LEDGERS: st.SearchStrategy[LedgerRecord | None] = st.none() | st.builds(
    lambda ids, at, tripped: ledger(*ids, at=at, tripped=tripped and bool(ids)),
    st.lists(st.sampled_from("abcd"), max_size=5),
    MOMENTS,
    st.booleans(),
)
PLATFORMS = st.builds(
    lambda **changes: replace(PLATFORM, **changes),
    gateway_address=st.none() | st.just("10.96.0.50"),
    gateway_ca=st.none() | st.just("-----BEGIN CERTIFICATE-----"),
    run_namespaces=st.sampled_from([frozenset({"genapps-run"}), frozenset({"elsewhere"}), frozenset({"finance"})]),
    wait_for_first_consumer=st.booleans(),
    host_users=st.none() | st.booleans(),
)


PARTS: dict[str, st.SearchStrategy[Any]] = {
    "app": APPS,
    "budget": BUDGETS,
    "source": PROBLEMS,
    "pod": st.none() | PODS,
    "claim": st.none() | CLAIMS,
    "ledger": LEDGERS,
    "platform": PLATFORMS,
    "record": st.none() | st.sampled_from([world.record for world in LIVES]),
    "status": st.sampled_from([world.status for world in LIVES]),
    "namespace_uid": st.just("another"),
    "service_address": st.none() | st.just("10.96.1.7"),
    "refused": st.text(min_size=1),
    "apps_of_budget": st.integers(0, 300),
}


@st.composite
def observations(draw: st.DrawFn) -> Observed:
    """One app at any point of its life, then with some of its surroundings exchanged."""
    observed = draw(st.sampled_from(LIVES)).observe()
    # A few at a time: where everything is odd, the first check hides what the others would say.
    exchanged = draw(st.lists(st.sampled_from([*PARTS, "children", "suspended_code"]), max_size=4, unique=True))
    changes = {name: draw(PARTS[name]) for name in exchanged if name in PARTS}
    if "app" in changes:
        changes["metadata"] = observed.metadata.model_copy(update={"generation": 2})
    changed = replace(observed, **changes)
    if "source" not in changes and not isinstance(changed.app, Unreadable):
        changed = replace(changed, source=source_of(changed.app.spec.code, None))
    if "children" in exchanged:
        changed = replace(changed, children=draw(_children(changed)))
    if "suspended_code" in exchanged and changed.record and changed.record.revision:
        foreign = {changed.record.revision.code_digest: ForeignSuspension("other", "e" * 32)}
        changed = replace(changed, suspended_code=foreign)
    return replace(changed, record=draw(_records(changed.record))) if "record" in exchanged else changed


@st.composite
def _children(draw: st.DrawFn, observed: Observed) -> dict[tuple[str, str], Child]:
    kept = {key: child for key, child in observed.children.items() if draw(st.booleans())}
    if draw(st.booleans()):
        stranger = draw(st.none() | st.just(AppKey("sales", "unit-converter")))
        kept["Service", CHILD] = Child("Service", "genapps-run", CHILD, "uid", stranger, "digest")
    if draw(st.booleans()) and ("Pod", CHILD) in kept:
        kept["Pod", CHILD] = replace(kept["Pod", CHILD], spec_digest="another")
    return kept


@st.composite
def _records(draw: st.DrawFn, record: Record | None) -> Record | None:
    if record is None:
        return None
    changes: dict[str, Any] = {}
    if draw(st.booleans()):
        changes["app"] = record.app.model_copy(update={"uid": "an-earlier-uid"})
    if draw(st.booleans()):
        changes["revision"] = None
    if record.suspension and draw(st.booleans()):
        reason = draw(st.sampled_from([Reason.HELD.value, Reason.BUDGET_EXHAUSTED.value, "OfANewerVersion"]))
        changes["suspension"] = record.suspension.model_copy(update={"reason": reason})
    return record.model_copy(update=changes)
