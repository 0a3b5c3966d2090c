# SPDX-License-Identifier: Apache-2.0
"""What gateways are told of a budget: written when it changes, withdrawn when the budget is gone."""

from datetime import timedelta
from typing import Any

import pytest

from genapps.api.names import budget_ledger, child_name
from genapps.controller.cache.changes import Change, Source
from genapps.controller.cache.keys import BudgetKey
from tests.unit.controller import world
from tests.unit.controller.loop import Loop
from tests.unit.controller.reconcile.test_worker import work

KEY = BudgetKey("b")


def published(loop: Loop) -> dict[str, Any]:
    record: dict[str, Any] = loop.server.objects["BudgetRecord", "b"]["record"]
    return record


def change(loop: Loop, **spec: Any) -> None:
    loop.server.version += 1
    object_ = world.budget("b", loop.server.version)
    object_["spec"] |= spec
    loop.server.objects["AppBudget", "b"] = object_
    loop.caches.budgets.changed(object_)


async def test_a_limit_is_published_at_once_and_once(loop: Loop) -> None:
    change(loop, limits={"tokens": 7, "costUSD": "1.5"}, mode="Shadow")
    await work(loop, KEY)
    assert published(loop)["limits"] == {"tokens": 7, "costMicros": 1_500_000}
    assert published(loop)["mode"] == "Shadow"
    await work(loop, KEY)  # the app that waited has a claim by now
    loop.server.kinds()
    await work(loop, KEY)
    assert "BudgetRecord" not in loop.server.kinds(), "nothing has changed"
    change(loop, limits={"tokens": 8})
    await work(loop, KEY)
    assert published(loop)["limits"] == {"tokens": 8}


async def test_a_new_period_is_published_when_it_begins_without_an_event(loop: Loop) -> None:
    change(loop)
    await work(loop, KEY)
    first = published(loop)["period"]
    ends_at = loop.caches.budget_records.get(("system", "b")).record.ends_at  # type: ignore[union-attr]
    while loop.clock.date() < ends_at:
        assert len(loop.queue) == 0
        left = (ends_at - loop.clock.date()).total_seconds()
        loop.clock.move_to(loop.clock.time() + min(left, 3600.0))
        await work(loop)
    assert published(loop)["period"] > first


async def test_a_new_operator_goes_on_with_the_period_that_was_published(loop: Loop) -> None:
    change(loop)
    await work(loop, KEY)
    ahead = loop.server.objects["BudgetRecord", "b"]
    ahead["record"] |= {"period": "2999-01", "startsAt": "2999-01-01T00:00:00Z", "endsAt": "2999-02-01T00:00:00Z"}
    loop.server.version += 1
    ahead["metadata"]["resourceVersion"] = str(loop.server.version)
    loop.caches.budget_records.changed(ahead)
    change(loop, limits={"tokens": 1})
    await work(loop, KEY)
    assert (published(loop)["period"], published(loop)["limits"]) == ("2999-01", {"tokens": 1})


async def test_a_budget_that_is_gone_is_withdrawn_and_what_was_spent_is_kept_for_the_period(loop: Loop) -> None:
    change(loop)
    await work(loop, KEY)
    period = published(loop)["period"]
    name = budget_ledger("b")
    metadata = {"namespace": "system", "name": name, "uid": "l", "resourceVersion": "60"}
    ledger = {"kind": "Ledger", "metadata": metadata, "record": {"budget": "b", "account": {"period": period}}}
    loop.server.objects["Ledger", name] = ledger
    loop.caches.ledgers.changed(ledger)
    del loop.server.objects["AppBudget", "b"]
    loop.caches.budgets.deleted(world.budget("b", loop.server.version + 1))
    await work(loop, KEY)
    assert ("BudgetRecord", "b") not in loop.server.objects
    assert ("Ledger", name) in loop.server.objects
    for _ in range(40):
        loop.clock.move_to(loop.clock.time() + timedelta(days=1).total_seconds())
        await work(loop)
    assert ("Ledger", name) not in loop.server.objects


async def test_a_budget_that_only_our_list_lacks_stays_published(loop: Loop) -> None:
    change(loop)
    await work(loop, KEY)
    loop.caches.budgets.deleted(world.budget("b", loop.server.version + 1))
    await work(loop, KEY)
    assert ("BudgetRecord", "b") in loop.server.objects


async def test_with_an_unknown_time_zone_what_was_published_stays_and_status_says_why(loop: Loop) -> None:
    change(loop, limits={"tokens": 7})
    await work(loop, KEY)
    change(loop, limits={"tokens": 8}, period={"timeZone": "Mars/Olympus"})
    await work(loop, KEY)
    assert published(loop)["limits"] == {"tokens": 7}
    conditions = {entry["type"]: entry for entry in loop.server.objects["AppBudget", "b"]["status"]["conditions"]}
    assert (conditions["Ready"]["status"], conditions["Ready"]["reason"]) == ("False", "TimeZoneUnknown")
    assert "Mars/Olympus" in conditions["Ready"]["message"]


async def test_a_record_that_cannot_be_read_is_left_alone(loop: Loop) -> None:
    change(loop)
    broken = {"metadata": {"namespace": "system", "name": "b", "uid": "x", "resourceVersion": "50"}, "record": {}}
    loop.caches.budget_records.changed(broken)
    await work(loop, KEY)
    assert "BudgetRecord" not in loop.server.kinds()


async def test_the_claims_of_its_apps_are_counted(loop: Loop) -> None:
    change(loop)
    loop.caches.records.changed(world.record("a", 40))
    claim = world.child("a", "PersistentVolumeClaim")
    assert claim["metadata"]["name"] == child_name("team", "a")
    loop.caches.children["run", "PersistentVolumeClaim"].changed(claim)
    await work(loop, KEY)
    assert published(loop)["state"]["mib"] == 1024
    loop.clock.move_to(loop.clock.time() + 301)
    await work(loop)
    assert published(loop)["state"]["mibSeconds"] >= 300 * 1024


@pytest.mark.parametrize(("asks_for", "mib"), [("3Gi", 3072), ("1Mi", 1), ("much", 1024), (None, 1024)])
async def test_a_claim_counts_as_it_stands_and_not_as_a_tier_says_today(
    loop: Loop, asks_for: str | None, mib: int
) -> None:
    change(loop)
    loop.caches.records.changed(world.record("a", 40))
    claim = world.child("a", "PersistentVolumeClaim")
    claim["spec"] = {"resources": {"requests": {"storage": asks_for}}}
    loop.caches.children["run", "PersistentVolumeClaim"].changed(claim)
    await work(loop, KEY)
    assert published(loop)["state"]["mib"] == mib


async def test_a_limit_that_is_raised_wakes_the_apps_once_it_is_published(loop: Loop) -> None:
    change(loop, limits={"tokens": 1})
    await work(loop, KEY)
    woken: list[Change] = []
    loop.caches._on_change = lambda _, changed: woken.append(changed)
    change(loop, limits={"tokens": 2})
    await work(loop, KEY)
    (told,) = [changed for changed in woken if changed.source is Source.BUDGET_RECORD]
    assert (told.own, told.old.record.limits.tokens, told.new.record.limits.tokens) == (True, 1, 2)
