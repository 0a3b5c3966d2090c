# SPDX-License-Identifier: Apache-2.0
"""Something that changes every pod costs a few pods, then pauses that grow."""

from datetime import UTC, datetime, timedelta

from genapps.controller.cache.keys import AppKey
from genapps.controller.reconcile.mutations import LONGEST_PAUSE, QUIET, Mutations

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
KEY = AppKey("finance", "app")
FIELDS = ("spec.dnsPolicy",)


def pause(mutations: Mutations, now: datetime) -> float:
    found = mutations.of(KEY)
    assert found
    return max((found.retry_at - now).total_seconds(), 0)


def test_the_first_changed_pod_is_replaced_at_once_and_each_further_one_after_twice_the_time() -> None:
    mutations, now, pauses = Mutations(), START, []
    for number in range(9):
        assert mutations.add(KEY, f"pod-{number}", FIELDS, now)
        pauses.append(pause(mutations, now))
        now += timedelta(seconds=pauses[-1] + 1)
    assert pauses == [0, 10, 20, 40, 80, 160, 300, 300, 300]


def test_the_same_pod_counts_once() -> None:
    mutations = Mutations()
    assert mutations.add(KEY, "pod", FIELDS, START)
    assert not mutations.add(KEY, "pod", FIELDS, START + timedelta(seconds=5))
    assert pause(mutations, START) == 0


def test_pods_that_are_edited_again_and_again_wait_longer_although_each_began_as_asked() -> None:
    mutations, now, pauses = Mutations(), START, []
    for number in range(4):
        mutations.add(KEY, f"pod-{number}", FIELDS, now)
        pauses.append(pause(mutations, now))
        now += timedelta(seconds=pauses[-1] + 1)
        mutations.clear(KEY, now)
    assert pauses == [0, 10, 20, 40]


def test_a_pod_that_was_accepted_lets_the_next_one_come_at_once() -> None:
    mutations = Mutations()
    for number in range(5):
        mutations.add(KEY, f"pod-{number}", FIELDS, START)
    mutations.clear(KEY, START)
    assert pause(mutations, START) == 0


def test_after_a_quiet_time_everything_is_forgotten() -> None:
    mutations = Mutations()
    for number in range(5):
        mutations.add(KEY, f"pod-{number}", FIELDS, START)
    later = START + QUIET + timedelta(seconds=1)
    mutations.clear(KEY, later)
    assert mutations.of(KEY) is None
    mutations.add(KEY, "another", FIELDS, later)
    assert pause(mutations, later) == 0
    mutations.forget(KEY)
    assert mutations.of(KEY) is None


def test_the_longest_pause_is_shorter_than_the_quiet_time() -> None:
    assert LONGEST_PAUSE < QUIET, "else a change that stays would be tried at once again"
