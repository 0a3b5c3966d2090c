# SPDX-License-Identifier: Apache-2.0
"""Can the app's schedules be kept? The API server sees their form alone."""

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from genapps.api.conditions import ConditionType, Reason
from genapps.core.checks.facts import Facts
from genapps.core.verdict import Effect, Finding

_ANY_DAY = datetime(2001, 1, 1, tzinfo=UTC)


def schedules_valid(facts: Facts) -> Finding | None:
    """Each schedule has times and a time zone; else SCHEDULE_INVALID."""
    for schedule in facts.app.spec.schedules:
        wrong = _fault(schedule.cron, schedule.time_zone)
        if wrong:
            field, what = wrong
            message = f"spec.schedules {schedule.name}: {field} {what}"
            return Finding(ConditionType.ENVELOPE_VALID, Reason.SCHEDULE_INVALID, message, Effect.STOP)
    return None


@lru_cache(maxsize=1024)
def _fault(cron: str, zone: str) -> tuple[str, str] | None:
    """The field that is wrong, and what is wrong with it."""
    try:
        ZoneInfo(zone)
    except (OSError, ValueError, LookupError):
        return "timeZone", f"{zone} is not known. Write a name of the IANA list, such as Europe/Zurich."
    try:
        first = next(CronSim(cron, _ANY_DAY), None)
    except (CronSimError, ValueError, AssertionError) as error:
        return "cron", f"{cron!r} is not valid: {error}. Write minute, hour, day of month, month and day of week."
    if first is None:
        return "cron", f"{cron!r} is never due. Choose a day that exists."
    return None
