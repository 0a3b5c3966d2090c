# SPDX-License-Identifier: Apache-2.0
"""Which annotation of the system namespace confirms that many apps were deleted on purpose, and since when."""

from datetime import timedelta

import pytest

from genapps.controller.cache.caches import Caches
from genapps.controller.cache.cluster_memory import ClusterMemory
from genapps.controller.watch.confirmation import confirmed, confirming
from tests.unit.controller import world
from tests.unit.controller.world import NOW


def given(text: str) -> Caches:
    caches = world.caches()
    caches.namespaces.changed(world.confirmed("system", text))
    return caches


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12), ("12-again", 12), ("", 0), ("-1", 0), ("many", 0), ("1e9", 0), ("\u0661", 0), ("12-", 0), ("12\n", 0)],
)
def test_only_a_plain_number_confirms_that_apps_vanished(text: str, number: int) -> None:
    assert confirmed(given(text), ClusterMemory(lambda: 0), NOW) == number


def test_nothing_is_confirmed_while_the_namespace_is_not_known() -> None:
    assert confirmed(world.caches(), ClusterMemory(lambda: 0), NOW) == 0


def test_an_hour_counts_from_when_the_word_was_seen_first_also_over_a_restart() -> None:
    memory, caches = ClusterMemory(lambda: 0), given("12")
    assert confirmed(caches, memory, NOW) == 12
    later = ClusterMemory(lambda: 0)
    later.load(memory.annotations())
    assert confirmed(caches, later, NOW + timedelta(minutes=59)) == 12
    assert confirmed(caches, later, NOW + timedelta(minutes=60)) == 0
    assert confirmed(given("12-x"), later, NOW + timedelta(minutes=60)) == 12, "another word is a new one"


def test_the_command_is_always_another_word_than_the_one_that_is_there() -> None:
    assert confirming(given(""), 9, NOW).endswith("genapps.dev/confirm-vanished=9 --overwrite")
    assert confirming(given("9"), 9, NOW).endswith("=9-1200 --overwrite")
    assert confirming(given("9-1"), 9, NOW).endswith("=9-1200 --overwrite")
    assert confirming(given("8"), 9, NOW).endswith("=9 --overwrite")
