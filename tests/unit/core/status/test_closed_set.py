# SPDX-License-Identifier: Apache-2.0
"""What holds for the status of any app in any surroundings: the closed set, and answers that do not contradict."""

from datetime import datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from genapps.api.conditions import ConditionType, Reason, allowed
from genapps.api.status import GeneratedAppStatus
from genapps.core.judge import judge
from genapps.core.observed import Observed
from genapps.core.status import status, transitions
from tests.unit.core.observations import NOW, SUSPENSION_ID, observations


def told(observed: Observed, now: datetime) -> dict[str, Any]:
    return status(observed, judge(observed, now, SUSPENSION_ID))


def by_type(given: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {entry["type"]: (entry["status"], entry["reason"]) for entry in given["conditions"]}


@given(observations(), NOW)
def test_every_condition_is_told_once_in_words_of_the_closed_set(observed: Observed, now: datetime) -> None:
    conditions = told(observed, now)["conditions"]
    assert len({entry["type"] for entry in conditions}) == len(conditions)
    for entry in conditions:
        assert allowed(ConditionType(entry["type"]), entry["status"], Reason(entry["reason"])), entry
        assert entry["message"].strip()
        assert entry["message"].isprintable()


@given(observations(), NOW)
def test_conditions_do_not_contradict_each_other(observed: Observed, now: datetime) -> None:
    said = {kind: state for kind, (state, _) in by_type(told(observed, now)).items()}
    assert not (said["Reconciling"] == said["Stalled"] == "True")
    assert not (said["Ready"] == said["Suspended"] == "True")
    assert said["Suspended"] == "False" or said["Stalled"] == "True"
    assert said["Ready"] == "True" or "True" in (said["Reconciling"], said["Stalled"])
    assert said["Ready"] == "False" or said["EgressEnforced"] == "True"


@given(observations(), NOW)
def test_every_status_fits_the_schema(observed: Observed, now: datetime) -> None:
    GeneratedAppStatus.model_validate(told(observed, now))


@given(observations(), observations(), st.tuples(NOW, NOW))
def test_a_step_between_any_two_states_makes_one_event_for_each_reason_that_is_new(
    before: Observed, after: Observed, moments: tuple[datetime, datetime]
) -> None:
    first, second = told(before, moments[0]), told(after, moments[1])
    events = transitions(first, second)
    assert len({event.reason for event in events}) == len(events)
    old, new = by_type(first), by_type(second)
    moved = {reason for kind, (state, reason) in new.items() if (state, reason) != old[kind]}
    assert {event.reason for event in events} <= moved
    assert transitions(second, second) == ()


@given(observations(), observations(), st.tuples(NOW, NOW))
def test_what_stops_an_app_is_warned_of_once_and_leads_its_events(
    before: Observed, after: Observed, moments: tuple[datetime, datetime]
) -> None:
    first, second = told(before, moments[0]), told(after, moments[1])
    old, new = by_type(first)["Stalled"], by_type(second)["Stalled"]
    events = transitions(first, second)
    if new[0] == "True" and new != old:
        assert events[0].reason == new[1]
        warnings = [event.reason for event in events if event.type == "Warning"]
        assert warnings == ([] if new[1] == Reason.REQUESTED else [new[1]])
