# SPDX-License-Identifier: Apache-2.0
"""Which cluster this is: what is remembered, what is believed, and how a new one is taken up."""

import pytest

from genapps.controller.cache.cluster_memory import ClusterMemory, Sighting

FOUND = Sighting("system-1", "definition-1", 100)


def test_the_first_look_is_believed_and_remembered() -> None:
    memory = ClusterMemory(lambda: 90)
    assert memory.believes(FOUND)
    assert memory.annotations() == {
        "genapps.dev/kube-system-uid": "system-1",
        "genapps.dev/definition-uid": "definition-1",
        "genapps.dev/highest-version": "100",
    }


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (Sighting("system-1", "", 200), "gone or being deleted"),
        (Sighting("system-1", "definition-2", 200), "made again"),
        (Sighting("system-2", "definition-1", 200), "not the cluster"),
        (Sighting("system-1", "definition-1", 99), "an older copy was restored"),
    ],
)
@pytest.mark.parametrize("restarted", [False, True])
def test_another_cluster_or_an_older_one_is_not_believed(found: Sighting, why: str, restarted: bool) -> None:
    memory = ClusterMemory(lambda: 0)
    assert memory.believes(FOUND)
    if restarted:
        later = ClusterMemory(lambda: 0)
        later.load(memory.annotations())
        memory = later
    assert not memory.believes(found)
    assert why in memory.doubt
    assert memory.annotations()["genapps.dev/definition-uid"] == "definition-1"
    assert memory.believes(FOUND), "it is itself again"
    assert memory.doubt == ""


def test_what_the_caches_have_seen_counts_as_history() -> None:
    memory = ClusterMemory(lambda: 150)
    assert not memory.believes(FOUND)
    assert "is at version 100, and was at 150" in memory.doubt


def test_notes_that_cannot_be_read_count_as_never_written() -> None:
    memory = ClusterMemory(lambda: 0)
    memory.load({"genapps.dev/highest-version": "many", "genapps.dev/kube-system-uid": ""})
    assert memory.annotations() == {}
    assert memory.believes(FOUND)


def test_a_cluster_in_which_every_app_was_found_is_taken_up() -> None:
    memory = ClusterMemory(lambda: 0)
    memory.believes(FOUND)
    moved = Sighting("system-2", "definition-2", 10)
    assert not memory.believes(moved)
    memory.adopt(moved)
    assert memory.doubt == ""
    assert memory.believes(moved)
    memory.adopt(Sighting("system-3", "", 20))
    assert memory.believes(moved), "a cluster without the definition is never taken up"
