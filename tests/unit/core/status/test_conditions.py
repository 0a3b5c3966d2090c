# SPDX-License-Identifier: Apache-2.0
"""The table of conditions, row by row, and what holds for every status."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps.api.conditions import ConditionType, Reason, allowed
from genapps.core.observed import PodState, Termination
from genapps.core.status import status, transitions
from tests.unit.core.world import PLATFORM, World, app, budget, ledger


@dataclass(frozen=True)
class Row:
    """A state in a sentence, how to get there from a running app, and what its conditions say."""

    sentence: str
    change: Callable[[World], None]
    conditions: dict[str, tuple[str, str]]
    says: str = ""
    """Words in the message of Ready."""


def _pod(**changes: Any) -> Callable[[World], None]:
    def change(world: World) -> None:
        assert world.pod
        world.pod = replace(world.pod, **{"ready": False, **changes})

    return change


def _told(reason: str, message: str = "what the runtime says") -> Callable[[World], None]:
    return _pod(termination=Termination(reason, message, 1, own=True))


def _spec(spec: dict[str, Any]) -> Callable[[World], None]:
    def change(world: World) -> None:
        world.app = app(spec, {"generation": 2})

    return change


def _world(**changes: Any) -> Callable[[World], None]:
    def change(world: World) -> None:
        for name, value in changes.items():
            setattr(world, name, value)

    return change


def _wait_long(then: Callable[[World], None]) -> Callable[[World], None]:
    def change(world: World) -> None:
        then(world)
        world.settle()
        world.later(minutes=3)

    return change


def _no_pod(world: World) -> None:
    world.pod_is_gone()


def _hanging(world: World) -> None:
    assert world.pod
    world.pod = replace(world.pod, ready=False, deletion_deadline=world.now)
    world.later(minutes=1)


def _failed(world: World) -> None:
    assert world.pod
    world.pod = replace(world.pod, ready=False, finished_at=world.now, finished_reason="Evicted")


def _no_gateway(world: World) -> None:
    world.pod_is_gone()
    world.platform = replace(PLATFORM, gateway_address=None)


def _no_claim(world: World) -> None:
    assert world.claim
    world.pod_is_gone()
    world.claim = replace(world.claim, bound=False)


def _lost_claim(world: World) -> None:
    assert world.claim
    world.pod_is_gone()
    world.claim = replace(world.claim, bound=False, lost=True)


def _refused(world: World) -> None:
    world.pod_is_gone()
    world.others["refused"] = "quota: pods"


def _refused_while_it_answers(world: World) -> None:
    world.others["refused"] = "claim: cannot grow"


def _acknowledged(world: World) -> None:
    world.ledger = ledger("a", "b", "c")
    world.settle()
    world.pod_is_gone()
    world.later(minutes=1)
    world.app = app({"acknowledgedSuspension": "0123456789abcdef" * 2}, {"generation": 2})


def _new_code_without_budget(world: World) -> None:
    world.budget = None
    world.app = app({"code": {"source": {"inline": "print('two')\n"}}}, {"generation": 2})


_STARTING = {
    "Ready": ("False", "PodStarting"),
    "Reconciling": ("True", "PodStarting"),
    "Stalled": ("False", "NotStalled"),
}
_RUNS = {"Ready": ("True", "Available"), "Stalled": ("False", "NotStalled")}
_OTHER_DIGEST = {"code": {"digest": "sha256:" + "0" * 64}}
_TO_FALLBACK = {"rollback": {"to": "fallback"}}


def _stalled(reason: str) -> dict[str, tuple[str, str]]:
    return {"Ready": ("False", reason), "Stalled": ("True", reason), "Reconciling": ("False", "Settled")}


ROWS = (
    Row("the app runs", lambda world: None, _RUNS | {
        "Reconciling": ("False", "Settled"), "Suspended": ("False", "NotSuspended"),
        "CodeVerified": ("True", "Verified"), "EnvelopeValid": ("True", "Accepted"),
        "BudgetAvailable": ("True", "Granted"), "EgressEnforced": ("True", "Proven"),
        "Violated": ("False", "NoViolations"), "FieldsInactive": ("False", "AllActive"),
    }),
    Row("the pod starts", _no_pod, _STARTING | {
        "EgressEnforced": ("Unknown", "NotProven"), "CodeVerified": ("Unknown", "NotLoaded")}),
    Row("the pod is up and its fence is not proven", _pod(), _STARTING | {"EgressEnforced": ("Unknown", "NotProven")}),
    Row("a new revision takes over", _spec({"code": {"source": {"inline": "print('two')\n"}}}),
        {"Ready": ("False", "Switching"), "Reconciling": ("True", "Switching"), "Stalled": ("False", "NotStalled")}),
    Row("the pod was evicted", _failed,
        {"Ready": ("False", "BackingOff"), "Reconciling": ("True", "BackingOff"), "Stalled": ("False", "NotStalled")},
        "Evicted"),
    Row("the claim is not bound for long", _wait_long(_no_claim),
        {"Ready": ("False", "ClaimPending"), "Reconciling": ("True", "ClaimPending")}),
    Row("the gateway is not known for long", _wait_long(_no_gateway),
        {"Ready": ("False", "GatewayPending"), "Reconciling": ("True", "GatewayPending")}),
    Row("the fence is open", _told("EgressOpen"), _stalled("EgressOpen") | {"EgressEnforced": ("False", "EgressOpen")}),
    Row("the code does not load", _told("CodeRejected", "app.py line 3: SyntaxError"),
        _stalled("CodeRejected") | {"CodeVerified": ("False", "CodeRejected")}, "line 3"),
    Row("the code wants a module that is not there", _told("ModuleNotAvailable"),
        _stalled("ModuleNotAvailable") | {"CodeVerified": ("False", "ModuleNotAvailable")}),
    Row("the pod found another snapshot", _told("SnapshotMismatch"),
        _stalled("SnapshotMismatch") | {"CodeVerified": ("False", "SnapshotMismatch")}),
    Row("the runtime refuses its settings", _told("ConfigInvalid"), _stalled("ConfigInvalid")),
    Row("the runtime cannot use its claim", _told("StateUnavailable"), _stalled("StateUnavailable")),
    Row("the claim lost its volume", _lost_claim, _stalled("StateUnavailable")),
    Row("a container claims a reason of its own making", _told("Excellent"), _STARTING),
    Row("somebody writes our words into another reason field",
        _pod(termination=Termination("EgressOpen", "", 1, own=False)), _STARTING),
    Row("the pod used too much memory", _pod(termination=Termination("OOMKilled", "", 137)), _stalled("OutOfMemory"),
        "larger tier"),
    Row("the pod ends again and again",
        _pod(termination=Termination("Error", "", 1), waiting=("CrashLoopBackOff", "back-off 10s")),
        _stalled("PodFailing"), "exit code 1"),
    Row("the image cannot be pulled", _pod(waiting=("ErrImagePull", "no such host")), _stalled("ImageUnavailable")),
    Row("a registry is down", _pod(waiting=("RegistryUnavailable", "")), _stalled("ImageUnavailable")),
    Row("no node has room for long", _wait_long(_pod(started_at=None, unschedulable="0/1 nodes")),
        _stalled("Unschedulable"), "0/1 nodes"),
    Row("the pod is not ready in time", _wait_long(_pod()), _stalled("ProgressDeadlineExceeded")),
    Row("the pod hangs on a lost node", _hanging, _stalled("NodeUnreachable"), "node-1"),
    Row("the API server refuses a child", _refused, _stalled("ChildRefused"),
        "quota: pods). Often a quota is used up: ask the platform team."),
    Row("the API server refuses a child of an app that answers", _refused_while_it_answers,
        _RUNS | {"Stalled": ("True", "ChildRefused"), "Reconciling": ("False", "Settled")}),
    Row("the source no longer has its digest", _spec(_OTHER_DIGEST), _RUNS | {
        "Reconciling": ("True", "SourceDiffers"), "CodeVerified": ("False", "SourceDiffers")}),
    Row("the source is gone", _spec({"code": {"source": {"inline": None, "configMap": {"name": "x", "entry": "y"}}}}),
        _RUNS | {"Reconciling": ("True", "SourceDiffers"), "CodeVerified": ("False", "SourceNotFound")}),
    Row("the budget is gone", _world(budget=None), _RUNS | {
        "Reconciling": ("False", "Settled"), "BudgetAvailable": ("False", "BudgetNotFound"),
        "EnvelopeValid": ("Unknown", "NotJudged")}),
    Row("the tier is gone", _world(budget=budget({"tiers": {"small": None, "large": {}}})), _RUNS | {
        "BudgetAvailable": ("False", "TierNotFound"), "EnvelopeValid": ("True", "Accepted")}),
    Row("new code comes without a budget", _new_code_without_budget, {
        "Ready": ("True", "Available"), "Stalled": ("True", "BudgetNotFound"), "Reconciling": ("False", "Settled")}),
    Row("the policy no longer allows the language", _world(budget=budget({"policy": {"languages": ["javascript"]}})),
        _stalled("LanguageNotAllowed") | {"EnvelopeValid": ("False", "LanguageNotAllowed")}),
    Row("a restriction is asked for that is not built yet",
        _spec({"stage": "Internal"}),
        _stalled("NotYetSupported") | {"EnvelopeValid": ("False", "NotYetSupported")}),
    Row("the app did too often what it may not", _world(ledger=ledger("a", "b", "c")),
        _stalled("RepeatedViolations") | {
            "Suspended": ("True", "RepeatedViolations"), "Violated": ("True", "ViolationsCounted")}),
    Row("a person wishes it suspended", _spec({"operatingMode": "Suspended"}),
        _stalled("Requested") | {"Suspended": ("True", "Requested")}),
    Row("the suspension was acknowledged", _acknowledged, {
        "Suspended": ("False", "Resumed"), "Stalled": ("False", "NotStalled")}),
    Row("fields are set that have no effect yet", _spec(_TO_FALLBACK | {"idleTimeout": "15m"}), _RUNS | {
        "FieldsInactive": ("True", "NotYetActive")}),
    Row("the budget sets limits",
        _world(budget=budget({"limits": {"tokens": 5}, "mode": "Shadow"})),
        _RUNS | {"FieldsInactive": ("False", "AllActive")}),
)  # fmt: skip


def _arrived(row: Row) -> World:
    world = World().run()
    row.change(world)
    world.settle()
    return world


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sentence)
def test_conditions_say_so_when(row: Row) -> None:
    world = _arrived(row)
    assert {kind: world.condition(kind) for kind in row.conditions} == row.conditions
    assert row.says in world.message("Ready")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sentence)
def test_only_allowed_combinations_are_used_when(row: Row) -> None:
    for entry in _arrived(row).status["conditions"]:
        assert allowed(ConditionType(entry["type"]), entry["status"], Reason(entry["reason"])), entry
        assert entry["message"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sentence)
def test_kstatus_reads_one_answer_when(row: Row) -> None:
    world = _arrived(row)
    told = {kind: world.condition(kind)[0] for kind in ("Ready", "Reconciling", "Stalled")}
    assert not (told["Reconciling"] == told["Stalled"] == "True")
    assert told["Ready"] == "True" or "True" in (told["Reconciling"], told["Stalled"])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sentence)
def test_a_second_status_equals_the_first_when(row: Row) -> None:
    world = _arrived(row)
    observed, verdict = world.observe(), world.verdict()
    first = status(observed, verdict)
    second = status(replace(observed, status=first), verdict)
    assert second == first
    assert transitions(first, second) == ()


def test_transition_times_move_only_with_the_status_of_a_condition() -> None:
    world = World().run()
    before = {entry["type"]: entry for entry in world.status["conditions"]}
    world.later(minutes=1)
    world.app = app({"operatingMode": "Suspended"}, {"generation": 2})
    world.settle()
    after = {entry["type"]: entry for entry in world.status["conditions"]}
    moved = {kind for kind in after if after[kind]["lastTransitionTime"] != before[kind]["lastTransitionTime"]}
    assert moved == {kind for kind in after if after[kind]["status"] != before[kind]["status"]}
    assert "Ready" in moved
    assert "EnvelopeValid" not in moved


def test_conditions_and_status_carry_the_generation_they_are_about() -> None:
    world = World().run()
    assert world.status["observedGeneration"] == 1
    assert {entry["observedGeneration"] for entry in world.status["conditions"]} == {1}


def test_the_running_revision_is_shown_until_the_next_one_answers() -> None:
    world = World().run()
    first = world.status["revision"]
    world.app = app({"code": {"source": {"inline": "print('two')\n"}}}, {"generation": 2})
    world.settle()
    assert world.status["revision"] == first
    assert world.status["desiredRevision"] != first
    world.pod_is_gone()
    world.settle()
    world.make_ready()
    world.settle()
    assert world.status["revision"] == world.status["desiredRevision"] != first


def test_hostile_text_of_a_guest_is_shown_harmless() -> None:
    world = World().run()
    _told("CodeRejected", "\x1b[2Jline 1\nReady: True\u202e" + "x" * 9999)(world)
    world.settle()
    message = world.message("CodeVerified")
    assert message.startswith("The code does not load (\\u{1b}[2Jline 1 Ready: True\\u{202e}")
    assert message.endswith("). Correct the line that the message names.")
    assert len(message) <= 1024


def test_a_failing_pull_is_told_with_all_the_words_of_the_registry() -> None:
    world = World().run()
    words = "failed to authorize: failed to fetch anonymous token: unexpected status: 401 Unauthorized " + "a" * 300
    _pod(waiting=("ImagePullBackOff", f'Back-off pulling image "r/x:1": ErrImagePull: {words}'))(world)
    world.settle()
    assert world.condition("Stalled") == ("True", "ImageUnavailable")
    assert words in world.message("Stalled")


def test_hostile_subjects_of_violations_are_shown_harmless() -> None:
    world = World().run()
    counted = ledger("a\x00")
    entry = counted.violations.window[0].model_copy(update={"subject": "pay\nroll"})
    violations = counted.violations.model_copy(update={"window": (entry,) * 12})
    world.ledger = counted.model_copy(update={"violations": violations})
    shown = status(world.observe(), world.verdict())["violations"]["recent"]
    assert len(shown) == 10
    assert (shown[0]["subject"], shown[0]["requestId"]) == ("pay roll", "a\\u{0}")


def test_a_new_app_makes_no_event_before_it_answers() -> None:
    world = World()
    world.settle()
    assert world.events == []
    world.bind()
    world.settle()
    world.make_ready()
    world.settle()
    assert [(event.type, event.reason) for event in world.events] == [("Normal", "Available")]


def test_a_pod_that_fails_makes_one_warning_and_its_recovery_one_event() -> None:
    world = World().run()
    world.events.clear()
    _told("CodeRejected")(world)
    world.settle()
    world.make_ready()
    world.settle()
    assert [(event.type, event.reason) for event in world.events] == [
        ("Warning", "CodeRejected"), ("Normal", "Available"),
    ]  # fmt: skip


def test_a_malformed_app_shows_no_connectors_and_no_risk_lower_than_it_may_have() -> None:
    world = World().run()
    world.make_unreadable("spec: missing")
    world.settle()
    assert world.status["effectiveRisk"] == "high"
    assert "connectors" not in world.status


REASONS = st.sampled_from(["EgressOpen", "CodeRejected", "OOMKilled", "", "\x00", "Error"])
PODS = st.builds(
    PodState,
    uid=st.just("uid"),
    ready=st.booleans(),
    ip=st.sampled_from([None, "10.0.0.1"]),
    termination=st.none() | st.builds(Termination, REASONS, st.text(), st.integers(0, 255), st.booleans()),
    waiting=st.none() | st.tuples(st.sampled_from(["CrashLoopBackOff", "ErrImagePull", "?"]), st.text()),
    unschedulable=st.none() | st.text(),
)


@given(PODS, st.sampled_from(ROWS))
def test_whatever_a_pod_says_the_status_is_well_formed_and_stable(pod: PodState, row: Row) -> None:
    world = _arrived(row)
    world.pod = pod
    observed, verdict = world.observe(), world.verdict()
    first = status(observed, verdict)
    assert status(replace(observed, status=first), verdict) == first
    for entry in first["conditions"]:
        assert allowed(ConditionType(entry["type"]), entry["status"], Reason(entry["reason"])), entry
        assert entry["message"].isprintable()
