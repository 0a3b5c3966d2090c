# SPDX-License-Identifier: Apache-2.0
"""Schedules: requests that the runtime makes to the app by the clock."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from genapps.api.fields import DnsLabel, Form, UserModel, defaulted

CRON = "^[-A-Za-z0-9*/,#]+( [-A-Za-z0-9*/,#]+){4}$"
ZONE = "^[A-Za-z][-+_A-Za-z0-9]*(/[A-Za-z0-9][-+_A-Za-z0-9]*){0,2}$"
PATH = "^/[-._~A-Za-z0-9/]*$"
SCHEDULES = 16

Cron = Annotated[
    str,
    Field(min_length=9, max_length=100),
    Form(CRON, "write five fields: minute, hour, day of month, month, day of week, such as '0 6 * * MON-FRI'"),
]
Zone = Annotated[
    str, Field(min_length=1, max_length=64), Form(ZONE, "write the name of a time zone, such as Europe/Zurich")
]
Path = Annotated[str, Field(min_length=1, max_length=512), Form(PATH, "write a path of the app, such as /reports")]


class Missed(StrEnum):
    """What becomes of ticks that were missed, because the app could not run."""

    SKIP = "Skip"
    RUN_ONCE = "RunOnce"


class Schedule(UserModel):
    """A path that is asked for at the same times again and again."""

    name: DnsLabel
    """The schedule's name. The app finds it in the header Genapps-Schedule."""
    cron: Cron
    """When, in five fields, to the minute."""
    time_zone: Zone = defaulted("UTC", min_length=1, max_length=64)
    """The time zone of the times."""
    path: Path
    """What is asked for, by POST. An app with tenants is asked once for each of them."""
    missed: Missed = defaulted(Missed.SKIP)
    """What becomes of ticks that were missed by more than a minute: Skip, or RunOnce for the last of them."""
