# SPDX-License-Identifier: Apache-2.0
"""Whom usage, limits and periods wake: little, because usage comes every minute from every busy app."""

from typing import Any

import pytest

from genapps.controller.cache.caches import Caches
from genapps.controller.cache.wakeups import DEBOUNCED, NEXT, NOW, Priority, Wakeup
from tests.unit.controller.cache.test_wakeups import BUDGET, A, Act, at, filled, ledger, ledgers, named
from tests.unit.controller.world import Seen


@pytest.fixture
def seen() -> Seen:
    return filled()


TRIPPED = {"at": "2026-11-23T10:00:00Z", "count": 9}
ACCOUNT: dict[str, Any] = {"period": "2026-11"}
SPENT_UP: dict[str, Any] = {"exhausted": [{"unit": "tokens", "limit": 5, "at": "2026-11-03T00:00:00Z"}]}


def spent(version: int, account: dict[str, Any]) -> dict[str, Any]:
    return at(version, named("system", "budget.b", record={"budget": "b", "account": account}))


def published(version: int, **state: Any) -> dict[str, Any]:
    record = {
        "budget": "b",
        "uid": "u",
        "period": "2026-11",
        "startsAt": "2026-11-01T00:00:00Z",
        "endsAt": "2026-12-01T00:00:00Z",
        "limits": {"tokens": 5, "stateMibSeconds": 8},
        "prices": {"version": "sha256:" + "0" * 64},
        "state": {"at": "2026-11-01T00:00:00Z", **state},
    }
    return at(version, named("system", "b", record=record))


def _claims_counted(caches: Caches, used: int) -> None:
    caches.budget_records.written(published(20))
    caches.budget_records.changed(published(21, mibSeconds=used))


def _told(caches: Caches, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Something is published, and what was told before is known already."""
    caches.budget_records.written(published(20))
    caches.ledgers.written(spent(21, before))
    ledgers(caches, spent(22, after))


def _spent_up_and_deleted(caches: Caches) -> None:
    caches.budget_records.written(published(20))
    caches.ledgers.written(spent(21, ACCOUNT | SPENT_UP))
    caches.ledgers.deleted(spent(22, ACCOUNT | SPENT_UP))


ROWS: list[tuple[str, Act, set[tuple[Any, Priority]]]] = [
    (
        "a ledger in which only usage was told wakes its app once for a group of changes",
        lambda c: ledgers(c, ledger(20), ledger(21, account=ACCOUNT)),
        {(A, DEBOUNCED)},
    ),
    (
        "a ledger in which defects were counted wakes its app once for a group of changes",
        lambda c: ledgers(c, ledger(20), ledger(21, defects={"total": 1})),
        {(A, DEBOUNCED)},
    ),
    (
        "a ledger whose defects reached their threshold wakes its app before all others",
        lambda c: ledgers(c, ledger(20), ledger(21, defects={"total": 9, "tripped": TRIPPED})),
        {(A, DEBOUNCED), (A, NOW)},
    ),
    (
        "a ledger in which a unit was exhausted wakes its app after what waits",
        lambda c: ledgers(c, ledger(20, account=ACCOUNT), ledger(21, account=ACCOUNT | SPENT_UP)),
        {(A, DEBOUNCED), (A, NEXT)},
    ),
    (
        "a first ledger with violations wakes its app before all others",
        lambda c: ledgers(c, ledger(20, violations={"total": 1})),
        {(A, NOW)},
    ),
    (
        "a first ledger that usage alone began does not wake its app before all others",
        lambda c: ledgers(c, ledger(20, account=ACCOUNT)),
        {(A, DEBOUNCED)},
    ),
    (
        "a ledger of a budget wakes it, and its apps when a unit is exhausted",
        lambda c: _told(c, ACCOUNT, ACCOUNT | SPENT_UP),
        {(BUDGET, DEBOUNCED), (A, NEXT)},
    ),
    (
        "a ledger of a budget in which only usage was told wakes no app",
        lambda c: _told(c, ACCOUNT, ACCOUNT | {"spent": {"tokens": 4}}),
        {(BUDGET, DEBOUNCED)},
    ),
    (
        "a ledger of a budget in which a limit is reached without a mark wakes its apps",
        lambda c: _told(c, ACCOUNT, ACCOUNT | {"spent": {"tokens": 5}}),
        {(BUDGET, DEBOUNCED), (A, NEXT)},
    ),
    (
        "a mark of a limit that is reached already wakes no app",
        lambda c: _told(c, ACCOUNT | {"spent": {"tokens": 5}}, ACCOUNT | {"spent": {"tokens": 5}} | SPENT_UP),
        {(BUDGET, DEBOUNCED)},
    ),
    (
        "a ledger that is deleted, and with it what was spent up, wakes its apps",
        lambda c: _spent_up_and_deleted(c),
        {(BUDGET, DEBOUNCED), (A, NEXT)},
    ),
    (
        "a ledger of a budget of which nothing is published wakes no app",
        lambda c: ledgers(c, spent(20, ACCOUNT), spent(21, ACCOUNT | SPENT_UP)),
        {(BUDGET, DEBOUNCED)},
    ),
    (
        "what is published of a budget wakes it and its apps",
        lambda c: c.budget_records.changed(published(20)),
        {(BUDGET, DEBOUNCED), (A, NEXT)},
    ),
    (
        "a limit or a period that we publish wakes the apps, and not the budget's own pass again",
        lambda c: c.budget_record_written(published(60)),
        {(A, NEXT)},
    ),
    (
        "what claims took up wakes the budget alone",
        lambda c: _claims_counted(c, 7),
        {(BUDGET, DEBOUNCED)},
    ),
    (
        "what claims took up wakes the apps as well when it reaches the limit",
        lambda c: _claims_counted(c, 8),
        {(BUDGET, DEBOUNCED), (A, NEXT)},
    ),
]


@pytest.mark.parametrize(("act", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_change_wakes(seen: Seen, act: Act, expected: set[tuple[Any, Priority]]) -> None:
    act(seen.caches)
    assert set(seen.wakeups) == {Wakeup(*each) for each in expected}
