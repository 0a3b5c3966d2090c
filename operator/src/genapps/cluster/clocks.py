# SPDX-License-Identifier: Apache-2.0
"""The clocks of this machine. Only main modules and this package read them; everybody else gets one as an argument."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import structlog

TOLERANCE = timedelta(seconds=10)
"""Clocks that differ by less count as one: the header has whole seconds, and an answer takes its time."""

_log = structlog.get_logger(__name__)


def utc_now() -> datetime:
    """The time of day, which may be set back."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Seconds that never go back; they stand still while the machine sleeps."""
    return time.monotonic()


def since_boot() -> float:
    """Seconds that never go back and also pass while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def unix_time() -> float:
    """The time of day in seconds since 1970, as tokens have it."""
    return time.time()


class ServerClock:
    """The time of day as the API server has it: what our judgement compares with the times in objects.

    They are the API server's, and other operators read those that we write. A node whose clock is wrong would take a
    new pod for overdue, or state for expired. `now` is this machine's clock; `skew` is what has to be added to it."""

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now
        self.skew = timedelta()

    def now(self) -> datetime:
        """In UTC; may be set back."""
        return self._now() + self.skew

    def heard(self, date: str) -> None:
        """The header `Date` of an answer that has just come; one that cannot be read says nothing."""
        try:
            server = parsedate_to_datetime(date)
        except ValueError:
            return
        found = server - self._now() if server.tzinfo else self.skew
        if abs(found - self.skew) <= TOLERANCE:
            return
        self.skew = found if abs(found) > TOLERANCE else timedelta()
        _log.warning("clock_differs", from_api_server=self.skew.total_seconds())
