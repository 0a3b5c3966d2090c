# SPDX-License-Identifier: Apache-2.0
"""Whom an AppHold wakes: the apps that it matches or did match, before all others."""

from collections.abc import Callable
from typing import Any

import pytest

from genapps.controller.cache.keys import AppKey, HoldKey
from genapps.controller.cache.wakeups import DEBOUNCED, NEXT, NOW, Wakeup, everything
from tests.unit.controller.world import DIGEST, Seen, app, record

SPEC = {
    "envelope": {"owner": {"team": "t"}, "riskClass": "low"},
    "code": {"language": "python", "source": {"inline": "x = 1"}},
    "tier": "small",
    "budget": "b",
}
HOLD, A, B = HoldKey("h"), AppKey("team", "a"), AppKey("team", "b")
OTHER = "sha256:" + "1" * 64
RUNNING = {"digest": OTHER, "codeDigest": OTHER, "configDigest": OTHER}


def hold(version: int, **selector: Any) -> dict[str, Any]:
    metadata = {"name": "h", "uid": "uid-h", "resourceVersion": str(version)}
    return {"metadata": metadata, "spec": {"selector": selector, "reason": "a test"}}


@pytest.fixture
def seen() -> Seen:
    """`a` is of team t, `b` of another, and `a` runs some code."""
    made = Seen()
    other = {**SPEC, "envelope": {"owner": {"team": "u"}, "riskClass": "low"}}
    made.caches.apps.changed(app("a", 1, **SPEC))
    made.caches.apps.changed(app("b", 2, **other))
    made.caches.records.changed(record("a", 3, revision=RUNNING))
    made.wakeups.clear()
    return made


@pytest.mark.parametrize(
    ("selector", "apps"),
    [
        ({"owner": "t"}, {(A, NOW)}),
        ({"all": True}, {(A, NOW), (B, NOW)}),
        ({"owner": "nobody"}, set()),
        ({"codeDigest": OTHER}, {(A, NOW), (B, NEXT)}),
        ({"codeDigest": DIGEST, "owner": "t"}, {(A, NEXT)}),
    ],
)
def test_a_hold_wakes_what_it_matches_first_and_what_its_source_may_make_match_next(
    seen: Seen, selector: dict[str, Any], apps: set[tuple[Any, Any]]
) -> None:
    seen.caches.holds.changed(hold(10, **selector))
    assert set(seen.wakeups) == {Wakeup(*each) for each in (*apps, (HOLD, NEXT))}


def test_a_hold_that_selects_others_or_goes_wakes_what_it_matched(seen: Seen) -> None:
    seen.caches.holds.changed(hold(10, owner="t"))
    seen.wakeups.clear()
    seen.caches.holds.changed(hold(11, owner="nobody"))
    assert set(seen.wakeups) == {Wakeup(A, NOW), Wakeup(HOLD, NEXT)}
    seen.caches.holds.changed(hold(12, owner="u"))
    seen.wakeups.clear()
    seen.caches.holds.deleted(hold(13, owner="u"))
    assert set(seen.wakeups) == {Wakeup(B, NOW), Wakeup(HOLD, NEXT)}


def test_the_status_of_a_hold_wakes_no_app(seen: Seen) -> None:
    seen.caches.holds.changed(hold(10, owner="t"))
    seen.wakeups.clear()
    seen.caches.holds.changed({**hold(11, owner="t"), "status": {"matched": 1}})
    assert set(seen.wakeups) == {Wakeup(HOLD, NEXT)}


def test_apps_that_come_and_go_and_their_suspensions_wake_holds(seen: Seen) -> None:
    seen.caches.holds.changed(hold(10, owner="t"))
    suspension = {"id": "s", "reason": "Held", "hold": "h", "at": "2026-11-23T10:00:00Z"}
    acts: list[Callable[[], object]] = [
        lambda: seen.caches.apps.changed(app("new", 20, **SPEC)),
        lambda: seen.caches.apps.deleted(app("new", 21, **SPEC)),
        lambda: seen.caches.records.changed(record("a", 22, revision=RUNNING, suspension=suspension)),
    ]
    for act in acts:
        seen.wakeups.clear()
        act()
        assert Wakeup(HOLD, DEBOUNCED) in seen.wakeups


def test_a_new_leader_looks_at_every_hold(seen: Seen) -> None:
    seen.caches.holds.changed(hold(10, owner="t"))
    assert Wakeup(HOLD, NEXT) in set(everything(seen.caches))


def test_the_suspension_of_a_hold_wakes_no_neighbours_because_it_follows_no_code(seen: Seen) -> None:
    held = {"id": "0" * 32, "reason": "Held", "hold": "h", "at": "2026-11-23T10:00:00Z"}
    seen.caches.record_written(record("a", 20, revision=RUNNING, suspension=held))
    assert B not in seen.woken()
    seen.caches.record_written(record("a", 21, revision=RUNNING, suspension={**held, "codeDigest": OTHER}))
    assert B in seen.woken()
