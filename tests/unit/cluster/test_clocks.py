# SPDX-License-Identifier: Apache-2.0
"""The API server's time of day, as its answers tell it."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from genapps.cluster.clocks import TOLERANCE, ServerClock

NOW = datetime(2026, 11, 29, 12, 0, 0, tzinfo=UTC)


def heard(*skews: timedelta) -> ServerClock:
    """A clock that stands at NOW, after answers of a server that is so far ahead."""
    clock = ServerClock(lambda: NOW)
    for skew in skews:
        clock.heard(format_datetime(NOW + skew, usegmt=True))
    return clock


@pytest.mark.parametrize("skew", [timedelta(hours=3), timedelta(hours=-3), timedelta(days=-400), timedelta(seconds=11)])
def test_a_clock_that_differs_is_set_by_the_api_server(skew: timedelta) -> None:
    assert heard(skew).now() == NOW + skew


@pytest.mark.parametrize("skew", [timedelta(), TOLERANCE, -TOLERANCE])
def test_a_small_difference_is_none(skew: timedelta) -> None:
    assert heard(skew).now() == NOW


def test_a_difference_that_wavers_does_not_make_the_time_jump() -> None:
    hours = timedelta(hours=2)
    assert heard(hours, hours + timedelta(seconds=1), hours - timedelta(seconds=2)).now() == NOW + hours


def test_a_clock_that_was_put_right_is_believed_again() -> None:
    assert heard(timedelta(hours=2), timedelta(seconds=3)).now() == NOW


@pytest.mark.parametrize("date", ["", "yesterday", "Sun, 99 Nov 2026 99:00:00 GMT", "Sun, 29 Nov 2026 12:00:00 -0000"])
def test_a_date_that_says_nothing_changes_nothing(date: str) -> None:
    clock = heard(timedelta(hours=2))
    clock.heard(date)
    assert clock.now() == NOW + timedelta(hours=2)
