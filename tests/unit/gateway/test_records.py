# SPDX-License-Identifier: Apache-2.0
"""Which app a caller is, as the operator's records change."""

from typing import Any

import pytest

from genapps.gateway.callers.identity import Caller
from genapps.gateway.callers.records import Records
from tests.unit.gateway.world import CHILD, POD_UID, app_record

CALLER = Caller("genapps-run", CHILD, CHILD, POD_UID)


@pytest.fixture
def gone() -> list[str]:
    return []


@pytest.fixture
def records(gone: list[str]) -> Records:
    records = Records(on_gone=gone.append)
    records.listed([app_record()], "1")
    return records


def test_the_current_pod_of_an_app_is_that_app(records: Records) -> None:
    found = records.find(CALLER)
    assert found is not None
    assert (found.child, found.record.app.name) == (CHILD, "converter")


@pytest.mark.parametrize(
    "caller",
    [
        Caller("genapps-run", CHILD, CHILD, "another-uid"),
        Caller("finance", CHILD, CHILD, POD_UID),
        Caller("genapps-run", "default", CHILD, POD_UID),
        Caller("genapps-run", CHILD, "another-pod", POD_UID),
    ],
    ids=["its predecessor", "a namesake elsewhere", "another account's pod", "another pod of the account"],
)
def test_nobody_else_is(records: Records, caller: Caller) -> None:
    assert records.find(caller) is None


def test_a_record_without_a_pod_admits_nobody(records: Records) -> None:
    records.changed(app_record(pod=None))
    assert records.find(CALLER) is None


def test_a_deleted_app_is_admitted_no_more_although_its_pod_still_runs(records: Records) -> None:
    records.changed(app_record(deletedAt="2026-11-23T12:00:00.000000Z"))
    assert records.find(CALLER) is None


@pytest.mark.parametrize("changes", [{"tier": {"name": "small", "toolCallsPerAction": "many"}}, {"envelope": None}])
def test_a_record_that_cannot_be_read_admits_nobody(records: Records, changes: dict[str, Any], gone: list[str]) -> None:
    records.changed(app_record(**changes))
    assert records.find(CALLER) is None
    assert gone == [], "its counts are kept"


def test_a_purged_record_is_gone_whether_the_event_came_or_only_the_next_list(
    records: Records, gone: list[str]
) -> None:
    records.deleted(app_record())
    assert (records.find(CALLER), gone, len(records)) == (None, [CHILD], 0)
    records.changed(app_record())
    records.listed([], "9")
    assert (records.find(CALLER), gone) == (None, [CHILD, CHILD])
