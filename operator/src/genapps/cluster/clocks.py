# SPDX-License-Identifier: Apache-2.0
"""The clocks of this machine. Only main modules and this package read them; everybody else gets one as an argument."""

from __future__ import annotations

import time
from datetime import UTC, datetime


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
