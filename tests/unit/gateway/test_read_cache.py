# SPDX-License-Identifier: Apache-2.0
"""Results that are reused: for whom, for how long, and how many."""

import pytest

from genapps.gateway.limits.read_cache import MOST_BYTES_OF_A_RESULT, ReadCache, ReadKey, Reusable

KEY = ReadKey("uid", "tenant", "rates", "sha256:1", "sha256:2", "latest", "", "digest")


class Now:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize("field", ReadKey._fields)
def test_whatever_differs_is_another_result(field: str) -> None:
    cache = ReadCache()
    cache.put(KEY, Reusable(b"1"))
    assert cache.get(KEY, 60) == Reusable(b"1")
    assert cache.get(KEY._replace(**{field: "other"}), 60) is None


def test_a_result_is_reused_until_its_time_is_over() -> None:
    now = Now()
    cache = ReadCache(clock=now)
    cache.put(KEY, Reusable(b"1"))
    now.seconds = 59.9
    assert cache.get(KEY, 60) == Reusable(b"1")
    now.seconds = 60
    assert cache.get(KEY, 60) is None


def test_a_shorter_time_holds_for_results_from_before() -> None:
    now = Now()
    cache = ReadCache(clock=now)
    cache.put(KEY, Reusable(b"1"))
    now.seconds = 10
    assert cache.get(KEY, 60) == Reusable(b"1")
    assert cache.get(KEY, 10) is None


def test_the_one_used_longest_ago_gives_way_and_a_large_one_is_not_kept() -> None:
    cache = ReadCache(most_bytes=3 * 1512)
    for name in "abc":
        cache.put(KEY._replace(tool=name), Reusable(b"x" * 1000))
    assert cache.get(KEY._replace(tool="a"), 60) is not None
    cache.put(KEY._replace(tool="d"), Reusable(b"x" * 1000))
    kept = [name for name in "abcd" if cache.get(KEY._replace(tool=name), 60) is not None]
    assert kept == ["a", "c", "d"]
    large = ReadCache()
    large.put(KEY, Reusable(b"x" * MOST_BYTES_OF_A_RESULT))
    assert large.get(KEY, 60) is not None
    large.put(KEY, Reusable(b"x" * (MOST_BYTES_OF_A_RESULT + 1)))
    assert large.get(KEY, 60) is None, "and what was there before is no longer true"
