# SPDX-License-Identifier: Apache-2.0
"""The months that budgets are counted by, each in the time zone of its business unit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class Month(NamedTuple):
    """One month; its ends are moments in UTC."""

    name: str
    """Such as 2026-11: names sort as the months do."""
    starts_at: datetime
    ends_at: datetime


class UnknownZoneError(ValueError):
    """There is no such time zone."""


def month_of(now: datetime, time_zone: str) -> Month:
    """The month that `now` is in. Raises UnknownZoneError."""
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnknownZoneError(time_zone) from error
    first = now.astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0, tzinfo=None, fold=0)
    following = (first + timedelta(days=31)).replace(day=1)
    return Month(f"{first:%Y-%m}", *(moment.replace(tzinfo=zone).astimezone(UTC) for moment in (first, following)))
