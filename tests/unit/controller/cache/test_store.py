# SPDX-License-Identifier: Apache-2.0
"""The cache of one watched collection: events, lists and own writes in any order."""

from __future__ import annotations

from typing import Any

import pytest

from genapps.controller.cache.store import Name, Store

A = ("ns", "a")


def thing(version: int, colour: str = "red", name: str = "a") -> dict[str, Any]:
    return {"metadata": {"namespace": "ns", "name": name, "resourceVersion": str(version)}, "colour": colour}


class Cache:
    def __init__(self) -> None:
        self.told: list[tuple[Name, str | None, str | None]] = []
        self.collection = Store[str](lambda object_: str(object_["colour"]), self._notify)

    def _notify(self, name: Name, old: str | None, new: str | None) -> None:
        self.told.append((name, old, new))


@pytest.fixture
def cache() -> Cache:
    return Cache()


def test_a_change_is_told_with_old_and_new(cache: Cache) -> None:
    cache.collection.changed(thing(1))
    cache.collection.changed(thing(2, "blue"))
    cache.collection.deleted(thing(3, "blue"))
    assert cache.told == [(A, None, "red"), (A, "red", "blue"), (A, "blue", None)]


def test_an_event_that_changes_nothing_we_keep_is_not_told(cache: Cache) -> None:
    cache.collection.changed(thing(1))
    cache.collection.changed(thing(2))
    assert cache.told == [(A, None, "red")]
    assert cache.collection.version(A) == 2


def test_an_older_event_does_not_undo_an_own_write(cache: Cache) -> None:
    cache.collection.changed(thing(1))
    cache.collection.written(thing(5, "blue"))
    cache.collection.changed(thing(3, "green"))
    assert cache.collection.get(A) == "blue"
    assert len(cache.told) == 1


def test_the_echo_of_an_own_write_is_not_told(cache: Cache) -> None:
    cache.collection.written(thing(5, "blue"))
    cache.collection.changed(thing(5, "blue"))
    assert cache.told == []


def test_an_own_write_that_the_watch_has_passed_is_not_brought_back(cache: Cache) -> None:
    """Written at 5, deleted by somebody at 6, and the answer to the write is processed last."""
    cache.collection.changed(thing(5))
    cache.collection.deleted(thing(6))
    cache.collection.written(thing(5))
    assert cache.collection.get(A) is None


def test_a_late_deletion_of_the_previous_object_keeps_the_new_one(cache: Cache) -> None:
    cache.collection.written(thing(8, "new"))
    cache.collection.deleted(thing(7, "old"))
    assert cache.collection.get(A) == "new"


def test_a_list_removes_what_is_not_in_it(cache: Cache) -> None:
    cache.collection.changed(thing(1, name="a"))
    cache.collection.changed(thing(2, name="b"))
    cache.collection.listed([thing(2, name="b")], "4")
    assert cache.told[-1] == (A, "red", None)
    assert list(cache.collection) == [("ns", "b")]


def test_a_list_keeps_what_was_written_after_it(cache: Cache) -> None:
    cache.collection.written(thing(9, "new"))
    cache.collection.listed([], "7")
    assert cache.collection.get(A) == "new"


def test_a_status_write_to_an_unknown_object_is_not_stored(cache: Cache) -> None:
    cache.collection.written(thing(9), insert=False)
    assert cache.collection.get(A) is None


def test_a_group_lasts_as_long_as_its_last_member() -> None:
    store = Store[str](lambda object_: "red", lambda _, __, ___: None, group=lambda name: name[1].partition("-")[0])
    store.changed(thing(1, name="a-1"))
    store.changed(thing(2, name="a-2"))
    store.changed(thing(3, name="b-1"))
    store.deleted(thing(4, name="a-1"))
    assert sorted(store.groups()) == ["a", "b"]
    assert [name for name, _ in store.members("a")] == [("ns", "a-2")]
    store.deleted(thing(5, name="a-2"))
    assert list(store.groups()) == ["b"]
