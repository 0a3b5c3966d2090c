# SPDX-License-Identifier: Apache-2.0
"""Defects suspend as violations do, by a window of days; limits are shown and suspend nobody."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from genapps.api.ledger import LedgerRecord
from genapps.core.observed import ForeignSuspension
from genapps.core.status import look_again, status
from genapps.core.status.waiting import SLOWLY
from tests.unit.core.suspended_app import ID, recorded
from tests.unit.core.world import START, World, app, budget, ledger

STRICT = budget({"policy": {"maxRiskClass": "medium", "violations": {"slowThreshold": 5, "slowWindow": "2h"}}})


def with_defects(count: int, at: datetime = START, *, tripped: bool = False, limits: int = 0) -> LedgerRecord:
    """A ledger with so many defects that were seen at `at`."""
    span = {"since": at, "until": at, "count": count}
    latest = {"at": at, "code": "ArgumentsInvalid", "subject": "mail/send\x1b[2J", "requestId": "r1"}
    defects: dict[str, Any] = {"total": count, "spans": [span], "latest": latest}
    if tripped:
        defects["tripped"] = {"at": at, "count": count}
    record = ledger().model_dump(by_alias=True) | {"defects": defects}
    if limits:
        record["limitsMet"] = {"total": limits, "spans": [{**span, "count": limits}]}
    return LedgerRecord.model_validate(record)


def running() -> World:
    return World(budget=STRICT).run()


def suspended() -> World:
    world = running()
    world.later(minutes=5)
    world.ledger = with_defects(5, world.now)
    world.settle()
    world.pod_is_gone()
    world.settle()
    return world


def test_as_many_defects_as_the_slow_threshold_suspend_the_app() -> None:
    world = suspended()
    for kind in ("Suspended", "Stalled"):
        assert world.condition(kind) == ("True", "RepeatedDefects")
    assert world.condition("Ready") == ("False", "RepeatedDefects")
    assert world.condition("Violated") == ("False", "NoViolations")
    assert "after 5 malformed calls or answers" in world.message("Suspended")
    assert world.status["suspension"]["id"] == ID
    suspension = recorded(world).suspension
    assert suspension
    assert (suspension.defects, suspension.violations) == (5, 0)
    assert "Pod" not in world.kinds()
    assert "PersistentVolumeClaim" in world.kinds()


def test_one_fewer_does_not_and_is_shown() -> None:
    world = running()
    world.ledger = with_defects(4, world.now)
    world.settle()
    assert world.condition("Ready") == ("True", "Available")
    shown = world.status["defects"]
    assert {name: shown[name] for name in ("count", "window", "total")} == {"count": 4, "window": "2h", "total": 4}
    assert shown["latest"]["code"] == "ArgumentsInvalid"
    assert "\x1b" not in shown["latest"]["subject"]
    assert "limits" not in world.status


def test_defects_and_violations_are_counted_apart() -> None:
    world = running()
    violations = ledger("a", "b", at=world.now).violations
    world.ledger = with_defects(4, world.now).model_copy(update={"violations": violations})
    world.settle()
    assert world.condition("Ready") == ("True", "Available")
    assert (world.status["violations"]["count"], world.status["defects"]["count"]) == (2, 4)


def test_violations_lead_where_both_thresholds_are_reached() -> None:
    world = running()
    violations = ledger("a", "b", "c", at=world.now).violations
    world.ledger = with_defects(5, world.now).model_copy(update={"violations": violations})
    world.settle()
    assert world.condition("Suspended") == ("True", "RepeatedViolations")


def test_any_number_of_limits_suspends_nobody_and_is_shown() -> None:
    world = running()
    world.ledger = with_defects(1, world.now, limits=1_000_000)
    world.settle()
    assert world.condition("Ready") == ("True", "Available")
    assert world.status["limits"] == {"count": 1_000_000, "window": "2h", "total": 1_000_000}


def test_a_count_that_ages_is_looked_at_again() -> None:
    world = running()
    world.ledger = with_defects(4, world.now)
    world.settle()
    verdict = world.verdict()
    assert look_again(status(world.observe(), verdict), verdict) == SLOWLY
    world.later(hours=3)
    world.settle()
    verdict = world.verdict()
    assert look_again(status(world.observe(), verdict), verdict) is None
    assert (world.status["defects"]["count"], world.status["defects"]["total"]) == (0, 4)


def test_a_threshold_that_was_reached_suspends_after_the_operator_was_away() -> None:
    world = running()
    world.later(days=3)
    world.ledger = with_defects(5, START + timedelta(minutes=1), tripped=True)
    world.settle()
    assert world.condition("Suspended") == ("True", "RepeatedDefects")


def test_a_suspension_for_defects_does_not_end_with_the_window() -> None:
    world = suspended()
    world.later(days=8)
    world.settle()
    assert world.condition("Suspended") == ("True", "RepeatedDefects")


def test_only_the_acknowledgement_of_its_id_ends_it_and_the_count_starts_anew() -> None:
    world = suspended()
    world.later(minutes=1)
    world.app = app({"acknowledgedSuspension": "f" * 32}, {"generation": 2})
    world.settle()
    assert world.condition("Suspended") == ("True", "RepeatedDefects")
    world.app = app({"acknowledgedSuspension": ID}, {"generation": 3})
    world.run()
    assert world.condition("Suspended") == ("False", "Resumed")
    assert world.status["defects"]["count"] == 0
    world.later(minutes=1)
    world.ledger = with_defects(5, world.now)
    begun = world.verdict().suspension
    assert begun
    assert (begun.reason, begun.defects) == ("RepeatedDefects", 5)


@pytest.mark.parametrize("tripped", [True, False])
def test_an_acknowledgement_settles_what_a_gateway_whose_clock_is_a_day_ahead_has_counted(tripped: bool) -> None:
    world = running()
    world.ledger = with_defects(5, world.now + timedelta(days=1), tripped=tripped)
    world.settle()
    world.pod_is_gone()
    world.settle()
    world.app = app({"acknowledgedSuspension": ID}, {"generation": 2})
    world.run()
    assert world.condition("Ready") == ("True", "Available")


def test_it_follows_the_code_to_another_name_with_its_reason() -> None:
    world = World(budget=STRICT)
    digest = world.verdict().desired_code_digest
    assert digest
    world.suspended_code = {digest: ForeignSuspension("first", "a" * 32, "RepeatedDefects")}
    world.settle()
    assert world.condition("Suspended") == ("True", "RepeatedDefects")
    assert "another app with the same code is suspended" in world.message("Suspended")
    assert "Pod" not in world.kinds()


def test_an_app_that_is_created_again_finds_its_suspension() -> None:
    world = suspended()
    world.children.clear()
    world.manifests.clear()
    world.pod = None
    world.status = {}
    world.app = app({}, {"uid": "app-uid-2"})
    world.settle()
    assert world.condition("Suspended") == ("True", "RepeatedDefects")
    assert recorded(world).app.uid == "app-uid-2"


def test_a_lower_threshold_holds_at_once_and_a_higher_one_ends_nothing() -> None:
    world = running()
    world.ledger = with_defects(4, world.now)
    world.settle()
    world.budget = budget({"policy": {"maxRiskClass": "medium", "violations": {"slowThreshold": 4}}})
    world.settle()
    assert world.condition("Suspended") == ("True", "RepeatedDefects")
    world.budget = budget()
    world.settle()
    assert world.condition("Suspended") == ("True", "RepeatedDefects")


def test_equal_observations_give_an_equal_status() -> None:
    world = running()
    world.ledger = with_defects(4, world.now, limits=3)
    observed, verdict = world.observe(), world.verdict()
    assert status(observed, verdict) == status(replace(observed), verdict)
