# SPDX-License-Identifier: Apache-2.0
"""What is left of a deleted app, and when it goes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from genapps.api.apprecord import AppRecord
from genapps.api.ledger import Ledger
from genapps.api.names import AppKey
from genapps.core.observed import Child, ClaimState
from genapps.core.retention import Removal, may_vanish, orphans
from genapps.core.retention import removal as removal_of
from genapps.core.steps import Delete, ReleaseRecord

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
APP = AppKey("team", "app")
DIGEST = "sha256:" + "0" * 64


def record(**fields: Any) -> AppRecord:
    content = {
        "app": {"namespace": "team", "name": "app", "uid": "u1"},
        "namespaceUid": "n1",
        "owner": {"team": "t"},
        "budget": "b",
        "runNamespace": "run",
        "tier": {"name": "small"},
        "violationPolicy": {},
        "envelope": {"digest": DIGEST},
        "deletedAt": "2026-11-23T10:00:00Z",
        **fields,
    }
    content = {name: value for name, value in content.items() if value is not None}
    return AppRecord.model_validate({"metadata": {"name": "c", "namespace": "system", "uid": "r1"}, "record": content})


def purged(**fields: Any) -> AppRecord:
    found = record(**fields)
    return found.model_copy(update={"metadata": found.metadata.model_copy(update={"deletion_timestamp": NOW})})


def ledger(tripped: str = "", of: str = "violations") -> Ledger:
    app = {"namespace": "team", "name": "app", "uid": "u1"}
    metadata = {"name": "c", "namespace": "system", "uid": "l1"}
    counts = {"tripped": {"at": tripped, "count": 3}} if tripped else {}
    return Ledger.model_validate({"metadata": metadata, "record": {"app": app, of: counts}})


def live(*kinds: str, app: AppKey | None = APP, uid: str = "u1", deleting: bool = False) -> list[Child]:
    return [Child(kind, "run", "c", f"uid-{kind}", app, "d", deleting=deleting, app_uid=uid) for kind in kinds]


def claim(kept: str | None = None, *, bound: bool = True) -> ClaimState:
    return ClaimState(bound=bound, lost=False, owner="t", namespace_uid="n1", spec={}, kept_after_delete=kept)


def removal(
    record: AppRecord, ledger: Ledger | None, children: list[Child], now: datetime, kept: str | None = None
) -> Removal:
    return removal_of(record, ledger, children, claim(kept), now)


def kinds(steps: Any) -> list[str]:
    return [step.kind if isinstance(step, Delete) else type(step).__name__ for step in steps]


def test_the_pod_goes_first_and_alone() -> None:
    due = removal(record(), None, live("Service", "Pod", "NetworkPolicy"), NOW)
    assert kinds(due.steps) == ["Pod"]
    assert [step.grace_seconds for step in due.steps if isinstance(step, Delete)] == [1]


def test_nothing_more_happens_while_the_pod_ends() -> None:
    everything = [*live("Service", "NetworkPolicy"), *live("Pod", deleting=True)]
    assert removal(record(), None, everything, NOW).steps == ()


def test_then_everything_but_the_claim() -> None:
    everything = live("ServiceAccount", "PersistentVolumeClaim", "NetworkPolicy", "Service", "EndpointSlice")
    due = removal(record(), None, everything, NOW)
    assert kinds(due.steps) == ["EndpointSlice", "Service", "NetworkPolicy", "ServiceAccount"]


def test_the_claim_stays_for_its_retention_and_says_when_to_look_again() -> None:
    due = removal(record(), None, live("PersistentVolumeClaim"), NOW, "3h")
    assert due.steps == ()
    assert due.again_at == NOW + timedelta(hours=1)


def test_the_claim_goes_when_its_retention_is_over() -> None:
    due = removal(record(), None, live("PersistentVolumeClaim"), NOW, "2h")
    assert kinds(due.steps) == ["PersistentVolumeClaim"]


def test_a_claim_without_a_readable_retention_stays_for_a_week() -> None:
    for kept in (None, "", "soon"):
        due = removal(record(), None, live("PersistentVolumeClaim"), NOW, kept)
        assert due.again_at == datetime(2026, 11, 30, 10, tzinfo=UTC)


def test_ledger_and_record_go_last() -> None:
    due = removal(record(), ledger(), [], NOW)
    deleted = [(step.kind, step.uid) for step in due.steps if isinstance(step, Delete)]
    assert deleted == [("Ledger", "l1"), ("AppRecord", "r1")]


def test_a_record_with_an_open_suspension_stays_thirty_days_after_the_deletion() -> None:
    suspension = {"id": "0" * 32, "reason": "RepeatedViolations", "at": "2026-09-01T00:00:00Z"}
    due = removal(record(suspension=suspension), ledger(), [], NOW)
    assert due.steps == ()
    assert due.again_at == datetime(2026, 12, 23, 10, tzinfo=UTC)


def test_a_record_stays_thirty_days_after_its_last_acknowledgement() -> None:
    acknowledged = [{"id": "0" * 32, "at": "2026-11-01T00:00:00Z"}, {"id": "1" * 32, "at": "2026-11-20T00:00:00Z"}]
    assert removal(record(acknowledged=acknowledged), None, [], NOW).again_at == datetime(2026, 12, 20, tzinfo=UTC)
    old = [{"id": "0" * 32, "at": "2026-10-01T00:00:00Z"}]
    assert kinds(removal(record(acknowledged=old), None, [], NOW).steps) == ["AppRecord"]


def test_nothing_goes_of_an_app_that_is_not_marked_as_deleted() -> None:
    assert removal(record(deletedAt=None), ledger(), live("Pod"), NOW).steps == ()


def test_objects_that_are_not_the_apps_own_are_never_touched() -> None:
    for foreign in (None, AppKey("team", "other")):
        due = removal(record(), None, live("Service", "PersistentVolumeClaim", app=foreign), NOW)
        assert kinds(due.steps) == ["AppRecord"]


@pytest.mark.parametrize("of", ["violations", "defects"])
def test_deleting_an_app_before_the_verdict_does_not_shorten_its_memory(of: str) -> None:
    counts = ledger(tripped="2026-11-23T10:00:01Z", of=of)
    due = removal(record(), counts, [], NOW)
    assert due.steps == ()
    assert due.again_at == datetime(2026, 12, 23, 10, 0, 1, tzinfo=UTC)
    settled = record(countFrom="2026-11-23T10:00:01Z")
    assert kinds(removal(settled, counts, [], NOW).steps) == ["Ledger", "AppRecord"]


def test_orphans_lose_their_pod_first_and_never_a_claim_that_may_hold_state() -> None:
    used = claim()
    assert kinds(orphans(APP, live("Service", "Pod", "PersistentVolumeClaim"), used, NOW)) == ["Pod"]
    assert kinds(orphans(APP, live("Service", "PersistentVolumeClaim"), used, NOW)) == ["Service"]
    assert orphans(APP, live("PersistentVolumeClaim"), used, NOW) == ()
    assert orphans(AppKey("team", "other"), live("Service"), None, NOW) == ()


def test_an_orphaned_claim_that_was_never_bound_goes_with_the_rest() -> None:
    found = orphans(APP, live("Service", "PersistentVolumeClaim"), claim(bound=False), NOW)
    assert kinds(found) == ["Service", "PersistentVolumeClaim"]


def test_an_orphaned_claim_goes_when_its_retention_has_passed_since_its_creation() -> None:
    used = replace(claim("3h"), created_at=NOW)
    due = NOW + timedelta(hours=3)
    assert orphans(APP, live("PersistentVolumeClaim"), used, due - timedelta(seconds=1)) == ()
    assert kinds(orphans(APP, live("PersistentVolumeClaim"), used, due)) == ["PersistentVolumeClaim"]


def test_five_apps_or_a_tenth_of_them_may_vanish_at_once_and_more_only_when_somebody_says_so() -> None:
    assert may_vanish(5, of=5, confirmed=0)
    assert not may_vanish(6, of=59, confirmed=0)
    assert may_vanish(6, of=60, confirmed=0)
    assert may_vanish(60, of=60, confirmed=60)


def test_the_retention_ends_with_its_last_second() -> None:
    over = datetime(2026, 11, 23, 12, tzinfo=UTC)
    only = live("PersistentVolumeClaim")
    assert removal(record(), None, only, over - timedelta(seconds=1), "2h").again_at == over
    assert kinds(removal(record(), None, only, over, "2h").steps) == ["PersistentVolumeClaim"]


def test_a_purge_takes_everything_at_once_in_order_and_lets_the_record_go_last() -> None:
    everything = live("Pod", "Service", "ConfigMap", "NetworkPolicy", "PersistentVolumeClaim")
    taken = []
    books: Ledger | None = ledger(tripped="2026-11-23T10:00:01Z")
    suspension = {"id": "0" * 32, "reason": "RepeatedViolations", "at": "2026-11-23T09:00:00Z"}
    for _ in range(5):
        steps = removal(purged(suspension=suspension), books, everything, NOW, "8760h").steps
        taken.append(kinds(steps))
        everything = [child for child in everything if child.kind not in taken[-1]]
        books = None if "Ledger" in taken[-1] else books
    assert taken == [
        ["Pod"],
        ["Service", "NetworkPolicy", "ConfigMap"],
        ["PersistentVolumeClaim"],
        ["Ledger"],
        ["ReleaseRecord"],
    ]


def test_a_purge_waits_for_what_is_on_its_way_out() -> None:
    assert removal(purged(), ledger(), live("PersistentVolumeClaim", deleting=True), NOW) == Removal()


def test_the_deleted_record_of_a_living_app_purges_nothing() -> None:
    assert removal(purged(deletedAt=None), ledger(), live("Pod", "PersistentVolumeClaim"), NOW) == Removal()


def test_a_released_record_is_named_by_its_uid() -> None:
    found = purged()
    assert removal(found, None, [], NOW).steps == (ReleaseRecord(found.record, "r1", found.metadata.resource_version),)


def test_what_the_next_app_of_the_name_has_is_not_the_earlier_ones() -> None:
    mixed = [*live("Pod", uid="u2"), *live("Service"), *live("PersistentVolumeClaim", uid="u2")]
    due = removal_of(purged(), None, mixed, claim(), NOW, successor="u2")
    assert kinds(due.steps) == ["Service"]
    assert kinds(removal_of(purged(), None, mixed, claim(), NOW).steps) == ["Pod"]
