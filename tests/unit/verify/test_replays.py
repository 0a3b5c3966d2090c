# SPDX-License-Identifier: Apache-2.0
"""The store in memory: one is the first, for as long as it matters, and it does not grow without end."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from genapps_verify import MemoryReplays, ReplayStoreFullError


def test_one_of_many_who_ask_at_once_is_the_first() -> None:
    store = MemoryReplays(clock=lambda: 0.0)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: store.first("a", 10.0), range(200)))
    assert answers.count(True) == 1


def test_an_id_is_remembered_until_its_token_has_ended() -> None:
    now = 0.0
    store = MemoryReplays(clock=lambda: now)
    assert store.first("a", 10.0)
    now = 10.0
    assert not store.first("a", 10.0)
    now = 10.1
    assert store.first("a", 20.0)


def test_a_store_that_is_full_admits_nobody_and_has_room_again_when_tokens_end() -> None:
    now = 0.0
    store = MemoryReplays(most=2, clock=lambda: now)
    assert store.first("a", 10.0)
    assert store.first("b", 5.0)
    with pytest.raises(ReplayStoreFullError):
        store.first("c", 10.0)
    assert not store.first("a", 10.0)
    now = 5.1
    assert store.first("c", 10.0)
    with pytest.raises(ReplayStoreFullError):
        store.first("d", 10.0)
