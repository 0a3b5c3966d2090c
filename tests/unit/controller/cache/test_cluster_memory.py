# SPDX-License-Identifier: Apache-2.0
"""Which cluster this is: what is remembered, what is believed, and how a new one is taken up."""

from typing import NamedTuple

import pytest

from genapps.controller.cache.cluster_memory import ClusterMemory, Sighting


class Found(NamedTuple):
    """What a look finds, whatever was known before it."""

    system_uid: str
    definition_uid: str
    version: int


FOUND = Found("system-1", "definition-1", 100)


def look(memory: ClusterMemory, found: Found) -> Sighting:
    """One that begins now."""
    return Sighting(*found, known=memory.highest_version())


def believes(memory: ClusterMemory, found: Found) -> bool:
    return memory.believes(look(memory, found))


def test_the_first_look_is_believed_and_remembered() -> None:
    memory = ClusterMemory(lambda: 90)
    assert believes(memory, FOUND)
    assert memory.annotations() == {
        "genapps.dev/kube-system-uid": "system-1",
        "genapps.dev/definition-uid": "definition-1",
        "genapps.dev/highest-version": "100",
    }


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (Found("system-1", "", 200), "gone or being deleted"),
        (Found("system-1", "definition-2", 200), "made again"),
        (Found("system-2", "definition-1", 200), "not the cluster"),
        (Found("system-1", "definition-1", 99), "an older copy was restored"),
    ],
)
@pytest.mark.parametrize("restarted", [False, True])
def test_another_cluster_or_an_older_one_is_not_believed(found: Found, why: str, restarted: bool) -> None:
    memory = ClusterMemory(lambda: 0)
    assert believes(memory, FOUND)
    if restarted:
        later = ClusterMemory(lambda: 0)
        later.load(memory.annotations())
        memory = later
    assert not believes(memory, found)
    assert why in memory.doubt
    assert memory.annotations()["genapps.dev/definition-uid"] == "definition-1"
    assert believes(memory, FOUND), "it is itself again"
    assert memory.doubt == ""


def test_what_the_caches_have_seen_counts_as_history() -> None:
    memory = ClusterMemory(lambda: 150)
    assert not believes(memory, FOUND)
    assert "is at version 100, and was at 150" in memory.doubt


def test_what_the_caches_hear_during_a_look_is_no_older_copy() -> None:
    seen = [100]
    memory = ClusterMemory(lambda: max(seen))
    before = look(memory, FOUND)
    seen.append(120)
    assert memory.believes(before)
    assert not believes(memory, FOUND), "it was known before this look began"


def test_notes_that_cannot_be_read_count_as_never_written() -> None:
    memory = ClusterMemory(lambda: 0)
    memory.load({"genapps.dev/highest-version": "many", "genapps.dev/kube-system-uid": ""})
    assert memory.annotations() == {}
    assert believes(memory, FOUND)


def test_a_cluster_in_which_every_app_was_found_is_taken_up() -> None:
    memory = ClusterMemory(lambda: 0)
    believes(memory, FOUND)
    moved = Found("system-2", "definition-2", 10)
    assert not believes(memory, moved)
    memory.adopt(look(memory, moved))
    assert memory.doubt == ""
    assert believes(memory, moved)
    memory.adopt(look(memory, Found("system-3", "", 20)))
    assert believes(memory, moved), "a cluster without the definition is never taken up"
