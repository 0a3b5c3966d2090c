# SPDX-License-Identifier: Apache-2.0
"""AppHolds: which apps they match, what they stop, and that nothing starts when they end."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from genapps.api.apphold import AppHold, HoldSelector
from genapps.api.apprecord import Acknowledgement
from genapps.api.envelope import RiskClass
from genapps.core.holds import Candidate, selects
from genapps.core.observed import Unreadable
from genapps.core.steps import Delete, WriteRecord
from tests.unit.core.revising import crash, two
from tests.unit.core.suspended_app import ID, recorded, suspended
from tests.unit.core.world import START, World, app, connector, ledger

DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64
SEEN = Candidate("finance", "finance-tools", RiskClass.MEDIUM, "converters", ("payroll",), (DIGEST,))


def hold(name: str = "stop", selector: Mapping[str, Any] | None = None, **spec: Any) -> AppHold:
    given = {"selector": selector or {"owner": "finance-tools"}, "reason": "incident 7", **spec}
    return AppHold.model_validate({"metadata": {"name": name, "generation": 1}, "spec": given})


def held(world: World, *holds: AppHold | Unreadable) -> World:
    world.others["holds"] = {
        one.metadata.name if isinstance(one, AppHold) else "stop": one for one in holds
    }  # what is not listed is deleted
    world.settle()
    return world


def stopped() -> World:
    """An app that ran, and that a hold has stopped; its pod is gone."""
    world = held(World().run(), hold())
    world.pod_is_gone()
    world.settle()
    return world


def acknowledge(world: World, value: str, generation: int) -> None:
    world.app = app({"acknowledgedSuspension": value}, {"generation": generation})
    world.settle()


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        ({"all": True}, True),
        ({"owner": "finance-tools"}, True),
        ({"owner": "finance"}, False),
        ({"riskClass": "medium"}, True),
        ({"riskClass": "low"}, False),
        ({"riskClass": "high"}, False),
        ({"family": "converters"}, True),
        ({"family": "helpers"}, False),
        ({"connector": "payroll"}, True),
        ({"connector": "pay"}, False),
        ({"codeDigest": DIGEST}, True),
        ({"codeDigest": OTHER}, False),
        ({"namespaces": ["hr", "finance"]}, True),
        ({"namespaces": ["hr"]}, False),
        ({"owner": "finance-tools", "riskClass": "medium", "namespaces": ["finance"]}, True),
        ({"owner": "finance-tools", "riskClass": "high"}, False),
    ],
)
def test_all_given_fields_of_a_selector_must_fit(selector: dict[str, Any], fits: bool) -> None:
    assert selects(HoldSelector.model_validate(selector), SEEN) is fits


@pytest.mark.parametrize(
    "selector", [{}, {"all": False}, {"all": True, "owner": "a"}, {"namespaces": []}, {"owner": ""}, {"team": "a"}]
)
def test_a_selector_that_says_nothing_or_too_much_is_refused(selector: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        hold(selector=selector or {"owner": None})


def test_an_app_without_family_is_matched_by_none() -> None:
    nobody = Candidate("finance", "finance-tools", RiskClass.LOW, None, (), ())
    assert not selects(HoldSelector(family="converters"), nobody)


def test_a_matching_app_is_suspended_before_its_pod_goes() -> None:
    world = World().run()
    world.others["holds"] = {"stop": hold()}
    steps = world.plan()
    assert [type(step) for step in steps][:2] == [WriteRecord, Delete]
    world.settle()
    suspension = recorded(world).suspension
    assert suspension
    assert (suspension.id, suspension.reason, suspension.hold, suspension.code_digest) == (ID, "Held", "stop", None)
    assert world.condition("Ready") == world.condition("Ready") == ("False", "Held")
    assert "stop (incident 7)" in world.message("Suspended")
    assert world.status["suspension"]["holds"] == ["stop"]
    assert world.status["suspension"]["hold"] == "stop"
    assert [event.reason for event in world.events].count("Held") == 1


def test_an_app_that_is_created_under_a_hold_never_gets_a_pod_and_says_so() -> None:
    world = held(World(), hold())
    assert world.pod is None
    assert "delete Pod" not in world.writes
    assert world.condition("Suspended") == ("True", "Held")
    held(world)
    assert world.pod is None, "nothing starts on its own"


def test_an_app_that_nothing_is_recorded_of_gets_no_suspension_that_nobody_keeps() -> None:
    world = World(budget=None)
    held(world, hold())
    assert world.record is None
    assert world.verdict().suspension is None
    assert world.condition("Ready")[1] == "BudgetNotFound"


@pytest.mark.parametrize(
    "selector", [{"owner": "else"}, {"riskClass": "high"}, {"codeDigest": OTHER}, {"namespaces": ["hr"]}]
)
def test_an_app_that_does_not_match_runs_on(selector: dict[str, Any]) -> None:
    world = held(World().run(), hold(selector=selector))
    assert world.condition("Ready") == ("True", "Available")


def test_the_code_that_runs_and_the_code_in_the_source_are_matched() -> None:
    world = World().run()
    running = recorded(world).revision
    assert running
    world.app = app({"code": {"source": {"inline": "from genapps import app\nx = 1\n"}}}, {"generation": 2})
    asked = world.verdict().desired_code_digest
    assert asked != running.code_digest
    for digest in (running.code_digest, asked):
        world.others["holds"] = {"stop": hold(selector={"codeDigest": digest})}
        assert world.verdict().suspension, digest


def test_an_app_that_comes_to_match_later_is_stopped() -> None:
    world = World().run()
    world.app = app({"envelope": {"connectors": ["payroll"]}}, {"uid": "app-uid-1"})
    world.others["connectors"] = {"payroll": connector("low")}
    held(world, hold(selector={"riskClass": "medium"}))
    assert recorded(world).suspension is None
    world.others["connectors"] = {"payroll": connector("medium")}
    world.settle()
    assert recorded(world).suspension


@pytest.mark.parametrize("ends", ["deleted", "expired", "selects others"])
def test_nothing_starts_when_a_hold_ends_until_its_suspension_is_acknowledged(ends: str) -> None:
    world = held(World().run(), hold(until=START + timedelta(hours=1)))
    world.pod_is_gone()
    world.settle()
    if ends == "expired":
        world.later(hours=1)
        world.settle()
    else:
        held(world, *([hold(selector={"owner": "else"})] if ends == "selects others" else []))
    assert world.condition("Suspended") == ("True", "Held")
    assert "holds" not in world.status["suspension"]
    assert ID in world.message("Suspended")
    assert world.pod is None
    acknowledge(world, "f" * 32, 2)
    assert world.pod is None, "a guessed id ends nothing"
    acknowledge(world, ID, 3)
    assert world.condition("Suspended") == ("False", "Resumed")
    assert world.pod is not None


def test_a_hold_is_in_force_until_its_last_moment() -> None:
    world = World().run()
    until = world.now + timedelta(hours=1)
    world.others["holds"] = {"stop": hold(until=until)}
    world.now = until - timedelta(microseconds=1)
    assert world.verdict().holds == ("stop",)
    world.now = until
    assert world.verdict().holds == ()


def test_an_acknowledgement_under_a_hold_ends_nothing_also_not_when_the_hold_is_lifted() -> None:
    world = stopped()
    acknowledge(world, ID, 2)
    assert world.condition("Suspended") == ("True", "Held")
    assert "AppHold stop" in world.message("Suspended")
    held(world)
    assert world.condition("Suspended") == ("True", "Held")
    assert "Clear it first" in world.message("Suspended")
    assert world.pod is None
    acknowledge(world, "", 3)
    acknowledge(world, ID, 4)
    assert world.condition("Suspended") == ("False", "Resumed")


def test_an_acknowledgement_of_an_earlier_suspension_does_not_end_the_next_one() -> None:
    world = stopped()
    held(world)
    acknowledge(world, ID, 2)
    assert recorded(world).suspension is None
    fresh = recorded(world).model_copy(update={"suspension": None})
    world.record = fresh
    begun = "e" * 32
    world.others["holds"] = {"stop": hold()}
    world.settle()
    open_one = recorded(world).suspension
    assert open_one
    world.record = recorded(world).model_copy(update={"suspension": open_one.model_copy(update={"id": begun})})
    held(world)
    assert world.condition("Suspended") == ("True", "Held"), "the old id is replayed by the manifest"


def test_while_one_of_two_holds_matches_the_app_stays_under_its_name() -> None:
    world = held(World().run(), hold("a"), hold("b"))
    assert world.status["suspension"]["holds"] == ["a", "b"]
    held(world, hold("b"))
    suspension = recorded(world).suspension
    assert suspension
    assert (suspension.id, suspension.hold) == (ID, "b")
    acknowledge(world, ID, 2)
    assert world.condition("Suspended") == ("True", "Held")


def test_a_suspension_for_violations_stays_what_it_is_and_the_hold_counts_beside_it() -> None:
    world = held(suspended(), hold())
    suspension = recorded(world).suspension
    assert suspension
    assert (suspension.reason, suspension.hold) == ("RepeatedViolations", None)
    assert world.status["suspension"]["holds"] == ["stop"]
    acknowledge(world, ID, 2)
    assert world.condition("Suspended") == ("True", "RepeatedViolations")
    held(world)
    assert world.pod is None


def test_to_resume_after_a_hold_forgives_no_violations_and_counts_as_no_repetition() -> None:
    world = stopped()
    world.ledger = ledger("a", "b", at=world.now)
    held(world)
    acknowledge(world, ID, 2)
    record = recorded(world)
    assert record.count_from is None
    assert [entry.hold for entry in record.acknowledged] == ["stop"]
    world.ledger = ledger("a", "b", "c", at=world.now)
    world.app = app({}, {"generation": 3})
    world.settle()
    assert world.condition("Suspended") == ("True", "RepeatedViolations")
    assert world.status["suspension"]["repeats"] == 0


def test_violations_at_their_threshold_suspend_in_the_pass_that_ends_a_hold() -> None:
    world = stopped()
    world.ledger = ledger("a", "b", "c", at=world.now)
    held(world)
    world.app = app({"acknowledgedSuspension": ID}, {"generation": 2})
    verdict = world.verdict()
    assert verdict.acknowledged == ID
    assert verdict.suspension
    assert (verdict.suspension.reason, verdict.mode) == ("RepeatedViolations", "Stop")


def test_holds_do_not_push_repetitions_out_of_the_record() -> None:
    world = stopped()
    earlier = tuple(Acknowledgement(id=f"{number:032x}", at=START) for number in range(20))
    by_hold = Acknowledgement(id="d" * 32, at=START, hold="long-ago")
    world.record = recorded(world).model_copy(update={"acknowledged": (*earlier[:19], by_hold)})
    held(world)
    acknowledge(world, ID, 2)
    assert [entry.hold for entry in recorded(world).acknowledged] == [None] * 19 + ["stop"]


def test_an_app_that_is_deleted_and_created_under_a_hold_stays_stopped() -> None:
    world = stopped()
    world.record = recorded(world).model_copy(update={"deleted_at": world.now})
    world.status = {}
    world.app = app({"acknowledgedSuspension": ID}, {"uid": "app-uid-2"})
    world.settle()
    assert world.condition("Suspended") == ("True", "Held")
    held(world)
    assert world.pod is None
    assert "Clear it first" in world.message("Suspended")


def test_the_suspension_of_a_hold_does_not_follow_the_code() -> None:
    suspension = recorded(stopped()).suspension
    assert suspension
    assert suspension.code_digest is None, "neighbours follow a suspension by its digest"


def test_a_hold_that_cannot_be_read_keeps_what_it_stopped_and_stops_nothing_new() -> None:
    broken = Unreadable("AppHold", "spec.selector: unknown")
    world = held(stopped(), broken)
    acknowledge(world, ID, 2)
    assert world.condition("Suspended") == ("True", "Held")
    other = held(World().run(), broken)
    assert other.condition("Ready") == ("True", "Available")


def test_a_revision_that_is_returned_to_is_matched_before_its_pod_starts() -> None:
    world, first = two()
    held(world, hold(selector={"codeDigest": first}))
    assert recorded(world).suspension is None, "a revision that is only kept does not count"
    crash(world)
    world.settle()
    world.pod_is_gone()
    world.settle()
    assert world.pod is None
    assert world.condition("Suspended") == ("True", "Held")
    held(world)
    assert world.pod is None
