# SPDX-License-Identifier: Apache-2.0
"""The counts over all records are what a count from the beginning would come to, after any changes."""

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from genapps.api.names import child_name
from genapps.controller.cache.caches import Caches
from genapps.controller.cache.keys import AppKey
from tests.unit.controller import world
from tests.unit.controller.world import record

SUSPENSION = {
    "id": "s1",
    "reason": "ViolationThreshold",
    "at": "2026-11-23T10:00:00Z",
    "violations": 3,
    "codeDigest": world.DIGEST,
}

records = st.builds(
    record,
    st.sampled_from(["a", "b", "c"]),
    budget=st.sampled_from(["first", "second"]),
    deletedAt=st.sampled_from([None, "2026-11-23T10:00:00Z"]),
    contracts=st.sampled_from([[], [{"connector": "crm", "digest": world.DIGEST}]]),
    suspension=st.sampled_from([None, SUSPENSION, {**SUSPENSION, "codeDigest": None}]),
    envelope=st.lists(st.sampled_from(["crm", "mail"]), max_size=2, unique=True).map(
        lambda names: {"digest": world.DIGEST, "connectors": names}
    ),
)
unreadable = records.map(lambda object_: {**object_, "record": {"budget": 5}})
changes = st.lists(
    st.tuples(st.sampled_from(["changed", "written", "deleted", "listed", "left", "back"]), records | unreadable),
    max_size=30,
)


def counted(caches: Caches) -> tuple[Any, ...]:
    """From the beginning."""
    found = [(name, stored.record) for name, stored in caches.records_in_use()]
    living = [record for name, record in found if record.deleted_at is None and not caches.is_gone(name)]
    return (
        Counter(record.budget for record in living),
        Counter(record.budget for _, record in found if record.deleted_at is not None),
        Counter(connector for record in living for connector in record.envelope.connectors),
        Counter(digest for _, record in found for digest in record.named_contracts()),
        {
            ("system", name): record
            for name, record in found
            if record.suspension is not None and record.suspension.code_digest is not None
        },
    )


@given(changes)
def test_the_summary_is_what_all_records_come_to_after_any_changes(happened: list[tuple[str, dict[str, Any]]]) -> None:
    caches = world.caches()
    for version, (how, object_) in enumerate(happened, start=1):
        object_["metadata"]["resourceVersion"] = str(version)
        if how == "written":
            caches.record_written(object_)
        elif how == "left":
            caches.leave(AppKey("team", object_["record"].get("app", {"name": "a"})["name"]))
        elif how == "back":
            caches.apps.changed(world.app(object_["record"].get("app", {"name": "a"})["name"], version))
        elif how == "listed":
            caches.records.listed([object_], str(version))
        else:
            getattr(caches.records, how)(object_)
        summary = caches.summary
        found = (summary.apps, summary.deleted, summary.connectors, summary.contracts, summary.suspended)
        assert found == counted(caches)
        assert all((*summary.apps.values(), *summary.deleted.values(), *summary.connectors.values()))


def test_nothing_is_counted_twice_when_the_event_comes_before_the_answer_to_a_write() -> None:
    caches = world.caches()
    caches.records.changed(record("a", 5))
    caches.record_written(record("a", 5))
    assert caches.summary.apps == {"b": 1}
    assert caches.records.version(("system", child_name("team", "a"))) == 5


def test_an_open_suspension_of_some_code_is_listed_until_it_goes() -> None:
    caches = world.caches()
    caches.records.changed(record("a", 1, suspension=SUSPENSION))
    assert [found.app.name for found in caches.summary.suspended.values()] == ["a"]
    caches.record_written(record("a", 2))
    assert not caches.summary.suspended


def test_an_app_that_is_gone_holds_no_place_until_it_is_there_again() -> None:
    caches = world.caches()
    caches.records.changed(record("a", 1))
    caches.leave(AppKey("team", "a"))
    caches.leave(AppKey("team", "a"))
    assert caches.summary.apps == {}
    caches.records.changed(record("a", 2))
    assert caches.summary.apps == {}, "another write of the same app's record changes nothing"
    caches.apps.changed(world.app("a", 3))
    assert caches.summary.apps == {"b": 1}


def test_an_app_whose_deletion_was_ordered_holds_no_place() -> None:
    caches = world.caches()
    caches.records.changed(record("a", 1))
    going = world.app("a", 2)
    going["metadata"]["deletionTimestamp"] = "2026-11-23T12:00:00Z"
    caches.apps.changed(going)
    assert caches.summary.apps == {}
    caches.apps.deleted(world.app("a", 3))
    assert caches.summary.apps == {}
    caches.records.changed(record("a", 4, deletedAt="2026-11-23T12:00:00Z"))
    assert (caches.summary.apps, caches.summary.deleted) == ({}, {"b": 1})


def test_the_next_app_of_the_name_holds_a_place_of_its_own() -> None:
    caches = world.caches()
    caches.records.changed(record("a", 1))
    caches.leave(AppKey("team", "a"))
    caches.records.changed(record("a", 2, app={"namespace": "team", "name": "a", "uid": "uid-next"}))
    assert caches.summary.apps == {"b": 1}
