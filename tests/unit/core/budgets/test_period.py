# SPDX-License-Identifier: Apache-2.0
"""A month begins at midnight of its first day, in the time zone of the business unit."""

from datetime import UTC, datetime, timedelta
from zoneinfo import available_timezones

import pytest
from hypothesis import given, strategies

from genapps.core.budgets.period import UnknownZoneError, month_of

zones = strategies.sampled_from(sorted(available_timezones()))
moments = strategies.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=strategies.just(UTC))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("zone", "now", "name", "starts", "ends"),
    [
        ("UTC", "2026-11-30T23:59:59Z", "2026-11", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
        ("UTC", "2026-12-01T00:00:00Z", "2026-12", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        # Summer time ends within the month, so its two ends have other offsets.
        ("Europe/Zurich", "2026-10-15T12:00:00Z", "2026-10", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"),
        ("Europe/Zurich", "2026-10-31T23:00:00Z", "2026-11", "2026-10-31T23:00:00Z", "2026-11-30T23:00:00Z"),
        ("Pacific/Kiritimati", "2026-12-31T10:00:00Z", "2027-01", "2026-12-31T10:00:00Z", "2027-01-31T10:00:00Z"),
        ("America/Los_Angeles", "2026-12-01T07:59:59Z", "2026-11", "2026-11-01T07:00:00Z", "2026-12-01T08:00:00Z"),
    ],
)
def test_the_month_of_a_moment(zone: str, now: str, name: str, starts: str, ends: str) -> None:
    month = month_of(datetime.fromisoformat(now), zone)
    assert month == (name, datetime.fromisoformat(starts), datetime.fromisoformat(ends))


@given(zones, moments)
def test_months_follow_each_other_without_a_gap(zone: str, now: datetime) -> None:
    month = month_of(now, zone)
    assert month.starts_at <= now < month.ends_at
    following = month_of(month.ends_at, zone)
    assert following.starts_at == month.ends_at
    assert following.name > month.name
    assert timedelta(days=27) < month.ends_at - month.starts_at < timedelta(days=33)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../../etc/passwd", "Europe", "x" * 300])
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(UnknownZoneError):
        month_of(datetime(2026, 11, 1, tzinfo=UTC), zone)
