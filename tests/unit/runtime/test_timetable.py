# SPDX-License-Identifier: Apache-2.0
"""When schedules are due, also where clocks change and days are missing."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genapps_runtime.config import ScheduleRule
from genapps_runtime.serve.schedules.timetable import Timetable

CRONS = ["* * * * *", "*/17 * * * *", "30 2 * * *", "0 3 * * *", "15 */5 * * MON-FRI", "0 0 1 * *", "59 23 L * *"]
ZONES = ["UTC", "Europe/Zurich", "America/Sao_Paulo", "Asia/Kathmandu", "Australia/Lord_Howe"]


def table(cron: str, zone: str = "UTC") -> Timetable:
    return Timetable(ScheduleRule("a", cron, zone, "/", "Skip"))


def seconds(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def ticks(cron: str, zone: str, begin: str, end: str) -> list[str]:
    """The ticks after `begin` until `end`, in local time with its distance from UTC."""
    found, at, last = [], seconds(begin, zone), seconds(end, zone)
    timetable = table(cron, zone)
    while (following := timetable.next_after(at)) is not None and following <= last:
        found.append(datetime.fromtimestamp(following, ZoneInfo(zone)).strftime("%d %H:%M %z"))
        at = following
    return found


@pytest.mark.parametrize(
    ("cron", "zone", "begin", "end", "expected"),
    [
        # Clocks are put forward at 02:00: 02:30 does not exist.
        ("30 2 * * *", "Europe/Zurich", "2026-03-28T12:00", "2026-03-30T12:00", ["29 03:00 +0200", "30 02:30 +0200"]),
        ("0 * * * *", "Europe/Zurich", "2026-03-29T00:30", "2026-03-29T04:30",
         ["29 01:00 +0100", "29 03:00 +0200", "29 04:00 +0200"]),
        # They are put back at 03:00: 02:30 comes twice.
        ("30 2 * * *", "Europe/Zurich", "2026-10-24T12:00", "2026-10-26T12:00", ["25 02:30 +0200", "26 02:30 +0100"]),
        ("*/30 * * * *", "Europe/Zurich", "2026-10-25T01:30", "2026-10-25T03:00",
         ["25 02:00 +0200", "25 02:30 +0200", "25 02:00 +0100", "25 02:30 +0100", "25 03:00 +0100"]),
        # By half an hour, and where midnight does not exist.
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00", "2026-10-05T12:00",
         ["04 02:30 +1100", "05 02:15 +1100"]),
        ("0 0 * * *", "Africa/Cairo", "2026-04-23T12:00", "2026-04-25T12:00", ["24 01:00 +0300", "25 00:00 +0300"]),
        ("0 0 29 2 *", "UTC", "2026-01-01T00:00", "2029-01-01T00:00", ["29 00:00 +0000"]),
        ("0 12 L * *", "UTC", "2026-02-01T00:00", "2026-03-01T00:00", ["28 12:00 +0000"]),
    ],
)  # fmt: skip
def test_each_tick_comes_once_where_clocks_change(
    cron: str, zone: str, begin: str, end: str, expected: list[str]
) -> None:
    assert ticks(cron, zone, begin, end) == expected


@pytest.mark.parametrize(
    ("cron", "zone"),
    [("0 0 30 2 *", "UTC"), ("61 * * * *", "UTC"), ("* * * * * * *", "UTC"), ("* * * * *", "Mars/Olympus"),
     ("* * * * *", "../../etc/passwd"), ("", "UTC")],
)  # fmt: skip
def test_a_rule_that_cannot_be_kept_is_refused(cron: str, zone: str) -> None:
    with pytest.raises(ValueError, match="the schedule a cannot be kept"):
        table(cron, zone)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(CRONS), st.sampled_from(ZONES), st.floats(seconds("2026-01-01"), seconds("2026-12-01")),
    st.floats(0, 7 * 24 * 3600),
)  # fmt: skip
def test_what_is_due_is_the_last_tick_of_all_that_have_come(cron: str, zone: str, handled: float, later: float) -> None:
    timetable = table(cron, zone)
    last, following = None, timetable.next_after(handled)
    while following is not None and following <= handled + later:
        last, following = following, timetable.next_after(following)
    assert timetable.due(handled, handled + later) == last


def test_years_without_a_look_cost_no_more_than_days() -> None:
    now = datetime(2026, 11, 29, 12, 0, 30, tzinfo=UTC)
    begin = (now - timedelta(days=20 * 365)).timestamp()
    assert table("* * * * *").due(begin, now.timestamp()) == now.timestamp() - 30
