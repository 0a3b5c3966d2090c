# SPDX-License-Identifier: Apache-2.0
"""When a schedule is due: a cron expression in a time zone. Times are seconds since 1970.

Where clocks are put forward, a tick that falls into the hour that is left out comes right after it; where they are put
back, a tick at a fixed time comes once. So does Debian's cron, which `cronsim` follows.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim

from genapps_runtime.config import ScheduleRule

_LONG_SECONDS = 2 * 24 * 3600.0


class Timetable:
    """The ticks of a rule. Raises ValueError when it says no times, or the zone is not known here."""

    def __init__(self, rule: ScheduleRule) -> None:
        self._cron = rule.cron
        try:
            self._zone = ZoneInfo(rule.time_zone)
            CronSim(self._cron, datetime.now(UTC).astimezone(self._zone))
        except Exception as error:
            raise ValueError(f"the schedule {rule.name} cannot be kept: {error!r}") from None

    def next_after(self, seconds: float) -> float | None:
        """The first tick after this time; None when there is none within decades."""
        tick = next(CronSim(self._cron, datetime.fromtimestamp(seconds, self._zone)), None)
        return tick.timestamp() if tick is not None else None

    def due(self, handled: float, now: float) -> float | None:
        """The last tick after `handled` that is not after `now`; None when there is none."""
        begin, found = handled, None
        if now - handled > _LONG_SECONDS:
            # Backwards its ticks may differ a little on days with a change of clocks: it only says where to begin.
            tick = next(CronSim(self._cron, datetime.fromtimestamp(now, self._zone), reverse=True), None)
            begin = max(handled, tick.timestamp() - _LONG_SECONDS if tick is not None else 0.0)
        for tick in CronSim(self._cron, datetime.fromtimestamp(begin, self._zone)):
            if tick.timestamp() > now:
                break
            found = tick.timestamp()
        return found
