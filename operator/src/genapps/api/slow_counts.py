# SPDX-License-Identifier: Apache-2.0
"""What a Ledger holds of an app's defects and of the limits that it met: bounded, however many there are.

A list of each defect would need 10,000 entries. These are few spans of time with a number each.
"""

from typing import Annotated

from pydantic import Field

from genapps.api.fields import OwnModel, Time

MOST_SPANS = 32
"""The most spans of one count."""
MOST_COUNTED = 2**53 - 1
"""A larger number is not the same in every reader of JSON."""

Number = Annotated[int, Field(ge=0, le=MOST_COUNTED)]


class Tripped(OwnModel):
    """A threshold was reached."""

    at: Time
    """When it was last reached."""
    count: Annotated[int, Field(ge=1)]
    """How many counted then."""


class Span(OwnModel):
    """What was counted in a stretch of time."""

    since: Time
    """When the first of them was seen."""
    until: Time
    """When the last of them was seen."""
    count: Annotated[int, Field(ge=1, le=MOST_COUNTED)]
    """How many."""


Spans = Annotated[tuple[Span, ...], Field(max_length=MOST_SPANS)]


class LatestDefect(OwnModel):
    """One defect, for whoever looks for the cause."""

    at: Time
    """When the gateway saw it."""
    code: Annotated[str, Field(max_length=63)]
    """What was wrong, in one word."""
    subject: Annotated[str, Field(max_length=253)]
    """What it was about, such as the tool. Text of the app: hostile."""
    request_id: Annotated[str, Field(max_length=128)]
    """The request under which it happened, as the runtime names it."""


class Defects(OwnModel):
    """Arguments that break a contract, malformed requests, malformed output: counted in distinct actions."""

    total: Number = 0
    """All that ever counted."""
    spans: Spans = ()
    """When they counted, oldest first, as far back as the slow window may reach."""
    latest: LatestDefect | None = None
    """The last one."""
    tripped: Tripped | None = None
    """When the slow threshold was last reached; absent: never."""


class LimitsMet(OwnModel):
    """Refusals because of a limit of the app. They never suspend it."""

    total: Number = 0
    """All that ever were."""
    spans: Spans = ()
    """When they were, oldest first."""
